// Throttles: counting per calendar minute, in flight, overrides of a namespace.
import { describe, expect, it } from 'vitest'
import { createThrottler } from '../../src/entitlement/throttler.ts'
import type { Identity, UserLimits } from '../../src/entity/identity.ts'
import { EventBus, type UserMetric } from '../../src/events.ts'

function setUp(limits: Parameters<typeof createThrottler>[1]) {
  const time = { now: 1_700_000_040_000 }
  const clock = { now: () => time.now, setTimeout: () => ({ cancel() {} }) }
  return { time, throttler: createThrottler(clock, limits) }
}

const identity = (limits: UserLimits = {}, uuid = 'u1'): Identity => ({
  subject: 'guest',
  namespace: { name: 'guest', uuid },
  authkey: { uuid, key: 'k' },
  limits,
})

describe('throttler', () => {
  it('refuses the request after the last allowed one of a minute, with the count in the sentence', () => {
    const { throttler } = setUp({ invocationsPerMinute: 2 })
    throttler.checkInvoke(identity())
    throttler.checkInvoke(identity())
    expect(() => throttler.checkInvoke(identity())).toThrow(
      'Too many requests in the last minute (count: 3, allowed: 2).',
    )
    expect(() => throttler.checkInvoke(identity())).toThrow('(count: 4, allowed: 2)')
  })

  it('starts afresh with the next wall-clock minute', () => {
    const { throttler, time } = setUp({ invocationsPerMinute: 1 })
    time.now = 1_700_000_039_999 // the last millisecond of a minute
    throttler.checkInvoke(identity())
    expect(() => throttler.checkInvoke(identity())).toThrow('(count: 2, allowed: 1)')
    time.now += 1
    expect(() => throttler.checkInvoke(identity())).not.toThrow()
  })

  it('counts invokes and fires, and each namespace, apart', () => {
    const { throttler } = setUp({ invocationsPerMinute: 1, firesPerMinute: 1 })
    throttler.checkInvoke(identity())
    throttler.checkFire(identity())
    throttler.checkInvoke(identity({}, 'u2'))
    expect(() => throttler.checkFire(identity())).toThrow('(count: 2, allowed: 1)')
  })

  it('refuses always when the namespace is allowed nothing', () => {
    const { throttler } = setUp({})
    expect(() => throttler.checkInvoke(identity({ invocationsPerMinute: 0 }))).toThrow('(count: 1, allowed: 0)')
    expect(() => throttler.checkFire(identity({ firesPerMinute: 0 }))).toThrow('(count: 1, allowed: 0)')
    expect(() => throttler.checkInvoke(identity({ concurrentInvocations: 0 }))).toThrow(
      'Too many concurrent requests in flight (count: 0, allowed: 0).',
    )
  })

  it('lets the number of the namespace win over the number of the system', () => {
    const { throttler } = setUp({ invocationsPerMinute: 1 })
    for (let i = 0; i < 5; i++) throttler.checkInvoke(identity({ invocationsPerMinute: 5 }))
    expect(() => throttler.checkInvoke(identity({ invocationsPerMinute: 5 }))).toThrow('(count: 6, allowed: 5)')
  })

  it('refuses while too many are in flight, and no longer once one ended', () => {
    const { throttler } = setUp({ concurrentInvocations: 2 })
    throttler.started('u1')
    throttler.started('u1')
    expect(throttler.inFlight('u1')).toBe(2)
    expect(() => throttler.checkInvoke(identity())).toThrow(
      'Too many concurrent requests in flight (count: 2, allowed: 2).',
    )
    throttler.ended('u1')
    expect(() => throttler.checkInvoke(identity())).not.toThrow()
    throttler.ended('u1')
    throttler.ended('u1')
    expect(throttler.inFlight('u1')).toBe(0)
  })

  it('says when nothing of a namespace is in flight', async () => {
    const { throttler } = setUp({})
    await throttler.idle('u1')
    for (let i = 0; i < 2; i++) throttler.started('u1')
    const order: string[] = []
    const waits = [1, 2].map(number => throttler.idle('u1').then(() => order.push(`idle ${number}`)))
    throttler.ended('u1')
    await Promise.resolve()
    order.push('one left')
    throttler.started('u2')
    throttler.ended('u1')
    await Promise.all(waits)
    expect(order).toEqual(['one left', 'idle 1', 'idle 2'])
  })

  it('tells who listens what was let through, and what was refused and why', () => {
    const bus = new EventBus<UserMetric>()
    const clock = { now: () => 1_700_000_040_000, setTimeout: () => ({ cancel() {} }) }
    const throttler = createThrottler(clock, { concurrentInvocations: 2, firesPerMinute: 0 }, bus)
    const heard: UserMetric[] = []
    throttler.checkInvoke(identity())
    bus.subscribe(metric => heard.push(metric))
    throttler.checkInvoke(identity())
    throttler.started('u1')
    throttler.checkInvoke(identity())
    throttler.started('u1')
    expect(() => throttler.checkInvoke(identity())).toThrow()
    expect(() => throttler.checkInvoke(identity({ invocationsPerMinute: 0 }))).toThrow()
    expect(() => throttler.checkFire(identity())).toThrow()
    throttler.checkInvoke(identity({ concurrentInvocations: Number.POSITIVE_INFINITY }, 'u2'))
    expect(heard.map(({ metricName, metricValue, userId }) => [metricName, metricValue, userId])).toEqual([
      ['ConcurrentInvocations', 1, 'u1'],
      ['ConcurrentInvocations', 2, 'u1'],
      ['ConcurrentRateLimit', 1, 'u1'],
      ['TimedRateLimit', 1, 'u1'],
      ['TimedRateLimit', 1, 'u1'],
      ['ConcurrentInvocations', 1, 'u2'],
    ])
  })

  it('checks the rate before what is in flight', () => {
    const { throttler } = setUp({ invocationsPerMinute: 0, concurrentInvocations: 0 })
    expect(() => throttler.checkInvoke(identity())).toThrow('Too many requests in the last minute')
  })

  it('throttles nothing without numbers', () => {
    const { throttler } = setUp({ invocationsPerMinute: Number.POSITIVE_INFINITY })
    for (let i = 0; i < 1000; i++) {
      throttler.started('u1')
      throttler.checkInvoke(identity())
      throttler.checkFire(identity())
    }
    expect(throttler.inFlight('u1')).toBe(1000)
  })
})
