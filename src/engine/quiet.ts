// Waiting until there is nothing to wait for.

/** Tells those who wait when a condition holds; whoever changes what it depends on calls `check`. */
export class Quiet {
  readonly #holds: () => boolean
  readonly #waiting: (() => void)[] = []

  constructor(holds: () => boolean) {
    this.#holds = holds
  }

  wait(): Promise<void> {
    return this.#holds() ? Promise.resolve() : new Promise(resolve => this.#waiting.push(resolve))
  }

  check(): void {
    if (this.#waiting.length === 0 || !this.#holds()) return
    for (const resolve of this.#waiting.splice(0)) resolve()
  }
}
