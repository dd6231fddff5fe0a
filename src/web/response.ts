// From an activation's outcome to an HTTP answer.
//
// What an extension takes of a result, and what it makes of it:
//
//   .json   the whole result, an object or array            → application/json, always 200
//   .text   its `body`, else its `text`                     → text/plain, always 200; anything prints; 404 without both
//   .html   its `body`, else its `html`, a string           → text/html, always 200
//   .svg    its `body`, else its `svg`, a string            → image/svg+xml, always 200
//   .http   `statusCode`, `headers` and `body`              → what they say; no extension means this one
//
// The result of an application error is what its `error` holds, taken as if the action had returned it: an action can
// thus answer 404 by failing with `{ error: { statusCode: 404, body } }`, and `{ error: "text" }` is no valid .json.
// A result that is no object has no members to pick: .json and .text take it whole, the others refuse it. Developer and
// platform errors show nothing of themselves: 400 with one sentence, the rest is in the activation record.
//
// .http in detail. An empty body (absent, null, "") sends no entity and no Content-Type, even when the action named one;
// its default status is 204, else 200. A body that is no string is JSON and needs a JSON type or none. A string takes the
// type of the action's header, text/html without one, and then:
//   - text that is no JSON: sent as UTF-8, whatever charset the action named;
//   - JSON: decoded when all of it happens to be base64, else sent as it is, unchecked (so `"true"` gets mangled);
//   - binary, unregistered types included: must be base64, and its bytes are sent. So `image/svg+xml` and
//     `text/javascript` need base64 here, unless (unregistered ones only) the action names a charset.
// Statuses that forbid a body lose it quietly, together with its type.
//
// `Accept` never chooses a format: it only refuses (406), after the action ran, what came out with a 2xx or 3xx status
// and a body. What a status then drops, and the empty text of .text, .html and .svg, count as bodies there.

import type { ActivationResponse } from '../entity/activation.ts'
import {
  isJsonArray,
  isJsonObject,
  JsonNumber,
  type JsonObject,
  type JsonValue,
  numberOf,
  stringify,
} from '../entity/json.ts'
import { messages } from '../messages.ts'
import {
  accepts,
  type ContentType,
  isJsonType,
  negotiateCharset,
  parseContentType,
  renderContentType,
} from './media.ts'
import { prettyJson } from './pretty-json.ts'
import type { Extension } from './url.ts'

export interface WebEntity {
  /** As sent: with its charset. */
  readonly contentType: string
  /** `main/sub`, for `Accept`. */
  readonly mediaType: string
  readonly body: string | Uint8Array<ArrayBuffer>
  /** True for text, which `Accept-Charset` may refuse. */
  readonly utf8: boolean
  /** True where the charset is still open: only .text. */
  readonly convertible?: boolean
}

