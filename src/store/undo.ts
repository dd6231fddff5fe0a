// The undo journal: what entities and documents of a namespace were before they changed, since its checkpoints.
//
// A namespace without checkpoints writes nothing here. Otherwise the first change of a thing after the newest
// checkpoint notes what it was, so for each checkpoint the first note after it is what the thing was then, and the
// journal never holds more than one note for each thing and checkpoint.

import type { Connection } from './connection.ts'

/** The stored form of an entity or a document. */
export interface StoredText {
  readonly document: string
  /** Of actions; null where there is none. */
  readonly code: string | null
}

export interface Note {
  /** Of a document; empty for an entity. */
  readonly collection: string
  readonly id: string
  /** Undefined: there was none. */
  readonly before: StoredText | undefined
}

export interface Undo {
  /** To be called before each change. `read` gives what is stored; it is called only when that must be noted. */
  note(namespace: string, collection: string, id: string, read: () => StoredText | undefined): void
  /** Makes or moves a checkpoint. */
  mark(name: string, namespace: string): void
  marked(name: string, namespace: string): boolean
  /** What changed since a checkpoint, as it was then; undefined when there is no such checkpoint. */
  since(name: string, namespace: string): Note[] | undefined
  /** To be called when the namespace is again as the checkpoint remembers it. */
  restored(name: string, namespace: string): void
  /** Forgets the namespace's checkpoints and notes. */
  forget(namespace: string): void
}

interface NoteRow {
  collection: string
  id: string
  document: string | null
  code: string | null
}

const statements = ({ db }: Connection) => ({
  newest: db.prepare<[], { namespace: string; undoSeq: number }>(
    'SELECT namespace, max(undo_seq) AS undoSeq FROM checkpoints GROUP BY namespace',
  ),
  noted: db.prepare<{ namespace: string; collection: string; id: string; seq: number }, { seq: number }>(
    `SELECT seq FROM undo
     WHERE namespace = :namespace AND collection = :collection AND id = :id AND seq > :seq LIMIT 1`,
  ),
  note: db.prepare<NoteRow & { namespace: string }>(
    `INSERT INTO undo (namespace, collection, id, document, code)
     VALUES (:namespace, :collection, :id, :document, :code)`,
  ),
  last: db.prepare<[], { seq: number }>("SELECT seq FROM sqlite_sequence WHERE name = 'undo'"),
  mark: db.prepare<{ namespace: string; name: string; seq: number }>(
    `INSERT INTO checkpoints VALUES (:namespace, :name, :seq)
     ON CONFLICT DO UPDATE SET undo_seq = excluded.undo_seq`,
  ),
  marked: db.prepare<{ namespace: string; name: string }, { seq: number }>(
    'SELECT undo_seq AS seq FROM checkpoints WHERE namespace = :namespace AND name = :name',
  ),
  // With min(), SQLite takes the other columns from the row that has the minimum.
  since: db.prepare<{ namespace: string; seq: number }, NoteRow>(
    `SELECT collection, id, document, code, min(seq) FROM undo
     WHERE namespace = :namespace AND seq > :seq GROUP BY collection, id`,
  ),
  trimBefore: db.prepare<{ namespace: string }>(
    `DELETE FROM undo WHERE namespace = :namespace
     AND seq <= (SELECT min(undo_seq) FROM checkpoints WHERE namespace = :namespace)`,
  ),
  trimAfter: db.prepare<{ namespace: string; seq: number }>(
    'DELETE FROM undo WHERE namespace = :namespace AND seq > :seq',
  ),
  forgetNotes: db.prepare<{ namespace: string }>('DELETE FROM undo WHERE namespace = :namespace'),
  forgetMarks: db.prepare<{ namespace: string }>('DELETE FROM checkpoints WHERE namespace = :namespace'),
})

/** All but `marked` and `since` write, and belong inside `connection.write`. */
export function createUndo(connection: Connection): Undo {
  const sql = statements(connection)
  /** Of each namespace with checkpoints, the last note before its newest one. */
  let newest: Map<string, number> | undefined
  connection.onRollback(() => {
    newest = undefined
  })
  const newestOf = (namespace: string) => {
    newest ??= new Map(sql.newest.all().map(row => [row.namespace, row.undoSeq]))
    return newest.get(namespace)
  }

  return {
    note(namespace, collection, id, read) {
      const seq = newestOf(namespace)
      if (seq === undefined || sql.noted.get({ namespace, collection, id, seq })) return
      const before = read()
      sql.note.run({ namespace, collection, id, document: before?.document ?? null, code: before?.code ?? null })
    },
    mark(name, namespace) {
      const seq = sql.last.get()?.seq ?? 0
      sql.mark.run({ namespace, name, seq })
      sql.trimBefore.run({ namespace })
      newest?.set(namespace, seq)
    },
    marked: (name, namespace) => sql.marked.get({ namespace, name }) !== undefined,
    since(name, namespace) {
      const marked = sql.marked.get({ namespace, name })
      return (
        marked &&
        sql.since.all({ namespace, seq: marked.seq }).map(({ collection, id, document, code }) => ({
          collection,
          id,
          before: document === null ? undefined : { document, code },
        }))
      )
    },
    restored(name, namespace) {
      const marked = sql.marked.get({ namespace, name })
      // Newer checkpoints still need the notes.
      if (marked && newestOf(namespace) === marked.seq) sql.trimAfter.run({ namespace, seq: marked.seq })
    },
    forget(namespace) {
      sql.forgetNotes.run({ namespace })
      sql.forgetMarks.run({ namespace })
      newest?.delete(namespace)
    },
  }
}
