// The events of the published API between the one who tells them and the loop that reads them.

import type { OpenWhiskEvent } from './public.ts'

export interface EventQueue {
  /** What the caller of `events()` gets. */
  readonly events: AsyncIterableIterator<OpenWhiskEvent>
  push(event: OpenWhiskEvent): void
  /** Nothing more will come; what nobody has read yet can still be read, then `failure` is thrown once, if there is one. */
  end(failure?: unknown): void
}

type Result = IteratorResult<OpenWhiskEvent, undefined>

const DONE: Result = { done: true, value: undefined }

/** `left` is called when the reader will read no more. */
export function createEventQueue(left: () => void): EventQueue {
  const unread: OpenWhiskEvent[] = []
  const readers: { resolve: (result: Result) => void; reject: (failure: unknown) => void }[] = []
  let ended = false
  let failed: { failure: unknown } | undefined
  const end = (failure?: unknown) => {
    if (ended) return
    ended = true
    const first = failure === undefined ? undefined : readers.shift()
    if (first) first.reject(failure)
    else if (failure !== undefined) failed = { failure }
    for (const { resolve } of readers.splice(0)) resolve(DONE)
  }
  return {
    push(event) {
      if (ended) return
      const reader = readers.shift()
      if (reader) reader.resolve({ done: false, value: event })
      else unread.push(event)
    },
    end,
    events: {
      next() {
        const value = unread.shift()
        if (value !== undefined) return Promise.resolve({ done: false, value })
        if (!ended) return new Promise((resolve, reject) => readers.push({ resolve, reject }))
        if (failed === undefined) return Promise.resolve(DONE)
        const { failure } = failed
        failed = undefined
        return Promise.reject(failure)
      },
      async return() {
        unread.length = 0
        failed = undefined
        end()
        left()
        return DONE
      },
      [Symbol.asyncIterator]() {
        return this
      },
    },
  }
}
