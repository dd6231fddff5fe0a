// One keep-alive HTTP/1.1 connection to a runtime proxy, carrying one POST of ready JSON at a time.
// A runtime's answer is a status, a Content-Length and a body, nothing else counts; so this speaks just that, over a
// bare socket. Measured against undici and node:http in test/bench/transport.mjs: fewer microseconds a call than
// either, and nothing to load at start-up.

import { connect, type Socket } from 'node:net'

/** Where a runtime proxy listens. */
export type RuntimeAddress = { socketPath: string } | { host: string; port: number }

export interface ResponseLimits {
  maxResponseBytes: number
  truncationBytes: number
}

export type PostOutcome =
  | { type: 'response'; status: number; body: string; truncatedFrom?: number }
  /** `refused`: nobody listens there. `bodiless`: an answer came, but none that says how long it is. */
  | { type: 'failed'; refused: boolean; bodiless: boolean; beforeResponse: boolean; detail: string }

const REFUSALS = new Set(['ECONNREFUSED', 'ENOENT', 'EHOSTUNREACH', 'ENETUNREACH', 'EHOSTDOWN', 'ETIMEDOUT'])
const HEAD_END = Buffer.from('\r\n\r\n')
const MAX_HEAD_BYTES = 64 * 1024

/** One buffer for the reads of all connections: a read is handed on before the next one starts. */
const readBuffer = Buffer.allocUnsafeSlow(64 * 1024)

interface Head {
  status: number
  /** Undefined when the answer does not say. */
  length: number | undefined
  keepAlive: boolean
}

const parseHead = (text: string): Head | undefined => {
  const match = /^HTTP\/1\.([01]) (\d{3})/.exec(text)
  if (!match) return undefined
  const length = /\r\ncontent-length: *(\d+)/i.exec(text)
  const keepAlive = match[1] === '1' ? !/\r\nconnection: *close/i.test(text) : /\r\nconnection: *keep-alive/i.test(text)
  return { status: Number(match[2]), length: length ? Number(length[1]) : undefined, keepAlive }
}

/** A connection is `free` until `post`, then busy until the outcome; once `dead` it is of no more use. */
export class Connection {
  /** When it was last used, by the monotonic clock in milliseconds. */
  idleSince = 0
  dead = false
  readonly #socket: Socket
  readonly #host: string
  #done: ((outcome: PostOutcome) => void) | undefined
  #limits: ResponseLimits = { maxResponseBytes: 0, truncationBytes: 0 }
  #parts: Buffer[] = []
  #received = 0
  #head: Head | undefined
  #bodyStart = 0
  #detail = ''
  #refused = false

  constructor(address: RuntimeAddress) {
    const onread = {
      buffer: readBuffer,
      callback: (bytes: number, buffer: Uint8Array) => {
        this.#read(Buffer.from(buffer.buffer, buffer.byteOffset, bytes))
        return true
      },
    }
    this.#host = 'socketPath' in address ? 'localhost' : address.host
    this.#socket =
      'socketPath' in address
        ? connect({ path: address.socketPath, onread })
        : connect({ host: address.host, port: address.port, noDelay: true, onread })
    this.#socket.on('error', (error: NodeJS.ErrnoException) => {
      this.#detail = error.message
      this.#refused = error.syscall === 'connect' && REFUSALS.has(error.code ?? '')
    })
    this.#socket.on('end', () => this.#end('the connection was closed'))
    this.#socket.on('close', () => this.#end(this.#detail || 'the connection was closed'))
  }

  /** Sends `body`, a JSON text. `done` is called exactly once, unless `destroy` comes first. */
  post(path: string, body: string, limits: ResponseLimits, done: (outcome: PostOutcome) => void): void {
    this.#done = done
    this.#limits = limits
    const length = Buffer.byteLength(body)
    const head = `POST ${path} HTTP/1.1\r\nHost: ${this.#host}\r\nContent-Type: application/json\r\nAccept: application/json\r\nContent-Length: ${length}\r\n\r\n`
    // Text that has a byte for each character is its own encoding.
    this.#socket.write(head + body, length === body.length ? 'latin1' : 'utf8')
  }

  /** Closes it at once; a call in progress gets no outcome. */
  destroy(): void {
    this.dead = true
    this.#done = undefined
    this.#parts = []
    this.#socket.destroy()
  }

  #end(detail: string): void {
    if (this.dead) return
    this.dead = true
    const refused = this.#refused
    this.#settle({ type: 'failed', refused, bodiless: false, beforeResponse: this.#received === 0, detail })
    this.#socket.destroy()
  }

  #settle(outcome: PostOutcome): void {
    const done = this.#done
    this.#done = undefined
    this.#parts = []
    this.#received = 0
    this.#head = undefined
    done?.(outcome)
  }

  #fail(detail: string, bodiless: boolean): void {
    this.dead = true
    this.#settle({ type: 'failed', refused: false, bodiless, beforeResponse: false, detail })
    this.#socket.destroy()
  }

  /** `chunk` is only valid during the call. */
  #read(chunk: Buffer): void {
    if (!this.#done) {
      this.#end('data came unasked')
      return
    }
    const first = this.#received === 0
    this.#received += chunk.length
    const data = first ? chunk : this.#head ? undefined : Buffer.concat([...this.#parts, chunk])
    if (data) {
      if (!this.#readHead(data)) {
        if (this.dead) return
        if (data.length > MAX_HEAD_BYTES) {
          this.#fail('the head of the answer is too long', false)
          return
        }
        this.#parts = [Buffer.from(data)]
        return
      }
      if (this.#finish(data)) return
      this.#parts = [Buffer.from(data)]
      return
    }
    this.#parts.push(Buffer.from(chunk))
    this.#finish(undefined)
  }

  /** Returns whether the whole head is there and usable. */
  #readHead(data: Buffer): boolean {
    let start = 0
    for (;;) {
      const at = data.indexOf(HEAD_END, start)
      if (at < 0) return false
      const head = parseHead(data.toString('latin1', start, at))
      if (!head) {
        this.#fail('the answer is not HTTP', false)
        return false
      }
      start = at + HEAD_END.length
      if (head.status >= 100 && head.status < 200) continue
      if (head.length === undefined || head.status === 204 || head.status === 304) {
        this.#fail('the answer has no Content-Length', true)
        return false
      }
      this.#head = head
      this.#bodyStart = start
      return true
    }
  }

  /** Settles when the body is complete, or as much of it as is wanted. `data`: all that was received, when at hand. */
  #finish(data: Buffer | undefined): boolean {
    const head = this.#head
    if (head?.length === undefined) return false
    const { maxResponseBytes, truncationBytes } = this.#limits
    const truncated = head.length > maxResponseBytes
    const wanted = truncated ? Math.min(truncationBytes, head.length) : head.length
    if (this.#received - this.#bodyStart < wanted) return false
    const all = data ?? Buffer.concat(this.#parts)
    const body = all.toString('utf8', this.#bodyStart, this.#bodyStart + wanted)
    const surplus = this.#received - this.#bodyStart > head.length
    if (truncated || surplus || !head.keepAlive) {
      this.dead = true
      this.#socket.destroy()
    }
    this.#settle(
      truncated
        ? { type: 'response', status: head.status, body, truncatedFrom: head.length }
        : { type: 'response', status: head.status, body },
    )
    return true
  }
}
