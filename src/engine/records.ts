// Stores activation records, and knows whose logs are still on their way.

import type { Clock } from '../clock.ts'
import type { ActivationId, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import type { Store } from '../store/store.ts'

/** A record whose logs are awaited. */
interface Pending {
  readonly namespace: string
  readonly settled: Promise<void>
}

export interface LogsPending {
  /** Settles when the record without its logs is durable. Rejects with WhiskError when it cannot be written. */
  readonly committed: Promise<void>
  /** The logs are there: completes the record. */
  complete(logs: readonly string[]): void
}

const MIN_LOG_WAIT_MB = 5
const LOG_WAIT_PER_MB_MS = 2_000

export class Records {
  readonly #store: Pick<Store, 'activations' | 'queue' | 'committed'>
  readonly #clock: Clock
  readonly #pending = new Map<ActivationId, Pending>()

  constructor(store: Pick<Store, 'activations' | 'queue' | 'committed'>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /** Stores a complete record; settles when it is durable. Fails with WhiskError when it cannot be written. */
  put(record: WhiskActivation, identity: Identity): Promise<void> {
    if (isKept(identity)) this.#store.activations.put(record)
    else this.#store.queue.remove(record.activationId)
    return this.#store.committed()
  }

  /** Stores a record without its logs; reads of it wait until they are there, as long as the reference would. */
  putWithoutLogs(record: WhiskActivation, identity: Identity, limitMb: number): LogsPending {
    const id = record.activationId
    if (!isKept(identity)) {
      this.#store.queue.remove(id)
      return { committed: this.#store.committed(), complete() {} }
    }
    this.#store.activations.put(record, { logsPending: true })
    let settle: () => void = () => {}
    const settled = new Promise<void>(resolve => {
      settle = resolve
    })
    this.#pending.set(id, { namespace: record.namespace, settled })
    const release = () => {
      this.#pending.delete(id)
      settle()
    }
    const waitMs = LOG_WAIT_PER_MB_MS * Math.max(limitMb, MIN_LOG_WAIT_MB)
    const timer = this.#clock.setTimeout(release, waitMs)
    return {
      committed: this.#store.committed(),
      complete: logs => {
        timer.cancel()
        try {
          this.#store.activations.setLogs(id, logs)
        } finally {
          // Also when they could not be written: readers get the record as it is.
          release()
        }
      },
    }
  }

  /** Settles when the logs of all of these are there; undefined when none is awaited. */
  settled(ids: readonly ActivationId[]): Promise<void> | undefined {
    if (this.#pending.size === 0) return undefined
    const waits: Promise<void>[] = []
    for (const id of ids) {
      const pending = this.#pending.get(id)
      if (pending !== undefined) waits.push(pending.settled)
    }
    return all(waits)
  }

  /** The same for every record of a namespace. */
  settledNamespace(namespace: string): Promise<void> | undefined {
    if (this.#pending.size === 0) return undefined
    const waits: Promise<void>[] = []
    for (const pending of this.#pending.values()) if (pending.namespace === namespace) waits.push(pending.settled)
    return all(waits)
  }
}

/** Namespaces may have their activations forgotten. */
function isKept({ limits }: Identity): boolean {
  return limits.storeActivations !== false
}

function all(waits: readonly Promise<void>[]): Promise<void> | undefined {
  return waits.length === 0 ? undefined : Promise.all(waits).then(() => undefined)
}
