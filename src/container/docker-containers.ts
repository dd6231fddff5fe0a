// Makes and removes this server's containers: the ContainerFactory on top of an engine.
//
// Invariants: every container that was ever asked for is live, being made, being removed, or an orphan; an orphan is
// one that could not be removed because the engine was gone, and is removed when the engine answers again. What even
// that misses (this process was killed) carries our labels, and the next server's `cleanup` removes it.

import type { Readable } from 'node:stream'
import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { type Container, ContainerError, type ContainerFactory, type ContainerRequest } from './container.ts'
import { type ContainerAddress, type DockerContainer, openDockerContainer } from './docker-container.ts'
import { type ContainerSpec, type ContainerState, type DockerEngine, EngineError } from './docker-engine.ts'
import type { EngineHost } from './docker-host.ts'
import { createImages, type PullPolicy } from './docker-images.ts'
import { type Addressing, chooseAddressing } from './docker-network.ts'
import { isLeftover, ownLabels, SERVER_LABEL } from './docker-owner.ts'

const RUNTIME_PORT = 8080
/** Above this many at a time an engine only gets slower for each. */
const PARALLEL_CREATIONS = 4
const PARALLEL_REMOVALS = 4
const RECONNECT_MS = 500
/** OpenWhisk: json-file, so that `docker logs` shows what an action wrote. We read the attachment, so little is kept. */
const LOG_FILE = { Type: 'json-file', Config: { 'max-size': '10m', 'max-file': '1' } }
/** Differs from OpenWhisk: what an action without logs writes, its sentinels at least, costs the engine no file. */
const NO_LOG_FILE = { Type: 'none', Config: {} }
/** Kinds whose runtimes log nothing of requests that they do not know. That of Ruby writes a stack. */
const SILENT = /^(nodejs|python|go):/
/** How often an engine that cannot be watched is asked again. */
const WATCH_AGAIN_MS = 5_000

export interface DockerContainersOptions {
  engine: DockerEngine
  host: EngineHost
  /** The docker CLI's folder, for registry credentials. */
  configDir: string
  instanceId: string
  log: Logger
  network?: string
  pull?: PullPolicy
  addHosts?: readonly string[]
  containerEnv?: Readonly<Record<string, string>>
  apiHost: () => string
  publishPorts?: boolean
}

export type DockerContainers = ContainerFactory & Pick<Addressing, 'actionHost' | 'hostAddress'>

/** Fails with ExitError 5 when the network cannot be used, with EngineError when the engine goes meanwhile. */
export async function createDockerContainers(options: DockerContainersOptions): Promise<DockerContainers> {
  const { engine, host, network = 'bridge', publishPorts = false } = options
  const addressing = await chooseAddressing(engine, host, network, publishPorts)
  const fleet = new Fleet(options, addressing, ownLabels(options.instanceId))
  fleet.watch()
  return {
    driver: 'docker',
    actionHost: addressing.actionHost,
    hostAddress: addressing.hostAddress,
    supports: () => true,
    create: request => fleet.create(request),
    cleanup: () => fleet.cleanup(),
    healthy: () => fleet.healthy,
    close: () => fleet.close(),
  }
}

class Fleet {
  readonly #options: DockerContainersOptions
  readonly #addressing: Addressing
  readonly #labels: Record<string, string>
  readonly #images: ReturnType<typeof createImages>
  readonly #creations = createGate(PARALLEL_CREATIONS)
  readonly #live = new Map<string, DockerContainer>()
  readonly #making = new Set<Promise<Container>>()
  /** Names or ids. */
  readonly #orphans = new Set<string>()
  #events: Readable | undefined
  #reconnect: NodeJS.Timeout | undefined
  #closing: Promise<void> | undefined
  healthy = true

  constructor(options: DockerContainersOptions, addressing: Addressing, labels: Record<string, string>) {
    this.#options = options
    this.#addressing = addressing
    this.#labels = labels
    const { engine, pull = 'missing', configDir, log } = options
    this.#images = createImages(engine, { policy: pull, configDir, log })
  }

