// Calls of backends that are no web actions: plain HTTP to wherever their URL says.

import type { ClientRequest, IncomingMessage, RequestOptions } from 'node:http'
import { Readable } from 'node:stream'
import type { WebActionRequest } from '../http/dispatch.ts'
import { ALREADY_SENT } from '../http/written.ts'

/** How long a backend may be silent. */
const READ_TIMEOUT_MS = 70_000
const BODY_MAX_BYTES = 5 * 1024 * 1024

type Send = (url: URL, options: RequestOptions, answered: (response: IncomingMessage) => void) => ClientRequest

const HOP_BY_HOP = new Set([
  'connection',
  'keep-alive',
  'transfer-encoding',
  'upgrade',
  'proxy-connection',
  'trailer',
  ALREADY_SENT,
])

/** Rejects when the backend cannot be reached or breaks off. */
export async function callOutside(url: string, request: WebActionRequest): Promise<Response> {
  const address = new URL(url)
  const { request: send }: { request: Send } =
    address.protocol === 'https:' ? await import('node:https') : await import('node:http')
  const body = request.body ? await request.body(BODY_MAX_BYTES) : undefined
  const headers: string[] = []
  for (let i = 0; i < request.rawHeaders.length; i += 2) {
    const name = request.rawHeaders[i] ?? ''
    const lower = name.toLowerCase()
    if (lower !== 'content-length' && !HOP_BY_HOP.has(lower)) headers.push(name, request.rawHeaders[i + 1] ?? '')
  }
  if (body) headers.push('Content-Length', String(body.length))
  return new Promise((resolve, reject) => {
    const outgoing = send(address, { method: request.method, headers, timeout: READ_TIMEOUT_MS }, response => {
      try {
        resolve(toResponse(response))
      } catch (error) {
        // A status that is none, say.
        response.destroy()
        reject(error)
      }
    })
    outgoing.once('upgrade', (_, socket) => {
      socket.destroy()
      reject(new Error(`${address.host} wants another protocol`))
    })
    outgoing.once('timeout', () => outgoing.destroy(new Error(`${address.host} did not answer in time`)))
    outgoing.once('error', reject)
    outgoing.end(body)
  })
}

function toResponse(incoming: IncomingMessage): Response {
  const headers = new Headers()
  for (let i = 0; i < incoming.rawHeaders.length; i += 2) {
    const name = incoming.rawHeaders[i] ?? ''
    if (!HOP_BY_HOP.has(name.toLowerCase())) headers.append(name, incoming.rawHeaders[i + 1] ?? '')
  }
  const status = incoming.statusCode ?? 502
  if (status === 204 || status === 205 || status === 304) {
    incoming.resume()
    return new Response(null, { status, headers })
  }
  return new Response(Readable.toWeb(incoming) as ReadableStream<Uint8Array>, { status, headers })
}
