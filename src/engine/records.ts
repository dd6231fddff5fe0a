// Stores activation records, and knows whose logs are still on their way.
//
// What could not be written, on a full disk for one, is kept and written when the store writes again: an accepted
// activation must end with a record. New ones are refused meanwhile, so what is kept is bounded.

import type { Clock, Timer } from '../clock.ts'
import type { ActivationId, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import type { Store } from '../store/store.ts'
import type { Run } from './run.ts'

export interface LogsPending {
  /** Settles when the record without its logs is durable. Rejects with WhiskError when it cannot be written yet. */
  readonly committed: Promise<void>
  /** The logs are there: completes the record. */
  complete(logs: readonly string[]): void
}

/** What a record needs of the run that it is of. */
type LoggedRun = Pick<Run, 'identity' | 'awaited'> & { readonly action: Pick<Run['action'], 'limits'> }

const MIN_LOG_WAIT_MB = 5
const LOG_WAIT_PER_MB_MS = 2_000
const RETRY_MS = 500

export class Records {
  readonly #store: Pick<Store, 'activations' | 'queue' | 'committed' | 'stored' | 'healthy'>
  readonly #clock: Clock
  /** When the logs that are awaited are there. */
  readonly #pending = new Map<ActivationId, Promise<void>>()
  /** Writes that failed, in their order. */
  readonly #unwritten = new Set<() => void>()
  #retry: Timer | undefined

  constructor(store: Pick<Store, 'activations' | 'queue' | 'committed' | 'stored' | 'healthy'>, clock: Clock) {
    this.#store = store
    this.#clock = clock
  }

  /**
   * Stores a complete record; settles when it is durable, which is soon where somebody waits for it. Rejects with
   * WhiskError when it cannot be written yet.
   */
  put(record: WhiskActivation, identity: Identity, awaited = true): Promise<void> {
    const write = () => this.#put(record, identity)
    return this.#sure(write, this.#attempt(write, awaited))
  }

  /** The same for a record that is forgotten when it cannot be written. */
  putOnce(record: WhiskActivation, identity: Identity): Promise<void> {
    return this.#attempt(() => this.#put(record, identity))
  }

  /** Stores a record without its logs; `settled` waits until they are there, as long as the reference would. */
  putWithoutLogs(record: WhiskActivation, { identity, action, awaited }: LoggedRun): LogsPending {
    if (!isKept(identity)) return { committed: this.put(record, identity, awaited), complete() {} }
    const id = record.activationId
    let complete: WhiskActivation | undefined
    const write = () => this.#store.activations.put(complete ?? record, { logsPending: complete === undefined })
    const committed = this.#sure(write, this.#attempt(write, awaited))
    let settle: () => void = () => {}
    const settled = new Promise<void>(resolve => {
      settle = resolve
    })
    this.#pending.set(id, settled)
    const release = () => {
      this.#pending.delete(id)
      settle()
    }
    const waitMs = LOG_WAIT_PER_MB_MS * Math.max(action.limits.logs, MIN_LOG_WAIT_MB)
    const timer = this.#clock.setTimeout(release, waitMs)
    return {
      committed,
      complete: logs => {
        timer.cancel()
        complete = { ...record, logs }
        const writeLogs = () => this.#store.activations.setLogs(id, logs)
        // Nobody waits for it: logs are committed with whatever is next.
        this.#sure(
          writeLogs,
          attempt(writeLogs, () => this.#store.stored()),
        )
        release()
      },
    }
  }

  /** Settles when the store writes again. */
  async writable(): Promise<void> {
    while (!this.#store.healthy) await new Promise<void>(resolve => this.#clock.setTimeout(resolve, RETRY_MS))
  }

  /** Whether any logs are awaited. */
  get awaitsLogs(): boolean {
    return this.#pending.size > 0
  }

  /** Settles when the logs of all of these are there; undefined when none is awaited. */
  settled(ids: readonly ActivationId[]): Promise<void> | undefined {
    if (this.#pending.size === 0) return undefined
    const waits = ids.flatMap(id => this.#pending.get(id) ?? [])
    if (waits.length === 0) return undefined
    return Promise.all(waits).then(() => undefined)
  }

  #put(record: WhiskActivation, identity: Identity): void {
    if (isKept(identity)) this.#store.activations.put(record)
    else this.#store.queue.remove(record.activationId)
  }

  #attempt(write: () => void, awaited = true): Promise<void> {
    return attempt(write, () => (awaited ? this.#store.committed() : this.#store.stored()))
  }

  #sure(write: () => void, committed: Promise<void>): Promise<void> {
    committed.catch(() => this.#later(write))
    return committed
  }

  #later(write: () => void): void {
    this.#unwritten.add(write)
    this.#retry ??= this.#clock.setTimeout(() => void this.#rewrite(), RETRY_MS)
  }

  async #rewrite(): Promise<void> {
    this.#retry = undefined
    const writes = [...this.#unwritten]
    const write = () => {
      for (const each of writes) each()
    }
    // The store has told its log of a failure already.
    const written = this.#store.healthy && (await this.#attempt(write).then(...YES_OR_NO))
    if (written) for (const each of writes) this.#unwritten.delete(each)
    if (this.#unwritten.size > 0) this.#retry ??= this.#clock.setTimeout(() => void this.#rewrite(), RETRY_MS)
  }
}

const YES_OR_NO = [() => true, () => false] as const

/** Writes; a failure is always that of the promise. */
function attempt(write: () => void, committed: () => Promise<void>): Promise<void> {
  try {
    write()
    return committed()
  } catch (error) {
    return Promise.reject(error)
  }
}

/** Namespaces may have their activations forgotten. */
function isKept({ limits }: Identity): boolean {
  return limits.storeActivations !== false
}