  create(request: ContainerRequest): Promise<Container> {
    const making = this.#create(request)
    this.#making.add(making)
    const forget = () => this.#making.delete(making)
    making.then(forget, forget)
    return making
  }

  async cleanup(): Promise<number> {
    const { engine, instanceId } = this.#options
    const found = await engine.withLabel(SERVER_LABEL)
    const leftovers = found.filter(({ labels }) => isLeftover(labels, instanceId)).map(({ id }) => id)
    await this.#removeAll(leftovers)
    return leftovers.length
  }

  close(): Promise<void> {
    this.#closing ??= this.#close()
    return this.#closing
  }

  /** Keeps a stream open whose end says that the engine went, and that says which containers ran out of memory. */
  watch(): void {
    const { engine, instanceId } = this.#options
    engine.watch(`${SERVER_LABEL}=${instanceId}`).then(
      events => this.#watching(events),
      error => (isUnanswered(error) ? this.#lost() : this.#watchLater(WATCH_AGAIN_MS)),
    )
  }

  #watching(events: Readable): void {
    if (this.#closing) {
      events.destroy()
      return
    }
    this.#events = events
    if (!this.healthy) this.#options.log.info('the Docker engine answers again')
    this.healthy = true
    const orphans = [...this.#orphans]
    this.#orphans.clear()
    void this.#removeAll(orphans)
    events.on('data', chunk => this.#outOfMemory(String(chunk)))
    events.on('error', () => undefined)
    events.on('close', () => {
      this.#events = undefined
      this.#lost()
    })
  }

  #outOfMemory(lines: string): void {
    for (const [id, container] of this.#live) if (lines.includes(id)) container.ranOutOfMemory()
  }

  #lost(): void {
    if (this.#closing || this.#reconnect) return
    if (this.healthy) this.#options.log.warn(`the Docker engine at ${this.#options.host.url} does not answer`)
    this.healthy = false
    this.#watchLater(RECONNECT_MS)
  }

  #watchLater(delayMs: number): void {
    if (this.#closing) return
    this.#reconnect = setTimeout(() => {
      this.#reconnect = undefined
      this.watch()
    }, delayMs)
    this.#reconnect.unref()
  }

