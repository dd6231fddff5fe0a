// What a sequence must fulfil before it is stored: length, existing components, no way back to itself.

import { realName } from '../engine/resolve.ts'
import { isSequence } from '../entity/exec.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'

type Entities = Pick<Store, 'entities'>

/** Counts the atomic actions of components, nested sequences inlined, while looking for the way back. */
class AtomicCounter {
  readonly #store: Entities
  readonly #sequence: string
  readonly #maxLength: number
  /** Of nested sequences: what they hold, or that they are being counted. */
  readonly #counts = new Map<string, number | 'counting'>()

  constructor(store: Entities, sequence: string, maxLength: number) {
    this.#store = store
    this.#sequence = sequence
    this.#maxLength = maxLength
  }

  count(components: readonly string[]): number {
    if (components.length > this.#maxLength) throw new WhiskError('badRequest', messages.sequenceTooLong)
    let total = 0
    for (const component of components) total += this.#countComponent(component)
    return total
  }

  #countComponent(component: string): number {
    const id = realName(this.#store, component.charCodeAt(0) === 47 ? component.slice(1) : component)
    if (id === this.#sequence) throw new WhiskError('badRequest', messages.sequenceCyclic)
    const known = this.#counts.get(id)
    // A circle that does not hold the sequence itself: OpenWhisk would go round for ever.
    if (known === 'counting') throw new WhiskError('badRequest', messages.sequenceCyclic)
    if (known !== undefined) return known
    const action = this.#store.entities.get(id)
    if (action === undefined) throw new WhiskError('notFound', messages.resourceDoesNotExist)
    if (action.entityType !== 'action') throw new WhiskError('conflict', messages.conformance)
    if (!isSequence(action.exec)) return 1
    this.#counts.set(id, 'counting')
    const count = this.count(action.exec.components)
    this.#counts.set(id, count)
    return count
  }
}

/**
 * Checks the components (absolute names) that the sequence `fqn` is to have. Fails with WhiskError `badRequest` when
 * there are none, too many (nested ones inlined), one that does not exist, or one that leads back to the sequence;
 * `conflict` when one is no action; `internal` when one is corrupt.
 */
export function checkSequence(store: Entities, fqn: string, components: readonly string[], maxLength: number): void {
  if (components.length > maxLength) throw new WhiskError('badRequest', messages.sequenceTooLong)
  if (components.length === 0) throw new WhiskError('badRequest', messages.sequenceEmpty)
  try {
    const total = new AtomicCounter(store, realName(store, fqn), maxLength).count(components)
    if (total > maxLength) throw new WhiskError('badRequest', messages.sequenceTooLong)
  } catch (error) {
    if (error instanceof WhiskError && error.code === 'notFound') {
      throw new WhiskError('badRequest', messages.sequenceComponentMissing, { cause: error })
    }
    throw error
  }
}
