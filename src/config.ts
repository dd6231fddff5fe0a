// From flags, environment and config file to one frozen Config that knows where each value came from.

import { readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join, resolve } from 'node:path'
import { type Config, type ConfigKey, type DefaultContext, OPTIONS, type Option } from './config-options.ts'
import { isObject, unknownName, ValueError } from './config-values.ts'
import { ExitError, messageOf } from './errors.ts'
import { formatDuration, formatSize } from './units.ts'

export type { Config, ConfigKey } from './config-options.ts'
export type { LimitsOption } from './config-values.ts'

/** Where a value came from, as `--print-config` shows it: `--port`, `OPENWHISK_PORT`, a file's path, `default`. */
export type Origin = string

export interface ConfigSources {
  /** Values by config key, as the command line or a caller of the typed API gave them. */
  given?: Readonly<Record<string, unknown>>
  /** How the origin of a given value is shown; the flag's name unless said. */
  givenOrigin?: (key: ConfigKey) => Origin
  env?: NodeJS.ProcessEnv
  cwd?: string
  home?: string
  /** `--config-file`; when absent the working directory is searched. `false`: read none. */
  configFile?: string | false
}

export interface ResolvedConfig {
  readonly config: Config
  readonly origins: Readonly<Record<ConfigKey, Origin>>
  /** The config file that was read, if any. */
  readonly file?: string
}

/** Exit code of wrong usage. */
const USAGE = 2

const CONFIG_FILE = 'openwhisk.config.json'

/** The keys that a config file may hold besides OPTIONS' own: the flags that negate one. */
const NEGATED: Readonly<Record<string, ConfigKey>> = { noApiGw: 'apiGw', noPrewarm: 'prewarm' }

const keys = Object.keys(OPTIONS) as ConfigKey[]

/** Settles every option. Fails with ExitError 2: a sentence that names the option, where it stands, and what is wrong. */
export function resolveConfig(sources: ConfigSources = {}): ResolvedConfig {
  const cwd = sources.cwd ?? process.cwd()
  const env = sources.env ?? process.env
  const file = findConfigFile(sources.configFile ?? env.OPENWHISK_CONFIG_FILE, cwd)
  const values: Record<string, unknown> = {}
  const origins: Record<string, Origin> = {}
  const context: DefaultContext = {
    cwd,
    home: sources.home ?? homedir(),
    given: key => origins[key] !== 'default',
    value: key => values[key],
  }
  for (const key of keys) {
    const option: Option<unknown> = OPTIONS[key]
    const found = fromGiven(key, sources) ?? fromEnv(key, option, env) ?? fromFile(key, file)
    values[key] = found ? read(option, found) : option.fallback(context)
    origins[key] = found?.origin ?? 'default'
  }
  const config = values as unknown as Config
  return {
    config: deepFreeze(implied(config, origins)),
    origins: origins as Record<ConfigKey, Origin>,
    file: file?.path,
  }
}

interface Found {
  raw: unknown
  origin: Origin
  /** What the sentence of a failure calls it. */
  name: string
}

function read(option: Option<unknown>, found: Found): unknown {
  try {
    return option.read(found.raw)
  } catch (error) {
    if (error instanceof ValueError) throw new ExitError(USAGE, `${found.name}: ${error.message}`)
    throw error
  }
}

function fromGiven(key: ConfigKey, { given = {}, givenOrigin = flagOf }: ConfigSources): Found | undefined {
  const raw = given[key]
  return raw === undefined ? undefined : { raw, origin: givenOrigin(key), name: givenOrigin(key) }
}

/** `--data-dir`, or the key itself where there is no flag. */
export function flagOf(key: ConfigKey): string {
  const option: Option<unknown> = OPTIONS[key]
  return option.flag === undefined ? key : `--${option.flag}`
}

const envNameOf = (flag: string) => `OPENWHISK_${flag.replaceAll('-', '_').toUpperCase()}`

function fromEnv(key: ConfigKey, option: Option<unknown>, env: NodeJS.ProcessEnv): Found | undefined {
  if (option.flag === undefined) return undefined
  const positive = option.flag.replace(/^no-/, '')
  // The variable of a switch's negation: OPENWHISK_NO_PREWARM=1 is --no-prewarm.
  const negation = Object.values(NEGATED).includes(key) ? envNameOf(`no-${positive}`) : undefined
  if (negation !== undefined && /^(true|yes|on|1)$/i.test(env[negation] ?? '')) {
    return { raw: false, origin: negation, name: negation }
  }
  const name = envNameOf(positive)
  const raw = env[name]
  return raw === undefined || raw === '' ? undefined : { raw, origin: name, name }
}

interface ConfigFile {
  path: string
  values: Readonly<Record<string, unknown>>
}

