import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { ControlDependencies } from '../../src/control/dependencies.ts'
import { controlRoutes } from '../../src/control/routes.ts'
import { WhiskError } from '../../src/errors.ts'
import { EventBus, type UserMetric } from '../../src/events.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { onError } from '../../src/http/on-error.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { createVirtualClock, type HoldingClock } from '../../src/virtual-clock.ts'
import { anAction, anActivation, aSubject, aTrigger } from '../builders.ts'

const TOKEN = 'secret'

let store: Store
let clock: HoldingClock
let events: EventBus
let userMetrics: EventBus<UserMetric>
let app: Hono<Env>
let calls: unknown[]
let stopped: AbortController

beforeEach(() => {
  clock = createVirtualClock()
  store = openStore({ path: ':memory:', clock, log: silentLogger })
  store.subjects.put(aSubject({ subject: 'guest' }))
  events = new EventBus()
  userMetrics = new EventBus()
  calls = []
  stopped = new AbortController()
  const dependencies: ControlDependencies = {
    token: TOKEN,
    store,
    clock,
    events,
    userMetrics,
    status: () => ({ driver: 'process' }),
    recycle: async action => {
      calls.push(['recycle', action])
      return 3
    },
    idle: async namespace => void calls.push(['idle', namespace]),
    restored: async (namespace, ids) => void calls.push(['restored', namespace, [...ids].sort()]),
    request: async (method, path, apikey, body) => {
      calls.push([method, path, apikey, body])
      return path.endsWith('/quiet') ? { status: 204, body: '' } : { status: 202, body: { activationId: 'x' } }
    },
    stopped: stopped.signal,
    settled: () => undefined,
  }
  app = new Hono<Env>()
  app.onError(onError(silentLogger))
  app.use(entrance({ clock }))
  app.route('/_control/v1', controlRoutes(dependencies))
})

afterEach(() => store.close())

