// The runs that wait for a container: first in, first out within a namespace, namespaces taking turns.

import type { Run } from './run.ts'

/** A run, and what it was counted with when it came. */
interface Place {
  readonly run: Run
  readonly bytes: number
  readonly memoryMb: number
}

/** One namespace's runs; taking from the front does not move the rest. */
interface Line {
  places: Place[]
  head: number
}

/**
 * Differs from OpenWhisk: its buffer is one line, in which one namespace's burst holds up everybody. Here namespaces take
 * turns; as there, whoever is next holds up all others until there is room for it, so that big runs do not starve.
 */
export class RunBuffer {
  /** In the order of their turns. */
  readonly #lines = new Map<string, Line>()
  #size = 0
  #bytes = 0
  #memoryMb = 0

  get size(): number {
    return this.#size
  }

  /** Of the arguments that wait. */
  get bytes(): number {
    return this.#bytes
  }

  /** What containers for all of them would take. */
  get memoryMb(): number {
    return this.#memoryMb
  }

  push(run: Run): void {
    const place = this.#count(run)
    const line = this.#lines.get(run.namespace)
    if (line === undefined) this.#lines.set(run.namespace, { places: [place], head: 0 })
    else line.places.push(place)
  }

  /** Back to the front of its namespace, whose turn it is next: for a run that lost its container. */
  unshift(run: Run): void {
    const place = this.#count(run)
    const line = this.#lines.get(run.namespace)
    const rest = line === undefined ? [] : line.places.slice(line.head)
    const others = [...this.#lines].filter(([namespace]) => namespace !== run.namespace)
    this.#lines.clear()
    this.#lines.set(run.namespace, { places: [place, ...rest], head: 0 })
    for (const [namespace, other] of others) this.#lines.set(namespace, other)
  }

  /** Who is next. */
  peek(): Run | undefined {
    for (const line of this.#lines.values()) return line.places[line.head]?.run
    return undefined
  }

  /** Takes who is next; its namespace goes to the end of the turns. */
  shift(): Run | undefined {
    for (const [namespace, line] of this.#lines) {
      const place = line.places[line.head]
      line.head += 1
      this.#lines.delete(namespace)
      if (line.head < line.places.length) this.#lines.set(namespace, compact(line))
      if (place === undefined) return undefined
      this.#size -= 1
      this.#bytes -= place.bytes
      this.#memoryMb -= place.memoryMb
      return place.run
    }
    return undefined
  }

  /** Empties it; in the order in which they would have been taken. */
  drain(): Run[] {
    const all: Run[] = []
    for (let run = this.shift(); run !== undefined; run = this.shift()) all.push(run)
    return all
  }

  #count(run: Run): Place {
    const place = { run, bytes: run.bytes, memoryMb: run.action.limits.memory }
    this.#size += 1
    this.#bytes += place.bytes
    this.#memoryMb += place.memoryMb
    return place
  }
}

/** Lets go of what was taken, now and then. */
function compact(line: Line): Line {
  return line.head < 1024 ? line : { places: line.places.slice(line.head), head: 0 }
}
