// The Docker driver: the only file that imports dockerode. What is done with the engine is in docker-containers.ts.

import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import { inspect } from 'node:util'
import type Docker from 'dockerode'
import { ExitError } from '../errors.ts'
import type { ContainerFactory, FactoryOptions } from './container.ts'
import { createDockerContainers } from './docker-containers.ts'
import { type BridgeNetwork, type ContainerState, type DockerEngine, EngineError, TIMED_OUT } from './docker-engine.ts'
import {
  dockerConfigDir,
  type EngineAddress,
  type EngineHost,
  findEngine,
  type HostSearch,
  systemSearch,
} from './docker-host.ts'
import type { PullPolicy } from './docker-images.ts'

export interface DockerFactoryOptions extends FactoryOptions {
  /** `unix://…`, `tcp://…`; the docker CLI's choice when absent. */
  dockerHost?: string
  /** Default `bridge`. */
  network?: string
  /** Default `missing`. */
  pull?: PullPolicy
  /** `host:ip`, beside `host.docker.internal:host-gateway`. */
  addHosts?: readonly string[]
  /** For every action container. */
  containerEnv?: Readonly<Record<string, string>>
  /** `__OW_API_HOST`, asked for at each creation. */
  apiHost: () => string
  /** This process's surroundings unless given. */
  search?: HostSearch
  /** Publish ports on loopback even where the bridge's addresses are within reach. */
  publishPorts?: boolean
}

export interface DockerFactory extends ContainerFactory {
  /** The engine's address, for people. */
  readonly engineUrl: string
  /** Who named that engine: `DOCKER_HOST`, `the usual place`, … */
  readonly engineSource: string
  /** The host's address on the containers' network when it is one of this machine's: listen there for callbacks. */
  readonly hostAddress: string | undefined
  /** The name or address under which an action reaches this machine: the host part of `__OW_API_HOST`. */
  readonly actionHost: string
}

const UNAVAILABLE = 5
const COMMAND_TIMEOUT_MS = 60_000
const FREEZE_TIMEOUT_MS = 10_000
const PULL_TIMEOUT_MS = 600_000
const RUNTIME_PORT = '8080/tcp'

/** Rejects with ExitError 5 and a sentence that says what was tried when no engine answers. */
export async function dockerFactory(options: DockerFactoryOptions): Promise<DockerFactory> {
  const search = options.search ?? systemSearch(options.dockerHost)
  const host = await findEngine(search)
  const engine = await openEngine(host.address)
  try {
    const containers = await createDockerContainers({ ...options, engine, host, configDir: dockerConfigDir(search) })
    return { ...containers, engineUrl: host.url, engineSource: host.source }
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    throw new ExitError(UNAVAILABLE, `the Docker engine at ${host.url} cannot be used: ${error.message.trim()}`, {
      cause: error,
    })
  }
}

/** Asks an engine whether it answers, without making anything there: for `doctor` and `--driver auto`. */
export function probeDocker(dockerHost?: string): Promise<EngineHost> {
  return findEngine(systemSearch(dockerHost))
}

async function openEngine({ socketPath, host, port, tls }: EngineAddress): Promise<DockerEngine> {
  const { default: Dockerode } = await import('dockerode')
  const options = {
    // Each one named, even where it is undefined: dockerode fills what is missing from DOCKER_HOST.
    socketPath,
    host,
    port,
    protocol: tls ? ('https' as const) : ('http' as const),
    pathPrefix: '/',
    ca: tls?.ca,
    cert: tls?.cert,
    key: tls?.key,
    agent: openAgent(tls),
  }
  return adapt(new Dockerode(options))
}

function openAgent(tls: EngineAddress['tls']): http.Agent {
  // No kept connections: one to an engine that was restarted in between would fail the next call.
  const agent = tls
    ? new https.Agent({ keepAlive: false, rejectUnauthorized: tls.rejectUnauthorized })
    : new http.Agent({ keepAlive: false })
  // docker-modem prints the options of every request for its debug log, whether or not anybody reads it; an agent
  // holds all its sockets, and printing those takes longer than the request.
  return Object.assign(agent, { [inspect.custom]: () => 'http.Agent' })
}

