import { describe, expect, it, vi } from 'vitest'
import { Records } from '../../src/engine/records.ts'
import { WhiskError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import { anAction, anActivation, anIdentity } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'

const identity = anIdentity()
const run = { identity, awaited: true, action: { limits: anAction().limits } }

/** Records on a store that can be told to be full, when something is written or only when it is committed. */
function setUp() {
  const clock = fakeClock()
  const store = openStore({ path: ':memory:', clock, log: silentLogger })
  const full = { writing: false, committing: false }
  const failure = new WhiskError('unavailable', 'full')
  const write = <A extends unknown[]>(fn: (...args: A) => void) => {
    return (...args: A) => {
      if (full.writing) throw failure
      if (!full.committing) fn(...args)
    }
  }
  const commit = (settled: () => Promise<void>) => () => (full.committing ? Promise.reject(failure) : settled())
  const records = new Records(
    {
      activations: {
        ...store.activations,
        put: write(store.activations.put),
        setLogs: write(store.activations.setLogs),
      },
      queue: store.queue,
      committed: commit(store.committed),
      stored: commit(store.stored),
      get healthy() {
        return !full.writing && !full.committing
      },
    },
    clock,
  )
  const record = anActivation({ logs: [] })
  const read = () => store.activations.get(record.namespace, record.activationId)
  return { clock, full, records, record, read }
}

describe.each(['writing', 'committing'] as const)('a record, while %s fails,', at => {
  it('is refused, and written when it can be', async () => {
    const { clock, full, records, record, read } = setUp()
    full[at] = true
    await expect(records.put(record, identity)).rejects.toMatchObject({ code: 'unavailable' })
    await clock.advance(10_000)
    expect(read()).toBeUndefined()
    full[at] = false
    await clock.advance(1_000)
    expect(read()).toEqual(record)
    expect(clock.pending).toBe(0)
  })

  it('is written with the logs that came meanwhile', async () => {
    const { clock, full, records, record, read } = setUp()
    full[at] = true
    const pending = records.putWithoutLogs(record, run)
    await expect(pending.committed).rejects.toMatchObject({ code: 'unavailable' })
    pending.complete(['a line'])
    full[at] = false
    await clock.advance(1_000)
    expect(read()).toEqual({ ...record, logs: ['a line'] })
    expect(clock.pending).toBe(0)
  })

  it('gets its logs later where only they could not be written', async () => {
    const { clock, full, records, record, read } = setUp()
    const pending = records.putWithoutLogs(record, run)
    await pending.committed
    full[at] = true
    pending.complete(['a line'])
    await clock.advance(1_000)
    full[at] = false
    await clock.advance(1_000)
    expect(read()).toEqual({ ...record, logs: ['a line'] })
  })

  it('is forgotten where it was to be written once', async () => {
    const { clock, full, records, record, read } = setUp()
    full[at] = true
    await expect(records.putOnce(record, identity)).rejects.toMatchObject({ code: 'unavailable' })
    full[at] = false
    await clock.advance(10_000)
    expect(read()).toBeUndefined()
  })
})

describe('a record whose logs are on their way', () => {
  it('is there without them, and holds up nobody but those who wait for it', async () => {
    const { clock, records, record, read } = setUp()
    expect(records.awaitsLogs).toBe(false)
    const pending = records.putWithoutLogs(record, run)
    expect(read()).toEqual(record)
    expect(records.awaitsLogs).toBe(true)
    expect(records.settled(['f'.repeat(32)])).toBeUndefined()
    const settled = records.settled([record.activationId])
    pending.complete(['late'])
    await settled
    expect(read()?.logs).toEqual(['late'])
    expect([records.awaitsLogs, clock.pending]).toEqual([false, 0])
  })
})

describe('a record that nobody waits for', () => {
  it('is committed with the next one that somebody waits for', async () => {
    const store = openStore({ path: ':memory:', clock: fakeClock(), log: silentLogger })
    const committed = vi.spyOn(store, 'committed')
    const records = new Records(store, fakeClock())
    let done = false
    const unawaited = records.put(anActivation({ activationId: 'a'.repeat(32) }), identity, false)
    void unawaited.then(() => {
      done = true
    })
    // Within the turn: the timer that commits it at last may be the first thing of the next.
    await Promise.resolve()
    expect([done, committed.mock.calls.length]).toEqual([false, 0])
    await records.put(anActivation({ activationId: 'b'.repeat(32) }), identity)
    expect(committed).toHaveBeenCalledTimes(1)
    await unawaited
  })
})
