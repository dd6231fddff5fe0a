// `start`, the default command: options, what a start prints, and signals.

import { type Command, Option as Flag } from 'commander'
import { flagOf, printConfig, type ResolvedConfig, resolveConfig } from '../config.ts'
import { type ConfigKey, JAR_FLAGS, OPTIONS, type Option } from '../config-options.ts'
import { unknownName } from '../config-values.ts'
import { ExitError, messageOf } from '../errors.ts'
import { PortTaken } from '../listen.ts'
import { createLogger, type Logger, type LogOptions, type OpenLogger } from '../log.ts'
import { type RunningServer, startServer } from '../server.ts'
import { VERSION } from '../version.ts'
import { helpText } from './help.ts'
import { createPaint, print, wantsColor } from './terminal.ts'

/** npm forwards the Ctrl-C that the terminal has sent to this process already. */
export const DUPLICATE_SIGNAL_MS = 300
/** How many ports after the default one are tried when it is busy. */
const NEXT_PORTS = 10
/** How long a stopped server may take to let go of everything. */
const LINGER_MS = 1000

export function register(program: Command): void {
  const start = program.command('start', { isDefault: true }).description('serve the OpenWhisk API')
  addConfigOptions(start)
  start
    .addOption(new Flag('--print-config', 'show every value and where it came from'))
    .configureHelp({ formatHelp: () => `${helpText(createPaint(wantsColor(process.stdout)))}\n` })
    .argument('[command]')
    .action((word: string | undefined, given: Record<string, unknown>) => {
      if (word === undefined) return run(given)
      const commands = program.commands.map(command => command.name())
      throw new ExitError(2, `${unknownName('command', word, commands)} (--help lists them)`)
    })
}

/** Adds all flags of the server's configuration; also for other commands that start a server. */
export function addConfigOptions(command: Command): void {
  // Before `--no-api-gw`: the negation of a flag that exists leaves that flag's default alone.
  for (const [name, takesValue] of Object.entries(JAR_FLAGS)) {
    command.addOption(new Flag(takesValue ? `--${name} <value>` : `--${name}`).hideHelp())
  }
  for (const key of Object.keys(OPTIONS) as ConfigKey[]) {
    const option: Option<unknown> = OPTIONS[key]
    if (option.flag === undefined) continue
    const flag = new Flag(flagsOf(option), option.help)
    if (option.repeatable) {
      flag.argParser((value: string, former: unknown) => (Array.isArray(former) ? [...former, value] : [value]))
    }
    command.addOption(flag)
  }
  command.addOption(new Flag('--no-prewarm', 'no stem cells'))
  command.addOption(new Flag('-c, --config-file <FILE>', 'JSON file of these options'))
}

function flagsOf({ flag, short, argument }: Option<unknown>): string {
  return `${short === undefined ? '' : `-${short}, `}--${flag}${argument === undefined ? '' : ` <${argument}>`}`
}

/** Settles the configuration from what commander parsed; `jarFlags` are those that mean nothing here. */
export function configOf(parsed: Readonly<Record<string, unknown>>): ResolvedConfig & { jarFlags: string[] } {
  const jarFlags = Object.keys(JAR_FLAGS)
    // Commander's value of a `--no-x` that was not given is true.
    .filter(name =>
      name.startsWith('no-') ? parsed[camelCase(name.slice(3))] === false : isGiven(parsed[camelCase(name)]),
    )
    .map(name => `--${name}`)
  const given = Object.fromEntries(Object.keys(OPTIONS).map(key => [key, parsed[key]]))
  // `--api-gw` is the jar's, and what this server does anyway.
  if (given.apiGw === true) given.apiGw = undefined
  const { configFile } = parsed
  const resolved = resolveConfig({
    given,
    givenOrigin: key => (given[key] === false && key === 'prewarm' ? '--no-prewarm' : flagOf(key)),
    configFile: typeof configFile === 'string' ? configFile : undefined,
  })
  return { ...resolved, jarFlags }
}

const isGiven = (value: unknown) => value !== undefined && value !== false

const camelCase = (name: string) => name.replace(/-(\w)/g, (_, letter: string) => letter.toUpperCase())

async function run(given: Record<string, unknown>): Promise<void> {
  const { printConfig: onlyPrint, ...flags } = given
  const resolved = configOf(flags)
  if (onlyPrint) return print(printConfig(resolved))
  const { config } = resolved
  const log = openLog({
    level: config.logLevel,
    format: config.logFormat,
    file: config.logFile,
    color: wantsColor(process.stderr),
  })
  if (resolved.jarFlags.length > 0) {
    log.info(`${resolved.jarFlags.join(', ')}: accepted, but without meaning here; everything is in this one process`)
  }
  const signals = watchSignals()
  watchFailures(log)
  const server = await startOnSomePort(resolved, log)
  announce(server, resolved, log)
  const signal = await signals.first
  await stop(server, signal, resolved, log)
  log.close()
  process.exitCode = 0
  // Nothing should be left that keeps the process; nothing may.
  setTimeout(() => process.exit(0), LINGER_MS).unref()
}

/** Fails with ExitError 2 when the file cannot be opened. */
export function openLog(options: LogOptions): OpenLogger {
  try {
    return createLogger(options)
  } catch (error) {
    throw new ExitError(2, `--log-file: ${messageOf(error)}`, { cause: error })
  }
}