  async #create(request: ContainerRequest): Promise<Container> {
    const { image, userImage } = request
    try {
      await this.#images.prepare(image, userImage)
      const container = await this.#creations(() => this.#start(request))
      if (container) return container
      await this.#images.fetch(image, userImage)
      const second = await this.#creations(() => this.#start(request))
      if (second) return second
    } catch (error) {
      throw this.#explain(error, image)
    }
    throw new ContainerError('pull', image)
  }

  /** Undefined when the engine does not have the image. */
  async #start(request: ContainerRequest): Promise<Container | undefined> {
    if (this.#closing) throw new ContainerError('provision', 'the server is stopping')
    const { engine, instanceId } = this.#options
    const name = containerName(instanceId, request.name)
    let id: string
    try {
      id = await engine.create(name, this.#spec(request))
    } catch (error) {
      if (error instanceof EngineError && error.status === 404 && /image/i.test(error.message)) return undefined
      // It may have been made although nobody said so.
      if (isUnanswered(error)) this.#orphans.add(name)
      throw error
    }
    try {
      const output = request.keepsLogs ? await engine.attach(id) : undefined
      await engine.start(id)
      const address = this.#addressOf(await engine.inspect(id))
      return this.#opened(id, name, address, output, SILENT.test(request.kind))
    } catch (error) {
      await this.#remove(id)
      throw error
    }
  }

  #opened(
    id: string,
    name: string,
    address: ContainerAddress,
    output: Readable | undefined,
    silent: boolean,
  ): Container {
    const { engine, log } = this.#options
    // Whoever held this address before is dead, whether or not we have heard of it yet.
    for (const other of this.#live.values()) if (sameAddress(other.address, address)) other.lost()
    const remove = () => this.#retire(id)
    const container = openDockerContainer({ id, name, address, output, silent, engine, log, remove })
    this.#live.set(id, container)
    return container
  }

  async #retire(id: string): Promise<void> {
    await this.#remove(id)
    this.#live.delete(id)
  }

  async #remove(idOrName: string): Promise<void> {
    try {
      await this.#options.engine.remove(idOrName)
    } catch (error) {
      this.#orphans.add(idOrName)
      if (isUnanswered(error)) this.#lost()
      else this.#options.log.warn(`could not remove the container ${idOrName}: ${messageOf(error).trim()}`)
    }
  }

  async #removeAll(ids: readonly string[]): Promise<void> {
    const gate = createGate(PARALLEL_REMOVALS)
    await Promise.all(ids.map(id => gate(() => this.#remove(id))))
  }

  async #close(): Promise<void> {
    clearTimeout(this.#reconnect)
    this.#events?.destroy()
    await Promise.allSettled(this.#making)
    const gate = createGate(PARALLEL_REMOVALS)
    await Promise.all([...this.#live.values()].map(container => gate(() => container.destroy())))
    const orphans = [...this.#orphans]
    this.#orphans.clear()
    await this.#removeAll(orphans)
    const left = this.#orphans.size
    if (left > 0) this.#options.log.warn(`${left} containers could not be removed; the next start removes them`)
  }

  #spec(request: ContainerRequest): ContainerSpec {
    const { network = 'bridge', addHosts = [], containerEnv = {}, apiHost } = this.#options
    const memory = request.memoryMb * 1024 * 1024
    const env = { __OW_API_HOST: apiHost(), ...containerEnv, ...request.env }
    const addressing = this.#addressing
    const port = `${RUNTIME_PORT}/tcp`
    return {
      Image: request.image,
      Env: Object.entries(env).map(([key, value]) => `${key}=${value}`),
      Labels: this.#labels,
      ...(addressing.type === 'published' && { ExposedPorts: { [port]: {} } }),
      HostConfig: {
        CpuShares: request.cpuShares,
        Memory: memory,
        // Equal to the memory: no swap.
        MemorySwap: memory,
        NetworkMode: network,
        CapDrop: ['NET_RAW', 'NET_ADMIN'],
        Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 1024 }],
        PidsLimit: 1024,
        LogConfig: request.keepsLogs ? LOG_FILE : NO_LOG_FILE,
        ExtraHosts: ['host.docker.internal:host-gateway', ...addHosts],
        ...(addressing.type === 'published' && {
          PortBindings: { [port]: [{ HostIp: addressing.bindTo, HostPort: '' }] },
        }),
      },
    }
  }

  #addressOf(state: ContainerState): ContainerAddress {
    const addressing = this.#addressing
    if (addressing.type === 'published') {
      if (state.hostPort !== undefined) return { host: addressing.reachAt, port: state.hostPort }
      throw new ContainerError('provision', 'the engine published no port for the container')
    }
    if (state.ipAddress) return { host: state.ipAddress, port: RUNTIME_PORT }
    throw new ContainerError('provision', 'the container has no address')
  }

  #explain(error: unknown, image: string): unknown {
    if (!(error instanceof EngineError)) return error
    if (error.unanswered) this.#lost()
    else if (/executable file not found|no such file or directory/i.test(error.message)) {
      return new ContainerError('command', `executable file not found in image ${image}`, { cause: error })
    }
    return new ContainerError('provision', error.message.trim(), { cause: error })
  }
}

/** `ow-<instance>-<name>` of the characters that the engine takes. */
function containerName(instanceId: string, name: string): string {
  return `ow-${instanceId}-${name}`.replace(/[^a-zA-Z0-9_.-]/g, '')
}

function sameAddress(one: ContainerAddress, other: ContainerAddress): boolean {
  return one.host === other.host && one.port === other.port
}

function isUnanswered(error: unknown): boolean {
  return error instanceof EngineError && error.unanswered
}

/** Lets `limit` tasks run at a time, the others in the order of their coming. */
function createGate(limit: number): <T>(task: () => Promise<T>) => Promise<T> {
  const waiting: (() => void)[] = []
  let running = 0
  return async task => {
    if (running >= limit) await new Promise<void>(resolve => waiting.push(resolve))
    else running++
    try {
      return await task()
    } finally {
      const next = waiting.shift()
      if (next) next()
      else running--
    }
  }
}
