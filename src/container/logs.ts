// Collects what a container writes, exactly per activation and per stream, by the sentinel lines of the runtimes.
// Fed with raw chunks of one long-lived attachment; who reads the container is the driver's business.

import { type Clock, realClock, type Timer } from '../clock.ts'
import { messages } from '../messages.ts'
import type { CollectedLogs, LogLine, LogRequest } from './container.ts'
import { type LogStream, logLine, MAX_WEIGHT_PER_BYTE, RECORD_OVERHEAD, recordWeight, SENTINEL } from './log-format.ts'

export interface LogCollectorOptions {
  /** Stamps the lines. */
  clock?: Clock
  /** Measures the waits; real time unless a test says otherwise. */
  timers?: Clock
  /**
   * How long, after an activation that nobody waits for sentinels of, output already written may take to arrive here,
   * in milliseconds.
   */
  drainMs?: number
}

/** What was read: a line, a sentinel, or in `lost` the mark that more came than may be kept. */
interface Entry {
  kind: 'line' | 'sentinel' | 'lost'
  stream: LogStream
  at: number
  text: string
  bytes: number
}

interface StreamState {
  readonly name: LogStream
  /** Bytes of a line without its newline yet. */
  parts: Buffer[]
  partBytes: number
  /** The end of a full-length piece of a longer line, in case a sentinel begins there. */
  carry: string
  ended: boolean
}

interface Taken {
  lines: string[]
  truncated: boolean
}

interface Waiter {
  request: LogRequest
  settle: (logs: CollectedLogs) => void
  lineTimer: Timer
  totalTimer: Timer
  /** Its time is over, and it waits only for those before it. */
  overdue: boolean
}

/** Docker reads this much at most into one record, and so splits longer lines. */
const MAX_LINE_BYTES = 16 * 1024
/** OpenWhisk: the waits of DockerContainer.logs. */
const LINE_WAIT_MS = 2000
const MIN_WAIT_UNITS = 5
const MEGABYTE = 1024 * 1024
const NEWLINE = 10
/** The highest log limit there is; what is kept until an activation's own limit is known. */
const DEFAULT_KEEP_BYTES = 100 * MEGABYTE
const SENTINEL_LINE = Buffer.from(`${SENTINEL}\n`)
const DEFAULT_DRAIN_MS = 5

const sentinelOf = (stream: LogStream): Entry => ({ kind: 'sentinel', stream, at: 0, text: '', bytes: RECORD_OVERHEAD })

const newStream = (name: LogStream): StreamState => ({ name, parts: [], partBytes: 0, carry: '', ended: false })

/**
 * The output of one container.
 *
 * Each stream ends an activation with its own sentinel, so what a stream holds up to there belongs to the activation
 * and what comes after belongs to the next one, however the two streams interleave.
 */
export class LogCollector {
  readonly #clock: Clock
  readonly #timers: Clock
  readonly #drainMs: number
  readonly #streams = { stdout: newStream('stdout'), stderr: newStream('stderr') }
  #entries: Entry[] = []
  #sentinels = { stdout: 0, stderr: 0 }
  #keptBytes = 0
  #keepBytes = DEFAULT_KEEP_BYTES
  #lastAt = 0
  #listener: ((line: LogLine) => void) | undefined
  readonly #waiters: Waiter[] = []

  constructor(options: LogCollectorOptions = {}) {
    this.#clock = options.clock ?? realClock
    this.#timers = options.timers ?? realClock
    this.#drainMs = options.drainMs ?? DEFAULT_DRAIN_MS
  }

  /** Tells the log limit of the activations to come, so that no more than that is kept in memory. */
  expect(limitBytes: number): void {
    this.#keepBytes = limitBytes
    if (limitBytes > 0) return
    this.#entries = []
    this.#sentinels = { stdout: 0, stderr: 0 }
    this.#keptBytes = 0
  }

  /** Called for each line as it is written, without the sentinels. */
  onLine(listener: ((line: LogLine) => void) | undefined): void {
    this.#listener = listener
  }