/** A bug in work that nobody waits for ends up in the log; one that left things half done ends the server. */
function watchFailures(log: Logger): void {
  process.on('unhandledRejection', error => log.error('a promise was rejected and nobody cared', { error }))
  process.on('uncaughtException', error => {
    log.error('the server fails', { error })
    process.exit(1)
  })
}

/** Where a default port is busy and a person is there to read it, another one will do. */
async function startOnSomePort({ config, origins }: ResolvedConfig, log: Logger): Promise<RunningServer> {
  const watched = process.stdout.isTTY === true
  const last = origins.port === 'default' && watched ? config.port + NEXT_PORTS : config.port
  let { port, apiGwPort } = config
  for (;;) {
    try {
      return await startServer({ ...config, port, apiGwPort }, { log })
    } catch (error) {
      const taken = error instanceof ExitError && error.cause instanceof PortTaken ? error.cause.port : undefined
      if (taken !== undefined && taken === port && port < last) {
        log.warn(`port ${port} is taken; trying ${++port}`)
        // As with a port that was asked for: the gateway's is any free one then.
        if (origins.apiGwPort === 'default') apiGwPort = 0
      } else if (taken !== undefined && taken === apiGwPort && origins.apiGwPort === 'default' && watched) {
        log.warn(`port ${apiGwPort} is taken; the API gateway gets any free one`)
        apiGwPort = 0
      } else throw error
    }
  }
}

function announce(server: RunningServer, { config }: ResolvedConfig, log: Logger): void {
  const readyMs = Math.round(performance.now())
  if (config.logFormat === 'json') {
    print(
      JSON.stringify({ time: new Date().toISOString(), level: 'info', message: 'ready', ...facts(server, readyMs) }),
    )
    return
  }
  const last = `openwhisk-standalone is ready at ${server.url}`
  if (config.quiet) {
    print(last)
    return
  }
  log.debug('configuration', { ...config, users: Object.keys(config.users) })
  const paint = createPaint(wantsColor(process.stdout))
  const width = Math.max(...server.accounts.map(({ namespace }) => namespace.length), 'accounts'.length)
  const row = (label: string, text: string) => `  ${paint.dim(label.padEnd(width))}  ${text}`
  const guest = server.accounts[0]
  const setup = (apihost: string) => `wsk property set --apihost ${apihost} --auth ${guest?.auth ?? ''}`
  print(
    [
      `${paint.bold('openwhisk-standalone')} ${VERSION}, ready in ${readyMs} ms`,
      '',
      row('API', server.url),
      ...(server.gateway === undefined ? [] : [row('gateway', server.gateway)]),
      row('driver', `${server.driver.name}: ${server.driver.reason}`),
      row('state', server.dataDir ?? 'in memory only (--ephemeral)'),
      ...server.accounts.map(({ namespace, auth }) => row(namespace, auth)),
      '',
      `  ${setup(server.url)}`,
      ...(server.apihost === server.url ? [] : [`  ${setup(server.apihost)}   ${paint.dim('# from containers')}`]),
      ...(server.certificateFile === undefined ? [] : ['', trustLine(server.certificateFile)]),
      '',
      paint.green(last),
    ].join('\n'),
  )
}

/** One certificate for all servers of this user: trusted once, it stays so. */
const trustLine = (file: string) =>
  `  trust it: NODE_EXTRA_CA_CERTS=${file} (Node.js), SSL_CERT_FILE=… or -i (wsk), --cacert … (curl)`

const facts = (server: RunningServer, readyMs: number) => ({
  version: VERSION,
  readyMs,
  url: server.url,
  apihost: server.apihost,
  gateway: server.gateway,
  driver: server.driver,
  dataDir: server.dataDir,
  accounts: server.accounts,
})

async function stop(
  server: RunningServer,
  signal: NodeJS.Signals,
  { config }: ResolvedConfig,
  log: Logger,
): Promise<void> {
  if (!config.quiet) log.info(`${signal}: stopping; what runs may finish for ${config.stopTimeout / 1000} s`)
  const { interrupted, queued, containers } = await server.close()
  if (config.quiet) return
  const parts = [
    `${containers} ${containers === 1 ? 'container' : 'containers'} removed`,
    ...(interrupted > 0 ? [`${interrupted} interrupted`] : []),
    ...(queued > 0 ? [`${queued} wait for the next start`] : []),
  ]
  const state = server.dataDir === undefined ? 'nothing was kept (--ephemeral)' : `the state is in ${server.dataDir}`
  log.info(`stopped: ${parts.join(', ')}; ${state}`)
}

/** Settles with the first signal; a second one ends the process at once. */
function watchSignals(): { first: Promise<NodeJS.Signals> } {
  let firstAt: number | undefined
  const numbers = { SIGHUP: 1, SIGINT: 2, SIGTERM: 15 } as const
  const first = new Promise<NodeJS.Signals>(resolve => {
    for (const signal of Object.keys(numbers) as (keyof typeof numbers)[]) {
      process.on(signal, () => {
        if (firstAt === undefined) {
          firstAt = performance.now()
          resolve(signal)
        } else if (performance.now() - firstAt > DUPLICATE_SIGNAL_MS) {
          process.exit(128 + numbers[signal])
        }
      })
    }
  })
  return { first }
}
