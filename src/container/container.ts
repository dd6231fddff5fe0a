// What the engine knows of a container, whatever runs it: Docker, a child process, or a function of this server.

import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'

export type DriverName = 'docker' | 'process' | 'builtin'

/** What came back from `POST /init` or `POST /run`. Times are epoch milliseconds around the request. */
export type RuntimeAnswer = { startedAt: number; endedAt: number } & (
  | {
      type: 'response'
      status: number
      /** The body as text, cut at `truncationBytes` when it is longer than `maxResponseBytes`. */
      body: string
      /** The full length in bytes (`Content-Length`) when the body was cut. */
      truncatedFrom?: number
    }
  /** No usable answer: refused, reset, closed, or an answer without `Content-Length`. */
  | { type: 'connectionError'; outOfMemory: boolean; beforeResponse: boolean; detail: string }
  /** The time limit ran out first. */
  | { type: 'timeout' }
)

export interface CallOptions {
  timeoutMs: number
  /** 1048576 unless the namespace says otherwise. */
  maxResponseBytes: number
  truncationBytes: number
  /** The action's log limit, where known: bounds what is kept of its output while it runs. */
  logLimitBytes?: number
}

export interface LogRequest {
  /** The action's log limit; 0 = collect nothing. */
  limitBytes: number
  /** False where the runtime writes no sentinels, and after a developer error: take what is there. */
  waitForSentinel: boolean
  /** Adds the closing line of a developer error. */
  developerError: boolean
}

export interface CollectedLogs {
  lines: string[]
  /** True when they were truncated or could not be collected: the container is not used again. */
  failed: boolean
}

export interface LogLine {
  stream: 'stdout' | 'stderr'
  /** Text without its newline. */
  line: string
}

/** A place where one action's code runs, speaking `/init` and `/run`. Made by a ContainerFactory. */
export interface Container {
  /** Docker's id, or the driver's own. */
  readonly id: string
  /** Begins with `ow-`. */
  readonly name: string
  readonly driver: DriverName
  /** Settles when the container is gone, however it went; never rejects. */
  readonly exited: Promise<void>
  /** `body` is the JSON text to post. Retries while the runtime is not listening yet. */
  initialize(body: string, options: CallOptions): Promise<RuntimeAnswer>
  run(body: string, options: CallOptions): Promise<RuntimeAnswer>
  /**
   * The log lines of the activation that just ended (`invocation.md` §3.8). Answers synchronously (no promise) when
   * everything is there already, so that the record can be stored in one write.
   */
  logs(request: LogRequest): CollectedLogs | Promise<CollectedLogs>
  /**
   * Called for each line as it is written, from now on; undefined stops it. A promise where "now" takes a moment; it
   * never rejects.
   */
  onLogLine(listener: ((line: LogLine) => void) | undefined): void | Promise<void>
  /**
   * Prepares a container without code for its first activation, beyond being ready for it: so that it meets nothing for
   * the first time. Settles whatever comes of it.
   */
  warmUp?(): Promise<void>
  suspend?(): Promise<void>
  resume?(): Promise<void>
  /** Idempotent; settles when nothing is left of it (container, process group, files). */
  destroy(): Promise<void>
}

export interface ContainerRequest {
  /** Without the `ow-` and instance parts, e.g. `12_guest_hello`. */
  name: string
  kind: string
  /** `[registry/][prefix/]name[:tag]` */
  image: string
  /** True for `blackbox` actions: their image is the user's. */
  userImage: boolean
  memoryMb: number
  cpuShares: number
  /** False when nobody will ask for its logs: the log limit of its action is 0. Listeners are served all the same. */
  keepsLogs: boolean
  /** Beyond what the factory adds itself: nothing of the server's environment. */
  env: Readonly<Record<string, string>>
  transid: string
}

/** Why a container could not be made; the engine turns it into the activation's response (`invocation.md` §3.5). */
export class ContainerError extends Error {
  /** `pull`: image not to be had. `command`: exit 127. `provision`: all else. */
  readonly reason: 'pull' | 'command' | 'provision'

  constructor(reason: ContainerError['reason'], message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ContainerError'
    this.reason = reason
  }
}

export interface ContainerFactory {
  readonly driver: DriverName
  /** Whether this driver could run the kind at all (the process driver: nodejs and python kinds). */
  supports(kind: string): boolean
  /** Fails with ContainerError. */
  create(request: ContainerRequest): Promise<Container>
  /** Removes what dead servers left behind, and nobody else's; returns how many things went. */
  cleanup(): Promise<number>
  /** True while the engine behind it answers: what `/ready` asks. */
  healthy(): boolean
  /** Destroys every container it made. */
  close(): Promise<void>
}

export interface FactoryOptions {
  /** Identifies this server in labels and names. */
  instanceId: string
  log: Logger
  /** Stamps answers and log lines; the machine's clock unless told. */
  clock?: Clock
}