export interface WebAnswer {
  readonly status: number
  /** Headers of the action, one entry a line. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  readonly entity?: WebEntity
}

/** What the platform says instead of the action. */
export interface WebRefusal {
  readonly status: 400 | 404
  readonly refusal: string
}

const refuse = (refusal: string, status: 400 | 404 = 400): WebRefusal => ({ status, refusal })

const JSON_TYPE = 'application/json'

const jsonEntity = (value: JsonValue, type = JSON_TYPE): WebEntity => ({
  contentType: type,
  mediaType: type,
  body: prettyJson(value),
  utf8: true,
})

const utf8Entity = (type: string, body: string): WebEntity => ({
  contentType: `${type}; charset=UTF-8`,
  mediaType: type,
  body,
  utf8: true,
})

const ok = (entity: WebEntity): WebAnswer => ({ status: 200, headers: [], entity })

/** The member that .text, .html and .svg take: `body` where there is one, be it null, else the one of their name. */
function projection(result: JsonValue, name: string): JsonValue | undefined {
  if (!isJsonObject(result)) return result
  return Object.hasOwn(result, 'body') ? result.body : Object.hasOwn(result, name) ? result[name] : undefined
}

function asJson(result: JsonValue): WebAnswer | WebRefusal {
  return isJsonObject(result) || isJsonArray(result)
    ? ok(jsonEntity(result))
    : refuse(messages.invalidMedia('application/json'))
}

function asText(result: JsonValue): WebAnswer | WebRefusal {
  const value = projection(result, 'text')
  if (value === undefined) return refuse(messages.propertyNotFound, 404)
  const text =
    typeof value === 'string' ? value : isJsonObject(value) || isJsonArray(value) ? prettyJson(value) : stringify(value)
  return ok({ ...utf8Entity('text/plain', text), convertible: true })
}

function asHtml(result: JsonValue): WebAnswer | WebRefusal {
  const html = projection(result, 'html')
  return typeof html === 'string' ? ok(utf8Entity('text/html', html)) : refuse(messages.invalidMedia('text/html'))
}

function asSvg(result: JsonValue): WebAnswer | WebRefusal {
  const svg = projection(result, 'svg')
  if (typeof svg !== 'string') return refuse(messages.invalidMedia('image/svg+xml'))
  return ok({ contentType: 'image/svg+xml', mediaType: 'image/svg+xml', body: svg, utf8: false })
}

/** A status from 200 to 599, as an integer or its text; undefined for anything else. */
function statusOf(value: JsonValue): number | undefined {
  const code = typeof value === 'string' ? (/^[+-]?\d+$/.test(value) ? Number(value) : undefined) : numberOf(value)
  // Differs from OpenWhisk, which takes 1xx too: those are no answers, and the client would go on waiting for one.
  return code !== undefined && Number.isInteger(code) && code >= 200 && code <= 599 ? code : undefined
}

/** The texts of one header value, one a line; undefined when there is an object or null in it. */
function headerTexts(value: JsonValue): string[] | undefined {
  if (typeof value === 'string') return [value]
  if (typeof value === 'boolean' || typeof value === 'number' || value instanceof JsonNumber) return [stringify(value)]
  if (!isJsonArray(value)) return undefined
  const texts: string[] = []
  for (const item of value) {
    const nested = headerTexts(item)
    if (!nested) return undefined
    texts.push(...nested)
  }
  return texts
}

/** In ascending order of names; undefined when `headers` is no object or a value is none of the allowed kinds. */
function headerLines(headers: JsonValue | undefined): [string, string][] | undefined {
  if (headers === undefined) return []
  if (!isJsonObject(headers)) return undefined
  const lines: [string, string][] = []
  for (const name of Object.keys(headers).sort()) {
    const texts = headerTexts(headers[name] ?? null)
    if (!texts) return undefined
    for (const text of texts) lines.push([name, text])
  }
  return lines
}

/** Whether a text is standard base64, and how it ends; linear, since bodies are large. */
function base64Form(text: string): 'padded' | 'unpadded' | undefined {
  const padding = /^[A-Za-z0-9+/]*(={0,2})$/.exec(text)?.[1]
  if (padding === undefined) return undefined
  const rest = (text.length - padding.length) % 4
  if (padding === '') return rest === 0 ? 'padded' : rest === 1 ? undefined : 'unpadded'
  return rest === 4 - padding.length ? 'padded' : undefined
}

/** The bytes of strict base64, whose padding may be missing; undefined for anything else. */
function strictBase64(text: string): Uint8Array<ArrayBuffer> | undefined {
  return base64Form(text) ? Buffer.from(text, 'base64') : undefined
}

/** The entity of a body that is no string; undefined when the action's type is not JSON. */
function jsonBody(body: JsonValue, type: string | undefined): WebEntity | undefined {
  if (type === undefined) return jsonEntity(body)
  const contentType = parseContentType(type)
  return contentType && isJsonType(contentType) ? jsonEntity(body, contentType.type) : undefined
}

function stringBody(body: string, type: ContentType): WebEntity | undefined {
  const contentType = renderContentType(type, 'UTF-8')
  const entity = { contentType, mediaType: type.type, utf8: type.mediaClass !== 'binary' }
  if (type.mediaClass === 'binary') {
    const bytes = strictBase64(body)
    return bytes && { ...entity, body: bytes }
  }
  const trimmed = body.trim()
  if (isJsonType(type) && trimmed !== '' && base64Form(trimmed) === 'padded') {
    const bytes = strictBase64(body)
    return bytes && { ...entity, body: bytes }
  }
  return { ...entity, body }
}

const isContentType = (name: string): boolean => name.length === 12 && name.toLowerCase() === 'content-type'

function asHttp(result: JsonValue): WebAnswer | WebRefusal {
  const invalid = refuse(messages.invalidMedia('message/http'))
  if (!isJsonObject(result)) return invalid
  const lines = headerLines(result.headers)
  if (!lines) return invalid
  const status = result.statusCode === undefined ? undefined : statusOf(result.statusCode)
  if (status === undefined && result.statusCode !== undefined) return invalid
  const body = result.body ?? ''
  const headers = lines.filter(([name]) => !isContentType(name))
  if (body === '') return { status: status ?? 204, headers }
  const type = lines.find(([name]) => isContentType(name))?.[1]
  const entity = httpEntity(body, type)
  return 'refusal' in entity ? entity : { status: status ?? 200, headers, entity }
}

function httpEntity(body: JsonValue, type: string | undefined): WebEntity | WebRefusal {
  if (typeof body !== 'string') return jsonBody(body, type) ?? refuse(messages.contentTypeMismatch)
  if (type === undefined) return utf8Entity('text/html', body)
  const contentType = parseContentType(type)
  if (!contentType) return refuse(messages.contentTypeUnknown)
  return stringBody(body, contentType) ?? refuse(messages.contentTypeMismatch)
}

const BY_EXTENSION: Readonly<Record<Extension, (result: JsonValue) => WebAnswer | WebRefusal>> = {
  http: asHttp,
  json: asJson,
  text: asText,
  html: asHtml,
  svg: asSvg,
}

const errorOf = (result: JsonObject): JsonValue => (Object.hasOwn(result, 'error') ? (result.error ?? null) : result)

/** What a finished activation answers under an extension. */
export function toWebAnswer(response: ActivationResponse, extension: Extension): WebAnswer | WebRefusal {
  const result = response.result ?? {}
  if (response.statusCode === 0) return BY_EXTENSION[extension](result)
  if (response.statusCode !== 1) return refuse(messages.errorProcessingRequest)
  return BY_EXTENSION[extension](isJsonObject(result) ? errorOf(result) : result)
}

/** 204, 205 and 304 have no body. */
export const forbidsBody = (status: number): boolean => status === 204 || status === 205 || status === 304

export interface Preferences {
  readonly accept: string | undefined
  readonly acceptCharset: string | undefined
}

/**
 * The answer as the client takes it: the text converted where it asked for another charset, or the type that it would
 * have had to accept.
 */
export function negotiate(answer: WebAnswer, { accept, acceptCharset }: Preferences): WebAnswer | { onlyType: string } {
  const { entity, status } = answer
  if (!entity || status >= 400 || (accept === undefined && acceptCharset === undefined)) return answer
  const onlyType = entity.convertible ? entity.mediaType : entity.contentType
  if (!accepts(accept, entity.mediaType)) return { onlyType }
  if (!entity.utf8 || acceptCharset === undefined) return answer
  const { utf8, best } = negotiateCharset(acceptCharset)
  if (utf8) return answer
  if (!entity.convertible) return { onlyType }
  const body = encodeAs(String(entity.body), best)
  // Differs from OpenWhisk, which knows more charsets: what we cannot encode stays UTF-8.
  if (!body) return answer
  return { ...answer, entity: { ...entity, contentType: `${entity.mediaType}; charset=${best}`, body } }
}

/** Text in another charset: what it does not have becomes `?`. Undefined for charsets that we cannot encode. */
function encodeAs(text: string, charset: string): Uint8Array<ArrayBuffer> | undefined {
  if (charset === 'UTF-16LE') return Buffer.from(text, 'utf16le')
  if (charset === 'UTF-16BE') return Buffer.from(text, 'utf16le').swap16()
  if (charset === 'UTF-16') return encodeAs(`\ufeff${text}`, 'UTF-16BE')
  const highest = charset === 'US-ASCII' ? 0x7f : charset === 'ISO-8859-1' ? 0xff : undefined
  if (highest === undefined) return undefined
  const bytes = Array.from(text, character => {
    const code = character.codePointAt(0) ?? 0
    return code <= highest ? code : 0x3f
  })
  return Uint8Array.from(bytes)
}
