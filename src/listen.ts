// Sockets: one port on several addresses, the refusals of the protocol itself, and closing without cutting answers off.

import http, { type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { illegalTarget } from './http/target.ts'

/** The reference's limits of a request, before any route sees it. */
const MAX_BODY_BYTES = 52_428_800
const MAX_URI_LENGTH = 8192
const METHODS = new Set(['GET', 'DELETE', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'PATCH', 'TRACE', 'CONNECT'])

/** Longer than the pools of common clients and proxies keep a connection, so that it is never us who closes first. */
const KEEP_ALIVE_MS = 75_000
const MAX_HEADER_BYTES = 65_536

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
  }
  const listener: RequestListener = (request, response) => {
    if (closing.value) response.setHeader('Connection', 'close')
    if (!refused(request, response)) handler(request, response)
  }
  if (!tls) return http.createServer(settings, listener)
  const https = await import('node:https')
  return https.createServer({ ...settings, ...tls }, listener)
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

/** OpenWhisk: refusals of the HTTP layer are plain text, without envelope and transaction id. */
function refused(request: IncomingMessage, response: ServerResponse): boolean {
  const refusal = refusalOf(request)
  if (!refusal) return false
  const [status, text] = refusal
  // The rest of the body is not read, so the connection cannot be used again.
  response.writeHead(status, { 'Content-Type': 'text/plain; charset=UTF-8', Connection: 'close' }).end(text)
  return true
}

function refusalOf(request: IncomingMessage): [status: number, text: string] | undefined {
  const { method = '', url = '' } = request
  if (!METHODS.has(method)) return [501, 'Unsupported HTTP method']
  if (url.length > MAX_URI_LENGTH) {
    return [414, `URI length exceeds the configured limit of ${MAX_URI_LENGTH} characters`]
  }
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) return [400, 'Request too large']
  const illegal = url.includes('%') ? illegalTarget(url) : undefined
  return illegal === undefined ? undefined : [400, illegal]
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
