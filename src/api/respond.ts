// The answers that handlers complete: JSON or text with the headers all of them carry.
// Error bodies are none of this: handlers throw, and one place writes them.

import type { Context } from 'hono'
import { type JsonValue, stringify } from '../entity/json.ts'
import { WhiskError } from '../errors.ts'
import { API_CORS } from '../http/cors.ts'
import type { Env } from '../http/env.ts'
import { headerOf, outgoingOf } from '../http/raw-request.ts'
import { alreadyWritten } from '../http/written.ts'
import { messages } from '../messages.ts'

const JSON_TYPE = 'application/json'
const TEXT_TYPE = 'text/plain; charset=UTF-8'

/** True when a header `Accept` admits a media type; one that cannot be understood admits all. */
export function accepts(header: string, type: string): boolean {
  const [wantedMain, wantedSub] = type.split('/')
  let best = -1
  let specificity = -1
  for (const range of header.split(',')) {
    const [media = '', ...parameters] = range.split(';')
    const [main, sub] = media.trim().toLowerCase().split('/')
    if (main === undefined || sub === undefined) return true
    const rank = main === '*' ? 0 : main !== wantedMain ? -1 : sub === '*' ? 1 : sub === wantedSub ? 2 : -1
    if (rank < 0 || rank < specificity) continue
    const quality = parameters.map(parameter => /^\s*q\s*=\s*([\d.]+)\s*$/i.exec(parameter)?.[1]).find(Boolean)
    specificity = rank
    best = quality === undefined ? 1 : Number(quality)
  }
  return best > 0
}

/** Fails with WhiskError `notAcceptable`. OpenWhisk: only successes are negotiated, after the work is done. */
function negotiate(c: Context<Env>): void {
  const header = headerOf(c, 'accept')
  if (header === undefined || header === '*/*' || header === JSON_TYPE || accepts(header, JSON_TYPE)) return
  throw new WhiskError('notAcceptable', messages.notAcceptable(JSON_TYPE), { rejection: true })
}

/** Names and values in turn: Node.js takes them as they are. */
type HeaderList = readonly string[]

const CORS_LIST: HeaderList = Object.entries(API_CORS).flat()

/**
 * Writes straight to the socket's response where there is one: a Response with its headers and its stream would cost
 * more than all the rest of a request. In process, and in tests, a Response it is.
 */
function send(c: Context<Env>, status: number, type: string, text: string, more?: HeaderList): Response {
  const headers = ['Content-Type', type, 'X-Request-ID', c.get('transid'), ...CORS_LIST]
  if (more !== undefined) headers.push(...more)
  const outgoing = outgoingOf(c)
  if (outgoing === undefined) return new Response(text, { status, headers: pairs(headers) })
  const length = Buffer.byteLength(text)
  headers.push('Content-Length', String(length))
  outgoing.writeHead(status, headers)
  // Text that has a byte for each character is its own encoding, and needs no other.
  outgoing.end(text, length === text.length ? 'latin1' : 'utf8')
  return alreadyWritten(status)
}

function pairs(list: HeaderList): [string, string][] {
  return list.flatMap((name, at) => (at % 2 === 0 ? [[name, list[at + 1] ?? '']] : []))
}

/** A response with compact JSON text; fails with WhiskError `notAcceptable` when a 2xx is not wanted as JSON. */
export function json(c: Context<Env>, text: string, status = 200, headers?: HeaderList): Response {
  if (status < 300) negotiate(c)
  return send(c, status, JSON_TYPE, text, headers)
}

/** The plain `OK` that `OPTIONS` and a rule's status change answer. */
export function ok(c: Context<Env>): Response {
  return send(c, 200, TEXT_TYPE, 'OK')
}

/** 204, for a trigger that nothing listens to. */
export function nothing(c: Context<Env>): Response {
  return new Response(null, { status: 204, headers: { 'X-Request-ID': c.get('transid'), ...API_CORS } })
}

/** Longer texts are made anew each time: keeping the code of large actions twice would cost more than it saves. */
const MAX_KEPT_TEXT = 256 * 1024

/** Serialises entities, each object once: the store gives the same one while nothing changes. */
export function textOf<T extends object>(show: (entity: T) => JsonValue): (entity: T) => string {
  const texts = new WeakMap<T, string>()
  return entity => {
    let text = texts.get(entity)
    if (text === undefined) {
      text = stringify(show(entity))
      if (text.length <= MAX_KEPT_TEXT) texts.set(entity, text)
    }
    return text
  }
}
