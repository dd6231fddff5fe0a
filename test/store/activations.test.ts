import { describe, expect, it } from 'vitest'
import type { WhiskActivation } from '../../src/entity/activation.ts'
import { activationSummary } from '../../src/entity/activation.ts'
import { JsonNumber, type JsonValue, stringify } from '../../src/entity/json.ts'
import { anActivation, aQueued } from '../builders.ts'
import { EPOCH } from '../fakes/clock.ts'
import { memoryStore } from './open-memory.ts'
import { reopened } from './reopened.ts'

const path = (value: string) => ({ key: 'path', value })
const ids = (records: readonly WhiskActivation[]) => records.map(record => record.activationId)
const starts = (records: readonly WhiskActivation[]) => records.map(record => record.start - EPOCH)

/** An array in an array, so many in all. */
const nested = (levels: number): JsonValue => {
  let value: JsonValue = []
  for (let level = 1; level < levels; level++) value = [value]
  return value
}

describe('activations', () => {
  const { end: _, duration: __, ...unended } = anActivation({ name: 'ring', annotations: [] })
  const examples: Record<string, WhiskActivation> = {
    'a success': anActivation(),
    'an error': anActivation({ response: { statusCode: 2, result: { error: 'é\u0000"' }, size: 12 } }),
    'a result that is an array, of numbers as they were written': anActivation({
      response: { statusCode: 0, result: [new JsonNumber('1.0'), 1.5, null] },
    }),
    'a result that is nested as deeply as an answer may be': anActivation({
      response: { statusCode: 0, result: nested(1000) },
    }),
    'no result': anActivation({ response: { statusCode: 0 } }),
    logs: anActivation({ logs: ['a', 'b "c"'] }),
    'a cause': anActivation({ cause: '0'.repeat(32) }),
    'a duration that is not end - start': anActivation({ duration: 3 }),
    'a trigger, which has no end': unended,
  }
  it.each(Object.entries(examples))('keep %s', (_, record) => {
    const { store, reopen } = reopened()
    store.activations.put(record)
    expect(store.activations.get('guest', record.activationId)).toEqual(record)
    expect(reopen().activations.get('guest', record.activationId)).toEqual(record)
  })

  it('are summarised as the API shows them', () => {
    const { store } = memoryStore()
    const records = [anActivation({ duration: 3, cause: '1'.repeat(32) }), unended]
    for (const record of records) store.activations.put(record)
    const texts = store.activations.listSummaries({ namespace: 'guest' })
    expect([...texts].sort()).toEqual(records.map(record => stringify(activationSummary(record))).sort())
  })

  it('are not found from another namespace, nor by another id', () => {
    const { store } = memoryStore()
    const record = anActivation()
    store.activations.put(record)
    expect(store.activations.get('other', record.activationId)).toBeUndefined()
    expect(store.activations.get('guest', '0'.repeat(32))).toBeUndefined()
  })

  it('get their logs later', () => {
    const { store } = memoryStore()
    const record = anActivation()
    store.activations.put(record, { logsPending: true })
    expect(store.activations.get('guest', record.activationId)?.logs).toEqual([])
    store.activations.setLogs(record.activationId, ['one', 'two'])
    expect(store.activations.get('guest', record.activationId)?.logs).toEqual(['one', 'two'])
  })

  it('get their logs in a later life, or stay without', () => {
    const { store, reopen } = reopened()
    const [late, never] = [anActivation(), anActivation()]
    store.activations.put(late, { logsPending: true })
    store.activations.put(never, { logsPending: true })
    const next = reopen()
    next.activations.setLogs(late.activationId, ['late'])
    next.activations.setLogs('0'.repeat(32), ['of nobody'])
    expect(next.activations.get('guest', late.activationId)?.logs).toEqual(['late'])
    expect(next.activations.get('guest', never.activationId)?.logs).toEqual([])
  })

  it('replace a record of the same id', () => {
    const { store } = memoryStore()
    const record = anActivation({ logs: ['old'] })
    store.activations.put(record)
    const again = { ...record, name: 'other', start: EPOCH + 5, end: EPOCH + 6, duration: 1, logs: [] }
    store.activations.put(again)
    expect(store.activations.get('guest', record.activationId)).toEqual(again)
    expect(store.activations.count({ namespace: 'guest' })).toBe(1)
    expect(store.activations.list({ namespace: 'guest', name: 'hello' })).toEqual([])
    expect(store.activations.list({ namespace: 'guest', name: 'other' })).toEqual([again])
  })

  it('leave the queue', () => {
    const { store } = memoryStore()
    const record = anActivation()
    store.queue.put(aQueued({ activationId: record.activationId }))
    store.activations.put(record)
    expect(store.queue.all()).toEqual([])
  })

  it('are listed newest first, in a range that includes its ends', () => {
    const { store } = memoryStore()
    for (const offset of [3, 1, 5, 2, 4]) store.activations.put(anActivation({ start: EPOCH + offset }))
    const { activations } = store
    expect(starts(activations.list({ namespace: 'guest' }))).toEqual([5, 4, 3, 2, 1])
    const range = { namespace: 'guest', since: EPOCH + 2, upto: EPOCH + 4 }
    expect(starts(activations.list(range))).toEqual([4, 3, 2])
    expect(starts(activations.list({ ...range, limit: 1, skip: 1 }))).toEqual([3])
    expect(activations.list({ ...range, skip: 3 })).toEqual([])
    expect(activations.count(range)).toBe(3)
    expect(activations.list({ namespace: 'nobody' })).toEqual([])
    expect(activations.count({ namespace: 'nobody' })).toBe(0)
  })

  it.each<[string, Partial<WhiskActivation>, string[], string[]]>([
    ['a plain action', { annotations: [path('guest/hello')] }, ['hello'], ['guest/hello', '']],
    ['a packaged action', { annotations: [path('guest/things/hello')] }, ['things/hello'], ['hello']],
    ['a record without a path', { annotations: [] }, ['hello'], ['things/hello']],
    [
      'an action reached through a binding',
      { annotations: [{ key: 'binding', value: 'guest/bound' }, path('whisk.system/things/hello')] },
      ['things/hello', 'bound/hello'],
      ['hello'],
    ],
    [
      'a binding of the same name',
      { annotations: [path('whisk.system/things/hello'), { key: 'binding', value: 'guest/things' }] },
      ['things/hello'],
      ['hello'],
    ],
  ])('are found by name: %s', (_, overrides, found, missed) => {
    const { store } = memoryStore()
    const record = anActivation(overrides)
    store.activations.put(record)
    store.activations.put(anActivation({ name: 'unrelated' }))
    for (const name of found) {
      expect(ids(store.activations.list({ namespace: 'guest', name }))).toEqual([record.activationId])
      expect(store.activations.count({ namespace: 'guest', name })).toBe(1)
    }
    for (const name of missed.filter(Boolean)) expect(store.activations.count({ namespace: 'guest', name })).toBe(0)
  })

  it('fail with internal when the stored text is damaged', () => {
    const { store, reopen, edit } = reopened()
    const record = anActivation()
    store.activations.put(record)
    edit(db => db.prepare('UPDATE activations SET details = ?').run('{"result":'))
    expect(() => reopen().activations.get('guest', record.activationId)).toThrow(
      expect.objectContaining({ code: 'internal', message: 'Resource is corrupted and cannot be read.' }),
    )
  })
})