function adapt(docker: Docker): DockerEngine {
  return {
    async create(name, spec) {
      const made = await call(abortSignal => docker.createContainer({ name, ...spec, abortSignal }))
      return made.id
    },
    // Hijacked, as the docker command does: the output comes straight from the socket, not as pieces of an HTTP answer.
    attach: id =>
      call(abortSignal =>
        docker.getContainer(id).attach({ stream: true, stdout: true, stderr: true, hijack: true, abortSignal }),
      ).then(toReadable),
    start: id => call(abortSignal => docker.getContainer(id).start({ abortSignal })).then(nothing),
    inspect: id => call(abortSignal => docker.getContainer(id).inspect({ abortSignal })).then(toState),
    pause: id => call(abortSignal => docker.getContainer(id).pause({ abortSignal }), FREEZE_TIMEOUT_MS).then(nothing),
    unpause: id =>
      call(abortSignal => docker.getContainer(id).unpause({ abortSignal }), FREEZE_TIMEOUT_MS).then(nothing),
    remove: id => removeContainer(docker, id),
    async pull(image, auth) {
      const abort = AbortSignal.timeout(PULL_TIMEOUT_MS)
      const authconfig = auth && { username: '', password: '', ...auth }
      const progress = await call(() => docker.pull(image, { authconfig, abortSignal: abort }))
      await new Promise<void>((resolve, reject) =>
        docker.modem.followProgress(progress, error => (error ? reject(toEngineError(error)) : resolve())),
      )
    },
    async withLabel(label) {
      const found = await call(abortSignal =>
        docker.listContainers({ all: true, filters: { label: [label] }, abortSignal }),
      )
      return found.map(({ Id, Labels }) => ({ id: Id, labels: Labels }))
    },
    async gateway(network) {
      const found = await call(() => docker.getNetwork(network).inspect())
      return gatewayOf(found)
    },
    async describe() {
      const info: { KernelVersion?: string; SecurityOptions?: string[] } = await call(() => docker.info())
      const rootless = info.SecurityOptions?.some(option => option.includes('rootless')) ?? false
      return { kernel: info.KernelVersion ?? '', rootless }
    },
    wait: id => waitFor(docker, id),
    watch: label =>
      call(() => docker.getEvents({ filters: { type: ['container'], event: ['oom'], label: [label] } })).then(
        toReadable,
      ),
  }
}

/**
 * An engine answers with its head at once and with its body when the container stops. One that goes in between ends the
 * connection without an error, which dockerode's own `wait` does not notice.
 */
function waitFor(docker: Docker, id: string): Promise<void> {
  const request = {
    path: `/containers/${id}/wait`,
    method: 'POST',
    isStream: true,
    options: {},
    statusCodes: { 200: true, 404: 'no such container', 500: 'server error' },
  }
  return new Promise((resolve, reject) => {
    docker.modem.dial(request, (error: unknown, answer: unknown) => {
      if (error) reject(toEngineError(error))
      else {
        const body = answer as Readable
        body.on('error', () => undefined).on('close', resolve)
        body.resume()
      }
    })
  })
}

async function removeContainer(docker: Docker, id: string): Promise<void> {
  try {
    await call(abortSignal => docker.getContainer(id).remove({ force: true, v: true, abortSignal }))
  } catch (error) {
    if (!(error instanceof EngineError)) throw error
    const underWay = error.status === 409 && /removal|already in progress/i.test(error.message)
    if (error.status !== 404 && !underWay) throw error
  }
}

/** Runs one call with a time limit; every failure becomes an EngineError. */
async function call<T>(send: (abortSignal: AbortSignal) => Promise<T>, timeoutMs = COMMAND_TIMEOUT_MS): Promise<T> {
  const abort = new AbortController()
  const late = new EngineError(TIMED_OUT, `the engine did not answer within ${timeoutMs} ms`)
  const timer = setTimeout(() => abort.abort(late), timeoutMs)
  timer.unref()
  try {
    return await send(abort.signal)
  } catch (error) {
    throw abort.signal.aborted ? late : toEngineError(error)
  } finally {
    clearTimeout(timer)
  }
}

function toEngineError(error: unknown): EngineError {
  const { statusCode, message, json } = error as { statusCode?: number; message?: string; json?: { message?: string } }
  // followProgress fails with what the registry said, as text, and no status.
  const fromRegistry = typeof error === 'string' || (!(error instanceof Error) && message !== undefined)
  const late = error instanceof Error && (error.name === 'TimeoutError' || error.name === 'AbortError')
  const text = json?.message ?? message ?? String(error)
  return new EngineError(statusCode ?? (late ? TIMED_OUT : fromRegistry ? 500 : undefined), text, { cause: error })
}

function toState(info: Docker.ContainerInspectInfo): ContainerState {
  const { Networks: networks = {}, Ports: ports = {} } = info.NetworkSettings
  const [attached] = Object.values(networks)
  const hostPort = Number(ports[RUNTIME_PORT]?.[0]?.HostPort)
  return {
    running: info.State.Running,
    oomKilled: info.State.OOMKilled,
    exitCode: info.State.ExitCode,
    ipAddress: attached?.IPAddress ?? '',
    ...(hostPort > 0 && { hostPort }),
  }
}

function gatewayOf(network: Docker.NetworkInspectInfo): BridgeNetwork | undefined {
  const configs: { Gateway?: string; Subnet?: string }[] = network.IPAM?.Config ?? []
  for (const { Gateway: gateway, Subnet: subnet = '' } of configs) {
    // An engine that chose the gateway itself does not always tell: it takes the first address.
    const [, front, last] = /^(\d+\.\d+\.\d+)\.(\d+)\//.exec(subnet) ?? []
    if (front && last) return { gateway: gateway?.split('/')[0] || `${front}.${Number(last) + 1}`, subnet }
  }
  return undefined
}

function toReadable(stream: NodeJS.ReadableStream): Readable {
  return stream as Readable
}

function nothing(): void {}
