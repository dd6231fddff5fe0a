// The REST API as one Hono app: one dispatch for everything below `/api/v1`.
// To be mounted below `entrance`, with `onError`, in an app that routes by the raw path.

import { type Context, Hono } from 'hono'
import type { Identity } from '../entity/identity.ts'
import { parsePath, type ResourcePath } from '../entity/names.ts'
import { identify } from '../http/authenticate.ts'
import type { Env } from '../http/env.ts'
import { checkApiMethod } from '../http/fallback.ts'
import { headerOf } from '../http/raw-request.ts'
import { deleteAction, getAction, putAction } from './actions.ts'
import { getActivation, listActivations } from './activations.ts'
import { invokeAction } from './invoke.ts'
import type { Query } from './listing.ts'
import { listEntities, listPackageActions } from './lists.ts'
import { getLimits, listNamespaces } from './namespaces.ts'
import { noRoute } from './no-route.ts'
import { deletePackage, getPackage, putPackage } from './packages.ts'
import { ok } from './respond.ts'
import { deleteRule, getRule, postRule, putRule } from './rules.ts'
import type { ApiServices } from './services.ts'
import type { EntityRequest } from './target.ts'
import { deleteTrigger, fireTrigger, getTrigger, putTrigger } from './triggers.ts'

type Answer = Response | Promise<Response>
type EntityHandler = (c: Context<Env>, services: ApiServices, request: EntityRequest) => Answer
type EntityCollection = 'actions' | 'triggers' | 'rules' | 'packages'

const PREFIX = '/api/v1'

/** What each method does with one entity of each collection; what is not here is no route. */
const HANDLERS: Record<EntityCollection, Readonly<Record<string, EntityHandler>>> = {
  actions: { GET: getAction, PUT: putAction, DELETE: deleteAction, POST: invokeAction },
  triggers: { GET: getTrigger, PUT: putTrigger, DELETE: deleteTrigger, POST: fireTrigger },
  rules: { GET: getRule, PUT: putRule, DELETE: deleteRule, POST: postRule },
  packages: { GET: getPackage, PUT: putPackage, DELETE: deletePackage },
}

const PRIVILEGES = { GET: 'READ', PUT: 'PUT', DELETE: 'DELETE', POST: 'ACTIVATE' } as const

function privilegeOf(method: string) {
  if (method === 'GET' || method === 'PUT' || method === 'DELETE' || method === 'POST') return PRIVILEGES[method]
  throw noRoute()
}

function queryOf(url: string): Query | undefined {
  const start = url.indexOf('?')
  return start < 0 ? undefined : new URLSearchParams(url.slice(start + 1))
}

type EntityPath = Extract<ResourcePath, { level: 'entity' }>

function isEntityCollection(collection: string): collection is EntityCollection {
  return Object.hasOwn(HANDLERS, collection)
}

function entityAnswer(c: Context<Env>, services: ApiServices, identity: Identity, path: EntityPath): Answer {
  const { collection, name } = path
  if (!isEntityCollection(collection)) throw noRoute()
  const { method } = c.req
  const handler = HANDLERS[collection][method]
  if (handler === undefined) throw noRoute()
  const namespace = path.package === undefined ? path.namespace : `${path.namespace}/${path.package}`
  // OpenWhisk: `ns%2Fpackage` as the namespace acts like both. Differs from OpenWhisk: for actions only.
  const depth = namespace.split('/', 3).length
  if (depth > (collection === 'actions' ? 2 : 1)) throw noRoute()
  if (method === 'POST' && collection === 'actions') services.throttler.checkInvoke(identity)
  else if (method === 'POST' && collection === 'triggers') services.throttler.checkFire(identity)
  // Reading a package has outcomes of its own, which its handler words.
  if (collection !== 'packages' || method !== 'GET') {
    services.entitlement.check(identity, privilegeOf(method), { collection, namespace, entity: name })
  }
  return handler(c, services, { identity, namespace, name, id: `${namespace}/${name}`, query: queryOf(c.req.url) })
}

function collectionAnswer(
  c: Context<Env>,
  services: ApiServices,
  identity: Identity,
  { collection, namespace }: ResourcePath,
): Answer {
  // `ns%2Fpackage` acts like both here too.
  const [root = '', packageName, deeper] = namespace.split('/', 3)
  if (packageName !== undefined) {
    if (collection !== 'actions' || deeper !== undefined) throw noRoute()
    return packageAnswer(c, services, identity, root, packageName)
  }
  services.entitlement.check(identity, 'READ', { collection, namespace })
  switch (collection) {
    case 'limits':
      return getLimits(c, services, identity)
    case 'activations':
      return listActivations(c, services, namespace, queryOf(c.req.url))
    default:
      return listEntities(c, services, collection, namespace, queryOf(c.req.url))
  }
}

/** The actions of a package. */
function packageAnswer(
  c: Context<Env>,
  services: ApiServices,
  identity: Identity,
  namespace: string,
  name: string,
): Answer {
  services.entitlement.check(identity, 'READ', { collection: 'packages', namespace, entity: name })
  return listPackageActions(c, services, `${namespace}/${name}`, queryOf(c.req.url))
}

/** What the paths of entities stand for. They are the clients': the memory of them has an end. */
const resources = new Map<string, ResourcePath>()
const MAX_RESOURCES = 1000

/** As `parsePath`, remembering the entities that are asked for again and again. */
function resourceOf(path: string, method: string, namespace: string): ResourcePath | undefined {
  const key = `${method} ${namespace} ${path}`
  const known = resources.get(key)
  if (known !== undefined) return known
  const resource = parsePath(path, method, namespace)
  if (resource?.level !== 'entity') return resource
  if (resources.size >= MAX_RESOURCES) resources.clear()
  resources.set(key, resource)
  return resource
}

function resourceAnswer(c: Context<Env>, services: ApiServices, identity: Identity, path: ResourcePath): Answer {
  const { namespace } = path
  switch (path.level) {
    case 'entity':
      return entityAnswer(c, services, identity, path)
    case 'collection':
      return collectionAnswer(c, services, identity, path)
    case 'package':
      return packageAnswer(c, services, identity, namespace, path.package)
    case 'activation':
      services.entitlement.check(identity, 'READ', { collection: 'activations', namespace, entity: path.id })
      return getActivation(c, services, namespace, path.id, path.rest)
  }
}

/** Everything below `/api/v1`: 401 first, then what is wrong with the path, then no route, then the handler's. */
function dispatch(c: Context<Env>, services: ApiServices): Answer {
  const { method } = c.req
  if (method === 'OPTIONS') return ok(c)
  checkApiMethod(method)
  const identity = identify(services.store, headerOf(c, 'authorization'))
  c.set('identity', identity)
  const path = c.req.path.slice(PREFIX.length)
  if (method === 'GET' && (path === '/namespaces' || path === '/namespaces/')) return listNamespaces(c, identity)
  const resource = resourceOf(path, method, identity.namespace.name)
  if (resource === undefined) throw noRoute()
  return resourceAnswer(c, services, identity, resource)
}

export function createApi(services: ApiServices): Hono<Env> {
  const api = new Hono<Env>()
  api.all(`${PREFIX}/*`, c => dispatch(c, services))
  return api
}
