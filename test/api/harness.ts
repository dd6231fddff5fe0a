// The REST API without sockets: the real store in memory, a clock that stands, an invoker that answers what it is told.

import { Hono } from 'hono'
import { createApi } from '../../src/api/app.ts'
import type { LimitsOption } from '../../src/config-values.ts'
import { createEntitlement } from '../../src/entitlement/entitlement.ts'
import { createThrottler, type Throttler } from '../../src/entitlement/throttler.ts'
import type { UserLimits } from '../../src/entity/identity.ts'
import type { JsonObject, JsonValue } from '../../src/entity/json.ts'
import { defaultLimits } from '../../src/entity/limits.ts'
import { loadManifest } from '../../src/entity/manifest.ts'
import { EventBus, type WhiskEvent } from '../../src/events.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { outsideFallback } from '../../src/http/fallback.ts'
import { onError } from '../../src/http/on-error.ts'
import { routedPath } from '../../src/http/target.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { aSubject } from '../builders.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { type FakeInvoker, fakeInvoker } from '../fakes/invoker.ts'

export type User = 'guest' | 'other' | 'whisk.system' | 'none' | 'bad'

export interface Call {
  as?: User
  /** Sent as JSON. */
  body?: unknown
  /** Sent as it is, without a content type unless `headers` has one. */
  raw?: string | Uint8Array
  headers?: Record<string, string>
}

export interface Answer {
  status: number
  headers: Headers
  text: string
  /** The body as JSON. */
  json: JsonValue
  /** `error` of an error body. */
  error: JsonValue | undefined
}

export interface Harness {
  readonly store: Store
  readonly invoker: FakeInvoker
  readonly clock: FakeClock
  readonly throttler: Throttler
  readonly events: WhiskEvent[]
  call(method: string, path: string, call?: Call): Promise<Answer>
  /** Below `/api/v1/namespaces/_/`; fails unless the answer is a 2xx. */
  set(method: string, path: string, body?: unknown, as?: User): Promise<Answer>
  limit(namespace: string, limits: UserLimits): void
  /** For a server with sockets. */
  readonly fetch: Hono<Env>['fetch']
  /** The header that `as` stands for. */
  authorization(as: User): Record<string, string>
}

const USERS = ['guest', 'other', 'whisk.system'] as const

export const JS = { kind: 'nodejs:default', code: 'function main(args) { return args }' }

/** With `deprecated` a kind `nodejs:18` that is no longer supported. */
const MANIFEST: JsonObject = {
  runtimes: {
    nodejs: [
      { kind: 'nodejs:20', default: true, image: { name: 'n20' }, attached: {} },
      { kind: 'nodejs:18', deprecated: true, image: { name: 'n18' }, attached: {} },
    ],
    python: [{ kind: 'python:3.10', default: true, image: { name: 'p' }, attached: {} }],
    java: [{ kind: 'java:8', default: true, requireMain: true, image: { name: 'j' }, attached: {} }],
  },
  blackboxes: [],
}

function authorization(as: User): Record<string, string> {
  if (as === 'none') return {}
  const [key] = aSubject({ subject: as === 'bad' ? 'nobody' : as }).namespaces
  return { authorization: `Basic ${Buffer.from(`${key?.uuid}:${key?.key}`).toString('base64')}` }
}

function parsed(text: string): JsonValue {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

export function openApi(options: { limits?: LimitsOption; kinds?: readonly string[] } = {}): Harness {
  const clock = fakeClock()
  const store = openStore({ path: ':memory:', clock, log: silentLogger })
  for (const subject of USERS) store.subjects.put(aSubject({ subject }))
  const invoker = fakeInvoker(store, clock)
  const limits = defaultLimits(
    options.limits ?? { preset: 'apache', invocationsPerMinute: 1e6, firesPerMinute: 1e6 },
    1024,
  )
  const throttler = createThrottler(clock, limits)
  const bus = new EventBus()
  const events: WhiskEvent[] = []
  bus.subscribe(event => events.push(event))
  const api = createApi({
    store,
    invoker,
    throttler,
    entitlement: createEntitlement(store, { allowedKinds: limits.allowedKinds }),
    manifest: loadManifest(MANIFEST),
    limits,
    clock,
    log: silentLogger,
    events: bus,
  })

  const app = new Hono<Env>({ getPath: routedPath })
  app.use(entrance({ clock }))
  app.onError(onError(silentLogger))
  app.route('/', api)
  app.all('*', outsideFallback)

  const call = async (
    method: string,
    path: string,
    { as = 'guest', body, raw, headers }: Call = {},
  ): Promise<Answer> => {
    const content = body === undefined ? raw : JSON.stringify(body)
    const request = new Request(`http://localhost:3233${path}`, {
      method: method === 'TRACE' ? 'GET' : method,
      headers: {
        ...authorization(as),
        ...(body === undefined ? {} : { 'content-type': 'application/json' }),
        ...(content === undefined ? {} : { 'content-length': String(Buffer.byteLength(content)) }),
        ...headers,
      },
      body: content === undefined ? undefined : Buffer.from(content),
    })
    if (method === 'TRACE') Object.defineProperty(request, 'method', { value: method })
    const response = await app.request(request)
    const text = await response.text()
    const json = parsed(text)
    const error = typeof json === 'object' && json !== null && 'error' in json ? json.error : undefined
    return { status: response.status, headers: response.headers, text, json, error }
  }

  return {
    store,
    invoker,
    clock,
    throttler,
    events,
    call,
    async set(method, path, body = {}, as = 'guest') {
      const answer = await call(method, `/api/v1/namespaces/_/${path}`, { body, as })
      if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
      await clock.advance(1)
      return answer
    },
    fetch: app.fetch,
    authorization,
    limit: (namespace, limits_) => store.subjects.setLimits(namespace, limits_),
  }
}
