// Posts /init and /run to a runtime proxy: kept connections, time limits, the retry of /init, truncation.

import { type Clock, realClock } from '../clock.ts'
import { Connection, type PostOutcome, type RuntimeAddress } from './connection.ts'
import type { CallOptions, RuntimeAnswer } from './container.ts'

export interface ClientOptions {
  /** Stamps the answers. Time limits are real time whatever clock this is. */
  clock?: Clock
  /**
   * How long a connection may lie idle and still be used. Foreign runtimes close idle ones (Node.js after 5 s), and a
   * request sent into that moment would be lost. Infinity for runtimes that never close theirs.
   */
  reuseMs?: number
  /** Asked after a connection failure: did the memory limit end it? */
  outOfMemory?(): boolean | Promise<boolean>
  /** True once the container is known to be gone: its address is not called again, another may have it by now. */
  gone?(): boolean
}

export interface RuntimeClient {
  /** `body` is the JSON text to post; retried until the time limit while there is no answer at all. */
  initialize(body: string, options: CallOptions): Promise<RuntimeAnswer>
  run(body: string, options: CallOptions): Promise<RuntimeAnswer>
  /**
   * Takes the runtime through a request that does nothing, as soon as it listens, over a connection that the next call
   * then finds. Our own runtimes know the request, to the others it is one for a path that they do not have. Settles
   * whatever comes of it; not tried again once `initialize` was called.
   */
  warmUp(): Promise<void>
  /** Closes the connections that lie idle, as before a container is suspended. */
  dropIdle(): void
  /** Calls in progress end as connection errors, later ones too. */
  close(): void
}

/** How long a pause is before another attempt: brief at first, since most containers listen within 200 ms. */
const MIN_RETRY_MS = 2
const MAX_RETRY_MS = 50
const RETRY_SHARE = 0.05
const DEFAULT_REUSE_MS = 2000

const WARM_UP: CallOptions = { timeoutMs: 30_000, maxResponseBytes: 1024, truncationBytes: 1024 }
/** Not empty, so that the runtime's parser has seen one. */
const WARM_UP_BODY = '{"value":{}}'

type Failure = Extract<PostOutcome, { type: 'failed' }>

const REMOVED: Failure = {
  type: 'failed',
  refused: true,
  bodiless: false,
  beforeResponse: true,
  detail: 'the container is gone',
}

/** Whether /init is to be sent again: nobody answered anything. */
const unanswered = (outcome: PostOutcome | undefined): boolean =>
  outcome?.type === 'failed' && !outcome.bodiless && (outcome.refused || outcome.beforeResponse)

/** Returns a client of the runtime proxy at `address`. Nothing is sent before the first call. */
export const createClient = (address: RuntimeAddress, options: ClientOptions = {}): RuntimeClient =>
  new KeepAliveClient(address, options)

/** `idle` holds the connections that are free; each call in progress has one of its own. */
class KeepAliveClient implements RuntimeClient {
  readonly #address: RuntimeAddress
  readonly #options: ClientOptions
  readonly #clock: Clock
  readonly #reuseMs: number
  readonly #idle: Connection[] = []
  /** What ends each call in progress when the client is closed. */
  readonly #aborts = new Set<() => void>()
  #initializing = false
  #closed = false

  constructor(address: RuntimeAddress, options: ClientOptions) {
    this.#address = address
    this.#options = options
    this.#clock = options.clock ?? realClock
    this.#reuseMs = options.reuseMs ?? DEFAULT_REUSE_MS
  }

  async initialize(body: string, call: CallOptions): Promise<RuntimeAnswer> {
    this.#initializing = true
    const startedAt = this.#clock.now()
    // OpenWhisk: standalone.conf has /init retried after any failure without a response, so a container that died
    // at load ends with the time limit's text.
    return this.#answer(startedAt, call, await this.#persist('/init', body, call))
  }

  async run(body: string, call: CallOptions): Promise<RuntimeAnswer> {
    const startedAt = this.#clock.now()
    const outcome = this.#gone ? REMOVED : await this.#attempt('/run', body, call, call.timeoutMs)
    return this.#answer(startedAt, call, outcome)
  }

