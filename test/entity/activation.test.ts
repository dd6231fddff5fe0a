import { describe, expect, it } from 'vitest'
import {
  activationRecord,
  activationResponse,
  activationSummary,
  createActivationIds,
  decodeActivationId,
  type WhiskActivation,
} from '../../src/entity/activation.ts'
import { stringify } from '../../src/entity/json.ts'

const base: WhiskActivation = {
  activationId: '0'.repeat(32),
  namespace: 'guest',
  name: 'hello',
  subject: 'guest',
  version: '0.0.1',
  start: 1000,
  end: 1042,
  duration: 40,
  response: { statusCode: 0, result: { ok: true }, size: 11 },
  logs: ['line'],
  annotations: [{ key: 'path', value: 'guest/hello' }],
  publish: false,
}

describe('activation ids', () => {
  const frozen = { now: () => 1700000000000 }

  it('are 32 hex digits, unique and in the order in which they were made, even within one millisecond', () => {
    const next = createActivationIds(frozen)
    const ids = Array.from({ length: 70_000 }, next)
    expect(new Set(ids).size).toBe(ids.length)
    expect([...ids].sort()).toEqual(ids)
    expect(ids.every(id => /^[0-9a-f]{32}$/.test(id))).toBe(true)
  })

  it('follow the clock', () => {
    let now = 5
    const next = createActivationIds({ now: () => now })
    const first = next()
    now = 6
    expect(next() > first).toBe(true)
    expect(first.startsWith('000000000005')).toBe(true)
  })

  it('repeat with the same seed, whatever the clock says', () => {
    const take = (seed: number, now: number) => Array.from({ length: 5 }, createActivationIds({ now: () => now }, seed))
    expect(take(7, 1)).toEqual(take(7, 2))
    expect(take(7, 1)).not.toEqual(take(8, 1))
  })

  it.each([
    ['a'.repeat(31), 'Activation id length is 31 but must be 32.'],
    ['a'.repeat(35), 'Activation id length is 35 but must be 32.'],
    ['z'.repeat(32), 'The activation id is not valid.'],
    ['A'.repeat(32), 'The activation id is not valid.'],
  ])('%s is refused', (id, message) => {
    expect(() => decodeActivationId(id)).toThrow(message)
  })
})

describe('activation records', () => {
  it('show status and success instead of the status code', () => {
    expect(stringify(activationRecord(base))).toBe(
      `{"activationId":"${'0'.repeat(32)}","annotations":[{"key":"path","value":"guest/hello"}],"duration":40,"end":1042,"logs":["line"],"name":"hello","namespace":"guest","publish":false,"response":{"result":{"ok":true},"size":11,"status":"success","success":true},"start":1000,"subject":"guest","version":"0.0.1"}`,
    )
  })

  it('of triggers have neither end nor duration', () => {
    const { end, duration, ...trigger } = base
    expect(Object.keys(activationRecord(trigger))).not.toContain('end')
    expect(Object.keys(activationSummary(trigger))).not.toContain('duration')
    expect(end).toBeDefined()
    expect(duration).toBeDefined()
  })

  it('without a stored duration show end - start', () => {
    const { duration: _, ...rest } = base
    expect(activationRecord(rest).duration).toBe(42)
  })

  it('are summarised with end - start as duration, the status code, and no response', () => {
    expect(activationSummary({ ...base, cause: 'c' })).toEqual({
      activationId: '0'.repeat(32),
      annotations: [{ key: 'path', value: 'guest/hello' }],
      cause: 'c',
      duration: 42,
      end: 1042,
      name: 'hello',
      namespace: 'guest',
      publish: false,
      start: 1000,
      statusCode: 0,
      version: '0.0.1',
    })
  })

  it.each([
    [0, 'success', true],
    [1, 'application error', false],
    [2, 'action developer error', false],
    [3, 'whisk internal error', false],
  ] as const)('of status code %i read %s', (statusCode, status, success) => {
    expect(activationResponse({ statusCode })).toEqual({ status, success })
  })
})
