// A store in memory for tests of its parts.

import Database from 'better-sqlite3'
import { silentLogger } from '../../src/log.ts'
import { Connection } from '../../src/store/connection.ts'
import { documentStore } from '../../src/store/documents.ts'
import { entityStore } from '../../src/store/entities.ts'
import { migrate } from '../../src/store/migrate.ts'
import { openStore } from '../../src/store/open.ts'
import { subjectStore } from '../../src/store/subjects.ts'
import { createUndo } from '../../src/store/undo.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'

export const memoryStore = (clock: FakeClock = fakeClock()) => ({
  clock,
  store: openStore({ path: ':memory:', clock, log: silentLogger }),
})

/** The parts that feeds use; while `disk.full`, writes are taken and their commit fails. */
export function storeOnDisk() {
  const db = new Database(':memory:')
  migrate(db)
  const connection = new Connection(db, { clock: fakeClock(), log: silentLogger })
  const disk = { full: false }
  connection.onCommit(() => {
    if (disk.full) throw new Error('the disk is full')
  })
  const undo = createUndo(connection)
  const store = {
    entities: entityStore(connection, undo),
    documents: documentStore(connection, undo),
    subjects: subjectStore(connection),
    committed: () => connection.committed(),
    close: () => connection.close(),
  }
  return { store, disk }
}
