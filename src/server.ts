// Wires the parts into one running server; the one place that knows all of them.

import { randomBytes } from 'node:crypto'
import { type Account, GUEST, installAccounts } from './accounts.ts'
import { createApplication } from './application.ts'
import { type Clock, realClock } from './clock.ts'
import type { Config } from './config.ts'
import { type CreatedNamespace, createNamespace } from './control/namespaces.ts'
import { chooseDrivers, type Drivers } from './drivers.ts'
import type { CloseReport } from './engine/close.ts'
import { ExitError, messageOf } from './errors.ts'
import { EventBus } from './events.ts'
import { createFront } from './front.ts'
import { type Listener, listen, PortTaken } from './listen.ts'
import { type Logger, silentLogger } from './log.ts'
import { startRetention } from './retention.ts'
import { type RunFile, runDirectory, writeRunFile } from './run-file.ts'
import { openState } from './state.ts'
import { VERSION } from './version.ts'
import { createVirtualClock, isVirtual, withRealTimers } from './virtual-clock.ts'

export interface Overrides {
  log?: Logger
  clock?: Clock
  /** Whether commands of this user can find the server; true unless said. */
  runFile?: boolean
}

export interface RunningServer {
  /** `http://localhost:3233` */
  readonly url: string
  /** Where actions reach the API. */
  readonly apihost: string
  /** Base URL of the gateway's own port. */
  readonly gateway: string | undefined
  readonly port: number
  /** Key of `guest`: `uuid:key`. */
  readonly auth: string
  readonly accounts: readonly Account[]
  /** Bearer token of the control interface. */
  readonly token: string
  readonly driver: { readonly name: 'docker' | 'process'; readonly reason: string }
  /** The certificate of our own making that clients must trust, with `--https`. */
  readonly certificateFile: string | undefined
  /** Undefined when nothing is on disk. */
  readonly dataDir: string | undefined
  readonly events: EventBus
  readonly clock: Clock
  /** A request to the control interface (`path` below `/_control/v1`), without a socket. */
  control(method: string, path: string, body?: object): Promise<Response>
  /** What `POST namespaces` of the control interface does, without a request. Fails with WhiskError. */
  createNamespace(name?: string): Promise<CreatedNamespace>
  /** A request to the REST API or the web actions, without a socket. */
  fetch(request: Request): Promise<Response>
  /** Ends what runs within the stop timeout, removes every container, keeps the state. Idempotent. */
  close(): Promise<CloseReport>
}

/** Names for loopback, when no `--host` says otherwise; IPv6 may be off. */
const LOOPBACK = ['127.0.0.1', '::1']

/**
 * Resolves when the API answers. Fails with ExitError: 2 for files it cannot read, 3 for the data directory, 4 for a
 * port that is taken or an address that cannot be had, 5 for a driver that is not available; nothing is left behind then.
 */
