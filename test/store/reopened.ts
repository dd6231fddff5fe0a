// A store on disk that a test can close, look into and open again.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { onTestFinished } from 'vitest'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import { fakeClock } from '../fakes/clock.ts'

export const reopened = () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  const path = join(folder, 'openwhisk.db')
  const clock = fakeClock()
  const open = () => openStore({ path, clock, log: silentLogger })
  const store = open()
  let current = store
  onTestFinished(() => {
    current.close()
    rmSync(folder, { recursive: true })
  })
  const edit = (change: (db: Database.Database) => void) => {
    current.close()
    const db = new Database(path)
    change(db)
    db.close()
    current = open()
  }
  return {
    clock,
    path,
    store,
    /** The store of the next server. */
    reopen() {
      current.close()
      current = open()
      return current
    },
    /** Changes the closed file. */
    edit,
  }
}
