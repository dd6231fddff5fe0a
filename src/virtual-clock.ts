// The clock of `--clock virtual`: real speed plus an offset that grows when somebody advances it.

import { type Clock, realClock, type Timer, type VirtualClock } from './clock.ts'

interface Pending {
  /** Virtual epoch milliseconds. */
  due: number
  /** Timers of one due time run in the order they were set. */
  sequence: number
  run: () => void
}

export interface HoldingClock extends VirtualClock {
  /**
   * `advance` does not move past the present moment before `work` has settled: how a timer's asynchronous work (firing
   * a trigger, say) is stamped with the time it fell due.
   */
  hold(work: Promise<unknown>): void
}

/** True for a clock that can be advanced. */
export const isVirtual = (clock: object): clock is HoldingClock => 'advance' in clock && 'hold' in clock

/**
 * For what takes its time on this machine whatever the virtual time is: answers and logs that are waited for. It shows
 * this clock's time, but its timers go off in real time, so that moving the clock ends no action.
 */
export const withRealTimers = (clock: Clock): Clock =>
  isVirtual(clock) ? { now: () => clock.now(), setTimeout: realClock.setTimeout } : clock

/** A virtual clock that starts at the machine's time. */
export function createVirtualClock(): HoldingClock {
  let offsetMs = 0
  let sequence = 0
  let armed: Timer | undefined
  let advancing: Promise<void> = Promise.resolve()
  const pending: Pending[] = []
  const held = new Set<Promise<unknown>>()

  const now = () => Date.now() + offsetMs

  /** Arms the one real timer for the earliest pending one. */
  function arm(): void {
    armed?.cancel()
    const first = pending[0]
    armed = first && realClock.setTimeout(onDue, first.due - now())
  }

  function onDue(): void {
    const at = now()
    while (pending[0] && pending[0].due <= at) pending.shift()?.run()
    arm()
  }

  async function moveTo(target: number): Promise<void> {
    for (let first = pending[0]; first && first.due <= target; first = pending[0]) {
      pending.shift()
      offsetMs = Math.max(offsetMs, first.due - Date.now())
      first.run()
      while (held.size) await Promise.allSettled(held)
      // Lets what the timer started (commits, further timers) happen at this moment.
      await new Promise(resolve => setImmediate(resolve))
    }
    offsetMs = Math.max(offsetMs, target - Date.now())
    arm()
  }

  return {
    now,
    setTimeout(fn, delayMs) {
      const timer: Pending = { due: now() + Math.max(0, delayMs), sequence: sequence++, run: fn }
      const before = pending.findIndex(other => other.due > timer.due)
      pending.splice(before < 0 ? pending.length : before, 0, timer)
      if (pending[0] === timer) arm()
      return {
        cancel() {
          const index = pending.indexOf(timer)
          if (index < 0) return
          pending.splice(index, 1)
          if (index === 0) arm()
        },
      }
    },
    advance(byMs) {
      advancing = advancing.then(() => moveTo(now() + byMs))
      return advancing
    },
    hold(work) {
      held.add(work)
      const release = () => held.delete(work)
      work.then(release, release)
    },
  }
}