  /** Takes what came from one stream of the container; the chunk may be reused afterwards. */
  feed(stream: LogStream, chunk: Buffer): void {
    const state = this.#streams[stream]
    if (state.partBytes === 0 && chunk.length === SENTINEL_LINE.length && chunk.equals(SENTINEL_LINE)) {
      this.#sentinel(state)
    } else {
      this.#split(state, chunk)
    }
    if (this.#waiters.length > 0) this.#advance()
  }

  /** The stream ended: the container is gone, or the attachment lost. A last line without its newline counts. */
  end(stream: LogStream): void {
    const state = this.#streams[stream]
    if (state.ended) return
    state.ended = true
    if (state.partBytes > 0) this.#line(state, Buffer.concat(state.parts))
    this.#advance()
  }

  /** The lines of the activation that just ended; a promise only when something must be waited for. */
  collect(request: LogRequest): CollectedLogs | Promise<CollectedLogs> {
    if (request.limitBytes === 0) return this.#skip()
    this.#keepBytes = request.limitBytes
    if (this.#waiters.length === 0 && this.#settled) return this.#finish(request)
    return new Promise(resolve => this.#wait(request, resolve))
  }

  #wait(request: LogRequest, settle: (logs: CollectedLogs) => void): void {
    const units = Math.max(request.limitBytes / MEGABYTE, MIN_WAIT_UNITS)
    const totalMs = request.waitForSentinel ? LINE_WAIT_MS * units : this.#drainMs
    const giveUp = () => this.#giveUp(waiter)
    const waiter: Waiter = {
      request,
      settle,
      lineTimer: this.#timers.setTimeout(giveUp, Math.min(LINE_WAIT_MS, totalMs)),
      totalTimer: this.#timers.setTimeout(giveUp, totalMs),
      overdue: false,
    }
    this.#waiters.push(waiter)
  }

  /** What comes first belongs to whoever waits first: none is served before its predecessors, whose time is over soon. */
  #giveUp(waiter: Waiter): void {
    const at = this.#waiters.indexOf(waiter)
    if (at < 0) return
    waiter.overdue = true
    if (at === 0) this.#serve()
  }

  #settle(waiter: Waiter): void {
    waiter.lineTimer.cancel()
    waiter.totalTimer.cancel()
    waiter.settle(this.#finish(waiter.request))
  }

  /** Serves the waiters that can be served, in their order. */
  #serve(): void {
    for (let [first] = this.#waiters; first && (this.#settled || first.overdue); [first] = this.#waiters) {
      this.#waiters.shift()
      this.#settle(first)
    }
  }

