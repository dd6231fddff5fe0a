// The APIs of tenants as they are stored, and as they are served.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { JsonObject } from '../entity/json.ts'
import type { Store } from '../store/store.ts'
import { objectAt, textAt } from './document.ts'
import { gatewayMessages as say } from './gateway-messages.ts'
import { GatewayRefusal, normalizeBasePath, type ServedApi, serveDocument } from './swagger.ts'

export interface StoredApi {
  /** Stable across updates, and ordered by creation. */
  readonly artifactId: string
  readonly tenant: string
  /** The document as it was posted. */
  readonly document: JsonObject
}

export interface LiveApi extends ServedApi {
  readonly artifactId: string
}

export interface Apis {
  list(tenant: string): StoredApi[]
  get(tenant: string, artifactId: string): StoredApi | undefined
  /**
   * By base path when `key` begins with a slash, else by title; the first that fits. A final slash of the key counts
   * unless `loosely`.
   */
  find(tenant: string, key: string, options?: { loosely: boolean }): StoredApi | undefined
  /**
   * Stores a document, in place of `existing` or as a new API. Fails with GatewayRefusal or DocumentRefused for what
   * cannot be served, and stores nothing then. Settles when it is durable.
   */
  save(tenant: string, namespace: string, document: JsonObject, existing?: StoredApi): Promise<StoredApi>
  remove(api: StoredApi): Promise<void>
  /** What to serve for a tenant; derived once for each stored document. */
  served(tenant: string): LiveApi[]
  subscribe(api: StoredApi, namespace: string, subscription: Subscription): Promise<void>
  unsubscribe(api: StoredApi, clientId: string): Promise<boolean>
  subscription(tenant: string, artifactId: string, clientId: string): Subscription | undefined
  subscribers(api: StoredApi): string[]
}

/** A client of an API with a key. */
export interface Subscription {
  readonly clientId: string
  /** SHA-256 in hex. */
  readonly secretHash?: string
}

const COLLECTION = 'api'
const SUBSCRIPTIONS = 'api-subscription'

export const basePathOf = ({ document }: StoredApi): string => normalizeBasePath(textAt(document, 'basePath') ?? '')
const titleOf = ({ document }: StoredApi): string | undefined => textAt(objectAt(document, 'info'), 'title')

export function openApis(store: Pick<Store, 'documents' | 'committed'>, clock: Clock): Apis {
  const { documents } = store
  // A collection of its own for each tenant keeps a call from reading the APIs of all others.
  const collection = (tenant: string): string => `${COLLECTION}:${tenant}`
  const subscriptions = (tenant: string): string => `${SUBSCRIPTIONS}:${tenant}`
  // The store hands out the same object until a document changes.
  const live = new WeakMap<JsonObject, LiveApi>()

  function list(tenant: string): StoredApi[] {
    return documents.list(collection(tenant)).flatMap(({ id, document }) => {
      const posted = objectAt(document, 'document')
      return posted ? [{ artifactId: id, tenant, document: posted }] : []
    })
  }

  function serve(api: StoredApi): LiveApi {
    const known = live.get(api.document)
    if (known) return known
    const made = { ...serveDocument(api.document), artifactId: api.artifactId }
    live.set(api.document, made)
    return made
  }

  return {
    list,

    get: (tenant, artifactId) => list(tenant).find(api => api.artifactId === artifactId),

    find(tenant, key, { loosely } = { loosely: false }) {
      const wanted = loosely ? normalizeBasePath(key) : key
      const byPath = key.startsWith('/')
      return list(tenant).find(api => (byPath ? basePathOf(api) === wanted : titleOf(api) === key))
    },

    async save(tenant, namespace, document, existing) {
      const { basePath } = serveDocument(document)
      const clash = list(tenant).find(api => basePathOf(api) === basePath && api.artifactId !== existing?.artifactId)
      if (clash) throw new GatewayRefusal(500, say.basePathTaken)
      const artifactId = existing?.artifactId ?? newArtifactId(clock.now())
      documents.put(collection(tenant), artifactId, namespace, { document })
      await store.committed()
      return { artifactId, tenant, document }
    },

    async remove(api) {
      for (const { id } of documents.list(subscriptions(api.tenant))) {
        if (id.startsWith(`${api.artifactId} `)) documents.delete(subscriptions(api.tenant), id)
      }
      documents.delete(collection(api.tenant), api.artifactId)
      await store.committed()
    },

    served: tenant => list(tenant).map(serve),

    async subscribe(api, namespace, { clientId, secretHash }) {
      const document = { clientId, ...(secretHash === undefined ? {} : { secretHash }) }
      documents.put(subscriptions(api.tenant), `${api.artifactId} ${clientId}`, namespace, document)
      await store.committed()
    },

    async unsubscribe(api, clientId) {
      const there = documents.delete(subscriptions(api.tenant), `${api.artifactId} ${clientId}`)
      await store.committed()
      return there
    },

    subscription(tenant, artifactId, clientId) {
      const document = documents.get(subscriptions(tenant), `${artifactId} ${clientId}`)
      const secretHash = textAt(document, 'secretHash')
      return document && { clientId, ...(secretHash === undefined ? {} : { secretHash }) }
    },

    subscribers: api =>
      documents
        .list(subscriptions(api.tenant))
        .filter(({ id }) => id.startsWith(`${api.artifactId} `))
        .map(({ id }) => id.slice(api.artifactId.length + 1)),
  }
}

/** A UUID that begins with the time, so that a tenant's APIs are listed in the order of their creation. */
function newArtifactId(now: number): string {
  const time = now.toString(16).padStart(12, '0')
  return `${time.slice(0, 8)}-${time.slice(8)}-7${randomUUID().slice(15)}`
}
