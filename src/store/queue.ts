// The mirror of the in-memory queue.

import { isJsonObject, type JsonObject, parseJson, stringify } from '../entity/json.ts'
import type { Connection } from './connection.ts'
import type { QueuedActivation, QueueStore } from './store.ts'

/** What forgetting a namespace needs. */
export interface Queue extends QueueStore {
  drop(namespace: string): void
}

interface Row {
  seq: number
  entry: string
  started: 0 | 1
}

const statements = ({ db }: Connection) => ({
  put: db.prepare<{ id: string; namespace: string; entry: string }>(
    'INSERT INTO queue (id, namespace, entry) VALUES (:id, :namespace, :entry)',
  ),
  start: db.prepare<{ seq: number }>('INSERT OR IGNORE INTO queue_started VALUES (:seq)'),
  remove: db.prepare<{ seq: number }>('DELETE FROM queue WHERE seq = :seq'),
  unstart: db.prepare<{ seq: number }>('DELETE FROM queue_started WHERE seq = :seq'),
  all: db.prepare<[], Row>(
    `SELECT seq, entry, EXISTS (SELECT 1 FROM queue_started s WHERE s.seq = q.seq) AS started
     FROM queue q ORDER BY seq`,
  ),
  ids: db.prepare<[], { seq: number; id: string }>('SELECT seq, id FROM queue'),
  ofNamespace: db.prepare<{ namespace: string }, { id: string }>('SELECT id FROM queue WHERE namespace = :namespace'),
})

export function queueStore(connection: Connection): Queue {
  const sql = statements(connection)
  /** Where each entry is; spares the table an index. */
  let seqs: Map<string, number> | undefined
  connection.onRollback(() => {
    seqs = undefined
  })
  const loaded = () => {
    seqs ??= new Map(sql.ids.all().map(({ id, seq }) => [id, seq]))
    return seqs
  }
  const remove = (id: string) => {
    const seq = loaded().get(id)
    if (seq === undefined) return
    connection.write(() => {
      sql.remove.run({ seq })
      sql.unstart.run({ seq })
    })
    loaded().delete(id)
  }

  return {
    put(entry) {
      const { activationId: id, identity, state } = entry
      const text = stringify(toDocument(entry))
      remove(id)
      const seq = connection.write(() => {
        const { lastInsertRowid } = sql.put.run({ id, namespace: identity.namespace.name, entry: text })
        const seq = Number(lastInsertRowid)
        if (state === 'started') sql.start.run({ seq })
        return seq
      })
      loaded().set(id, seq)
    },
    started(id) {
      const seq = loaded().get(id)
      if (seq !== undefined) connection.write(() => sql.start.run({ seq }))
    },
    remove,
    all: () => sql.all.all().map(toEntry),
    drop(namespace) {
      for (const { id } of sql.ofNamespace.all({ namespace })) remove(id)
    },
  }
}

function toDocument({ state: _, ...entry }: QueuedActivation): JsonObject {
  return entry as unknown as JsonObject
}

function toEntry({ entry, started }: Row): QueuedActivation {
  const document = parseJson(entry)
  if (!isJsonObject(document)) throw new Error('An entry of the queue is no object.')
  return { ...document, state: started ? 'started' : 'queued' } as unknown as QueuedActivation
}
