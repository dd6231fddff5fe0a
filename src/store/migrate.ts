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
 * Fails with ExitError 3 when the file is of a newer version or is not ours, with the driver's error when it cannot be
 * read. Changes nothing: to be called before anything else is done to the file.
 */
export function checkSchema(db: Database.Database, path: string): void {
  const empty = db.prepare('SELECT 1 FROM sqlite_schema LIMIT 1').get() === undefined
  if (!empty && !isOurs(db)) throw new ExitError(3, `${path} is a database of another program.`)
  const version = versionOf(db)
  if (version > MIGRATIONS.length) {
    throw new ExitError(
      3,
      `${path} has schema version ${version}; this openwhisk-standalone knows versions up to ${MIGRATIONS.length}. ` +
        'Use a newer one, or another data directory.',
    )
  }
}

/** Brings the schema of a checked file up to date. */
export function migrate(db: Database.Database, migrations = MIGRATIONS): void {
  if (!isOurs(db)) db.pragma(`application_id = ${APPLICATION_ID}`)
  const version = versionOf(db)
  migrations.slice(version).forEach((sql, done) => {
    db.transaction(() => {
      db.exec(sql)
      db.pragma(`user_version = ${version + done + 1}`)
    }).immediate()
  })
}

const versionOf = (db: Database.Database) => Number(db.pragma('user_version', { simple: true }))
const isOurs = (db: Database.Database) => Number(db.pragma('application_id', { simple: true })) === APPLICATION_ID
