// The management API of the gateway's own port, as far as anybody needs it: reading APIs, and keys for them.

import { type Context, Hono } from 'hono'
import type { Identity } from '../entity/identity.ts'
import { isJsonObject, type JsonObject, parseJson, stringify } from '../entity/json.ts'
import type { Env } from '../http/env.ts'
import type { Store } from '../store/store.ts'
import { type Apis, basePathOf, type StoredApi } from './apis.ts'
import { objectAt, textAt } from './document.ts'
import { gatewayMessages as say } from './gateway-messages.ts'
import { hashSecret } from './policies.ts'
import { GatewayRefusal } from './swagger.ts'

export interface SubscriptionDeps {
  readonly apis: Apis
  readonly store: Pick<Store, 'subjects'>
  readonly gatewayUrl: () => string
}

const json = (body: JsonObject | readonly JsonObject[] | string[], status = 200): Response =>
  new Response(`${stringify(body)}\n`, { status, headers: { 'Content-Type': 'application/json; charset=utf-8' } })

/**
 * Paths below `/v2`. Differs from OpenWhisk, whose management port asks nobody: here the tenant's own key is wanted,
 * since the port is the one that APIs are called on.
 */
export function subscriptionRoutes({ apis, store, gatewayUrl }: SubscriptionDeps): Hono<Env> {
  const routes = new Hono<Env>()

  const show = (api: StoredApi): JsonObject => {
    const basePath = basePathOf(api)
    return {
      artifact_id: api.artifactId,
      managed_url: `${gatewayUrl()}/api/${api.tenant}${basePath === '/' ? '' : basePath}`,
      open_api_doc: api.document,
    }
  }

  function tenantOf(c: Context<Env>): { tenant: string; identity: Identity } {
    const tenant = c.req.param('tenant') ?? ''
    const encoded = /^basic\s+(.+)$/i.exec(c.req.header('authorization') ?? '')?.[1] ?? ''
    const [uuid = '', ...key] = Buffer.from(encoded, 'base64').toString('utf8').split(':')
    const identity = store.subjects.identityByKey(uuid, key.join(':'))
    if (!identity || uuid !== tenant) throw new GatewayRefusal(401, say.unauthorized)
    return { tenant, identity }
  }

  function known(tenant: string, artifactId: string): StoredApi {
    const api = apis.get(tenant, artifactId)
    if (!api) throw new GatewayRefusal(404, say.unknownApi(artifactId))
    return api
  }

  routes.get('/:tenant/apis', c => {
    const { tenant } = tenantOf(c)
    const basePath = c.req.query('basePath')
    const title = c.req.query('title')
    const chosen = apis
      .list(tenant)
      .filter(api => basePath === undefined || basePathOf(api) === basePath)
      .filter(api => title === undefined || textAt(objectAt(api.document, 'info'), 'title') === title)
    return json(chosen.map(show))
  })

  routes.get('/:tenant/apis/:id', c => json(show(known(tenantOf(c).tenant, c.req.param('id')))))

  routes.on(['POST', 'PUT'], '/:tenant/subscriptions', async c => {
    const { tenant, identity } = tenantOf(c)
    const body = parsed(await c.req.text())
    const artifactId = textAt(body, 'artifact_id')
    if (!artifactId) throw new GatewayRefusal(400, say.missingField('artifact_id'))
    const clientId = textAt(body, 'client_id')
    if (!clientId) throw new GatewayRefusal(400, say.missingField('client_id'))
    const secret = textAt(body, 'client_secret')
    await apis.subscribe(known(tenant, artifactId), identity.namespace.name, {
      clientId,
      ...(secret ? { secretHash: hashSecret(secret) } : {}),
    })
    return json({ message: say.subscriptionCreated(clientId, artifactId) })
  })

  routes.get('/:tenant/subscriptions', c => {
    const { tenant } = tenantOf(c)
    return json(apis.subscribers(known(tenant, c.req.query('artifact_id') ?? '')))
  })

  routes.delete('/:tenant/subscriptions/:client', async c => {
    const { tenant } = tenantOf(c)
    const gone = await apis.unsubscribe(known(tenant, c.req.query('artifact_id') ?? ''), c.req.param('client'))
    if (!gone) throw new GatewayRefusal(404, say.subscriptionMissing)
    return new Response(null, { status: 204 })
  })

  routes.all('*', () => {
    throw new GatewayRefusal(400, say.invalidRequest)
  })
  return routes
}

function parsed(text: string): JsonObject {
  if (text === '') throw new GatewayRefusal(400, say.missingBody)
  try {
    const value = parseJson(text)
    if (isJsonObject(value)) return value
  } catch {
    // Not JSON: refused like any other body that is no object.
  }
  throw new GatewayRefusal(400, say.invalidRequest)
}