export async function startServer(config: Config, overrides: Overrides = {}): Promise<RunningServer> {
  const log = overrides.log ?? silentLogger
  const clock = overrides.clock ?? (config.clock === 'virtual' ? createVirtualClock() : realClock)
  const instanceId = randomBytes(6).toString('hex')
  const token = randomBytes(24).toString('base64url')
  const events = new EventBus()
  const cleanup: (() => unknown)[] = []
  const scheme = config.https ? 'https' : 'http'

  try {
    const front = createFront(log)
    const tls = config.https ? await openTls(config) : undefined
    const hosts = config.host.length > 0 ? config.host : LOOPBACK
    const optionalHosts = config.host.length > 0 ? [] : LOOPBACK.slice(1)
    const listenOn = (flag: string, port: number, handler: typeof front.api) =>
      listen({ hosts, optionalHosts, port, tls, handler }).catch(error => cannotListen(error, flag))
    const listener = await listenOn('--port', config.port, front.api)
    cleanup.push(() => listener.close(Promise.resolve()))
    const gateway = config.apiGw ? await listenOn('--api-gw-port', config.apiGwPort, front.gateway) : undefined
    cleanup.push(() => gateway?.close(Promise.resolve()))

    const state = openState(config, { clock: withRealTimers(clock), log })
    cleanup.push(() => state.close())
    const accounts = installAccounts(state.store.subjects, config.users)
    const url = `${scheme}://${urlHost(config.host[0])}:${listener.port}`
    const gatewayUrl = gateway && `${scheme}://${urlHost(config.host[0])}:${gateway.port}`
    const apiHost = (host: string) => `${scheme}://${host}:${listener.port}`

    const drivers = await chooseDrivers(config, { instanceId, log, apiHost })
    cleanup.push(() => Promise.all(drivers.factories.map(factory => factory.close())))
    if (config.host.length === 0) await listenForCallbacks(drivers, listener, gateway)
    const apihost = apiHost(drivers.actionHost)

    const application = createApplication({
      config,
      store: state.store,
      factories: drivers.factories,
      clock,
      log,
      events,
      token,
      url,
      apihost,
      gatewayUrl,
      driver: drivers.name,
    })
    cleanup.push(() => application.close())
    front.open(application)
    // Who moves the clock on by a month wants to see the records of that month: by age, none of them goes.
    const { retentionCount } = config
    const kept = { retentionCount, retentionAge: isVirtual(clock) ? 0 : config.retentionAge }
    const retention = startRetention(state.store.activations, kept, withRealTimers(clock), log)
    cleanup.push(() => retention.close())
    await state.store.committed()

    const startedAt = Date.now()
    const { dataDir } = state
    const runFile = { pid: process.pid, url, apihost, gateway: gatewayUrl, token, dataDir, version: VERSION, startedAt }
    const forget = overrides.runFile === false ? () => {} : announce(listener.port, runFile, log)

    let closed: Promise<CloseReport> | undefined
    // Work that nobody waits for, once the caller has said that the server is ready: stem cells, what dead servers left.
    setImmediate(() => {
      if (closed) return
      front.warmUp()
      application.start()
      removeLeftovers(drivers, log)
    })
    const close = async (): Promise<CloseReport> => {
      forget()
      retention.close()
      const stopping = application.close()
      await Promise.all([listener.close(stopping), gateway?.close(stopping)])
      const report = await stopping
      await Promise.all(drivers.factories.map(factory => factory.close()))
      state.close()
      return report
    }
    return {
      url,
      apihost,
      gateway: gatewayUrl,
      port: listener.port,
      auth: accounts.find(({ namespace }) => namespace === 'guest')?.auth ?? GUEST,
      accounts,
      token,
      driver: { name: drivers.name, reason: drivers.reason },
      certificateFile: tls?.file,
      dataDir,
      events,
      clock,
      async control(method, path, body) {
        const headers = { authorization: `Bearer ${token}` }
        const asked = new URL(`/_control/v1${path}`, url)
        return application.fetch(new Request(asked, { method, headers, body: body && JSON.stringify(body) }), {})
      },
      async createNamespace(name) {
        const created = createNamespace(state.store, name)
        await state.store.committed()
        return created
      },
      fetch: async request => application.fetch(request, {}),
      close: () => (closed ??= close()),
    }
  } catch (error) {
    for (const undo of cleanup.reverse()) await undo()
    throw error
  }
}

async function openTls(config: Config) {
  const { openCertificate } = await import('./tls.ts')
  return openCertificate(config.cert, config.key)
}

function cannotListen(error: unknown, flag: string): never {
  if (error instanceof PortTaken) {
    throw new ExitError(4, `${error.message}; choose another with ${flag} N (0: any free one)`, { cause: error })
  }
  // An address that is not this machine's, a name that nobody knows, a port that takes more rights.
  if (error instanceof Error && 'syscall' in error && ['listen', 'getaddrinfo'].includes(String(error.syscall))) {
    const remedy = `choose another address with --host, or another port with ${flag} N`
    throw new ExitError(4, `cannot serve there: ${error.message}; ${remedy}`, { cause: error })
  }
  throw error
}

/** Where no file can be written the server serves all the same: only its commands do not find it. */
function announce(port: number, content: RunFile, log: Logger): () => void {
  const directory = runDirectory()
  try {
    return writeRunFile(port, content, directory)
  } catch (error) {
    log.warn(
      `commands will not find this server: no run file in ${directory} (${messageOf(error)}); ` +
        'OPENWHISK_RUN_DIR names a folder that can be written',
    )
    return () => {}
  }
}

/** What a client on this machine writes for the address the server listens on. */
function urlHost(host: string | undefined): string {
  if (host === undefined || host === '0.0.0.0' || host === '::') return 'localhost'
  return host.includes(':') ? `[${host}]` : host
}

function removeLeftovers({ factories }: Drivers, log: Logger): void {
  for (const factory of factories) {
    factory.cleanup().then(
      count =>
        count > 0 && log.info(`${count} containers that a dead server left were removed`, { driver: factory.driver }),
      error => log.warn('what dead servers left could not be removed', { driver: factory.driver, error }),
    )
  }
}

/** Actions in containers reach this machine at an address of their network, not at loopback. */
async function listenForCallbacks(drivers: Drivers, ...listeners: (Listener | undefined)[]): Promise<void> {
  const { hostAddress } = drivers
  if (hostAddress === undefined) return
  await Promise.all(listeners.map(listener => listener?.add(hostAddress)))
}
