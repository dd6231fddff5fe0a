// From an HTTP request to the arguments of a web action: metadata, query and body, and what may not be overridden.

import { isJsonObject, type JsonObject, JsonSyntaxError, type JsonValue, parseJson } from '../entity/json.ts'
import { WhiskError } from '../errors.ts'
import type { WebActionRequest } from '../http/dispatch.ts'
import { firstHeader } from '../http/raw-request.ts'
import { messages } from '../messages.ts'
import { type ContentType, isJsonType, parseContentType, renderContentType } from './media.ts'
import { formProblem, parseQuery, renderQuery } from './url.ts'

const NOT_PASSED = new Set(['content-length', 'transfer-encoding', 'x-ow-extra-logging'])

/** A body with its type: what `Content-Type` says where it can be parsed, else bytes. */
export interface WebBody {
  readonly bytes: Uint8Array
  /** Undefined when none was given, or none that can be parsed. */
  readonly contentType: ContentType | undefined
}

/** Names in lower case; of repeated lines the last counts. The content type is the normalised one. */
function actionHeaders(rawHeaders: readonly string[], body: WebBody): JsonObject {
  const headers: Record<string, string> = {}
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i]?.toLowerCase()
    const value = rawHeaders[i + 1]
    if (name === undefined || value === undefined || NOT_PASSED.has(name)) continue
    if (name === '__proto__') continue
    headers[name] = value
  }
  if (body.contentType) headers['content-type'] = renderContentType(body.contentType)
  else if (body.bytes.length > 0) headers['content-type'] = 'application/octet-stream'
  return headers
}

const textOf = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8')
const base64Of = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64')

/** Arguments that a body brings: top-level ones, or one value for `__ow_body`. */
type BodyArguments = { fields: JsonObject } | { whole: JsonValue } | undefined

/** `__ow_body` of text and of bytes; undefined for an empty body without a type. */
function opaqueBody({ bytes, contentType }: WebBody): BodyArguments {
  if (bytes.length === 0) return contentType ? { whole: '' } : undefined
  return { whole: contentType && contentType.mediaClass !== 'binary' ? textOf(bytes) : base64Of(bytes) }
}

function parsedJson(bytes: Uint8Array): JsonValue {
  try {
    return parseJson(textOf(bytes))
  } catch (error) {
    if (!(error instanceof JsonSyntaxError)) throw error
    throw new WhiskError('badRequest', messages.contentMalformed(error.message), {
      cause: error,
      rejection: true,
    })
  }
}

function formFields(bytes: Uint8Array): JsonObject {
  const text = textOf(bytes)
  const problem = formProblem(text)
  if (problem !== undefined) throw new WhiskError('badRequest', messages.illegalQuery(problem), { rejection: true })
  return fieldsOf(text)
}

/** Pairs as an object of texts: of repeated names the last counts, and `__proto__` is a name like any other. */
const fieldsOf = (query: string | undefined): JsonObject =>
  Object.fromEntries(parseQuery(query).map(({ name, value }): [string, string] => [name, value]))

/**
 * What the body contributes where the action is not raw. Fails with WhiskError `badRequest` (a rejection) for malformed
 * JSON and forms.
 */
export function bodyArguments(body: WebBody): BodyArguments {
  const { bytes, contentType } = body
  if (!contentType) return opaqueBody(body)
  if (isJsonType(contentType)) {
    if (bytes.length === 0) return undefined
    const value = parsedJson(bytes)
    return isJsonObject(value) ? { fields: value } : { whole: value }
  }
  if (contentType.type === 'application/x-www-form-urlencoded' && contentType.parameters.length === 0) {
    return bytes.length === 0 ? undefined : { fields: formFields(bytes) }
  }
  return opaqueBody(body)
}

/** OpenWhisk: a raw action gets `application/json` as base64, though it is text: what older clients rely on. */
function rawBody(body: WebBody): JsonValue {
  const { bytes, contentType } = body
  if (contentType?.type === 'application/json' && contentType.parameters.length === 0) return base64Of(bytes)
  const opaque = opaqueBody(body)
  return opaque && 'whole' in opaque ? opaque.whole : ''
}

const RESERVED = new Set(['__ow_method', '__ow_headers', '__ow_path', '__ow_user', '__ow_query', '__ow_body'])

function refuseProtected(fields: JsonObject, immutable: ReadonlySet<string>): void {
  for (const name in fields) {
    if (RESERVED.has(name) || immutable.has(name)) throw new WhiskError('badRequest', messages.parametersNotAllowed)
  }
}

export interface WebArguments {
  readonly request: WebActionRequest
  /** `__ow_path` */
  readonly rest: string
  readonly body: WebBody
  /** Namespace of the caller, where valid credentials came along: `__ow_user`. */
  readonly user: string | undefined
  readonly raw: boolean
  /** Names of final parameters that have a value. */
  readonly immutable: ReadonlySet<string>
}

/**
 * The arguments of the caller, to be laid over the action's own parameters: metadata < query < body. Fails with
 * WhiskError `badRequest` for a malformed body (a rejection), and for reserved or final names.
 */
export function webArguments({ request, rest, body, user, raw, immutable }: WebArguments): JsonObject {
  let metadata: Record<string, JsonValue> = {
    __ow_headers: actionHeaders(request.rawHeaders, body),
    __ow_method: request.method.toLowerCase(),
    __ow_path: rest,
  }
  if (user !== undefined) metadata.__ow_user = user
  if (raw) return { ...metadata, __ow_body: rawBody(body), __ow_query: renderQuery(request.query) }
  const fromBody = bodyArguments(body)
  const fields = fromBody && 'fields' in fromBody ? fromBody.fields : undefined
  if (request.query !== undefined) {
    const fromQuery = fieldsOf(request.query)
    refuseProtected(fromQuery, immutable)
    metadata = { ...metadata, ...fromQuery }
  }
  if (fields) {
    refuseProtected(fields, immutable)
    return { ...metadata, ...fields }
  }
  return fromBody && 'whole' in fromBody ? { ...metadata, __ow_body: fromBody.whole } : metadata
}

/** The body's type; a `Content-Type` that can not be parsed counts as absent. */
export function webBody(request: WebActionRequest, bytes: Uint8Array): WebBody {
  const header = firstHeader(request.rawHeaders, 'content-type')
  return { bytes, contentType: header === undefined ? undefined : parseContentType(header) }
}
