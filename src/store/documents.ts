// Small documents of other parts, by collection and id, each in a namespace.

import { isJsonObject, type JsonObject, parseStored, stringify } from '../entity/json.ts'
import { Cache } from './cache.ts'
import type { Connection } from './connection.ts'
import type { DocumentStore } from './store.ts'
import type { StoredText, Undo } from './undo.ts'

/** Characters of text in one of the cache's two generations. */
const CACHE_CAPACITY = 4 * 1024 * 1024

/** What the checkpoints need beyond reading and writing documents. */
export interface Documents extends DocumentStore {
  stored(collection: string, id: string): StoredText | undefined
  /** Puts what `stored` gave. */
  restore(collection: string, id: string, namespace: string, text: StoredText): void
  /** All documents of a namespace. */
  keys(namespace: string): { collection: string; id: string }[]
}

interface Key {
  collection: string
  id: string
}

interface Row extends Key {
  namespace: string
  document: string
}

const statements = ({ db }: Connection) => ({
  get: db.prepare<Key, Row>(
    'SELECT collection, id, namespace, document FROM documents WHERE collection = :collection AND id = :id',
  ),
  put: db.prepare<Row>(
    `INSERT INTO documents VALUES (:collection, :id, :namespace, :document)
     ON CONFLICT DO UPDATE SET namespace = excluded.namespace, document = excluded.document`,
  ),
  delete: db.prepare<Key>('DELETE FROM documents WHERE collection = :collection AND id = :id'),
  list: db.prepare<{ collection: string }, Row>(
    'SELECT collection, id, namespace, document FROM documents WHERE collection = :collection ORDER BY id',
  ),
  listNamespace: db.prepare<{ collection: string; namespace: string }, Row>(
    `SELECT collection, id, namespace, document FROM documents
     WHERE collection = :collection AND namespace = :namespace ORDER BY id`,
  ),
  keys: db.prepare<{ namespace: string }, Key>('SELECT collection, id FROM documents WHERE namespace = :namespace'),
})

export function documentStore(connection: Connection, undo: Undo): Documents {
  const sql = statements(connection)
  const cache = new Cache<JsonObject>(CACHE_CAPACITY)
  connection.onRollback(() => cache.clear())

  const cacheKey = (collection: string, id: string) => `${collection}\n${id}`
  /** A document that moves leaves one namespace and appears in another: both may have checkpoints. */
  const note = ({ collection, id }: Key, namespace?: string) => {
    const old = sql.get.get({ collection, id })
    if (old) undo.note(old.namespace, collection, id, () => ({ document: old.document, code: null }))
    if (namespace !== undefined && old?.namespace !== namespace) undo.note(namespace, collection, id, () => undefined)
  }
  const write = (row: Row) =>
    connection.write(() => {
      note(row, row.namespace)
      sql.put.run(row)
    })
  const decode = (row: Row): JsonObject => {
    const key = cacheKey(row.collection, row.id)
    const cached = cache.get(key)
    if (cached) return cached
    const document = parseStored(row.document)
    if (!isJsonObject(document)) throw new Error(`The document ${row.collection} ${row.id} is no object.`)
    cache.set(key, document, row.document.length)
    return document
  }

  return {
    get(collection, id) {
      const cached = cache.get(cacheKey(collection, id))
      if (cached) return cached
      const row = sql.get.get({ collection, id })
      return row && decode(row)
    },
    put(collection, id, namespace, document) {
      const text = stringify(document)
      write({ collection, id, namespace, document: text })
      cache.set(cacheKey(collection, id), document, text.length)
    },
    delete(collection, id) {
      const gone = connection.write(() => {
        note({ collection, id })
        return sql.delete.run({ collection, id }).changes > 0
      })
      cache.delete(cacheKey(collection, id))
      return gone
    },
    list(collection, namespace) {
      const rows =
        namespace === undefined ? sql.list.all({ collection }) : sql.listNamespace.all({ collection, namespace })
      return rows.map(row => ({ id: row.id, namespace: row.namespace, document: decode(row) }))
    },
    stored(collection, id) {
      const row = sql.get.get({ collection, id })
      return row && { document: row.document, code: null }
    },
    restore(collection, id, namespace, { document }) {
      write({ collection, id, namespace, document })
      cache.delete(cacheKey(collection, id))
    },
    keys: namespace => sql.keys.all({ namespace }),
  }
}
