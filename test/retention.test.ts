import { describe, expect, it } from 'vitest'
import { silentLogger } from '../src/log.ts'
import { startRetention } from '../src/retention.ts'
import { fakeClock } from './fakes/clock.ts'

/** Activations of which `surplus` are too many, deleted at most `slice` at a time. */
const activationsOf = (surplus: number, slice: number) => {
  const calls: { ageMs: number; count: number }[] = []
  const prune = (keep: { ageMs: number; count: number }) => {
    calls.push(keep)
    const gone = Math.min(slice, surplus)
    surplus -= gone
    return gone
  }
  return { calls, prune, left: () => surplus }
}

describe('retention', () => {
  it('deletes all that is too old within seconds, slice after slice', async () => {
    const clock = fakeClock()
    const activations = activationsOf(20_000, 512)
    startRetention(activations, { retentionAge: 1000, retentionCount: 10 }, clock, silentLogger)
    await clock.advance(35_000)
    expect(activations.left()).toBe(0)
    expect(activations.calls[0]).toEqual({ ageMs: 1000, count: 10 })
  })

  it('looks once a minute when there is nothing to do, until it is closed', async () => {
    const clock = fakeClock()
    const activations = activationsOf(0, 512)
    const retention = startRetention(activations, { retentionAge: 1000, retentionCount: 0 }, clock, silentLogger)
    await clock.advance(30_000 + 5 * 60_000)
    expect(activations.calls).toHaveLength(6)
    retention.close()
    expect(clock.pending).toBe(0)
  })

  it('comes again after a failure', async () => {
    const clock = fakeClock()
    const failing = {
      calls: 0,
      prune(): number {
        this.calls++
        throw new Error('full')
      },
    }
    startRetention(failing, { retentionAge: 1000, retentionCount: 0 }, clock, silentLogger)
    await clock.advance(100_000)
    expect(failing.calls).toBe(2)
  })

  it('does nothing when everything is kept', () => {
    const clock = fakeClock()
    startRetention(activationsOf(1, 1), { retentionAge: 0, retentionCount: 0 }, clock, silentLogger)
    expect(clock.pending).toBe(0)
  })
})
