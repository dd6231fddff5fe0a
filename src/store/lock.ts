// Who may use a data file: one process at a time, known by its pid.

import { chmodSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import Database from 'better-sqlite3'
import { createPrivate } from './files.ts'

const lockFile = (path: string) => `${path}.lock`
const pidFile = (path: string) => `${path}.pid`

export interface StoreLock {
  release(): void
}

/**
 * Takes the lock of the data file at `path`; undefined when another process (or another store of this one) has it.
 *
 * The lock is SQLite's on an empty database beside the data: the operating system takes it back when the process
 * dies, however it dies. The pid in the other file only says who has it.
 */
export function lockStore(path: string): StoreLock | undefined {
  const db = takeLock(path)
  if (!db) return undefined
  writeFileSync(pidFile(path), `${process.pid}\n`, { mode: 0o600 })
  chmodSync(pidFile(path), 0o600)
  return {
    release() {
      rmSync(pidFile(path), { force: true })
      db.close()
    },
  }
}

/**
 * Whether a server has the store at `path` open: undefined when none has, else its pid, as far as it can be read.
 * For commands that use the store themselves when no server runs.
 */
export function storeHolder(path: string): { pid: number | undefined } | undefined {
  if (!existsSync(lockFile(path))) return undefined
  const db = takeLock(path)
  if (!db) return { pid: readPid(path) }
  db.close()
  return undefined
}

/** Opening the file by other means than SQLite would drop this process's lock on it, if it has one. */
function takeLock(path: string): Database.Database | undefined {
  createPrivate(lockFile(path))
  const db = new Database(lockFile(path), { timeout: 0 })
  try {
    db.exec('BEGIN EXCLUSIVE')
    return db
  } catch (error) {
    db.close()
    if (error instanceof Database.SqliteError && error.code.startsWith('SQLITE_BUSY')) return undefined
    throw error
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
