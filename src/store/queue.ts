// The mirror of the in-memory queue.

import { isJsonObject, type JsonObject, parseStored, stringifyUnsorted } from '../entity/json.ts'
import type { Logger } from '../log.ts'
import type { Connection } from './connection.ts'
import type { QueuedActivation, QueueStore } from './store.ts'

/** What forgetting a namespace needs. */
export interface Queue extends QueueStore {
  drop(namespace: string): void
}

interface Row {
  seq: number
  id: string
  entry: string
  started: 0 | 1
}

/** An entry: where it is once it is written, and whether it says that it started, or will with the next commit. */
interface Place {
  /** Undefined while only `entry` has it. */
  seq: number | undefined
  /** What is not written yet. */
  entry: QueuedActivation | undefined
  started: 'no' | 'soon' | 'stored'
}

/** `queue_started` has those that started after they were written, so that no row with its payload is rewritten. */
const STARTED = '(q.started OR EXISTS (SELECT 1 FROM queue_started s WHERE s.seq = q.seq)) AS started'

const statements = ({ db }: Connection) => ({
  put: db.prepare<{ id: string; namespace: string; entry: string; started: 0 | 1 }>(
    'INSERT INTO queue (id, namespace, entry, started) VALUES (:id, :namespace, :entry, :started)',
  ),
  start: db.prepare<{ seq: number }>('INSERT INTO queue_started VALUES (:seq)'),
  remove: db.prepare<{ seq: number }>('DELETE FROM queue WHERE seq = :seq'),
  unstart: db.prepare<{ seq: number }>('DELETE FROM queue_started WHERE seq = :seq'),
  all: db.prepare<[], Row>(`SELECT seq, id, entry, ${STARTED} FROM queue q ORDER BY seq`),
  places: db.prepare<[], { seq: number; id: string; started: 0 | 1 }>(`SELECT seq, id, ${STARTED} FROM queue q`),
  ofNamespace: db.prepare<{ namespace: string }, { id: string }>('SELECT id FROM queue WHERE namespace = :namespace'),
})

export function queueStore(connection: Connection, log: Logger): Queue {
  const sql = statements(connection)
  /** By id; spares the table an index. */
  let places: Map<string, Place> | undefined
  /**
   * What the next commit has to write. Most activations start, and many end, before it comes: then the entry is written
   * as started, or not at all.
   */
  const unwritten = new Set<Place>()
  connection.onRollback(() => {
    places = undefined
    unwritten.clear()
  })
  const write = () => {
    for (const place of unwritten) {
      const started = place.started !== 'no'
      if (place.entry) {
        place.seq = insert(place.entry, started)
        place.entry = undefined
      } else if (started && place.seq !== undefined) sql.start.run({ seq: place.seq })
      if (started) place.started = 'stored'
    }
    unwritten.clear()
  }
  connection.onCommit(write)
  const insert = (entry: QueuedActivation, started: boolean): number => {
    const { activationId: id, identity } = entry
    const text = stringifyUnsorted(toDocument(entry))
    const row = { id, namespace: identity.namespace.name, entry: text, started: started ? 1 : 0 } as const
    return Number(sql.put.run(row).lastInsertRowid)
  }
  const written = () => {
    if (unwritten.size > 0) connection.write(write)
  }
  const loaded = () => {
    places ??= new Map(
      sql.places
        .all()
        .map(({ id, seq, started }) => [id, { seq, entry: undefined, started: started ? 'stored' : 'no' }]),
    )
    return places
  }
  const putOff = (place: Place) => {
    connection.touch()
    unwritten.add(place)
  }
  const remove = (id: string) => {
    const place = loaded().get(id)
    if (!place) return
    // Within a transaction that may be undone this writes it first, so that it comes back.
    connection.write(() => {
      const { seq } = place
      if (seq === undefined) return
      sql.remove.run({ seq })
      if (place.started === 'stored') sql.unstart.run({ seq })
    })
    unwritten.delete(place)
    loaded().delete(id)
  }

  return {
    put(entry) {
      remove(entry.activationId)
      const place: Place = { seq: undefined, entry, started: entry.state === 'started' ? 'soon' : 'no' }
      putOff(place)
      loaded().set(entry.activationId, place)
    },
    started(id) {
      const place = loaded().get(id)
      if (place?.started !== 'no') return
      // First: it is refused where the transaction of this turn has failed.
      putOff(place)
      place.started = 'soon'
    },
    remove,
    has: id => loaded().has(id),
    all() {
      written()
      return sql.all.all().flatMap(row => {
        try {
          return toEntry(row)
        } catch (error) {
          log.error(`the accepted activation ${row.id} cannot be read and stays where it is`, { error })
          return []
        }
      })
    },
    drop(namespace) {
      written()
      for (const { id } of sql.ofNamespace.all({ namespace })) remove(id)
    },
  }
}

function toDocument(entry: QueuedActivation): JsonObject {
  return entry as unknown as JsonObject
}

function toEntry({ entry, started }: Row): QueuedActivation {
  const document = parseStored(entry)
  if (!isJsonObject(document)) throw new Error('An entry of the queue is no object.')
  return { ...document, state: started ? 'started' : 'queued' } as unknown as QueuedActivation
}
