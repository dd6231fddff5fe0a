// Web actions without a server around them: the routes, a store in memory and an invoker that only answers.

import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { createEntitlement } from '../../src/entitlement/entitlement.ts'
import { createThrottler } from '../../src/entitlement/throttler.ts'
import type { JsonObject } from '../../src/entity/json.ts'
import { defaultLimits } from '../../src/entity/limits.ts'
import type { Parameter } from '../../src/entity/whisk-entity.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { refusalOfPage } from '../../src/http/guard.ts'
import { onError } from '../../src/http/on-error.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { webRoutes } from '../../src/web/routes.ts'
import { anAction, aSubject, GUEST } from '../builders.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { type FakeInvoker, fakeInvoker } from '../fakes/invoker.ts'

export const KEY = `Basic ${Buffer.from(`${GUEST.uuid}:${GUEST.key}`).toString('base64')}`
export const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH',
  'access-control-allow-headers': 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent',
}

export let store: Store
export let invoker: FakeInvoker
export let clock: FakeClock
export let app: Hono<Env>

/** Serves anew, with this rate limit. */
export function serve(invocationsPerMinute = Number.POSITIVE_INFINITY) {
  const limits = { ...defaultLimits('off', 1024), maxPayload: 100, invocationsPerMinute }
  app = new Hono<Env>()
  app.use(entrance({ clock }))
  app.onError(onError(silentLogger))
  const throttler = createThrottler(clock, limits)
  app.route(
    '/api/v1/web',
    webRoutes({
      store,
      invoker,
      throttler,
      entitlement: createEntitlement(store),
      limits,
      clock,
      refusalOfPage: refusalOfPage({ allowOrigin: 'http://tool.example' }),
    }),
  )
}

/** For `beforeEach`: a store with two accounts, and an invoker that answers what a test says. */
export function openWeb(): () => void {
  clock = fakeClock()
  store = openStore({ path: ':memory:', clock, log: silentLogger })
  invoker = fakeInvoker(store, clock)
  store.subjects.put(aSubject())
  store.subjects.put(aSubject({ subject: 'other' }))
  serve()
  return () => store.close()
}

export const web = (annotations: JsonObject = {}): Parameter[] =>
  Object.entries({ 'web-export': true, ...annotations }).map(([key, value]) => ({ key, value }))

export const put = (annotations: JsonObject = {}, parameters: JsonObject = {}, name = 'hello') =>
  store.entities.put(
    anAction({
      name,
      annotations: web(annotations),
      parameters: Object.entries(parameters).map(([key, value]) => ({ key, value })),
    }),
  )

export const call = (path: string, init: RequestInit = {}) => app.request(`/api/v1/web/${path}`, init)

/** With header lines as they are, which Headers would merge. */
export async function overSocket(path: string, method: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sent = request({ port, host: '127.0.0.1', path: `/api/v1/web/${path}`, method, headers, agent: false })
  const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage]
  server.close()
  return answer
}

export const answers = (result: JsonObject) => {
  invoker.answer = { statusCode: 0, result }
}
export const headersOf = (response: Response) => Object.fromEntries(response.headers)
export const payload = () => invoker.invoked.at(-1)?.payload as JsonObject | undefined

export const corsOf = (response: Response) =>
  Object.fromEntries(Object.entries(headersOf(response)).filter(([name]) => name.startsWith('access-control-')))
