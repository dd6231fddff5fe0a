// The data plane of the API gateway: calls of APIs, from their address to the backend's answer.

import { type Context, Hono } from 'hono'
import type { Clock } from '../clock.ts'
import { WhiskError } from '../errors.ts'
import type { Dispatch } from '../http/dispatch.ts'
import type { Env } from '../http/env.ts'
import { bodyOf, firstHeader, incomingOf, rawHeadersOf } from '../http/raw-request.ts'
import { transactionId } from '../http/transid.ts'
import type { Logger } from '../log.ts'
import type { Apis, LiveApi } from './apis.ts'
import { type GatewayCall, onward } from './forward.ts'
import { gatewayMessages as say } from './gateway-messages.ts'
import { findResource, type Match } from './match.ts'
import { callOutside } from './outside.ts'
import { createPolicies, type Policies } from './policies.ts'
import { GatewayRefusal, type Operation, type ServedApi } from './swagger.ts'

export interface GatewayDeps {
  readonly apis: Apis
  readonly dispatch: Dispatch
  /** Host and port of the API, as backends of this server are told: `localhost:3233`. */
  readonly apiHost: () => string
  readonly clock: Clock
  readonly log: Logger
}

/** Calls APIs: what both ports share. */
export interface DataPlane {
  /** `path` is what follows the tenant, as sent. */
  call(c: Context<Env>, tenant: string, path: string): Promise<Response>
  /** Whether a tenant has APIs. */
  knows(tenant: string): boolean
}

const JSON_TYPE = 'application/json; charset=utf-8'

/** A refusal of the gateway itself. OpenWhisk: it carries no transaction id. */
function refuse(c: Context<Env>, status: number, message: string, headers: Record<string, string> = {}): Response {
  c.set('hideTransid', true)
  return new Response(`${JSON.stringify({ status, message: `Error: ${message}` })}\n`, {
    status,
    headers: { 'Content-Type': JSON_TYPE, ...headers },
  })
}

const failure = (status: 500 | 502): Response =>
  new Response(JSON.stringify({ code: status, message: say.oops }), {
    status,
    headers: { 'Content-Type': 'application/json' },
  })

const METHODS = 'GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS'
const CORS_HEADERS = [
  'access-control-allow-origin',
  'access-control-allow-methods',
  'access-control-allow-headers',
  'access-control-allow-credentials',
  'access-control-expose-headers',
  'access-control-max-age',
]

/** CORS headers that the gateway sets itself where the document enables it. */
const ownCors = (call: GatewayCall): Record<string, string> => ({
  'Access-Control-Allow-Origin': firstHeader(call.rawHeaders, 'origin') ?? '*',
  'Access-Control-Allow-Methods': METHODS,
  'Access-Control-Allow-Credentials': 'true',
})

export function createDataPlane(deps: GatewayDeps): DataPlane {
  const policies = createPolicies(deps.apis, deps.clock)
  return {
    knows: tenant => deps.apis.list(tenant).length > 0,

    async call(c, tenant, path) {
      const found = path === '' || path === '/' ? undefined : findResource(deps.apis.served(tenant), path)
      if (!found) return refuse(c, 404, say.notFound)
      const call = toCall(c, path, deps.clock)
      const cors = found.api.cors === 'enabled' ? ownCors(call) : {}
      if (call.method === 'OPTIONS' && found.api.cors === 'enabled') return preflight(call, cors)
      const operation = found.resource.operations.get(call.method)
      if (!operation) return refuse(c, 404, say.verbUnknown, cors)
      return answered(deps, policies, { c, call, tenant, found, operation, cors })
    },
  }
}

interface Chosen {
  readonly c: Context<Env>
  readonly call: GatewayCall
  readonly tenant: string
  readonly found: Match<LiveApi>
  readonly operation: Operation
  readonly cors: Record<string, string>
}

async function answered(deps: GatewayDeps, policies: Policies, chosen: Chosen): Promise<Response> {
  const { c, call, tenant, found, operation, cors } = chosen
  try {
    policies.check(tenant, found.api, call.rawHeaders)
  } catch (error) {
    if (error instanceof GatewayRefusal) return refuse(c, error.status, error.message, cors)
    throw error
  }
  const { backend } = operation
  // Differs from OpenWhisk, which asks the API host's root page then.
  if (!backend) return failure(500)
  try {
    const on = await onward(call, { operation: { ...operation, backend }, match: found, apiHost: deps.apiHost() })
    const response = on.type === 'webAction' ? await deps.dispatch(on.request) : await callOutside(on.url, on.request)
    return withCors(response, found.api.cors, cors)
  } catch (error) {
    if (error instanceof WhiskError) return refuse(c, error.status, error.message, cors)
    deps.log.error('the gateway could not reach a backend', { transid: call.transid, error })
    return failure(backend.url.includes('/api/v1/web/') ? 500 : 502)
  }
}

