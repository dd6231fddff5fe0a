// What the Docker driver asks of an engine, apart from the library that speaks to it (`docker.ts`).

import type { Readable } from 'node:stream'

/** The status of an EngineError whose call ran out of time. */
export const TIMED_OUT = 504

/** An engine that said no, or none that could be reached. */
export class EngineError extends Error {
  /** The engine's HTTP status; undefined when it could not be reached, TIMED_OUT when it did not answer in time. */
  readonly status: number | undefined

  constructor(status: number | undefined, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'EngineError'
    this.status = status
  }

  /** Whether it is unknown what became of the call. */
  get unanswered(): boolean {
    return this.status === undefined || this.status === TIMED_OUT
  }
}

/** The body of `POST /containers/create`, as far as we use it. */
export interface ContainerSpec {
  Image: string
  Env: string[]
  Labels: Record<string, string>
  ExposedPorts?: Record<string, object>
  HostConfig: {
    CpuShares: number
    Memory: number
    MemorySwap: number
    NetworkMode: string
    CapDrop: string[]
    Ulimits: { Name: string; Soft: number; Hard: number }[]
    PidsLimit: number
    LogConfig: { Type: string; Config: Record<string, string> }
    ExtraHosts: string[]
    PortBindings?: Record<string, { HostIp: string; HostPort: string }[]>
  }
}

export interface ContainerState {
  running: boolean
  oomKilled: boolean
  exitCode: number
  /** On the network it was created for; empty when it has none. */
  ipAddress: string
  /** Host port that leads to 8080, where one was published. */
  hostPort?: number
}

export interface ListedContainer {
  id: string
  labels: Record<string, string>
}

export interface BridgeNetwork {
  /** The host's IPv4 address there. */
  gateway: string
  /** `172.17.0.0/16` */
  subnet: string
}

/** Credentials for a registry, as the engine takes them. */
export interface RegistryAuth {
  username?: string
  password?: string
  identitytoken?: string
  serveraddress: string
}

/** Each call fails with EngineError. */
export interface DockerEngine {
  /** Returns the container's id. */
  create(name: string, spec: ContainerSpec): Promise<string>
  /** Output from now on, stdout and stderr multiplexed in frames; ends with the container's. */
  attach(id: string): Promise<Readable>
  start(id: string): Promise<void>
  inspect(id: string): Promise<ContainerState>
  pause(id: string): Promise<void>
  unpause(id: string): Promise<void>
  /** Kills and removes it with its anonymous volumes; one that is gone already is no failure. */
  remove(idOrName: string): Promise<void>
  pull(image: string, auth: RegistryAuth | undefined): Promise<void>
  /** All containers, running or not, that carry the label. */
  withLabel(label: string): Promise<ListedContainer[]>
  /** The host's IPv4 address on a network and the network's range, where the engine tells them. */
  gateway(network: string): Promise<BridgeNetwork | undefined>
  describe(): Promise<{ kernel: string; rootless: boolean }>
  /** Settles when the container does not run (any more), or the engine goes. */
  wait(id: string): Promise<void>
  /** JSON lines about containers with this label that ran out of memory; ends when the engine goes. */
  watch(label: string): Promise<Readable>
}
