// A clock that moves only when a test says so.

import type { Timer, VirtualClock } from '../../src/clock.ts'

/** What `fakeClock` starts at unless told: 2023-11-14T22:13:20Z. */
export const EPOCH = 1_700_000_000_000

export interface FakeClock extends VirtualClock {
  /** How many timers wait. */
  readonly pending: number
}

/** Lets everything that already settled run on: promise callbacks and immediates. */
const breathe = () => new Promise<void>(resolve => setImmediate(resolve))

/** Timers run in the order of their due times, then of their making; each has a turn of the event loop to itself. */
export const fakeClock = (startMs = EPOCH): FakeClock => {
  let now = startMs
  let made = 0
  const timers: { due: number; order: number; fn: () => void }[] = []

  const next = (until: number) => {
    timers.sort((a, b) => a.due - b.due || a.order - b.order)
    const first = timers[0]
    return first && first.due <= until ? timers.shift() : undefined
  }

  return {
    now: () => now,
    get pending() {
      return timers.length
    },
    setTimeout(fn, delayMs): Timer {
      const timer = { due: now + Math.max(0, delayMs), order: made++, fn }
      timers.push(timer)
      return {
        cancel() {
          const at = timers.indexOf(timer)
          if (at >= 0) timers.splice(at, 1)
        },
      }
    },
    async advance(byMs) {
      const until = now + byMs
      for (let timer = next(until); timer; timer = next(until)) {
        now = Math.max(now, timer.due)
        timer.fn()
        await breathe()
      }
      now = until
      await breathe()
    },
  }
}