  /** Something came: serves who can be served, and gives the others their time for another line. */
  #advance(): void {
    this.#serve()
    for (const waiter of this.#waiters) {
      if (!waiter.request.waitForSentinel) continue
      waiter.lineTimer.cancel()
      waiter.lineTimer = this.#timers.setTimeout(() => this.#giveUp(waiter), LINE_WAIT_MS)
    }
  }

  get #ended(): boolean {
    return this.#sentinels.stdout > 0 && this.#sentinels.stderr > 0
  }

  /** Whether nothing more is to be waited for: the activation's end was seen, or nothing can come any more. */
  get #settled(): boolean {
    return this.#ended || (this.#streams.stdout.ended && this.#streams.stderr.ended)
  }

  #finish(request: LogRequest): CollectedLogs {
    const complete = this.#ended || !request.waitForSentinel
    const { lines, truncated } = this.#take(request)
    if (truncated) lines.push(this.#inject(messages.logsTruncated(request.limitBytes)))
    else if (!complete) lines.push(this.#inject(messages.logFailure))
    if (request.developerError) lines.push(this.#inject(messages.logWarningDeveloperError))
    return { lines, failed: truncated || !complete }
  }

  #inject(text: string): string {
    return logLine(this.#stamp(), 'stderr', text)
  }

  /** OpenWhisk: a log limit of 0 collects nothing. From here on neither lines nor sentinels are noted. */
  #skip(): CollectedLogs {
    this.expect(0)
    return { lines: [], failed: false }
  }

  /** Removes and formats the activation's entries: per stream up to its sentinel, or all of them. */
  #take(request: LogRequest): Taken {
    const done = { stdout: false, stderr: false }
    const rest: Entry[] = []
    const lines: string[] = []
    const exact = this.#mayExceed(request.limitBytes)
    let weight = 0
    let truncated = false
    for (const entry of this.#entries) {
      if (request.waitForSentinel && done[entry.stream]) {
        rest.push(entry)
        continue
      }
      if (entry.kind === 'sentinel') {
        done[entry.stream] = true
        this.#sentinels[entry.stream] -= 1
      }
      if (truncated) continue
      weight += exact ? recordWeight(entry.kind === 'sentinel' ? SENTINEL : entry.text) : 0
      if (weight > request.limitBytes || entry.kind === 'lost') truncated = true
      else if (entry.kind === 'line') lines.push(logLine(entry.at, entry.stream, entry.text))
    }
    this.#entries = rest
    this.#keptBytes = rest.length === 0 ? 0 : rest.reduce((sum, entry) => sum + entry.bytes, 0)
    return { lines, truncated }
  }

  /** False when even the heaviest encoding of what is there stays below the limit: then nothing needs weighing. */
  #mayExceed(limitBytes: number): boolean {
    return this.#keptBytes * MAX_WEIGHT_PER_BYTE > limitBytes
  }

  #split(state: StreamState, chunk: Buffer): void {
    let start = 0
    while (start < chunk.length) {
      const newline = chunk.indexOf(NEWLINE, start)
      const room = MAX_LINE_BYTES - state.partBytes
      const end = newline < 0 ? chunk.length : newline
      if (end - start >= room && newline !== start + room) {
        this.#piece(state, chunk.subarray(start, start + room))
        start += room
        continue
      }
      if (newline < 0) {
        state.parts.push(Buffer.from(chunk.subarray(start)))
        state.partBytes += chunk.length - start
        return
      }
      this.#line(state, this.#joined(state, chunk.subarray(start, newline)))
      start = newline + 1
    }
  }

  #joined(state: StreamState, last: Buffer): Buffer {
    return state.partBytes === 0 ? last : Buffer.concat([...state.parts, last])
  }

  /** A piece of a line that is too long for one record. */
  #piece(state: StreamState, last: Buffer): void {
    const bytes = this.#joined(state, last)
    this.#line(state, bytes)
    state.carry = bytes.toString('latin1', Math.max(0, bytes.length - SENTINEL.length))
  }

  #line(state: StreamState, bytes: Buffer): void {
    const { carry } = state
    state.parts = []
    state.partBytes = 0
    state.carry = ''
    if (bytes.includes(SENTINEL)) {
      this.#sentinel(state)
      return
    }
    if (carry !== '') {
      const at = (carry + bytes.toString('latin1', 0, SENTINEL.length)).indexOf(SENTINEL)
      if (at >= 0) {
        this.#straddling(state, carry.length - at)
        return
      }
    }
    if (this.#keepBytes === 0 && !this.#listener) return
    const text = bytes.toString('utf8', 0, bytes.length)
    this.#listener?.({ stream: state.name, line: text })
    this.#keep({ kind: 'line', stream: state.name, at: 0, text, bytes: bytes.length + RECORD_OVERHEAD })
  }

  /** Every line weighs at least what is counted here, so what is lost would have been cut off by the limit anyway. */
  #keep(entry: Entry): void {
    if (this.#keepBytes === 0) return
    // Each activation that is waited for may have its limit, and so may the one that runs.
    if (this.#keptBytes > this.#keepBytes * (this.#waiters.length + 1)) {
      if (this.#entries.at(-1)?.kind !== 'lost') this.#entries.push({ ...entry, kind: 'lost', text: '', bytes: 0 })
      return
    }
    this.#keptBytes += entry.bytes
    entry.at = this.#stamp()
    this.#entries.push(entry)
  }

  #sentinel(state: StreamState): void {
    if (this.#keepBytes === 0) return
    this.#sentinels[state.name] += 1
    this.#entries.push(sentinelOf(state.name))
  }

  /** A sentinel whose first `chars` ended the piece before: they are not the action's words. */
  #straddling(state: StreamState, chars: number): void {
    const before = this.#entries.findLast(entry => entry.stream === state.name)
    if (before?.kind === 'line') before.text = before.text.slice(0, -chars)
    this.#sentinel(state)
  }

  /** Never earlier than the line before; with the fraction of a millisecond that Docker's stamps have. */
  #stamp(): number {
    const now = this.#clock.now() + (performance.now() % 1)
    this.#lastAt = Math.max(now, this.#lastAt)
    return this.#lastAt
  }
}
