// The mirror of the in-memory queue.

import { isJsonObject, type JsonObject, parseJson, stringifyUnsorted } from '../entity/json.ts'
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

/** Where an entry is, and whether `queue_started` says so, or will with the next commit. */
interface Place {
  readonly seq: number
  started: 'no' | 'soon' | 'stored'
}

const STARTED = 'EXISTS (SELECT 1 FROM queue_started s WHERE s.seq = q.seq) AS started'

const statements = ({ db }: Connection) => ({
  put: db.prepare<{ id: string; namespace: string; entry: string }>(
    'INSERT INTO queue (id, namespace, entry) VALUES (:id, :namespace, :entry)',
  ),
  start: db.prepare<{ seq: number }>('INSERT INTO queue_started VALUES (:seq)'),
  remove: db.prepare<{ seq: number }>('DELETE FROM queue WHERE seq = :seq'),
  unstart: db.prepare<{ seq: number }>('DELETE FROM queue_started WHERE seq = :seq'),
  all: db.prepare<[], Row>(`SELECT seq, entry, ${STARTED} FROM queue q ORDER BY seq`),
  places: db.prepare<[], { seq: number; id: string; started: 0 | 1 }>(`SELECT seq, id, ${STARTED} FROM queue q`),
  ofNamespace: db.prepare<{ namespace: string }, { id: string }>('SELECT id FROM queue WHERE namespace = :namespace'),
})

export function queueStore(connection: Connection): Queue {
  const sql = statements(connection)
  /** By id; spares the table an index. */
  let places: Map<string, Place> | undefined
  /** Started since the last commit: most of them end before the next one, and need not be written. */
  const soon = new Set<Place>()
  connection.onRollback(() => {
    places = undefined
    soon.clear()
  })
  const writeStarted = () => {
    for (const place of soon) {
      sql.start.run({ seq: place.seq })
      place.started = 'stored'
    }
    soon.clear()
  }
  connection.onCommit(writeStarted)
  const loaded = () => {
    places ??= new Map(
      sql.places.all().map(({ id, seq, started }) => [id, { seq, started: started ? 'stored' : 'no' }]),
    )
    return places
  }
  const start = (place: Place) => {
    if (place.started !== 'no') return
    place.started = 'soon'
    soon.add(place)
  }
  const remove = (id: string) => {
    const place = loaded().get(id)
    if (!place) return
    connection.write(() => {
      sql.remove.run({ seq: place.seq })
      if (place.started === 'stored') sql.unstart.run({ seq: place.seq })
    })
    soon.delete(place)
    loaded().delete(id)
  }

  return {
    put(entry) {
      const { activationId: id, identity, state } = entry
      const text = stringifyUnsorted(toDocument(entry))
      remove(id)
      const { lastInsertRowid } = connection.write(() =>
        sql.put.run({ id, namespace: identity.namespace.name, entry: text }),
      )
      const place: Place = { seq: Number(lastInsertRowid), started: 'no' }
      if (state === 'started') start(place)
      loaded().set(id, place)
    },
    started(id) {
      const place = loaded().get(id)
      if (!place) return
      connection.touch()
      start(place)
    },
    remove,
    has: id => loaded().has(id),
    all() {
      if (soon.size > 0) connection.write(writeStarted)
      return sql.all.all().map(toEntry)
    },
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
