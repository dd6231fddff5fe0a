// Putting namespaces back: checkpoints, rollback, reset, and forgetting a namespace.

import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Activations } from './activations.ts'
import type { Connection } from './connection.ts'
import type { Documents } from './documents.ts'
import type { Entities } from './entities.ts'
import type { Queue } from './queue.ts'
import type { CheckpointStore, SubjectStore } from './store.ts'
import type { Note, Undo } from './undo.ts'

interface Parts {
  undo: Undo
  entities: Entities
  documents: Documents
  activations: Activations
  queue: Queue
  subjects: SubjectStore
}

export function checkpointStore(connection: Connection, parts: Parts): CheckpointStore {
  const { undo, entities, documents } = parts

  /** True when that changed anything. */
  const putBack = (namespace: string, { collection, id, before }: Note): boolean => {
    const now = collection === '' ? entities.stored(id) : documents.stored(collection, id)
    if (now?.document === before?.document && now?.code === before?.code) return false
    if (collection === '') {
      if (before) entities.restore(id, before)
      else entities.delete(id)
    } else if (before) documents.restore(collection, id, namespace, before)
    else documents.delete(collection, id)
    return true
  }

  const empty = (namespace: string): string[] => {
    const ids = entities.ids(namespace)
    for (const id of ids) entities.delete(id)
    for (const { collection, id } of documents.keys(namespace)) documents.delete(collection, id)
    return ids
  }

  return {
    create: (name, namespace) => connection.write(() => undo.mark(name, namespace)),
    has: (name, namespace) => undo.marked(name, namespace),
    rollback(name, namespace) {
      const notes = undo.since(name, namespace)
      if (!notes) throw new WhiskError('notFound', messages.control.noCheckpoint(name, namespace))
      return connection.transaction(() => {
        const changed = notes.filter(note => putBack(namespace, note))
        connection.write(() => undo.restored(name, namespace))
        return changed.flatMap(({ collection, id }) => (collection === '' ? id : []))
      })
    },
    reset: namespace => connection.transaction(() => empty(namespace)),
    drop(namespace) {
      connection.transaction(() => {
        connection.write(() => undo.forget(namespace))
        empty(namespace)
        parts.activations.drop(namespace)
        parts.queue.drop(namespace)
        parts.subjects.deleteLimits(namespace)
      })
    },
  }
}
