// Actions, packages, triggers and rules.

import type { EntityType, WhiskEntity } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { Cache } from './cache.ts'
import type { Connection } from './connection.ts'
import { decodeEntity, encodeEntity } from './entity-text.ts'
import type { EntityQuery, EntityStore } from './store.ts'
import type { StoredText, Undo } from './undo.ts'

/** Characters of document and code in one of the cache's two generations. */
const CACHE_CAPACITY = 16 * 1024 * 1024

/** What the checkpoints need beyond reading and writing entities. */
export interface Entities extends EntityStore {
  stored(id: string): StoredText | undefined
  /** Puts what `stored` gave. */
  restore(id: string, text: StoredText): void
  /** All entities of a namespace. */
  ids(namespace: string): string[]
}

interface Row extends StoredText {
  id: string
  type: EntityType
  namespace: string
  package: string
  public: 0 | 1
  updated: number
}

interface Filter {
  type: EntityType
  namespace: string
  package: string | null
  publicOnly: 0 | 1
}

const WHERE = `WHERE namespace = :namespace AND type = :type AND (:publicOnly = 0 OR public = 1)`
const IN_PACKAGE = `${WHERE} AND package = :package`
const ORDER = 'ORDER BY updated DESC, seq DESC LIMIT :limit OFFSET :skip'
type Page = Filter & { limit: number; skip: number }

const statements = ({ db }: Connection) => ({
  get: db.prepare<{ id: string }, StoredText>('SELECT document, code FROM entities WHERE id = :id'),
  put: db.prepare<Row>(
    `INSERT INTO entities (id, type, namespace, package, public, updated, document, code)
     VALUES (:id, :type, :namespace, :package, :public, :updated, :document, :code)
     ON CONFLICT (id) DO UPDATE SET type = excluded.type, public = excluded.public, updated = excluded.updated,
       document = excluded.document, code = excluded.code`,
  ),
  delete: db.prepare<{ id: string }>('DELETE FROM entities WHERE id = :id'),
  list: db.prepare<Page, { id: string }>(`SELECT id FROM entities ${WHERE} ${ORDER}`),
  listPackage: db.prepare<Page, { id: string }>(`SELECT id FROM entities ${IN_PACKAGE} ${ORDER}`),
  count: db.prepare<Filter, { n: number }>(`SELECT count(*) AS n FROM entities ${WHERE}`),
  countPackage: db.prepare<Filter, { n: number }>(`SELECT count(*) AS n FROM entities ${IN_PACKAGE}`),
  ids: db.prepare<{ namespace: string }, { id: string }>('SELECT id FROM entities WHERE namespace = :namespace'),
})

export function entityStore(connection: Connection, undo: Undo): Entities {
  const sql = statements(connection)
  const cache = new Cache<WhiskEntity>(CACHE_CAPACITY)
  connection.onRollback(() => cache.clear())

  const stored = (id: string) => sql.get.get({ id })
  const write = (row: Row) =>
    connection.write(() => {
      undo.note(row.namespace, '', row.id, () => stored(row.id))
      sql.put.run(row)
    })

  const get = (id: string): WhiskEntity | undefined => {
    const cached = cache.get(id)
    if (cached) return cached
    const text = stored(id)
    if (!text) return undefined
    const entity = decode(text)
    cache.set(id, entity, weightOf(text))
    return entity
  }

  return {
    get,
    put(entity) {
      const row = toRow(entity, encodeEntity(entity))
      write(row)
      cache.set(row.id, entity, weightOf(row))
    },
    delete(id) {
      const gone = connection.write(() => {
        undo.note(rootOf(id), '', id, () => stored(id))
        return sql.delete.run({ id }).changes > 0
      })
      cache.delete(id)
      return gone
    },
    list(query) {
      const page = { ...toFilter(query), limit: query.limit ?? -1, skip: query.skip ?? 0 }
      const rows = query.package === undefined ? sql.list.all(page) : sql.listPackage.all(page)
      return rows.flatMap(({ id }) => get(id) ?? [])
    },
    count(query) {
      const filter = toFilter(query)
      const row = query.package === undefined ? sql.count.get(filter) : sql.countPackage.get(filter)
      return row?.n ?? 0
    },
    stored,
    restore(id, text) {
      const row = toRow(decode(text), text)
      write(row)
      cache.delete(id)
    },
    ids: namespace => sql.ids.all({ namespace }).map(row => row.id),
  }
}

function decode(text: StoredText): WhiskEntity {
  try {
    return decodeEntity(text)
  } catch (error) {
    throw new WhiskError('internal', messages.corrupted, { cause: error })
  }
}

function toRow(entity: WhiskEntity, { document, code }: StoredText): Row {
  const { entityType: type, name, updated } = entity
  const [namespace = '', packageName = ''] = entity.namespace.split('/')
  const isPublic = entity.entityType === 'package' && entity.publish && !entity.binding
  const id = `${entity.namespace}/${name}`
  return { id, type, namespace, package: packageName, public: isPublic ? 1 : 0, updated, document, code }
}

function toFilter(query: Omit<EntityQuery, 'limit' | 'skip'>): Filter {
  const { type, namespace, package: packageName, publicOnly } = query
  return { type, namespace, package: packageName ?? null, publicOnly: publicOnly ? 1 : 0 }
}

function rootOf(id: string): string {
  return id.slice(0, id.indexOf('/'))
}

function weightOf({ document, code }: StoredText): number {
  return document.length + (code?.length ?? 0)
}
