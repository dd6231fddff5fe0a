// Opens the store: lock, file modes, pragmas, migrations; composes the parts.

import { dirname } from 'node:path'
import Database from 'better-sqlite3'
import type { Clock } from '../clock.ts'
import { ExitError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { activationStore } from './activations.ts'
import { checkpointStore } from './checkpoints.ts'
import { Connection } from './connection.ts'
import { documentStore } from './documents.ts'
import { entityStore } from './entities.ts'
import { createPrivate, privateFolder } from './files.ts'
import { lockStore, storeHolder } from './lock.ts'
import { checkSchema, migrate } from './migrate.ts'
import { queueStore } from './queue.ts'
import { refusal } from './refusal.ts'
import type { Store } from './store.ts'
import { subjectStore } from './subjects.ts'
import { createUndo } from './undo.ts'

export interface StoreOptions {
  /** A file, or `:memory:`. Its folder is made when it is missing. */
  path: string
  clock: Clock
  log: Logger
  /** What acknowledged data survives: the death of the process (`normal`, the default), or of the machine. */
  sync?: 'normal' | 'full'
}

/**
 * Fails with ExitError 3 when another process uses the file, when it is of a newer version, and when it cannot be
 * read or made.
 */
export function openStore(options: StoreOptions): Store {
  const { path } = options
  const lock = path === ':memory:' ? undefined : prepare(path)
  let db: Database.Database | undefined
  try {
    if (lock) createPrivate(path)
    db = new Database(path, { timeout: 0 })
    // Nobody else may open the file, so no shared memory is needed and no lock is taken or tested by each statement.
    db.pragma('locking_mode = EXCLUSIVE')
    checkSchema(db, path)
    configure(db, options.sync ?? 'normal')
    migrate(db)
    return compose(new Connection(db, options), options, () => lock?.release())
  } catch (error) {
    db?.close()
    lock?.release()
    throw refusal(path, error)
  }
}

function prepare(path: string) {
  try {
    privateFolder(dirname(path))
    const lock = lockStore(path)
    if (lock) return lock
  } catch (error) {
    throw refusal(path, error)
  }
  const pid = storeHolder(path)?.pid
  throw new ExitError(
    3,
    `The data directory ${dirname(path)} is in use by ${pid === undefined ? 'another process' : `process ${pid}`}. ` +
      'Stop that one, or choose another with --data-dir.',
  )
}

function configure(db: Database.Database, sync: 'normal' | 'full'): void {
  db.pragma('journal_mode = WAL')
  db.pragma(`synchronous = ${sync}`)
  db.pragma('temp_store = MEMORY')
}

function compose(connection: Connection, options: StoreOptions, released: () => void): Store {
  const undo = createUndo(connection)
  const entities = entityStore(connection, undo)
  const documents = documentStore(connection, undo)
  const queue = queueStore(connection, options.log)
  const activations = activationStore(connection, { clock: options.clock, queue })
  const subjects = subjectStore(connection)
  return {
    entities,
    documents,
    queue,
    activations,
    subjects,
    checkpoints: checkpointStore(connection, { undo, entities, documents, activations, queue, subjects }),
    transaction: fn => connection.transaction(fn),
    committed: () => connection.committed(),
    stored: () => connection.stored(),
    readable: () => connection.committed().catch(() => {}),
    get healthy() {
      return connection.healthy
    },
    close() {
      connection.close()
      released()
    },
  }
}
