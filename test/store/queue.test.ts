import Database from 'better-sqlite3'
import { describe, expect, it } from 'vitest'
import { JsonNumber, type JsonValue } from '../../src/entity/json.ts'
import { WhiskError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import { Connection } from '../../src/store/connection.ts'
import { migrate } from '../../src/store/migrate.ts'
import { queueStore } from '../../src/store/queue.ts'
import { aQueued } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'
import { memoryStore } from './open-memory.ts'
import { reopened } from './reopened.ts'

describe('the queue mirror', () => {
  it('gives all entries to the next server, in the order of acceptance', () => {
    const { store, reopen } = reopened()
    const entries = [
      aQueued({ acceptedAt: 3, message: { payload: { price: new JsonNumber('1.0') } } }),
      aQueued({ acceptedAt: 1, type: 'trigger', entity: 'guest/ring' }),
      aQueued({ acceptedAt: 2, state: 'started' }),
    ]
    for (const entry of entries) store.queue.put(entry)
    expect(store.queue.all()).toEqual(entries)
    expect(reopen().queue.all()).toEqual(entries)
  })

  it('tells what had started', () => {
    const { store, reopen } = reopened()
    const [first, second] = [aQueued(), aQueued()]
    store.queue.put(first)
    store.queue.put(second)
    store.queue.started(second.activationId)
    store.queue.started(second.activationId)
    store.queue.started('0'.repeat(32))
    expect(
      reopen()
        .queue.all()
        .map(entry => entry.state),
    ).toEqual(['queued', 'started'])
  })

  it('keeps what had started although the store could not write when it was to be told', async () => {
    const db = new Database(':memory:')
    migrate(db)
    const connection = new Connection(db, { clock: fakeClock(), log: silentLogger })
    const queue = queueStore(connection, silentLogger)
    const { activationId } = aQueued()
    queue.put(aQueued({ activationId }))
    await connection.committed()
    // The disk is full, and whoever comes later in the same turn is refused too.
    expect(() => connection.write(() => db.exec('INSERT INTO nowhere VALUES (1)'))).toThrow(WhiskError)
    expect(() => queue.started(activationId)).toThrow(WhiskError)
    await expect(connection.committed()).rejects.toThrow(WhiskError)
    queue.started(activationId)
    await connection.committed()
    expect(queue.all()).toMatchObject([{ activationId, state: 'started' }])
  })

  it('keeps arguments that are nested as deeply as a request may be', () => {
    const { store, reopen } = reopened()
    let payload: JsonValue = []
    for (let depth = 1; depth < 1000; depth++) payload = [payload]
    store.queue.put(aQueued({ message: { value: payload } }))
    const [entry] = reopen().queue.all()
    expect(entry?.message).toEqual({ value: payload })
  })

  it('removes entries, also those of a former server', () => {
    const { store, reopen } = reopened()
    const [first, second] = [aQueued({ state: 'started' }), aQueued()]
    store.queue.put(first)
    store.queue.put(second)
    const next = reopen()
    next.queue.remove(first.activationId)
    next.queue.remove(first.activationId)
    expect(next.queue.all()).toEqual([second])
    next.queue.remove(second.activationId)
    const third = aQueued()
    next.queue.put(third)
    expect(reopen().queue.all()).toEqual([third])
  })

  it('keeps what had started after it was written', async () => {
    const { store, reopen } = reopened()
    const [started, ended, waiting] = [aQueued(), aQueued(), aQueued()]
    for (const entry of [started, ended, waiting]) store.queue.put(entry)
    await store.committed()
    for (const entry of [started, ended]) store.queue.started(entry.activationId)
    await store.committed()
    store.queue.remove(ended.activationId)
    expect(reopen().queue.all()).toEqual([{ ...started, state: 'started' }, waiting])
  })

  it('keeps nothing of what ended before it was written', () => {
    const { store, reopen } = reopened()
    const [ended, kept] = [aQueued(), aQueued()]
    store.queue.put(ended)
    store.queue.started(ended.activationId)
    store.queue.put(kept)
    store.queue.remove(ended.activationId)
    expect(store.queue.has(ended.activationId)).toBe(false)
    expect(reopen().queue.all()).toEqual([kept])
  })

  it('gives the rest where an entry cannot be read', () => {
    const { store, edit, reopen } = reopened()
    const [torn, whole] = [aQueued(), aQueued()]
    store.queue.put(torn)
    store.queue.put(whole)
    edit(db => db.prepare(`UPDATE queue SET entry = '{nope' WHERE id = ?`).run(torn.activationId))
    expect(reopen().queue.all()).toEqual([whole])
  })

  it('replaces an entry that is put again', () => {
    const { store } = memoryStore()
    const entry = aQueued()
    store.queue.put({ ...entry, state: 'started' })
    store.queue.put(entry)
    expect(store.queue.all()).toEqual([entry])
  })

  it('takes a removal back that was rolled back', () => {
    const { store } = memoryStore()
    const entry = aQueued()
    store.queue.put(entry)
    const failing = () =>
      store.transaction(() => {
        store.queue.remove(entry.activationId)
        throw new Error('undo')
      })
    expect(failing).toThrow('undo')
    expect(store.queue.has(entry.activationId)).toBe(true)
    expect(store.queue.all()).toEqual([entry])
  })

  it('forgets what was rolled back', () => {
    const { store } = memoryStore()
    const [kept, lost] = [aQueued(), aQueued()]
    store.queue.put(kept)
    const failing = () =>
      store.transaction(() => {
        store.queue.put(lost)
        store.queue.remove(kept.activationId)
        throw new Error('undo')
      })
    expect(failing).toThrow('undo')
    store.queue.remove(lost.activationId)
    expect(store.queue.all()).toEqual([kept])
    store.queue.remove(kept.activationId)
    expect(store.queue.all()).toEqual([])
  })
})
