import Database from 'better-sqlite3'
import { beforeEach, describe, expect, it, type Mock, vi } from 'vitest'
import { silentLogger } from '../../src/log.ts'
import { Connection } from '../../src/store/connection.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'

let db: Database.Database
let clock: FakeClock
let connection: Connection
let forgotten: Mock<() => void>

beforeEach(() => {
  db = new Database(':memory:')
  db.exec('CREATE TABLE t (v TEXT UNIQUE) STRICT')
  clock = fakeClock()
  connection = new Connection(db, { clock, log: silentLogger })
  forgotten = vi.fn<() => void>()
  connection.onRollback(forgotten)
})

const put = (value: string) => connection.write(() => db.prepare('INSERT INTO t VALUES (?)').run(value))
const values = () => db.prepare('SELECT v FROM t ORDER BY rowid').pluck().all()
const turn = () => new Promise(resolve => setImmediate(resolve))

/** Makes the disk full, as SQLite sees it: no further page. */
const fillDisk = () => {
  const pages = db.pragma('page_count', { simple: true })
  db.pragma(`max_page_count = ${pages}`)
}
const emptyDisk = () => db.pragma('max_page_count = 100000')
const LARGE = 'x'.repeat(100_000)

describe('writes', () => {
  it('are seen at once and committed together at the end of the turn', async () => {
    put('a')
    put('b')
    expect(values()).toEqual(['a', 'b'])
    expect(db.inTransaction).toBe(true)
    const [first, second] = [connection.committed(), connection.committed()]
    expect(first).toBe(second)
    await first
    expect(db.inTransaction).toBe(false)
  })

  it('need no waiting when nothing was written', async () => {
    await connection.committed()
    put('a')
    await turn()
    await connection.committed()
    expect(values()).toEqual(['a'])
  })

  it('can be waited for without hurrying them', async () => {
    put('a')
    const stored = connection.stored()
    let done = false
    void stored.then(() => {
      done = true
    })
    await Promise.resolve()
    expect([done, db.inTransaction]).toEqual([false, true])
    await stored
    expect(db.inTransaction).toBe(false)
    await connection.stored()
  })

  it('are committed by close', () => {
    put('a')
    const close = vi.spyOn(db, 'close').mockReturnValue(db)
    connection.close()
    expect(db.inTransaction).toBe(false)
    expect(close).toHaveBeenCalled()
  })
})

describe('transaction', () => {
  it('undoes what it wrote when it throws, and nothing else', async () => {
    put('before')
    const failing = () =>
      connection.transaction(() => {
        put('inside')
        throw new Error('no')
      })
    expect(failing).toThrow('no')
    put('after')
    expect(values()).toEqual(['before', 'after'])
    expect(forgotten).toHaveBeenCalledTimes(1)
    await connection.committed()
    expect(values()).toEqual(['before', 'after'])
  })

  it('gives its result, and commits with the turn', async () => {
    expect(connection.transaction(() => put('a').changes)).toBe(1)
    await connection.committed()
    expect(values()).toEqual(['a'])
  })

  it('forgets nothing when it throws before it wrote', () => {
    expect(() =>
      connection.transaction(() => {
        throw new Error('no')
      }),
    ).toThrow('no')
    expect(forgotten).not.toHaveBeenCalled()
    expect(db.inTransaction).toBe(false)
  })

  it('can be nested', async () => {
    connection.transaction(() => {
      put('outer')
      expect(() =>
        connection.transaction(() => {
          put('inner')
          throw new Error('no')
        }),
      ).toThrow('no')
      connection.transaction(() => put('second'))
      put('last')
    })
    expect(values()).toEqual(['outer', 'second', 'last'])
    expect(() =>
      connection.transaction(() => {
        connection.transaction(() => put('gone'))
        throw new Error('no')
      }),
    ).toThrow('no')
    await connection.committed()
    expect(values()).toEqual(['outer', 'second', 'last'])
  })
})

describe('a write that fails', () => {
  it('takes the writes of its turn with it and tells those who wait', async () => {
    put('a')
    await connection.committed()
    put('b')
    const waiting = connection.committed()
    fillDisk()
    expect(() => put(LARGE)).toThrow(expect.objectContaining({ code: 'unavailable', status: 503 }))
    expect(values()).toEqual(['a'])
    expect(connection.healthy).toBe(false)
    expect(forgotten).toHaveBeenCalledTimes(1)
    await expect(waiting).rejects.toMatchObject({ code: 'unavailable' })
  })

  it('is logged when all that follows from it is done', () => {
    const error = vi.fn(() => [db.inTransaction, connection.healthy, forgotten.mock.calls.length])
    connection = new Connection(db, { clock, log: { ...silentLogger, error } })
    connection.onRollback(forgotten)
    fillDisk()
    expect(() => put(LARGE)).toThrow()
    expect(error).toHaveReturnedWith([false, false, 1])
  })

  it('is told to those of the same turn that ask or write later', async () => {
    put('b')
    fillDisk()
    expect(() => put(LARGE)).toThrow()
    expect(() => put('c')).toThrow(expect.objectContaining({ code: 'unavailable' }))
    expect(() => connection.transaction(() => put('d'))).toThrow(expect.objectContaining({ code: 'unavailable' }))
    await expect(connection.committed()).rejects.toMatchObject({ code: 'unavailable' })
    expect(values()).toEqual([])
  })

  it('is over with its turn', async () => {
    fillDisk()
    expect(() => put(LARGE)).toThrow()
    await turn()
    emptyDisk()
    put('a')
    await connection.committed()
    expect(values()).toEqual(['a'])
    expect(connection.healthy).toBe(true)
  })

  it('inside a transaction fails all of it', async () => {
    put('before')
    fillDisk()
    const failing = () =>
      connection.transaction(() => {
        put('inside')
        put(LARGE)
      })
    expect(failing).toThrow(expect.objectContaining({ code: 'unavailable' }))
    await expect(connection.committed()).rejects.toMatchObject({ code: 'unavailable' })
    expect(values()).toEqual([])
    put('next turn')
    await connection.committed()
    expect(values()).toEqual(['next turn'])
  })

  it('is looked after until writing works again', async () => {
    fillDisk()
    db.pragma('query_only = ON')
    expect(() => put('a')).toThrow()
    await turn()
    await clock.advance(10_000)
    expect(connection.healthy).toBe(false)
    db.pragma('query_only = OFF')
    await clock.advance(2000)
    expect(connection.healthy).toBe(true)
    expect(clock.pending).toBe(0)
  })
})

describe('a commit that fails', () => {
  it('rolls back, tells those who wait and leaves the store usable', async () => {
    put('a')
    await connection.committed()
    // A violated deferred constraint is found by COMMIT, and leaves the transaction open.
    db.exec('CREATE TABLE child (v TEXT REFERENCES t (v) DEFERRABLE INITIALLY DEFERRED) STRICT')
    db.pragma('foreign_keys = ON')
    put('b')
    connection.write(() => db.exec("INSERT INTO child VALUES ('nobody')"))
    await expect(connection.committed()).rejects.toMatchObject({ code: 'unavailable' })
    expect(values()).toEqual(['a'])
    expect(connection.healthy).toBe(false)
    expect(forgotten).toHaveBeenCalled()
    put('c')
    await connection.committed()
    expect(values()).toEqual(['a', 'c'])
    expect(connection.healthy).toBe(true)
  })
})