describe('prune', () => {
  const keepAll = { ageMs: 0, count: 0 }
  const filled = (count: number) => {
    const { store, clock } = memoryStore()
    const records = Array.from({ length: count }, (_, n) => anActivation({ start: EPOCH + n, logs: ['a line'] }))
    for (const record of records) store.activations.put(record)
    return { ...store, clock, records }
  }
  it('keeps all with 0', () => {
    const { activations } = filled(3)
    expect(activations.prune(keepAll)).toBe(0)
    expect(activations.count({ namespace: 'guest' })).toBe(3)
  })

  it('deletes what is older than the age', async () => {
    const { activations, clock, records } = filled(10)
    await clock.advance(1000)
    expect(activations.prune({ ...keepAll, ageMs: 997 })).toBe(3)
    expect(starts(activations.list({ namespace: 'guest' }))).toEqual([9, 8, 7, 6, 5, 4, 3])
    expect(activations.get('guest', records[2]?.activationId ?? '')).toBeUndefined()
    expect(activations.prune({ ...keepAll, ageMs: 997 })).toBe(0)
  })

  it('deletes the oldest beyond the count, a slice at a time', () => {
    const { activations } = filled(700)
    const slices: number[] = []
    for (let n = -1; n !== 0; slices.push(n)) n = activations.prune({ ...keepAll, count: 10 })
    expect(slices.length).toBeGreaterThan(2)
    expect(slices.reduce((sum, n) => sum + n)).toBe(690)
    expect(starts(activations.list({ namespace: 'guest' }))).toEqual([699, 698, 697, 696, 695, 694, 693, 692, 691, 690])
    expect(activations.count({ namespace: 'guest', name: 'hello' })).toBe(10)
  })

  it('deletes what either asks for', async () => {
    const { activations, clock } = filled(10)
    await clock.advance(1000)
    expect(activations.prune({ ageMs: 997, count: 5 })).toBe(5)
    expect(activations.prune({ ageMs: 992, count: 5 })).toBe(3)
  })

  it('has nothing to do in an empty store', () => {
    expect(memoryStore().store.activations.prune({ ageMs: 1, count: 1 })).toBe(0)
  })
})
