// The queue mirror: what an accepted activation needs to be run, or to end with a record, after a restart.

import type { ActivationId } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../entity/json.ts'
import type { QueuedActivation, Store } from '../store/store.ts'

/** What is kept beside the columns of the queue. */
export interface MirrorMessage {
  /** `ns/[pkg/]name` of the stored action. */
  readonly action: string
  /** `sequence` for sequences and compositions: they start when they are accepted. */
  readonly kind: string
  readonly binding?: string
  readonly cause?: ActivationId
  /** The merged arguments, and the parameters for `/init`; absent for sequences and compositions. */
  readonly value?: JsonObject | readonly JsonValue[]
  readonly init?: JsonObject
}

export interface MirrorFacts {
  readonly activationId: ActivationId
  readonly identity: Identity
  readonly transid: string
  readonly version: string
  readonly acceptedAt: number
  readonly message: MirrorMessage
}

type Mirrored = Pick<Store, 'queue' | 'committed'>

/** One activation's entry: written at most once, then marked as started. The store removes it with the record. */
export class MirrorEntry {
  readonly #store: Mirrored
  readonly #id: ActivationId
  #state: 'unwritten' | 'queued' | 'started'
  #facts: MirrorFacts | undefined

  constructor(store: Mirrored, facts: MirrorFacts) {
    this.#store = store
    this.#id = facts.activationId
    this.#facts = facts
    this.#state = 'unwritten'
  }

  /** The entry of an activation that a former server left queued. */
  static recovered(store: Mirrored, facts: MirrorFacts): MirrorEntry {
    const entry = new MirrorEntry(store, facts)
    entry.#state = 'queued'
    entry.#facts = undefined
    return entry
  }

  queued(): void {
    if (this.#state === 'unwritten') this.#write('queued')
  }

  /** Settles when nothing would start this activation a second time. */
  started(): Promise<void> {
    if (this.#state === 'unwritten') this.#write('started')
    else if (this.#state === 'queued') {
      this.#store.queue.started(this.#id)
      this.#state = 'started'
    }
    return this.#store.committed()
  }

  /** The same again, after it failed. */
  startedAgain(): Promise<void> {
    if (this.#state === 'started') this.#state = 'queued'
    return this.started()
  }

  /** Whether the store has it: a next server would run it, or end it with a record. */
  get isStored(): boolean {
    return this.#store.queue.has(this.#id)
  }

  #write(state: 'queued' | 'started'): void {
    const facts = this.#facts
    if (facts === undefined) return
    const { message } = facts
    this.#store.queue.put({
      activationId: facts.activationId,
      type: 'action',
      state,
      identity: facts.identity,
      transid: facts.transid,
      entity: message.binding === undefined ? message.action : throughBinding(message.action, message.binding),
      version: facts.version,
      acceptedAt: facts.acceptedAt,
      message: { ...message },
    })
    this.#state = state
    this.#facts = undefined
  }
}

function throughBinding(action: string, binding: string): string {
  return `${binding}/${action.slice(action.lastIndexOf('/') + 1)}`
}

/** Reads an entry back; undefined when it is none that this version wrote. */
export function decodeMessage(entry: QueuedActivation): MirrorMessage | undefined {
  const { action, kind, binding, cause, value, init } = entry.message
  if (typeof action !== 'string' || typeof kind !== 'string') return undefined
  return {
    action,
    kind,
    ...(typeof binding === 'string' ? { binding } : {}),
    ...(typeof cause === 'string' ? { cause } : {}),
    ...(isJsonObject(value) || isJsonArray(value) ? { value } : {}),
    ...(isJsonObject(init) ? { init } : {}),
  }
}
