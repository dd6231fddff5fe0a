// Sockets: one port on several addresses, the refusals of the protocol itself, and closing without cutting answers off.

import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Duplex } from 'node:stream'
import { illegalTarget } from './http/target.ts'
import { messages } from './messages.ts'

/**
 * The reference's limits of a request, before any route sees it. Differs from OpenWhisk: a single chunk of a body may be
 * of any size.
 */
const MAX_BODY_BYTES = 52_428_800
const MAX_URI_LENGTH = 8192
/** The last of them is refused already. */
const MAX_HEADERS = 64
const MAX_HEADER_NAME = 64
const MAX_HEADER_VALUE = 8192
const METHODS = new Set(['GET', 'DELETE', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE'])

/** Longer than the pools of common clients and proxies keep a connection, so that it is never us who closes first. */
const KEEP_ALIVE_MS = 75_000
/** Room for what is within the limits above. */
const MAX_HEADER_BYTES = MAX_URI_LENGTH + MAX_HEADERS * (MAX_HEADER_NAME + MAX_HEADER_VALUE)

export interface Certificate {
  cert: string
  key: string
}

export interface ListenOptions {
  hosts: readonly string[]
  /** Hosts that may be missing on this machine (`::1` where IPv6 is off). */
  optionalHosts?: readonly string[]
  /** 0: any free one, the same on all hosts. */
  port: number
  tls?: Certificate
  handler: RequestListener
}

export interface Listener {
  readonly port: number
  readonly addresses: readonly string[]
  /** Listens on one more address; false when it cannot be had. */
  add(host: string): Promise<boolean>
  /** Accepts nothing more; answers under way may finish until shortly after `until` has settled, then they are cut. */
  close(until: Promise<unknown>): Promise<void>
}

/** The port is in use on one of the addresses. */
export class PortTaken extends Error {
  readonly port: number

  constructor(port: number, host: string) {
    super(`port ${port} on ${host} is in use`)
    this.port = port
  }
}

/** Fails with PortTaken, or with the system's error for an address that is not this machine's. */
export async function listen(options: ListenOptions): Promise<Listener> {
  const attempts = options.port === 0 ? 20 : 1
  for (let attempt = 1; ; attempt++) {
    try {
      return await listenOnce(options)
    } catch (error) {
      // A free port on the first address may be taken on the second.
      if (!(error instanceof PortTaken) || attempt === attempts) throw error
    }
  }
}

async function listenOnce(options: ListenOptions): Promise<Listener> {
  const servers: Server[] = []
  const addresses: string[] = []
  let port = options.port
  const closing = { value: false }
  const open = async (host: string) => {
    const server = await createServer(options, closing)
    const address = await bind(server, host, port)
    servers.push(server)
    addresses.push(address.address)
    port = address.port
  }
  try {
    for (const host of options.hosts) {
      try {
        await open(host)
      } catch (error) {
        if (error instanceof PortTaken || !options.optionalHosts?.includes(host)) throw error
      }
    }
  } catch (error) {
    for (const server of servers) server.close()
    throw error
  }
  return {
    port,
    addresses,
    add: host =>
      open(host).then(
        () => true,
        () => false,
      ),
    async close(until) {
      closing.value = true
      await Promise.all(servers.map(server => closeServer(server, until)))
    },
  }
}

async function createServer({ tls, handler }: ListenOptions, closing: { value: boolean }): Promise<Server> {
  const settings = {
    keepAliveTimeout: KEEP_ALIVE_MS,
    headersTimeout: KEEP_ALIVE_MS + 5000,
    maxHeaderSize: MAX_HEADER_BYTES,
    // A request without one is refused in the reference's words.
    requireHostHeader: false,
  }
  const listener: RequestListener = (request, response) => {
    if (closing.value) response.setHeader('Connection', 'close')
    if (!refused(request, response)) handler(request, response)
  }
  const server = tls
    ? (await import('node:https')).createServer({ ...settings, ...tls }, listener)
    : http.createServer(settings, listener)
  server.on('clientError', refuseUnreadable)
  server.on('connect', (_, socket) => writeRefusal(socket, [400, 'CONNECT requests are not supported']))
  return server
}

function bind(server: Server, host: string, port: number): Promise<AddressInfo> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      reject(error.code === 'EADDRINUSE' ? new PortTaken(port, host) : error)
    })
    server.listen({ host, port, ipv6Only: host.includes(':') && host !== '::' }, () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error(`no address for ${host}`))
      else resolve(address)
    })
  })
}

type Refusal = readonly [status: number, text: string]

const UNKNOWN_METHOD: Refusal = [501, 'Unsupported HTTP method']
const UNKNOWN_VERSION: Refusal = [505, 'The server does not support the HTTP protocol version used in the request.']
const VALUE_TOO_LONG: Refusal = [
  431,
  `HTTP header value exceeds the configured limit of ${MAX_HEADER_VALUE} characters`,
]
const TEXT_TYPE = 'text/plain; charset=UTF-8'