  async warmUp(): Promise<void> {
    await this.#persist('/warmup', WARM_UP_BODY, WARM_UP, () => this.#initializing || this.#gone)
  }

  dropIdle(): void {
    for (const connection of this.#idle.splice(0)) connection.destroy()
  }

  close(): void {
    this.#closed = true
    this.dropIdle()
    for (const abort of [...this.#aborts]) abort()
  }

  get #gone(): boolean {
    return this.#closed || (this.#options.gone?.() ?? false)
  }

  #take(): Connection {
    for (let connection = this.#idle.pop(); connection; connection = this.#idle.pop()) {
      if (!connection.dead && performance.now() - connection.idleSince <= this.#reuseMs) return connection
      connection.destroy()
    }
    return new Connection(this.#address)
  }

  #keep(connection: Connection): void {
    if (connection.dead) return
    if (this.#closed) {
      connection.destroy()
      return
    }
    connection.idleSince = performance.now()
    this.#idle.push(connection)
  }

  /** Attempts until anything is answered, or it `isGivenUp`; undefined when the time ran out first. */
  async #persist(
    path: string,
    body: string,
    call: CallOptions,
    isGivenUp = () => false,
  ): Promise<PostOutcome | undefined> {
    const began = performance.now()
    const deadline = began + call.timeoutMs
    for (;;) {
      const left = deadline - performance.now()
      if (left <= 0) return undefined
      const outcome = this.#gone ? REMOVED : await this.#attempt(path, body, call, left)
      if (!unanswered(outcome) || this.#closed || isGivenUp()) return outcome
      const now = performance.now()
      const pauseMs = Math.min(MAX_RETRY_MS, Math.max(MIN_RETRY_MS, (now - began) * RETRY_SHARE))
      await this.#pause(Math.min(pauseMs, Math.max(1, deadline - now)))
    }
  }

  /** One attempt; undefined when `limitMs` ran out first. */
  #attempt(path: string, body: string, call: CallOptions, limitMs: number): Promise<PostOutcome | undefined> {
    return new Promise(resolve => {
      const connection = this.#take()
      const end = (outcome: PostOutcome | undefined) => {
        clearTimeout(timer)
        this.#aborts.delete(abort)
        resolve(outcome)
      }
      const timer = setTimeout(() => {
        connection.destroy()
        end(undefined)
      }, limitMs)
      const abort = () => {
        connection.destroy()
        end(REMOVED)
      }
      this.#aborts.add(abort)
      connection.post(path, body, call, outcome => {
        this.#keep(connection)
        end(outcome)
      })
    })
  }

  #pause(ms: number): Promise<void> {
    return new Promise(resolve => {
      const end = () => {
        clearTimeout(timer)
        this.#aborts.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      this.#aborts.add(end)
    })
  }

  #answer(startedAt: number, call: CallOptions, outcome: PostOutcome | undefined) {
    if (!outcome) return this.#timedOut(startedAt, call)
    if (outcome.type === 'failed') return this.#failed(startedAt, outcome)
    return { startedAt, endedAt: this.#clock.now(), ...outcome }
  }

  #timedOut(startedAt: number, call: CallOptions): RuntimeAnswer {
    // A timer may fire a fraction of a millisecond early; the duration decides about the outcome.
    return { type: 'timeout', startedAt, endedAt: Math.max(this.#clock.now(), startedAt + call.timeoutMs) }
  }

  async #failed(startedAt: number, failure: Failure): Promise<RuntimeAnswer> {
    const endedAt = this.#clock.now()
    // OpenWhisk: no check after an answer without an entity (ContainerResponse.NoResponseReceived).
    const asked = !failure.bodiless && !this.#closed
    const outOfMemory = asked && ((await this.#options.outOfMemory?.()) ?? false)
    const { beforeResponse, detail } = failure
    return { type: 'connectionError', startedAt, endedAt, outOfMemory, beforeResponse, detail }
  }
}
