import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { describe, expect, it, onTestFinished } from 'vitest'
import { silentLogger } from '../../src/log.ts'
import { MIGRATIONS, migrate } from '../../src/store/migrate.ts'
import { openStore } from '../../src/store/open.ts'
import { anAction, aPackage, aRule, aSubject, GUEST } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'

/** One dump for each released schema: `NNNN.sql`. */
const schemas = new URL('schemas/', import.meta.url)
const dumps = readdirSync(schemas).sort()

const temporary = () => {
  const folder = mkdtempSync(join(tmpdir(), 'store-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'openwhisk.db')
}

/** Tables with their columns, indexes with theirs; not the text of the statements, which migrations may write anew. */
const shape = (db: Database.Database) =>
  db
    .prepare<[], { type: string; name: string }>(
      `SELECT type, name FROM sqlite_schema WHERE type IN ('table', 'index') ORDER BY type, name`,
    )
    .all()
    .map(({ type, name }) => [name, db.pragma(type === 'table' ? `table_xinfo(${name})` : `index_xinfo(${name})`)])

describe('migrate', () => {
  it('has a dump of every released schema to start from', () => {
    const released = MIGRATIONS.map((_, version) => `${String(version + 1).padStart(4, '0')}.sql`)
    expect(dumps).toEqual(released)
  })

  it.each(dumps)('brings the schema of %s to that of a new store', dump => {
    const old = new Database(':memory:')
    old.exec(readFileSync(new URL(dump, schemas), 'utf8'))
    migrate(old)
    const fresh = new Database(':memory:')
    migrate(fresh)
    expect(shape(old)).toEqual(shape(fresh))
    expect(old.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length)
  })

  it.each(dumps)('keeps everything that was stored with %s', dump => {
    const path = temporary()
    const db = new Database(path)
    db.exec(readFileSync(new URL(dump, schemas), 'utf8'))
    db.close()
    const store = openStore({ path, clock: fakeClock(), log: silentLogger })
    onTestFinished(() => store.close())
    expect(store.entities.get('guest/hello')?.version).toBe('0.0.2')
    expect(store.entities.get('guest/things')).toEqual(aPackage({ publish: true }))
    expect(store.entities.get('guest/when')).toEqual(aRule())
    expect(store.entities.get('guest/ring')).toMatchObject({ rules: { 'guest/when': { status: 'active' } } })
    const [packaged, plain] = store.activations.list({ namespace: 'guest' })
    expect(packaged?.name).toBe('packaged')
    expect(plain).toMatchObject({ name: 'hello', logs: ['a line'], response: { statusCode: 0, result: { ok: true } } })
    expect(store.activations.count({ namespace: 'guest', name: 'things/packaged' })).toBe(1)
    expect(store.queue.all().map(({ activationId, state }) => [activationId[0], state])).toEqual([
      ['f', 'queued'],
      ['e', 'started'],
    ])
    expect(store.subjects.list()).toEqual([aSubject()])
    expect(store.subjects.identityByKey(GUEST.uuid, GUEST.key)?.limits).toEqual({ invocationsPerMinute: 7 })
    expect(store.documents.get('alarms', 'guest/ring')).toEqual({ cron: '* * * * *' })
    expect(store.checkpoints.rollback('clean', 'guest')).toEqual(['guest/hello'])
    const code = "function main() {\n  return { it: 'works' }\n}"
    expect(store.entities.get('guest/hello')).toEqual(anAction({ exec: { kind: 'nodejs:20', code, binary: false } }))
  })

  it('applies what is missing, in order, once', () => {
    const db = new Database(':memory:')
    migrate(db)
    const more = [...MIGRATIONS, 'CREATE TABLE later (v)', "INSERT INTO later VALUES ('x')"]
    migrate(db, more)
    migrate(db, more)
    expect(db.prepare('SELECT v FROM later').pluck().all()).toEqual(['x'])
  })

  it('leaves the last good version when a migration fails', () => {
    const db = new Database(':memory:')
    const broken = [...MIGRATIONS, 'CREATE TABLE good (v)', 'CREATE TABLE half (v); CREATE TABLE half (v)']
    expect(() => migrate(db, broken)).toThrow(/already exists/)
    expect(db.pragma('user_version', { simple: true })).toBe(MIGRATIONS.length + 1)
    expect(db.prepare("SELECT name FROM sqlite_schema WHERE name IN ('good', 'half')").pluck().all()).toEqual(['good'])
  })
})
