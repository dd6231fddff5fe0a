// One container, from its creation to its removal: its state, and what the pool's policy sees of it.
//
// States and their legal exits:
//
//   creating      the driver makes it            → prewarmed (a stem cell that no run has taken), initializing, removing
//   prewarmed     runtime up, no code            → initializing (a run took it), removing
//   initializing  /init on its way               → running, removing
//   running       at least one run has it        → ready (the last one gave it back), removing
//   ready         idle                           → running, pausing (grace over), removing
//   pausing       being frozen                   → paused, removing
//   paused        frozen                         → resuming (a run took it), removing
//   resuming      being thawed                   → running, removing
//   removing      given up, the driver destroys  → removed
//   removed       nothing is left of it
//
// Invariants:
// - `active` counts the runs that have it, `collecting` those of them that only wait for their logs, `trailing` those of
//   these that are in no other run's way.
// - A run may take a container that is still creating or initializing when the action's concurrency allows; it then
//   waits for the one opening that the first run began (`open`), and shares its failure.
// - `retired` is for good: no run takes it any more, and it is removed when the last one gave it back. So it is with a
//   container that failed, was told to go, or died while it was in use.
// - From `removing` on it is in nobody's books: its memory counts as free and its `exited` is of no interest.

import type { Clock, Timer } from '../clock.ts'
import type { Container } from '../container/container.ts'
import type { Opening } from './opening.ts'
import type { ExecutableAction } from './profile.ts'
import type { Run } from './run.ts'
import type { Slot, SlotState } from './schedule.ts'

const EXITS: { readonly [state in SlotState]: readonly SlotState[] } = {
  creating: ['prewarmed', 'initializing', 'removing'],
  prewarmed: ['initializing', 'removing'],
  initializing: ['running', 'removing'],
  running: ['ready', 'removing'],
  ready: ['running', 'pausing', 'removing'],
  pausing: ['paused', 'removing'],
  paused: ['resuming', 'removing'],
  resuming: ['running', 'removing'],
  removing: ['removed'],
  removed: [],
}

export interface ProxyHooks {
  /** It has room for another run, although the one before it is not given back yet. */
  freed(proxy: ContainerProxy): void
  /** It is in `removing`: take it out of the books. Called once. */
  gone(proxy: ContainerProxy): void
}

export interface ProxyOptions {
  /** Of this server's containers, counted from 1. */
  readonly number: number
  readonly kind: string
  readonly memoryMb: number
  readonly stemCell: boolean
  readonly clock: Clock
  /** How long it idles before it is frozen; absent = never. */
  readonly pauseGraceMs?: number
  readonly hooks: ProxyHooks
}

export class ContainerProxy implements Slot {
  readonly number: number
  readonly kind: string
  readonly memoryMb: number
  readonly fromStemCell: boolean
  action: ExecutableAction | undefined
  namespace: string | undefined
  active = 0
  collecting = 0
  trailing = 0
  held = 0
  retired = false
  lastUsed: number
  expiresAt: number | undefined
  /** The logs of a run were complete: this runtime is known to mark their ends. */
  marksLogs = false
  /** Of a stem cell: settles when its container is adopted, rejects with ContainerError when there is none. */
  making: Promise<void> | undefined

  readonly #clock: Clock
  readonly #hooks: ProxyHooks
  readonly #pauseGraceMs: number | undefined
  #state: SlotState = 'creating'
  #container: Container | undefined
  #opening: Promise<Opening> | undefined
  #freezing: Promise<void> | undefined
  #grace: Timer | undefined
  #removal: Promise<void> | undefined

  constructor(options: ProxyOptions) {
    this.number = options.number
    this.kind = options.kind
    this.memoryMb = options.memoryMb
    this.fromStemCell = options.stemCell
    this.#clock = options.clock
    this.#hooks = options.hooks
    this.#pauseGraceMs = options.pauseGraceMs
    this.lastUsed = options.clock.now()
  }

  get state(): SlotState {
    return this.#state
  }

  /** Present from the end of `creating` on. */
  get container(): Container | undefined {
    return this.#container
  }

