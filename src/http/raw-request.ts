// Requests as they came over the wire: header lines, and bodies that a GET may have too. For parts that pass them on.

import type { IncomingMessage, ServerResponse } from 'node:http'
import type { Context } from 'hono'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { BodyReader } from './dispatch.ts'
import type { Env } from './env.ts'

/** What the reference's server takes of any body. */
const SERVER_MAX_BYTES = 50 * 1024 * 1024

const tooLarge = (actual: number, limit: number): WhiskError =>
  new WhiskError('tooLarge', messages.requestTooLarge(actual, limit))

/** What `@hono/node-server` puts beside the request; nothing where tests call routes without a server. */
export const incomingOf = (c: Context<Env>): IncomingMessage | undefined =>
  (c.env as { incoming?: IncomingMessage } | undefined)?.incoming

/** Where the answer goes, where there is a socket. */
export const outgoingOf = (c: Context<Env>): ServerResponse | undefined =>
  (c.env as { outgoing?: ServerResponse } | undefined)?.outgoing

/**
 * A header by its lower-case name; without the Headers object that the request would make of all of them. Of several
 * lines of a header that may be there once only (`Host`, `Authorization`, `Content-Type`) it is the first; browsers send
 * one.
 */
export const headerOf = (c: Context<Env>, name: string): string | undefined => {
  const incoming = incomingOf(c)
  return incoming ? (incoming.headers[name] as string | undefined) : c.req.header(name)
}

/** Names and values in turn, one pair a line. */
export const rawHeadersOf = (c: Context<Env>): readonly string[] =>
  incomingOf(c)?.rawHeaders ?? [...c.req.raw.headers].flat()

/** Undefined when the request announces no body. */
export function bodyOf(c: Context<Env>): BodyReader | undefined {
  const incoming = incomingOf(c)
  return incoming ? incomingBody(incoming) : requestBody(c.req.raw)
}

function incomingBody(incoming: IncomingMessage): BodyReader | undefined {
  const declared = incoming.headers['content-length']
  if (declared === '0' || (declared === undefined && incoming.headers['transfer-encoding'] === undefined)) {
    return undefined
  }
  return limit => {
    if (declared !== undefined && Number(declared) > SERVER_MAX_BYTES) {
      throw new WhiskError('badRequest', messages.requestBeyondServer, { rejection: true })
    }
    if (declared !== undefined && Number(declared) > limit) throw tooLarge(Number(declared), limit)
    return readBytes(incoming, declared === undefined ? undefined : Number(declared), limit)
  }
}

/**
 * All bytes of a body: those that were announced as soon as they are there, else up to its end. Rejects with WhiskError
 * `tooLarge` beyond the limit, and when the client breaks off. Once for a request, before anything else reads it.
 */
export function readBytes(incoming: IncomingMessage, announced: number | undefined, limit: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const brokenOff = () => reject(new Error('the connection was closed within the body'))
    if (incoming.destroyed) {
      brokenOff()
      return
    }
    const chunks: Buffer[] = []
    let size = 0
    let complete = false
    const finish = () => {
      if (complete) return
      complete = true
      if (size > limit) reject(tooLarge(size, limit))
      else resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks))
    }
    incoming.on('data', (chunk: Buffer) => {
      size += chunk.length
      // What is too much is counted on, for the message, but not kept.
      if (size <= limit) chunks.push(chunk)
      if (size === announced) finish()
    })
    incoming.once('end', finish)
    incoming.once('error', reject)
    incoming.once('close', () => {
      if (!complete) brokenOff()
    })
  })
}

function requestBody(request: Request): BodyReader | undefined {
  if (request.body === null) return undefined
  return async limit => {
    const bytes = new Uint8Array(await request.arrayBuffer())
    if (bytes.length > limit) throw tooLarge(bytes.length, limit)
    return bytes
  }
}

/** The first line of a header (its name in lower case). */
export function firstHeader(rawHeaders: readonly string[], name: string): string | undefined {
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const given = rawHeaders[i]
    if (given !== undefined && given.length === name.length && given.toLowerCase() === name) return rawHeaders[i + 1]
  }
  return undefined
}

/** All lines of a header that is a list, as one (its name in lower case). */
export function joinedHeader(rawHeaders: readonly string[], name: string): string | undefined {
  let joined: string | undefined
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const given = rawHeaders[i]
    if (given === undefined || given.length !== name.length || given.toLowerCase() !== name) continue
    joined = joined === undefined ? rawHeaders[i + 1] : `${joined}, ${rawHeaders[i + 1]}`
  }
  return joined
}