async function call(method: string, path: string, body?: unknown, token = TOKEN) {
  const response = await app.request(`/_control/v1${path}`, {
    method,
    headers: { authorization: `Bearer ${token}` },
    ...(body === undefined ? {} : { body: typeof body === 'string' ? body : JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, body: text ? JSON.parse(text) : undefined }
}

const namespaceOf = async (name?: string) => (await call('POST', '/namespaces', name && { name })).body

describe('the control interface', () => {
  it.each(['', 'wrong', 'secret2'])('answers 401 to the token %j, without CORS headers', async token => {
    const { status, headers } = await call('GET', '/status', undefined, token)
    expect(status).toBe(401)
    expect(headers.get('access-control-allow-origin')).toBeNull()
  })

  it('answers its status', async () => {
    expect((await call('GET', '/status')).body).toMatchObject({ driver: 'process', now: expect.any(Number) })
  })

  it.each(['[1]', '{', '"x"'])('answers 400 to the body %s', async body => {
    expect((await call('POST', '/checkpoint', body)).status).toBe(400)
  })

  it('answers 404 to anything else', async () => {
    expect((await call('GET', '/nothing')).status).toBe(404)
  })

  it.each([
    ['guest/hello', 'guest/hello'],
    ['/other/pkg/hello', 'other/pkg/hello'],
    ['hello', 'guest/hello'],
    ['_/hello', 'guest/hello'],
    ['/_/pkg/hello', 'guest/pkg/hello'],
    [undefined, undefined],
  ])('recycles the containers of %s', async (action, id) => {
    expect((await call('POST', '/recycle', { action })).body).toEqual({ removed: 3 })
    expect(calls).toEqual([['recycle', id]])
  })
})

describe('namespaces', () => {
  it('are made with a key that authenticates', async () => {
    const { namespace, auth } = await namespaceOf('tests')
    const [uuid, key] = auth.split(':')
    expect(key).toHaveLength(64)
    expect(store.subjects.identityByKey(uuid, key)?.namespace).toEqual({ name: namespace, uuid })
  })

  it('get a name of their own when none is given', async () => {
    const [one, two] = [await namespaceOf(), await namespaceOf()]
    expect(one.namespace).not.toBe(two.namespace)
  })

  it('answer 409 when the name is taken and 400 when it is illegal', async () => {
    expect((await call('POST', '/namespaces', { name: 'guest' })).status).toBe(409)
    expect((await call('POST', '/namespaces', { name: 'a/b' })).status).toBe(400)
  })

  it('go with everything in them', async () => {
    const { namespace, auth } = await namespaceOf()
    const [uuid, key] = auth.split(':')
    store.entities.put(anAction({ namespace, name: 'a' }))
    store.activations.put(anActivation({ namespace }))
    expect((await call('DELETE', `/namespaces/${namespace}`)).status).toBe(200)
    expect(store.entities.get(`${namespace}/a`)).toBeUndefined()
    expect(store.activations.count({ namespace })).toBe(0)
    expect(store.subjects.identityByKey(uuid, key)).toBeUndefined()
    expect((await call('DELETE', `/namespaces/${namespace}`)).status).toBe(404)
  })
})

describe('checkpoint and rollback', () => {
  it('put a namespace back, after its activations ended, and tell what changed', async () => {
    store.entities.put(anAction({ namespace: 'guest', name: 'kept', version: '0.0.1' }))
    store.documents.put('alarms', 'guest/t', 'guest', { cron: 'before' })
    await call('POST', '/checkpoint', { name: 'one' })
    store.entities.put(anAction({ namespace: 'guest', name: 'kept', version: '0.0.2' }))
    store.entities.put(aTrigger({ namespace: 'guest', name: 'new' }))
    store.documents.put('alarms', 'guest/t', 'guest', { cron: 'after' })
    expect((await call('POST', '/rollback', { name: 'one' })).body).toEqual({ name: 'one', namespaces: ['guest'] })
    expect(store.entities.get('guest/kept')?.version).toBe('0.0.1')
    expect(store.entities.get('guest/new')).toBeUndefined()
    expect(store.documents.get('alarms', 'guest/t')).toEqual({ cron: 'before' })
    expect(calls).toEqual([
      ['idle', 'guest'],
      ['idle', 'guest'],
      ['restored', 'guest', ['guest/kept', 'guest/new']],
    ])
  })

  it('can be rolled back again and again', async () => {
    await call('POST', '/checkpoint')
    for (let round = 0; round < 3; round++) {
      store.entities.put(anAction({ namespace: 'guest', name: `a${round}` }))
      await call('POST', '/rollback')
      expect(store.entities.list({ type: 'action', namespace: 'guest' })).toEqual([])
    }
  })

  it('leave other namespaces alone unless all is said', async () => {
    const { namespace } = await namespaceOf()
    await call('POST', '/checkpoint', { all: true })
    store.entities.put(anAction({ namespace, name: 'a' }))
    await call('POST', '/rollback', { namespace: 'guest' })
    expect(store.entities.get(`${namespace}/a`)).toBeDefined()
    await call('POST', '/rollback', { all: true })
    expect(store.entities.get(`${namespace}/a`)).toBeUndefined()
  })

  it('put back those of all namespaces that have the checkpoint', async () => {
    await call('POST', '/checkpoint', { all: true, name: 'one' })
    const { namespace } = await namespaceOf('before-guest')
    for (const of of [namespace, 'guest']) store.entities.put(anAction({ namespace: of, name: 'a' }))
    const { status, body } = await call('POST', '/rollback', { all: true, name: 'one' })
    expect([status, body.namespaces]).toEqual([200, ['guest']])
    expect(store.entities.get('guest/a')).toBeUndefined()
    expect(store.entities.get(`${namespace}/a`)).toBeDefined()
    expect((await call('POST', '/rollback', { all: true, name: 'none' })).status).toBe(404)
  })

  it('answer 404 for a checkpoint or a namespace that is not there', async () => {
    expect((await call('POST', '/rollback', { name: 'none' })).status).toBe(404)
    expect((await call('POST', '/checkpoint', { namespace: 'nobody' })).status).toBe(404)
  })

  it('reset empties a namespace', async () => {
    store.entities.put(anAction({ namespace: 'guest', name: 'a' }))
    await call('POST', '/reset')
    expect(store.entities.get('guest/a')).toBeUndefined()
    expect(calls).toContainEqual(['restored', 'guest', ['guest/a']])
  })
})

describe('what cannot be stored', () => {
  it.each([
    ['POST', '/rollback'],
    ['POST', '/reset'],
    ['DELETE', '/namespaces/guest'],
  ])('%s %s tells nobody that something changed', async (method, path) => {
    await call('POST', '/checkpoint')
    const full = new WhiskError('unavailable', 'full')
    vi.spyOn(store, 'committed').mockRejectedValueOnce(full)
    expect((await call(method, path)).status).toBe(503)
    expect(calls.flat()).not.toContain('restored')
  })
})

describe('clock/advance', () => {
  it('moves the clock on and answers the time', async () => {
    const before = clock.now()
    const { body } = await call('POST', '/clock/advance', { by: 60_000 })
    expect(body.now - before).toBeGreaterThanOrEqual(60_000)
  })

  it.each([-1, 'x', undefined, null, 1e17, 253_402_300_800_000])('answers 400 to %j', async by => {
    expect((await call('POST', '/clock/advance', { by })).status).toBe(400)
  })
})

describe('fire', () => {
  it('posts the trigger with the key of its namespace', async () => {
    const { status, body } = await call('POST', '/fire', { trigger: 'my t', payload: { a: 1 } })
    expect([status, body]).toEqual([202, { activationId: 'x' }])
    const { uuid, key } = store.subjects.identityByNamespace('guest')?.authkey ?? {}
    expect(calls).toEqual([['POST', '/api/v1/namespaces/guest/triggers/my%20t', `${uuid}:${key}`, { a: 1 }]])
  })

  it('answers an empty object when no rule is active, and 404 for a namespace that is not there', async () => {
    expect((await call('POST', '/fire', { trigger: 'quiet' })).body).toEqual({})
    expect((await call('POST', '/fire', { trigger: 't', namespace: 'nobody' })).status).toBe(404)
  })
})

describe('logs and activations', () => {
  it('show the newest of an action, oldest first', async () => {
    const start = clock.now()
    for (const n of [1, 2, 3])
      store.activations.put(anActivation({ name: 'hello', start: start + n, logs: [`line ${n}`] }))
    const { body } = await call('GET', '/logs?name=hello&limit=2')
    expect(body.map(({ logs }: { logs: string[] }) => logs)).toEqual([['line 2'], ['line 3']])
  })

  it('are all there as one record a line', async () => {
    for (let n = 0; n < 250; n++) store.activations.put(anActivation({}))
    const response = await app.request('/_control/v1/activations', { headers: { authorization: `Bearer ${TOKEN}` } })
    const lines = (await response.text()).trim().split('\n')
    expect(new Set(lines.map(line => JSON.parse(line).activationId)).size).toBe(250)
  })
})

describe('wait', () => {
  const ended = (namespace = 'guest') => events.emit({ type: 'activation.ended', at: clock.now(), namespace })

  it('answers a record that is there already', async () => {
    const record = anActivation({ namespace: 'guest', name: 'hello', start: clock.now() })
    store.activations.put(record)
    const { body } = await call('GET', `/wait?action=hello&since=${record.start}`)
    expect(body).toMatchObject({ activationId: record.activationId, response: { success: true } })
  })

  it('answers the first of several, not the newest', async () => {
    const start = clock.now()
    const [first] = [0, 5, 9].map(later => {
      const record = anActivation({ namespace: 'guest', name: 'hello', start: start + later })
      store.activations.put(record)
      return record
    })
    const { body } = await call('GET', `/wait?action=hello&since=${start}`)
    expect(body.activationId).toBe(first?.activationId)
  })

  it('answers as soon as the record is stored', async () => {
    const answer = call('GET', '/wait?trigger=t&timeout=5000')
    const record = anActivation({ namespace: 'guest', name: 't', start: clock.now() + 1000 })
    setImmediate(() => {
      store.activations.put(record)
      ended()
    })
    expect((await answer).body.activationId).toBe(record.activationId)
  })

  it('takes a fully qualified name for its namespace', async () => {
    const record = anActivation({ namespace: 'other', name: 'hello', start: clock.now() })
    store.activations.put(record)
    const { body } = await call('GET', '/wait?action=/other/hello&since=0')
    expect(body.activationId).toBe(record.activationId)
  })

  it('says when a record cannot be read', async () => {
    vi.spyOn(store.activations, 'count').mockImplementation(() => {
      throw new WhiskError('internal', 'Resource is corrupted and cannot be read.')
    })
    expect((await call('GET', '/wait?action=hello&timeout=5000')).status).toBe(500)
    expect(events.active).toBe(false)
  })

  it('answers 404 when the time is up, and 400 when nothing is named', async () => {
    expect((await call('GET', '/wait?action=never&timeout=20')).status).toBe(404)
    expect((await call('GET', '/wait')).status).toBe(400)
    expect((await call('GET', '/wait?action=a&since=x')).status).toBe(400)
    expect(events.active).toBe(false)
  })

  it('answers 503 when the server stops, and ever after', async () => {
    const answer = call('GET', '/wait?action=never')
    setImmediate(() => stopped.abort())
    expect((await answer).status).toBe(503)
    expect((await call('GET', '/wait?action=never')).status).toBe(503)
    expect(events.active).toBe(false)
  })
})

describe('events', () => {
  async function read(path: string, accept: string, emit: () => void) {
    const response = await app.request(`/_control/v1${path}`, {
      headers: { authorization: `Bearer ${TOKEN}`, accept },
    })
    const reader = response.body?.getReader()
    if (!reader) throw new Error('no body')
    const decoder = new TextDecoder()
    await reader.read()
    emit()
    const text = decoder.decode((await reader.read()).value)
    await reader.cancel()
    return { text, type: response.headers.get('content-type') }
  }
  const event = { type: 'activation.log', at: 1, namespace: 'guest', action: 'guest/p/hello', line: 'hi' } as const

  it('arrive as server-sent events', async () => {
    const { text, type } = await read('/events', '*/*', () => events.emit(event))
    expect(type).toBe('text/event-stream')
    expect(text).toBe(`event: activation.log\ndata: ${JSON.stringify(event)}\n\n`)
  })

  it('arrive as one JSON object a line when asked for', async () => {
    const { text, type } = await read('/events', 'application/x-ndjson', () => events.emit(event))
    expect(type).toBe('application/x-ndjson')
    expect(JSON.parse(text)).toEqual(event)
  })

  it('are narrowed by type, namespace and action', async () => {
    const { text } = await read(
      '/events?type=activation&namespace=guest&action=p/hello',
      'application/x-ndjson',
      () => {
        events.emit({ ...event, type: 'container.created' })
        events.emit({ ...event, namespace: 'other' })
        events.emit({ ...event, action: 'guest/hello' })
        events.emit({ ...event, action: 'guest/q/p/hello' })
        events.emit(event)
      },
    )
    expect(text.trim().split('\n')).toHaveLength(1)
    expect(JSON.parse(text)).toEqual(event)
  })

  it('end their subscription when the reader goes', async () => {
    await read('/events', '*/*', () => events.emit(event))
    await read('/user-events', '*/*', () => userMetrics.emit(metric))
    expect([events.active, userMetrics.active]).toEqual([false, false])
  })

  const who = { subject: 'guest', namespace: 'guest', userId: 'uuid' }
  const metric = { at: 2, metricName: 'TimedRateLimit', metricValue: 1, ...who } as const
  const ended = {
    type: 'activation.ended',
    at: 3,
    action: 'guest/p/hello',
    activationId: 'id',
    name: 'hello',
    statusCode: 0,
    duration: 5,
    waitTime: 2,
    initTime: 0,
    kind: 'nodejs:20',
    conductor: false,
    memory: 256,
    size: 7,
    ...who,
  } as const

  it('are also to be had as the reference’s user events', async () => {
    const { text, type } = await read('/user-events', 'application/x-ndjson', () => {
      events.emit(event)
      events.emit({ ...ended, kind: 'trigger' })
      events.emit(ended)
    })
    expect(type).toBe('application/x-ndjson')
    expect(JSON.parse(text)).toEqual({
      source: 'invoker0',
      body: {
        name: 'guest/p/hello',
        activationId: 'id',
        statusCode: 0,
        duration: 5,
        waitTime: 2,
        initTime: 0,
        kind: 'nodejs:20',
        conductor: false,
        memory: 256,
        size: 7,
      },
      ...who,
      eventType: 'Activation',
      timestamp: 3,
    })
  })

  it('say what throttles saw', async () => {
    const { text } = await read('/user-events?namespace=guest&type=Metric', '*/*', () => {
      events.emit(ended)
      userMetrics.emit({ ...metric, namespace: 'other' })
      userMetrics.emit(metric)
    })
    const body = { metricName: 'TimedRateLimit', metricValue: 1 }
    const sent = { source: 'controller0', body, ...who, eventType: 'Metric', timestamp: 2 }
    expect(text).toBe(`event: Metric\ndata: ${JSON.stringify(sent)}\n\n`)
  })
})
