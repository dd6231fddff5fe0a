// What the tests of the gateway share: documents, and a gateway on an in-memory store.

import { Hono } from 'hono'
import { isJsonObject, type JsonObject, type JsonValue } from '../../src/entity/json.ts'
import { createGateway, type GatewayOptions } from '../../src/gateway/gateway.ts'
import type { WebActionRequest } from '../../src/http/dispatch.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import { anIdentity, aSubject, GUEST } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'

export const TENANT = GUEST.uuid
export const GATEWAY_URL = 'http://localhost:3234'

/** A document with one `.json` operation for each `verb path`. */
export const swagger = (basePath: string, operations: readonly string[], extra: JsonObject = {}): JsonObject => {
  const target = (path: string) =>
    `https://elsewhere.test/api/v1/web/guest/default/act${path.replaceAll('/', '_')}.json`
  const parsed = operations.map(operation => {
    const [verb = '', path = ''] = operation.split(' ')
    return { verb, path, id: `${verb}${path}` }
  })
  const paths: Record<string, Record<string, JsonValue>> = {}
  for (const { verb, path, id } of parsed) paths[path] = { ...paths[path], [verb]: { operationId: id } }
  const cases = parsed.map(({ path, id }) => ({
    operations: [id],
    execute: [{ invoke: { 'target-url': target(path), verb: 'keep' } }],
  }))
  return {
    swagger: '2.0',
    info: { title: basePath, version: '1.0.0' },
    basePath,
    paths,
    'x-ibm-configuration': {
      assembly: { execute: [{ 'operation-switch': { case: cases } }] },
      cors: { enabled: true },
    },
    ...extra,
  }
}

/** A gateway whose web actions answer what `answer` says; `asked` are the requests that reached them. */
export function openGateway(overrides: Partial<GatewayOptions> = {}) {
  const clock = fakeClock()
  const store = openStore({ path: ':memory:', clock, log: silentLogger })
  store.subjects.put(aSubject())
  store.subjects.put(aSubject({ subject: 'whisk.system' }))
  const asked: WebActionRequest[] = []
  const context = { answer: (): Response => Response.json({ ok: true }) }
  const gateway = createGateway({
    store,
    clock,
    log: silentLogger,
    dispatch: async request => {
      asked.push(request)
      return context.answer()
    },
    gatewayUrl: () => GATEWAY_URL,
    apiHost: () => 'localhost:3233',
    ...overrides,
  })
  const port = new Hono<Env>()
  port.use(entrance({ clock }))
  port.route('/', gateway.routes)

  const manage = async (action: string, args: JsonObject): Promise<JsonObject> => {
    const handler = gateway.handlers.get(`whisk.system/apimgmt/${action}`)
    const result = await handler?.(args, { identity: anIdentity() } as Parameters<typeof handler>[1])
    if (!isJsonObject(result)) throw new Error(`${action} answered ${JSON.stringify(result)}`)
    return result
  }
  return {
    clock,
    store,
    gateway,
    asked,
    context,
    manage,
    create: (document: JsonObject) =>
      manage('createApi', { __ow_user: 'guest', apidoc: { namespace: '_', swagger: document } }),
    /** A call on the gateway's own port; `path` is what follows the tenant. */
    call: (path: string, init: RequestInit = {}) =>
      Promise.resolve(port.request(`${GATEWAY_URL}/api/${TENANT}${path}`, init)),
    port,
  }
}

/** The lines of a request's headers as an object with names in lower case. */
export const headersOf = (request: WebActionRequest | undefined): Record<string, string> => {
  const { rawHeaders } = request ?? { rawHeaders: [] }
  return Object.fromEntries(
    rawHeaders.flatMap((name, i) => (i % 2 === 0 ? [[name.toLowerCase(), rawHeaders[i + 1] ?? '']] : [])),
  )
}