function fromFile(key: ConfigKey, file: ConfigFile | undefined): Found | undefined {
  if (!file) return undefined
  const found = (name: string, raw: unknown) => ({ raw, origin: file.path, name: `${file.path}: ${name}` })
  for (const [negated, positive] of Object.entries(NEGATED)) {
    if (positive === key && file.values[negated] === true) return found(negated, false)
  }
  const raw = file.values[key]
  return raw === undefined ? undefined : found(key, raw)
}

function findConfigFile(named: string | false | undefined, cwd: string): ConfigFile | undefined {
  if (named === false) return undefined
  if (named !== undefined && named !== '') {
    const path = resolve(cwd, named)
    const text = readText(path)
    if (text === undefined) throw new ExitError(USAGE, `config file ${path}: there is no such file`)
    return checked(path, parse(path, text))
  }
  const own = join(cwd, CONFIG_FILE)
  const ownText = readText(own)
  if (ownText !== undefined) return checked(own, parse(own, ownText))
  const packageText = readText(join(cwd, 'package.json'))
  if (packageText === undefined || !packageText.includes('"openwhisk"')) return undefined
  const section = packageSection(packageText)
  return section === undefined ? undefined : checked(`${join(cwd, 'package.json')}#openwhisk`, section)
}

/** The key `openwhisk` of a package.json; a file that is no JSON is for others to complain about. */
function packageSection(text: string): unknown {
  try {
    const parsed: unknown = JSON.parse(text)
    return isObject(parsed) ? parsed.openwhisk : undefined
  } catch {
    return undefined
  }
}

function readText(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw new ExitError(USAGE, `config file ${path}: ${messageOf(error)}`)
  }
}

function parse(path: string, text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (path.endsWith('.conf') || /^\s*(include\s|whisk\s*[.{=])/m.test(text)) {
      throw new ExitError(
        USAGE,
        `config file ${path}: this is a HOCON file of openwhisk-standalone.jar; write the settings you need as JSON, ` +
          `for example { "userMemory": "2048m", "limits": { "invocationsPerMinute": 600 } } in ${CONFIG_FILE} ` +
          `(the keys are the long flags of --help in camel case)`,
      )
    }
    throw new ExitError(USAGE, `config file ${path}: not JSON: ${messageOf(error)}`)
  }
}

function checked(path: string, parsed: unknown): ConfigFile {
  if (!isObject(parsed)) throw new ExitError(USAGE, `config file ${path}: not a JSON object`)
  const known = [...keys, ...Object.keys(NEGATED)]
  for (const key of Object.keys(parsed)) {
    // `$schema` is for editors.
    if (key === '$schema' || known.includes(key)) continue
    throw new ExitError(USAGE, `config file ${path}: ${unknownName('key', key, known)}`)
  }
  return { path, values: parsed }
}

/** Options that stand for others, and pairs that must come together. */
function implied(config: Config, origins: Record<string, Origin>): Config {
  if ((config.cert === undefined) !== (config.key === undefined)) {
    throw new ExitError(USAGE, '--cert and --key go together: give both or none')
  }
  const https = config.https || config.cert !== undefined
  if (https !== config.https) origins.https = origins.cert ?? 'default'
  const logLevel = config.verbose ? 'debug' : config.quiet ? 'error' : config.logLevel
  if (logLevel !== config.logLevel) origins.logLevel = (config.verbose ? origins.verbose : origins.quiet) ?? 'default'
  return { ...config, https, logLevel }
}

function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value)
    for (const inner of Object.values(value)) deepFreeze(inner)
  }
  return value
}

const DURATIONS: readonly ConfigKey[] = ['stopTimeout', 'retentionAge', 'idleTimeout', 'pauseGrace']

/** One line an option: `key = value  (origin)`, values as a config file would hold them; keys of accounts are left out. */
export function printConfig({ config, origins }: ResolvedConfig): string {
  const rows = keys.map(key => [key, printed(key, config[key]), origins[key]] as const)
  const width = Math.max(...rows.map(([key]) => key.length))
  return rows.map(([key, shown, origin]) => `${key.padEnd(width)} = ${shown}  (${origin})`).join('\n')
}

function printed(key: ConfigKey, value: unknown): string {
  if (value === undefined) return key === 'pauseGrace' ? '"off"' : 'null'
  if (key === 'users' && isObject(value)) return JSON.stringify(Object.keys(value))
  if (typeof value === 'number' && DURATIONS.includes(key)) return JSON.stringify(formatDuration(value))
  if (typeof value === 'number' && key === 'userMemory') return JSON.stringify(formatSize(value * 2 ** 20))
  if (typeof value === 'number' && key === 'queueMemory') return JSON.stringify(formatSize(value))
  return JSON.stringify(value)
}
