// Who may use a data file: one process at a time, known by its pid.

import { chmodSync, existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { createPrivate } from './files.ts'
import { refusal } from './refusal.ts'

const lockFile = (path: string) => `${path}.lock`
const pidFile = (path: string) => `${path}.pid`

export interface StoreLock {
  release(): void
}

/**
 * Takes the lock of the data file at `path`; undefined when another process (or another store of this one) has it.
 *
 * The lock is SQLite's on an empty database beside the data: the operating system takes it back when the process
 * dies, however it dies. The pid in the other file only says who has it. Nothing may remove the database: two
 * processes could have a lock each then.
 *
 * Fails with ExitError 3 when it cannot be used. One that is damaged is nobody's: with `mend` it is made empty.
 */
export function lockStore(path: string, { mend = false } = {}): StoreLock | undefined {
  const db = takeLock(path, mend)
  if (!db) return undefined
  try {
    writeFileSync(pidFile(path), `${process.pid}\n`, { mode: 0o600 })
    chmodSync(pidFile(path), 0o600)
  } catch {
    // The disk is full: whoever wants the lock is told that somebody has it.
  }
  return {
    release() {
      rmSync(pidFile(path), { force: true })
      db.close()
    },
  }
}

/**
 * Whether a server has the store at `path` open: undefined when none has, else its pid, as far as it can be read.
 * For commands that use the store themselves when no server runs. Fails as `lockStore` does.
 */
export function storeHolder(path: string): { pid: number | undefined } | undefined {
  if (!existsSync(lockFile(path))) return undefined
  const db = takeLock(path)
  if (!db) return { pid: readPid(path) }
  db.close()
  return undefined
}

/** Opening the file by other means than SQLite would drop this process's lock on it, if it has one. */
function takeLock(path: string, mend = false): Database.Database | undefined {
  const file = lockFile(path)
  let db: Database.Database | undefined
  try {
    createPrivate(file)
    db = new Database(file, { timeout: 0 })
    db.exec('BEGIN EXCLUSIVE')
    return db
  } catch (error) {
    db?.close()
    const code = error instanceof Database.SqliteError ? error.code : ''
    if (code.startsWith('SQLITE_BUSY')) return undefined
    if (!mend || code !== 'SQLITE_NOTADB') throw refusal(file, error)
    truncateSync(file)
    return takeLock(path)
  }
}

function readPid(path: string): number | undefined {
  try {
    const pid = Number(readFileSync(pidFile(path), 'utf8'))
    return Number.isInteger(pid) && pid > 0 ? pid : undefined
  } catch {
    return undefined
  }
}
