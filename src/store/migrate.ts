// The schema: forward only, one migration a version, each in a transaction.

import type Database from 'better-sqlite3'
import { ExitError } from '../errors.ts'
import init from './migrations/0001-init.sql'
import queueStarted from './migrations/0002-queue-started.sql'

/** In the order of versions, beginning with 1. A released migration never changes. */
export const MIGRATIONS: readonly string[] = [init, queueStarted]

/** Written into the file's header, to tell ours from others: "OWSK". */
const APPLICATION_ID = 0x4f57534b

/**
 * Brings the schema up to date. Fails with ExitError 3 when the file is of a newer version or is not ours; with the
 * driver's error when it cannot be read.
 */
export function migrate(db: Database.Database, path: string, migrations = MIGRATIONS): void {
  const version = Number(db.pragma('user_version', { simple: true }))
  if (version > migrations.length) {
    throw new ExitError(
      3,
      `${path} has schema version ${version}; this openwhisk-standalone knows versions up to ${migrations.length}. ` +
        'Use a newer one, or another data directory.',
    )
  }
  if (Number(db.pragma('application_id', { simple: true })) !== APPLICATION_ID) {
    const { tables } = db.prepare<[], { tables: number }>('SELECT count(*) AS tables FROM sqlite_schema').get() ?? {
      tables: 0,
    }
    if (tables > 0) throw new ExitError(3, `${path} is a database of another program.`)
    db.pragma(`application_id = ${APPLICATION_ID}`)
  }
  migrations.slice(version).forEach((sql, done) => {
    db.transaction(() => {
      db.exec(sql)
      db.pragma(`user_version = ${version + done + 1}`)
    }).immediate()
  })
}