  /** True once `/init` succeeded. */
  get initialized(): boolean {
    return !['creating', 'prewarmed', 'initializing', 'removing', 'removed'].includes(this.#state)
  }

  /** What the driver made. A container that comes too late, after its removal, is destroyed at once. */
  adopt(container: Container): void {
    this.#container = container
    if (this.#state !== 'creating') {
      void container.destroy()
      return
    }
    container.exited.then(() => this.#died())
    this.#setState(this.action === undefined ? 'prewarmed' : 'initializing')
  }

  /** Binds a fresh container or a stem cell to the action and namespace of its first run. */
  bind(action: ExecutableAction, namespace: string): void {
    this.action = action
    this.namespace = namespace
    this.expiresAt = undefined
  }

  /** Takes it for a run. True when it was idle: a run that finds it dead then may go elsewhere. */
  acquire(): boolean {
    this.active += 1
    const idle = this.active - this.trailing === 1
    this.#grace?.cancel()
    if (this.#state === 'prewarmed') this.#setState('initializing')
    if (this.#state === 'ready') this.#setState('running')
    if (this.#state === 'paused') this.#setState('resuming')
    return idle
  }

  /** Runs `opener` for the first of the runs that wait for this container, and gives its result to all. */
  open(opener: () => Promise<Opening>): Promise<Opening> {
    this.#opening ??= opener()
    return this.#opening
  }

  /** `/init` succeeded. */
  opened(): void {
    if (this.#state === 'initializing') this.#setState('running')
    this.#opening = undefined
  }

  /** Makes sure that it is not frozen; rejects when it cannot be thawed. */
  async thaw(): Promise<void> {
    await this.#freezing
    if (this.#state === 'paused') this.#setState('resuming')
    if (this.#state !== 'resuming') return
    this.#freezing ??= this.#container?.resume?.()
    await this.#freezing
    this.#freezing = undefined
    if (this.#state === 'resuming') this.#setState('running')
  }

  /** True when it is frozen or on the way there or back. */
  get frozen(): boolean {
    return this.#state === 'pausing' || this.#state === 'paused' || this.#state === 'resuming'
  }

  /** A run has ended, and keeps it until its logs are read. `trails`: meanwhile it may have the next one. */
  collect(run: Pick<Run, 'logs'>, trails: boolean): void {
    run.logs = trails ? 'trailing' : 'awaited'
    this.collecting += 1
    if (!trails) return
    this.trailing += 1
    this.#hooks.freed(this)
  }

  /** A run gives it back; removed when it is retired and this was the last one. */
  release(run: Pick<Run, 'logs'>): void {
    this.active -= 1
    if (run.logs !== undefined) this.collecting -= 1
    if (run.logs === 'trailing') this.trailing -= 1
    this.lastUsed = this.#clock.now()
    if (this.active > 0) return
    if (this.retired) {
      void this.remove()
      return
    }
    if (this.#state === 'running') this.#setState('ready')
    if (this.#pauseGraceMs !== undefined && this.#state === 'ready') this.#armGrace(this.#pauseGraceMs)
  }

  /** Takes no more runs from now on; removed at once when nobody has it. */
  retire(): void {
    this.retired = true
    if (this.active === 0) void this.remove()
  }

  /** Settles when nothing is left of it; runs that still have it see their connection break. */
  remove(): Promise<void> {
    if (this.#removal === undefined) {
      this.retired = true
      this.#grace?.cancel()
      this.#setState('removing')
      this.#removal = this.#destroy()
      this.#hooks.gone(this)
    }
    return this.#removal
  }

  async #destroy(): Promise<void> {
    try {
      await this.#container?.destroy()
    } finally {
      this.#setState('removed')
    }
  }

  #died(): void {
    if (this.#state === 'removing' || this.#state === 'removed') return
    // Its runs learn it from their broken connections, and tell what came of them.
    this.retire()
  }

  #armGrace(graceMs: number): void {
    const container = this.#container
    if (container?.suspend === undefined) return
    this.#grace = this.#clock.setTimeout(() => {
      if (this.#state === 'ready' && this.active === 0) void this.#freeze(container)
    }, graceMs)
  }

  async #freeze(container: Container): Promise<void> {
    this.#setState('pausing')
    const freezing = container.suspend?.()
    this.#freezing = freezing
    try {
      await freezing
      if (this.#state === 'pausing') this.#setState('paused')
    } catch {
      this.retire()
    } finally {
      if (this.#freezing === freezing) this.#freezing = undefined
    }
  }

  #setState(next: SlotState): void {
    if (!EXITS[this.#state].includes(next)) {
      throw new Error(`A container cannot go from ${this.#state} to ${next}.`)
    }
    this.#state = next
  }
}