function preflight(call: GatewayCall, cors: Record<string, string>): Response {
  const requested = firstHeader(call.rawHeaders, 'access-control-request-headers')
  const headers = {
    'Content-Type': 'text/plain',
    'X-Request-Id': call.transid,
    ...cors,
    ...(requested ? { 'Access-Control-Allow-Headers': requested } : {}),
  }
  return new Response('', { status: 200, headers })
}

/** The backend's answer with the CORS headers of the API. */
function withCors(response: Response, mode: ServedApi['cors'], cors: Record<string, string>): Response {
  if (mode === undefined) return response
  const { headers } = response
  if (mode === 'disabled') for (const name of CORS_HEADERS) headers.delete(name)
  for (const [name, value] of Object.entries(cors)) headers.set(name, value)
  // OpenWhisk: what has no type gets one on the way, unless it is a 304.
  if (!headers.has('content-type') && response.status !== 304) headers.set('Content-Type', 'text/plain')
  return response
}

const transidOf = (c: Context<Env>): string => c.get('transid') ?? transactionId(c.req.header('x-request-id'))

function toCall(c: Context<Env>, path: string, clock: Clock): GatewayCall {
  const rawHeaders = rawHeadersOf(c)
  const { url, method } = c.req
  const target = url.replace(/^[a-z]+:\/\/[^/]*/i, '')
  const queryStart = target.indexOf('?')
  return {
    method,
    path,
    query: queryStart < 0 ? undefined : target.slice(queryStart + 1),
    rawHeaders,
    body: bodyOf(c),
    transid: transidOf(c),
    startedAt: clock.now(),
    client: {
      address: incomingOf(c)?.socket.remoteAddress ?? '127.0.0.1',
      scheme: url.startsWith('https:') ? 'https' : 'http',
      host: firstHeader(rawHeaders, 'host') ?? hostOf(url),
      target,
    },
  }
}

const hostOf = (url: string): string => /^[a-z]+:\/\/([^/]*)/i.exec(url)?.[1] ?? ''

const TENANT_PATH = /^[a-z]+:\/\/[^/]*\/api\/([A-Za-z0-9-]+)([^?#]*)/i

/** Tenant and path of an API's address; undefined for anything else below `/api`. */
export function tenantPath(url: string): { tenant: string; path: string } | undefined {
  const match = TENANT_PATH.exec(url)
  const path = match?.[2] ?? ''
  if (!match || (path !== '' && !path.startsWith('/'))) return undefined
  return { tenant: match[1] ?? '', path }
}

/** Routes of the gateway's own port; `management` serves what is below `/v2`. */
export function gatewayRoutes(plane: DataPlane, management: Hono<Env>): Hono<Env> {
  const routes = new Hono<Env>()
  routes.onError((error, c) => {
    if (error instanceof GatewayRefusal) return refuse(c, error.status, error.message)
    throw error
  })
  const plain = (c: Context<Env>, text: string): Response =>
    new Response(`${text}\n`, { headers: { 'Content-Type': 'text/plain', 'X-Request-Id': transidOf(c) } })
  routes.route('/v2', management)
  routes.all('/api', c => plain(c, say.managedEndpoints))
  routes.get('/health', c => plain(c, say.ready))
  routes.get('/v1/health-check', c => plain(c, say.ready))
  routes.all('/api/*', async c => {
    const address = tenantPath(c.req.url)
    return address ? plane.call(c, address.tenant, address.path) : refuse(c, 404, say.notFound)
  })
  routes.all('*', c => refuse(c, 404, say.notFound))
  return routes
}

/** The same APIs on the main port, below `/api/{tenant}`: to be mounted behind the REST API. */
export function gatewayOnMainPort(plane: DataPlane): Hono<Env> {
  const routes = new Hono<Env>()
  routes.all('/api/*', async (c, next) => {
    const address = tenantPath(c.req.url)
    if (!address || address.tenant === 'v1' || !plane.knows(address.tenant)) return next()
    return plane.call(c, address.tenant, address.path)
  })
  return routes
}
