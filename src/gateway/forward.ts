// What a call of an API becomes on its way to the backend: address, headers, and what the document inserts.

import { isJsonObject, parseJson, stringify } from '../entity/json.ts'
import type { WebActionRequest } from '../http/dispatch.ts'
import { firstHeader } from '../http/raw-request.ts'
import type { Match } from './match.ts'
import { type Backend, type Insert, insertText, type Operation, type ServedApi } from './swagger.ts'

/** A call as it reached the gateway. */
export interface GatewayCall {
  readonly method: string
  /** Below the tenant, as sent: `/base/rel`. */
  readonly path: string
  readonly query: string | undefined
  readonly rawHeaders: readonly string[]
  readonly body: WebActionRequest['body']
  readonly transid: string
  readonly startedAt: number
  readonly client: {
    readonly address: string
    readonly scheme: string
    /** As in the request's Host, perhaps with a port. */
    readonly host: string
    /** The whole request target. */
    readonly target: string
  }
}

/** Where the call goes: to a web action of this server, or out. */
export type Onward =
  | { readonly type: 'webAction'; readonly request: WebActionRequest }
  | { readonly type: 'outside'; readonly url: string; readonly request: WebActionRequest }

const WEB_ACTION = /^[a-z]+:\/\/[^/]*\/api\/v1\/web\/(.*)$/i

/**
 * OpenWhisk: a backend that looks like a web action is one of this platform, whatever scheme and host its URL names;
 * so a document that was exported elsewhere works here.
 */
export async function onward(
  call: GatewayCall,
  {
    operation,
    match,
    apiHost,
  }: { operation: Operation & { backend: Backend }; match: Match<ServedApi>; apiHost: string },
): Promise<Onward> {
  const { backend, inserts } = operation
  const [address = '', ownQuery] = splitQuery(backend.url)
  const path = backend.appendPath ? address + call.path.replace(/\/+$/, '') : address + match.rest
  const query = inserts.filter(i => i.place === 'query').reduce(insertIntoQuery, joinQueries(call.query, ownQuery))
  const body = await insertIntoBody(call, inserts)
  const webAction = WEB_ACTION.exec(path)
  const host = webAction ? apiHost : hostOf(path)
  const headers = inserts
    .filter(insert => insert.place === 'headers')
    .reduce((all, insert) => setHeader(all, insert.name, insertText(insert)), forwardedHeaders(call, host, body?.type))
  const request: WebActionRequest = {
    method: backend.method ?? call.method,
    path: webAction?.[1] ?? '',
    query,
    rawHeaders: headers,
    body: body ? body.read : call.body,
    transid: call.transid,
    startedAt: call.startedAt,
  }
  if (webAction) return { type: 'webAction', request }
  return { type: 'outside', url: query === undefined ? path : `${path}?${query}`, request }
}

function splitQuery(url: string): [address: string, query: string | undefined] {
  const at = url.indexOf('?')
  return at < 0 ? [url, undefined] : [url.slice(0, at), url.slice(at + 1)]
}

/** Differs from OpenWhisk, which loses the backend's own: both are sent, the backend's last. */
const joinQueries = (...queries: (string | undefined)[]): string | undefined => {
  const given = queries.filter(query => query !== undefined && query !== '')
  return given.length === 0 ? queries[0] : given.join('&')
}

const hostOf = (url: string): string => /^[a-z]+:\/\/([^/]*)/i.exec(url)?.[1] ?? ''

const NOT_FORWARDED = new Set([
  'host',
  'connection',
  'keep-alive',
  'proxy-connection',
  'upgrade',
  'x-forwarded-for',
  'x-forwarded-host',
  'x-forwarded-port',
  'x-forwarded-proto',
  'x-forwarded-url',
  'x-real-ip',
  'x-request-id',
])

/** The client's headers, and what the gateway says of the call. */
function forwardedHeaders(call: GatewayCall, host: string, bodyType: string | undefined): string[] {
  const { rawHeaders, client } = call
  const headers: string[] = []
  for (let i = 0; i < rawHeaders.length; i += 2) {
    const name = rawHeaders[i] ?? ''
    if (!NOT_FORWARDED.has(name.toLowerCase())) headers.push(name, rawHeaders[i + 1] ?? '')
  }
  const own = (name: string): string | undefined => firstHeader(rawHeaders, name)
  const [hostname = '', port] = splitHost(client.host)
  const scheme = own('x-forwarded-proto') ?? client.scheme
  const from = own('x-forwarded-for')
  headers.push(
    'Host',
    host,
    'Connection',
    'close',
    'X-Request-Id',
    call.transid,
    'X-Real-IP',
    own('x-real-ip') ?? client.address,
    'X-Forwarded-For',
    from === undefined ? client.address : `${from}, ${client.address}`,
    'X-Forwarded-Host',
    hostname,
    'X-Forwarded-Port',
    own('x-forwarded-port') ?? port ?? (scheme === 'https' ? '443' : '80'),
    'X-Forwarded-Proto',
    scheme,
    'X-Forwarded-Url',
    `${scheme}://${hostname}${own('x-forwarded-prefix') ?? ''}${client.target}`,
  )
  return bodyType === undefined ? headers : setHeader(headers, 'Content-Type', bodyType)
}

function splitHost(host: string): [name: string, port: string | undefined] {
  const match = /^(.*?)(?::(\d+))?$/.exec(host)
  return [match?.[1] ?? host, match?.[2]]
}

function setHeader(headers: readonly string[], name: string, value: string): string[] {
  const kept: string[] = []
  for (let i = 0; i < headers.length; i += 2) {
    if (headers[i]?.toLowerCase() !== name.toLowerCase()) kept.push(headers[i] ?? '', headers[i + 1] ?? '')
  }
  return [...kept, name, value]
}

function insertIntoQuery(query: string | undefined, insert: Insert): string {
  const name = encodeURIComponent(insert.name)
  const kept = (query ?? '').split('&').filter(piece => piece !== '' && piece.split('=')[0] !== name)
  return [...kept, `${name}=${encodeURIComponent(insertText(insert))}`].join('&')
}

const bytesOf = (text: string): { read: () => Uint8Array } => ({ read: () => Buffer.from(text) })

/** Bodies beyond this are not looked into: no web action takes them anyway. */
const BODY_MAX_BYTES = 5 * 1024 * 1024

/**
 * The body with what the document sets in it; undefined when it stays as it is. Differs from OpenWhisk: only a JSON
 * object, a form or no body at all can be set into, and nothing else of it changes.
 */
async function insertIntoBody(
  call: GatewayCall,
  inserts: readonly Insert[],
): Promise<{ read: () => Uint8Array; type?: string } | undefined> {
  const members = inserts.filter(insert => insert.place === 'body')
  if (members.length === 0) return undefined
  const added = Object.fromEntries(members.map(({ name, value }) => [name, value]))
  const bytes = call.body ? await call.body(BODY_MAX_BYTES) : new Uint8Array(0)
  if (bytes.length === 0) return { ...bytesOf(stringify(added)), type: 'application/json' }
  const type = firstHeader(call.rawHeaders, 'content-type') ?? ''
  const text = Buffer.from(bytes).toString('utf8')
  if (type.startsWith('application/x-www-form-urlencoded')) {
    return bytesOf(members.reduce<string>(insertIntoQuery, text))
  }
  if (/^application\/([\w.-]+\+)?json\b/i.test(type)) {
    try {
      const value = parseJson(text)
      if (isJsonObject(value)) return bytesOf(stringify({ ...value, ...added }))
    } catch {
      // A malformed body is the web action's to refuse.
    }
  }
  return { read: () => bytes }
}
