// The control interface for tests and tools: `/_control/v1/…`, guarded by the token of the run file.

import { timingSafeEqual } from 'node:crypto'
import { type Context, Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { JsonObject } from '../entity/json.ts'
import { WhiskError } from '../errors.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import { isVirtual } from '../virtual-clock.ts'
import { allActivations, pastLogs } from './activations.ts'
import { decodeAdminRequest, runAdmin } from './admin.ts'
import type { ControlDependencies } from './dependencies.ts'
import { eventFilter, eventStream } from './event-stream.ts'
import { createNamespace, type NamespaceScope, snapshots } from './namespaces.ts'
import { userEventStream } from './user-events.ts'
import { waitForActivation } from './wait.ts'

/** Fields of a JSON request body; an empty body has none. */
async function readBody(c: Context<Env>): Promise<Record<string, unknown>> {
  const text = await c.req.text()
  if (!text.trim()) return {}
  let body: unknown
  try {
    body = JSON.parse(text)
  } catch (cause) {
    throw new WhiskError('badRequest', messages.control.notJson, { cause })
  }
  if (typeof body !== 'object' || body === null || Array.isArray(body)) {
    throw new WhiskError('badRequest', messages.control.notJson)
  }
  return body as Record<string, unknown>
}

const optionalText = (value: unknown, name: string): string | undefined => {
  if (value === undefined || value === null) return undefined
  if (typeof value !== 'string' || !value) throw new WhiskError('badRequest', messages.control.notText(name))
  return value
}

/** `/ns/[pkg/]name` without the slash; a bare name, or `_` for the namespace, is guest's. */
function actionId(text: string): string {
  const path = text.replace(/^\//, '')
  return path.includes('/') ? path.replace(/^_\//, 'guest/') : `guest/${path}`
}

/** The end of the year 9999: beyond, dates have more digits, and soon activation ids would. */
const LAST_MS = Date.UTC(10_000, 0) - 1

/** Below `/_control/v1`; no CORS headers, so no web page can read an answer. */
export function controlRoutes(deps: ControlDependencies): Hono<Env> {
  const app = new Hono<Env>()
  const expected = Buffer.from(`Bearer ${deps.token}`)
  const snapshot = snapshots(deps)

  app.use('*', async (c, next) => {
    const given = Buffer.from(c.req.header('authorization') ?? '')
    if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw new WhiskError('unauthorized', messages.control.token, { rejection: true })
    }
    await next()
  })

  app.post('/namespaces', async c => {
    const body = await readBody(c)
    const created = createNamespace(deps.store, optionalText(body.name, 'name'))
    await deps.store.committed()
    return c.json(created, 201)
  })

  app.delete('/namespaces/:namespace', async c => {
    await snapshot.drop(c.req.param('namespace'))
    return c.json({ namespace: c.req.param('namespace') })
  })

  for (const operation of ['checkpoint', 'rollback', 'reset'] as const) {
    app.post(`/${operation}`, async c => {
      const body = await readBody(c)
      const scope: NamespaceScope = { all: body.all === true, namespace: optionalText(body.namespace, 'namespace') }
      const name = optionalText(body.name, 'name') ?? 'default'
      return c.json({ name, namespaces: await snapshot[operation](scope, name) })
    })
  }

  app.post('/clock/advance', async c => {
    const { by } = await readBody(c)
    if (typeof by !== 'number' || !Number.isFinite(by) || by < 0) {
      throw new WhiskError('badRequest', messages.control.advanceBy)
    }
    if (!isVirtual(deps.clock)) throw new WhiskError('conflict', messages.control.realClock)
    if (deps.clock.now() + by > LAST_MS) throw new WhiskError('badRequest', messages.control.advanceTooFar)
    await deps.clock.advance(by)
    return c.json({ now: deps.clock.now() })
  })

  app.post('/recycle', async c => {
    const action = optionalText((await readBody(c)).action, 'action')
    return c.json({ removed: await deps.recycle(action && actionId(action)) })
  })

  app.post('/admin', async c => {
    const result = runAdmin(deps.store.subjects, decodeAdminRequest(await readBody(c)))
    await deps.store.committed()
    return c.json(result)
  })

  app.post('/fire', async c => {
    const body = await readBody(c)
    const namespace = optionalText(body.namespace, 'namespace') ?? 'guest'
    const trigger = optionalText(body.trigger, 'trigger') ?? ''
    const identity = deps.store.subjects.identityByNamespace(namespace)
    if (!identity) throw new WhiskError('notFound', messages.control.noNamespace(namespace))
    const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/triggers/${encodeURIComponent(trigger)}`
    const { uuid, key } = identity.authkey
    const answer = await deps.request('POST', path, `${uuid}:${key}`, (body.payload ?? {}) as JsonObject)
    return c.json(answer.body || {}, answer.status === 204 ? 200 : (answer.status as ContentfulStatusCode))
  })

  app.get('/logs', c => pastLogs(deps, c))
  app.get('/activations', c => allActivations(deps, c))
  app.get('/wait', c => waitForActivation(deps, c))
  app.get('/events', c => {
    const wanted = eventFilter(c)
    return eventStream(c, send => deps.events.subscribe(event => wanted(event) && send(event.type, event)))
  })
  app.get('/user-events', c => userEventStream(deps, c))
  app.get('/status', c => c.json({ now: deps.clock.now(), ...deps.status() }))
  app.all('*', () => {
    throw new WhiskError('notFound', messages.resourceNotFound, { rejection: true })
  })
  return app
}