/** OpenWhisk: refusals of the HTTP layer are plain text, without envelope and transaction id. */
function refused(request: IncomingMessage, response: ServerResponse): boolean {
  const refusal = refusalOf(request)
  if (!refusal) return false
  const [status, text] = refusal
  // The rest of the body is not read, so the connection cannot be used again.
  response.writeHead(status, { 'Content-Type': TEXT_TYPE, Connection: 'close' }).end(text)
  return true
}

function refusalOf(request: IncomingMessage): Refusal | undefined {
  const { method = '', url = '', headers } = request
  if (!METHODS.has(method)) return UNKNOWN_METHOD
  if (url.length > MAX_URI_LENGTH) {
    return [414, `URI length exceeds the configured limit of ${MAX_URI_LENGTH} characters`]
  }
  const illegal = url.includes('%') ? illegalTarget(url) : undefined
  if (illegal !== undefined) return [400, illegal]
  if (request.httpVersionMajor !== 1) return UNKNOWN_VERSION
  const refusal = headersRefusal(request.rawHeaders)
  if (refusal) return refusal
  if (headers.host === undefined && request.httpVersionMinor > 0) {
    return [400, 'Request is missing required `Host` header']
  }
  const length = Number(headers['content-length'] ?? 0)
  if (method === 'HEAD' && (length > 0 || headers['transfer-encoding'] !== undefined)) {
    return [422, 'HEAD requests must not have an entity']
  }
  return length > MAX_BODY_BYTES ? [400, 'Request too large'] : undefined
}

/** The first line that is one too many, or too long. */
function headersRefusal(rawHeaders: readonly string[]): Refusal | undefined {
  let host = false
  for (let at = 0; at < rawHeaders.length; at += 2) {
    const name = rawHeaders[at] ?? ''
    if (at / 2 + 1 === MAX_HEADERS) {
      return [400, `HTTP message contains more than the configured limit of ${MAX_HEADERS} headers`]
    }
    if (name.length > MAX_HEADER_NAME) {
      return [431, `HTTP header name exceeds the configured limit of ${MAX_HEADER_NAME} characters`]
    }
    if ((rawHeaders[at + 1] ?? '').length > MAX_HEADER_VALUE) return VALUE_TOO_LONG
    if (name.length !== 4 || name.toLowerCase() !== 'host') continue
    if (host) return [400, 'HTTP message must not contain more than one Host header']
    host = true
  }
  return undefined
}

/** What Node.js says of bytes that are no HTTP. */
interface ParseError extends NodeJS.ErrnoException {
  rawPacket?: Buffer
  bytesParsed?: number
}

/** Undefined for what is wrong with the connection itself, where there is nobody to tell. */
function unreadable({ code = '', rawPacket, bytesParsed = -1 }: ParseError): Refusal | undefined {
  const byte = rawPacket?.[bytesParsed]
  const character = byte === undefined ? '' : JSON.stringify(String.fromCharCode(byte)).slice(1, -1)
  switch (code) {
    case 'HPE_INVALID_METHOD':
      return UNKNOWN_METHOD
    case 'HPE_INVALID_URL':
      // Differs from OpenWhisk, which goes on with all that it expected there, and with the column.
      return [400, messages.illegalTarget(`Invalid input '${character}'`)]
    case 'HPE_INVALID_CONSTANT':
    case 'HPE_INVALID_VERSION':
      return UNKNOWN_VERSION
    case 'HPE_HEADER_OVERFLOW':
      return VALUE_TOO_LONG
    case 'HPE_INVALID_CHUNK_SIZE':
      return [400, `Illegal character '${character}' in chunk start`]
    // From here on as Node.js does without a listener.
    case 'HPE_CHUNK_EXTENSIONS_OVERFLOW':
      return [413, '']
    case 'ERR_HTTP_REQUEST_TIMEOUT':
      return [408, '']
    default:
      return code.startsWith('HPE_') ? [400, ''] : undefined
  }
}

function refuseUnreadable(error: ParseError, socket: Duplex): void {
  const refusal = unreadable(error)
  // As Node.js does without a listener: nothing goes into an answer that has begun.
  const { _httpMessage: answer } = socket as { _httpMessage?: ServerResponse | null }
  if (refusal && socket.writable && !answer?.headersSent) writeRefusal(socket, refusal)
  else socket.destroy()
}

function writeRefusal(socket: Duplex, [status, text]: Refusal): void {
  const head = [`HTTP/1.1 ${status} ${http.STATUS_CODES[status]}`, 'Connection: close']
  if (text !== '') head.push(`Content-Type: ${TEXT_TYPE}`)
  head.push(`Content-Length: ${Buffer.byteLength(text)}`)
  // Nobody else listens any more for what a client does that is gone by now.
  socket.on('error', () => {})
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`, () => socket.destroy())
}

const SWEEP_MS = 20
/** For answers that were decided when the wait ended, and are being written. */
const GRACE_MS = 250

function closeServer(server: Server, until: Promise<unknown>): Promise<void> {
  return new Promise(resolve => {
    let cut: NodeJS.Timeout | undefined
    const sweep = setInterval(() => server.closeIdleConnections(), SWEEP_MS)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(cut)
      resolve()
    })
    server.closeIdleConnections()
    const onSettled = () => {
      cut = setTimeout(() => server.closeAllConnections(), GRACE_MS).unref()
    }
    until.then(onSettled, onSettled)
  })
}
