// Writing the answers of web actions: header lines as they are given, and the two forms of error bodies.

import { stringify } from '../entity/json.ts'
import { ALREADY_SENT } from '../http/written.ts'
import { forbidsBody, type WebAnswer } from './response.ts'

export type HeaderLines = readonly (readonly [name: string, value: string])[]

const DROPPED = new Set([
  'content-length',
  'transfer-encoding',
  'trailer',
  'date',
  'server',
  'connection',
  ALREADY_SENT,
])
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
const PLAIN_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/

/**
 * A header of an action as it can be sent: ISO-8859-1. Undefined for those that the server sets itself, that are no
 * header, or that would break the message.
 */
function actionHeader(name: string, value: string): readonly [string, string] | undefined {
  if (DROPPED.has(name.toLowerCase()) || !HEADER_NAME.test(name) || /[\r\n]/.test(value)) return undefined
  return [name, toLatin1(value)]
}

/** OpenWhisk: characters beyond U+00FF keep their low byte; ours are shown as `?` where that is no printable one. */
function toLatin1(value: string): string {
  if (PLAIN_VALUE.test(value)) return value
  return value.replace(/[^\t\x20-\x7e\x80-\xff]/g, character => {
    const low = String.fromCharCode(character.charCodeAt(0) & 0xff)
    return PLAIN_VALUE.test(low) ? low : '?'
  })
}

/** Of responses in which a name is repeated: their Headers have merged what are lines of their own. */
const repeated = new WeakMap<Response, HeaderLines>()

/** The header lines of a response, where its Headers do not have them as they are to be sent. */
export const repeatedLines = (response: Response): HeaderLines | undefined => repeated.get(response)

function responseOf(status: number, lines: HeaderLines, body: string | Uint8Array<ArrayBuffer> | null): Response {
  const headers = toHeaders(lines)
  const response = new Response(body, { status, headers })
  if (headers instanceof Headers) repeated.set(response, lines)
  return response
}

/** A Headers object only where names are repeated. */
function toHeaders(lines: HeaderLines): Record<string, string> | Headers {
  const record: Record<string, string> = {}
  const seen = new Set<string>()
  for (const [name, value] of lines) {
    const lower = name.toLowerCase()
    if (seen.has(lower)) {
      const headers = new Headers()
      for (const [n, v] of lines) headers.append(n, v)
      return headers
    }
    seen.add(lower)
    record[name] = value
  }
  return record
}

const lengthOf = (body: string | Uint8Array): number =>
  typeof body === 'string' ? Buffer.byteLength(body) : body.byteLength

/** A Response with these lines; HEAD gets the headers of the body it does not get. */
export function respond(
  method: string,
  status: number,
  lines: HeaderLines,
  entity?: { contentType: string; body: string | Uint8Array<ArrayBuffer> },
): Response {
  if (!entity || forbidsBody(status)) {
    const empty: HeaderLines = forbidsBody(status) ? lines : [...lines, ['Content-Length', '0']]
    return responseOf(status, empty, null)
  }
  const all: [string, string][] = [
    ...lines.map(([n, v]): [string, string] => [n, v]),
    ['Content-Type', toLatin1(entity.contentType)],
  ]
  if (method === 'HEAD') {
    return responseOf(status, [...all, ['Content-Length', String(lengthOf(entity.body))]], null)
  }
  return responseOf(status, all, entity.body)
}

/** What an action answered. */
export function respondWith(method: string, answer: WebAnswer, lines: HeaderLines): Response {
  if (answer.headers.length === 0) return respond(method, answer.status, lines, answer.entity)
  const own = answer.headers.flatMap(([name, value]) => {
    const header = actionHeader(name, value)
    return header ? [header] : []
  })
  return respond(method, answer.status, [...lines, ...own], answer.entity)
}

/** `{ code, error }`: on four lines, or compact from where the reference rejects a request. */
export function errorBody(transid: string, error: string, form: 'pretty' | 'compact'): string {
  return form === 'compact'
    ? stringify({ code: transid, error })
    : `{\n  "code": ${JSON.stringify(transid)},\n  "error": ${JSON.stringify(error)}\n}`
}
