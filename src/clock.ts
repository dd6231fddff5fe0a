// Time as a dependency: everything that shows or schedules time asks a Clock.

/** A pending timer; `unref` lets the process end while it waits. */
export interface Timer {
  cancel(): void
}

export interface Clock {
  /** Milliseconds since the epoch, as activation records and `updated` show them. */
  now(): number
  /** Runs `fn` once when this clock has moved on by `delayMs`. Does not keep the process alive. */
  setTimeout(fn: () => void, delayMs: number): Timer
}

/** A clock that can be moved forward: `--clock virtual`. */
export interface VirtualClock extends Clock {
  /** Moves on by `byMs`, running every timer that falls due on the way, in the order of their due times. */
  advance(byMs: number): Promise<void>
}

/** The longest delay a Node.js timer takes; longer ones are chained. */
const MAX_DELAY_MS = 2 ** 31 - 1

/** The machine's clock. */
export const realClock: Clock = {
  now: () => Date.now(),
  setTimeout(fn, delayMs) {
    const due = Date.now() + delayMs
    let handle: NodeJS.Timeout
    const arm = () => {
      const left = due - Date.now()
      handle = setTimeout(() => (left > MAX_DELAY_MS ? arm() : fn()), Math.min(Math.max(left, 0), MAX_DELAY_MS))
      handle.unref()
    }
    arm()
    return { cancel: () => clearTimeout(handle) }
  },
}
