// Every option of the server, declared once: its flag, config key, default, reader and line of help.

import { existsSync } from 'node:fs'
import { totalmem } from 'node:os'
import { join, resolve } from 'node:path'
import * as value from './config-values.ts'
import { LOG_LEVELS } from './log.ts'

export const GROUPS = ['Server', 'State', 'Containers', 'Limits and time', 'Log'] as const

/** What defaults may depend on: the surroundings, and the options above in the table. */
export interface DefaultContext {
  readonly cwd: string
  readonly home: string
  /** Values settled so far, by key, with whether they were given or are defaults. */
  given(key: string): boolean
  value(key: string): unknown
}

export interface Option<T> {
  /** Long flag without dashes. `no-…` flags give false to the key without `no`. Absent: in the config file only. */
  readonly flag?: string
  readonly short?: string
  /** Name of the flag's argument in the help; absent: a switch. */
  readonly argument?: string
  /** May be given several times; the reader gets all of them as an array. */
  readonly repeatable?: true
  readonly group: (typeof GROUPS)[number]
  readonly help: string
  readonly fallback: (context: DefaultContext) => T
  readonly read: value.Read<T>
}

const option = <T>(declared: Option<T>): Option<T> => declared
const always =
  <T>(fallback: T) =>
  () =>
    fallback

/** What shows that a folder is a project, whose state belongs beside it. */
const PROJECT_MARKERS = ['package.json', 'manifest.yaml', 'app.config.yaml', '.git']

function defaultDataDir({ cwd, home }: DefaultContext): string {
  const own = join(home, '.openwhisk')
  const local = join(cwd, '.openwhisk')
  // The home folder's own .openwhisk also holds the run files of all servers: state goes into a folder below it.
  if (local === own) return join(own, 'standalone')
  const isProject = existsSync(local) || PROJECT_MARKERS.some(marker => existsSync(join(cwd, marker)))
  return isProject ? local : join(own, 'standalone')
}

/** Half of the memory that this machine, or the container around this process, has; in MB. */
function defaultUserMemoryMb(): number {
  const constrained = process.constrainedMemory?.() ?? 0
  const total = constrained > 0 && constrained < totalmem() ? constrained : totalmem()
  return Math.max(1024, Math.floor(total / 2 / 2 ** 20))
}

export const DEFAULT_PORT = 3233
export const DEFAULT_GATEWAY_PORT = 3234

