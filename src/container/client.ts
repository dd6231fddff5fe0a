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
  /** `body` is the JSON text to post; retried every 50 ms, until the time limit, while there is no answer at all. */
  initialize(body: string, options: CallOptions): Promise<RuntimeAnswer>
  run(body: string, options: CallOptions): Promise<RuntimeAnswer>
  /** Closes the connections that lie idle, as before a container is suspended. */
  dropIdle(): void
  /** Calls in progress end as connection errors, later ones too. */
  close(): void
}

const RETRY_MS = 50
const DEFAULT_REUSE_MS = 2000

type Failure = Extract<PostOutcome, { type: 'failed' }>

/** Returns a client of the runtime proxy at `address`. Nothing is sent before the first call. */
export const createClient = (address: RuntimeAddress, options: ClientOptions = {}): RuntimeClient => {
  const clock = options.clock ?? realClock
  const reuseMs = options.reuseMs ?? DEFAULT_REUSE_MS
  const idle: Connection[] = []
  /** What ends each call in progress when the client is closed. */
  const aborts = new Set<() => void>()
  let closed = false

  const take = (): Connection => {
    for (let connection = idle.pop(); connection; connection = idle.pop()) {
      if (!connection.dead && performance.now() - connection.idleSince <= reuseMs) return connection
      connection.destroy()
    }
    return new Connection(address)
  }

  const keep = (connection: Connection) => {
    if (connection.dead) return
    if (closed) {
      connection.destroy()
      return
    }
    connection.idleSince = performance.now()
    idle.push(connection)
  }

  /** One attempt; undefined when `limitMs` ran out first. */
  const attempt = (path: string, body: string, call: CallOptions, limitMs: number): Promise<PostOutcome | undefined> =>
    new Promise(resolve => {
      const connection = take()
      const end = (outcome: PostOutcome | undefined) => {
        clearTimeout(timer)
        aborts.delete(abort)
        resolve(outcome)
      }
      const timer = setTimeout(() => {
        connection.destroy()
        end(undefined)
      }, limitMs)
      const abort = () => {
        connection.destroy()
        end({
          type: 'failed',
          refused: false,
          bodiless: false,
          beforeResponse: true,
          detail: 'the container was removed',
        })
      }
      aborts.add(abort)
      connection.post(path, body, call, outcome => {
        keep(connection)
        end(outcome)
      })
    })

  const timedOut = (startedAt: number, call: CallOptions): RuntimeAnswer => ({
    type: 'timeout',
    startedAt,
    // A timer may fire a fraction of a millisecond early; the duration decides about the outcome.
    endedAt: Math.max(clock.now(), startedAt + call.timeoutMs),
  })

  const failed = async (startedAt: number, failure: Failure): Promise<RuntimeAnswer> => {
    const endedAt = clock.now()
    // OpenWhisk: no check after an answer without an entity (ContainerResponse.NoResponseReceived).
    const outOfMemory = !failure.bodiless && !closed && ((await options.outOfMemory?.()) ?? false)
    const { beforeResponse, detail } = failure
    return { type: 'connectionError', startedAt, endedAt, outOfMemory, beforeResponse, detail }
  }

  const answer = (startedAt: number, call: CallOptions, outcome: PostOutcome | undefined) => {
    if (!outcome) return timedOut(startedAt, call)
    if (outcome.type === 'failed') return failed(startedAt, outcome)
    return { startedAt, endedAt: clock.now(), ...outcome }
  }

  const pause = (ms: number) =>
    new Promise<void>(resolve => {
      const end = () => {
        clearTimeout(timer)
        aborts.delete(end)
        resolve()
      }
      const timer = setTimeout(end, ms)
      aborts.add(end)
    })

  const removed: Failure = {
    type: 'failed',
    refused: true,
    bodiless: false,
    beforeResponse: true,
    detail: 'the container is gone',
  }

  return {
    async initialize(body, call) {
      const startedAt = clock.now()
      const deadline = performance.now() + call.timeoutMs
      for (;;) {
        const left = deadline - performance.now()
        if (left <= 0) return timedOut(startedAt, call)
        const gone = closed || (options.gone?.() ?? false)
        const outcome = gone ? removed : await attempt('/init', body, call, left)
        const retry = outcome?.type === 'failed' && !outcome.bodiless && (outcome.refused || outcome.beforeResponse)
        if (!retry || closed) return answer(startedAt, call, outcome)
        // OpenWhisk: standalone.conf has /init retried after any failure without a response, so a container that died
        // at load ends with the time limit's text.
        await pause(Math.min(RETRY_MS, Math.max(1, deadline - performance.now())))
      }
    },
    async run(body, call) {
      const startedAt = clock.now()
      if (closed || options.gone?.()) return failed(startedAt, removed)
      return answer(startedAt, call, await attempt('/run', body, call, call.timeoutMs))
    },
    dropIdle() {
      for (const connection of idle.splice(0)) connection.destroy()
    },
    close() {
      closed = true
      for (const connection of idle.splice(0)) connection.destroy()
      for (const abort of [...aborts]) abort()
    },
  }
}
