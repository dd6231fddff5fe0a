// Decoded documents by key, bounded by the length of their texts.

/**
 * Two generations: hits in the young one cost a map lookup and nothing else; when it is full it becomes the old one,
 * and what nobody asked for since goes.
 */
export class Cache<V> {
  readonly #capacity: number
  #young = new Map<string, { value: V; weight: number }>()
  #old = new Map<string, { value: V; weight: number }>()
  #weight = 0

  /** `capacity`: the sum of the weights that one generation may hold. */
  constructor(capacity: number) {
    this.#capacity = capacity
  }

  get(key: string): V | undefined {
    const entry = this.#young.get(key)
    if (entry) return entry.value
    const older = this.#old.get(key)
    if (!older) return undefined
    this.set(key, older.value, older.weight)
    return older.value
  }

  set(key: string, value: V, weight: number): void {
    this.delete(key)
    if (this.#weight + weight > this.#capacity) {
      this.#old = this.#young
      this.#young = new Map()
      this.#weight = 0
    }
    this.#young.set(key, { value, weight })
    this.#weight += weight
  }

  delete(key: string): void {
    const entry = this.#young.get(key)
    if (entry) {
      this.#young.delete(key)
      this.#weight -= entry.weight
    }
    this.#old.delete(key)
  }

  clear(): void {
    this.#young.clear()
    this.#old.clear()
    this.#weight = 0
  }
}