export const OPTIONS = {
  port: option<number>({
    flag: 'port',
    short: 'p',
    argument: 'N',
    group: 'Server',
    help: `port of the API (${DEFAULT_PORT}); 0: any free one`,
    fallback: always(DEFAULT_PORT),
    read: value.port,
  }),
  host: option<readonly string[]>({
    flag: 'host',
    argument: 'ADDR',
    group: 'Server',
    help: 'address to listen on (loopback: 127.0.0.1 and ::1)',
    fallback: always([]),
    read: value.list,
  }),
  allowedHosts: option<readonly string[]>({
    flag: 'allowed-hosts',
    argument: 'A,B',
    group: 'Server',
    help: 'further Host names to answer to; * stands for one label',
    fallback: always([]),
    read: value.list,
  }),
  allowOrigin: option<readonly string[]>({
    flag: 'allow-origin',
    argument: 'O',
    group: 'Server',
    help: 'web origins that may call the API; *: any',
    fallback: always([]),
    read: value.list,
  }),
  apiGw: option<boolean>({
    flag: 'no-api-gw',
    group: 'Server',
    help: "no port of its own for the API gateway's data plane",
    fallback: always(true),
    read: value.flag,
  }),
  apiGwPort: option<number>({
    flag: 'api-gw-port',
    argument: 'N',
    group: 'Server',
    help: `port of the API gateway (${DEFAULT_GATEWAY_PORT}; with another --port: any)`,
    fallback: context => (context.value('port') === DEFAULT_PORT ? DEFAULT_GATEWAY_PORT : 0),
    read: value.port,
  }),
  https: option<boolean>({
    flag: 'https',
    group: 'Server',
    help: 'serve https (without --cert: a certificate made for this run)',
    fallback: always(false),
    read: value.flag,
  }),
  cert: option<string | undefined>({
    flag: 'cert',
    argument: 'FILE',
    group: 'Server',
    help: 'certificate (PEM), with --key FILE',
    fallback: always(undefined),
    read: value.text,
  }),
  key: option<string | undefined>({
    flag: 'key',
    argument: 'FILE',
    group: 'Server',
    help: 'private key (PEM) of --cert',
    fallback: always(undefined),
    read: value.text,
  }),
  stopTimeout: option<number>({
    flag: 'stop-timeout',
    argument: 'T',
    group: 'Server',
    help: 'what runs may finish when the server stops (10s)',
    fallback: always(10_000),
    read: value.duration,
  }),

  dataDir: option<string>({
    flag: 'data-dir',
    short: 'd',
    argument: 'DIR',
    group: 'State',
    help: 'state (.openwhisk/ in a project, else ~/.openwhisk/standalone)',
    fallback: defaultDataDir,
    read: raw => resolve(value.text(raw)),
  }),
  ephemeral: option<boolean>({
    flag: 'ephemeral',
    group: 'State',
    help: 'nothing on disk',
    fallback: always(false),
    read: value.flag,
  }),
  clean: option<boolean>({
    flag: 'clean',
    group: 'State',
    help: 'empty the data directory first',
    fallback: always(false),
    read: value.flag,
  }),
  sync: option<'normal' | 'full'>({
    flag: 'sync',
    argument: 'MODE',
    group: 'State',
    help: "survive the process' death (normal) or the machine's (full)",
    fallback: always('normal'),
    read: value.oneOf('normal', 'full'),
  }),
  retentionAge: option<number>({
    flag: 'retention-age',
    argument: 'T',
    group: 'State',
    help: 'keep activation records so long (7d); 0: for ever',
    fallback: always(7 * 86_400_000),
    read: value.duration,
  }),
  retentionCount: option<number>({
    flag: 'retention-count',
    argument: 'N',
    group: 'State',
    help: 'keep so many records (1000000); 0: all',
    fallback: always(1_000_000),
    read: value.count,
  }),
  users: option<Readonly<Record<string, string>>>({
    group: 'State',
    help: 'further accounts: { "namespace": "uuid:key" }',
    fallback: always({}),
    read: value.users,
  }),

  driver: option<'auto' | 'docker' | 'process'>({
    flag: 'driver',
    argument: 'D',
    group: 'Containers',
    help: 'auto (Docker when an engine answers), docker or process',
    fallback: always('auto'),
    read: value.oneOf('auto', 'docker', 'process'),
  }),
  dockerHost: option<string | undefined>({
    flag: 'docker-host',
    argument: 'URL',
    group: 'Containers',
    help: "the engine (the docker CLI's choice)",
    fallback: always(undefined),
    read: value.text,
  }),
  dockerNetwork: option<string>({
    flag: 'docker-network',
    argument: 'NAME',
    group: 'Containers',
    help: 'network of action containers (bridge)',
    fallback: always('bridge'),
    read: value.text,
  }),
  pull: option<'missing' | 'always' | 'never'>({
    flag: 'pull',
    argument: 'WHEN',
    group: 'Containers',
    help: 'pull images: missing, always or never',
    fallback: always('missing'),
    read: value.oneOf('missing', 'always', 'never'),
  }),
  containerEnv: option<Readonly<Record<string, string>>>({
    flag: 'container-env',
    argument: 'K=V',
    repeatable: true,
    group: 'Containers',
    help: "a variable of every action's environment",
    fallback: always({}),
    read: value.pairs(value.anyText, 'K=V'),
  }),
  addHost: option<readonly string[]>({
    flag: 'add-host',
    argument: 'H:IP',
    repeatable: true,
    group: 'Containers',
    help: 'a further host name for every action container',
    fallback: always([]),
    read: value.list,
  }),
  manifest: option<string | undefined>({
    flag: 'manifest',
    short: 'm',
    argument: 'FILE',
    group: 'Containers',
    help: 'runtimes.json instead of the built-in one',
    fallback: always(undefined),
    read: value.text,
  }),
  userMemory: option<number>({
    flag: 'user-memory',
    argument: 'SIZE',
    group: 'Containers',
    help: "what all containers together may use (half the machine's)",
    fallback: defaultUserMemoryMb,
    read: value.megabytes,
  }),
  prewarm: option<Readonly<Record<string, number>> | false | undefined>({
    flag: 'prewarm',
    argument: 'KIND=N',
    repeatable: true,
    group: 'Containers',
    help: "stem cells (the manifest's); --no-prewarm: none",
    fallback: always(undefined),
    read: raw => (raw === false || raw === 'false' ? false : value.pairs(value.count, 'KIND=N')(raw)),
  }),
  idleTimeout: option<number>({
    flag: 'idle-timeout',
    argument: 'T',
    group: 'Containers',
    help: 'remove containers idle for so long (10m)',
    fallback: always(600_000),
    read: value.duration,
  }),
  pauseGrace: option<number | undefined>({
    flag: 'pause-grace',
    argument: 'T',
    group: 'Containers',
    help: 'pause containers idle for so long (off)',
    fallback: always(undefined),
    read: value.durationOrOff,
  }),
  alwaysCold: option<boolean>({
    flag: 'always-cold',
    group: 'Containers',
    help: 'a new container for every activation',
    fallback: always(false),
    read: value.flag,
  }),
  nodePaths: option<Readonly<Record<string, string>>>({
    group: 'Containers',
    help: 'process driver: Node.js by kind: { "nodejs:18": "/path/to/node" }',
    fallback: always({}),
    read: value.pairs(value.text, 'KIND=PATH'),
  }),
  python: option<string>({
    group: 'Containers',
    help: 'process driver: the Python to run (python3)',
    fallback: always('python3'),
    read: value.text,
  }),

  limits: option<value.LimitsOption>({
    flag: 'limits',
    argument: 'L',
    group: 'Limits and time',
    help: "off, apache (the reference's numbers) or a JSON file",
    fallback: always({ preset: 'off' }),
    read: value.limits,
  }),
  queueMemory: option<number>({
    flag: 'queue-memory',
    argument: 'SIZE',
    group: 'Limits and time',
    help: 'payloads that may wait (256m)',
    fallback: always(256 * 2 ** 20),
    read: value.bytes,
  }),
  clock: option<'real' | 'virtual'>({
    flag: 'clock',
    argument: 'C',
    group: 'Limits and time',
    help: 'real, or virtual: can be moved forward',
    fallback: always('real'),
    read: value.oneOf('real', 'virtual'),
  }),
  seed: option<number | undefined>({
    flag: 'seed',
    argument: 'N',
    group: 'Limits and time',
    help: 'repeatable ids',
    fallback: always(undefined),
    read: value.count,
  }),

  logLevel: option<(typeof LOG_LEVELS)[number]>({
    flag: 'log-level',
    argument: 'L',
    group: 'Log',
    help: 'debug, info, warn, error; -v: debug, -q: errors only',
    fallback: always('info'),
    read: value.oneOf(...LOG_LEVELS),
  }),
  logFormat: option<'pretty' | 'json'>({
    flag: 'log-format',
    argument: 'F',
    group: 'Log',
    help: 'pretty or json',
    fallback: always('pretty'),
    read: value.oneOf('pretty', 'json'),
  }),
  logFile: option<string | undefined>({
    flag: 'log-file',
    argument: 'FILE',
    group: 'Log',
    help: 'write the log there instead of to stderr',
    fallback: always(undefined),
    read: value.text,
  }),
  verbose: option<boolean>({
    flag: 'verbose',
    short: 'v',
    group: 'Log',
    help: 'the same as --log-level debug',
    fallback: always(false),
    read: value.flag,
  }),
  quiet: option<boolean>({
    flag: 'quiet',
    short: 'q',
    group: 'Log',
    help: 'errors and the last line of the start only',
    fallback: always(false),
    read: value.flag,
  }),
} as const

type Options = typeof OPTIONS

/**
 * The settled options. Times are milliseconds (`stopTimeout`, `idleTimeout`, `pauseGrace`, `retentionAge`); sizes are
 * bytes, but `userMemory` is MB.
 */
export type Config = { readonly [K in keyof Options]: Options[K] extends Option<infer T> ? T : never }
export type ConfigKey = keyof Config

/** Flags of the standalone jar that have no meaning here; true: takes a value. */
export const JAR_FLAGS: Readonly<Record<string, boolean>> = {
  'api-gw': false,
  couchdb: false,
  kafka: false,
  'kafka-ui': false,
  'kafka-port': true,
  'kafka-docker-port': true,
  'zk-port': true,
  'user-events': false,
  'dev-mode': false,
  'dev-kcf': false,
  'dev-user-events-port': true,
  'no-ui': false,
  'ui-port': true,
  'no-browser': false,
  'enable-bootstrap': false,
  'disable-color-logging': false,
}
