// The container pool: which containers there are, which run has which, and who waits. Mechanism only.
//
// Where a run goes is decided by `schedule` (schedule.ts), a pure function of the run and the slots; how it goes once it
// has a container is execute.ts; what state one container is in is container-proxy.ts; in which order runs wait is
// run-buffer.ts; how many stem cells there should be is stem-cells.ts. The pool carries their decisions out:
//
// - `submit` takes a run. While others wait it goes behind them, else it is placed at once.
// - A run is in exactly one place: in the buffer, held for one container whose logs are being read, or dispatched.
// - Every dispatched run ends in `#release`, whatever became of it: its container is kept or discarded, the run is over
//   or (its container was dead) placed again.
// - Whenever a container becomes free or goes, the buffer is served (`#pump`) until whoever is next finds no room.
// - A container that goes leaves the books at once (`#gone`); what follows of that is done in a turn of its own, since
//   going may be part of placing another run (eviction).
//
// Invariants, checked by the simulation in the tests: the memory of the slots never exceeds the pool's; a run that waits
// is placed before any other of its namespace that came later; no namespace waits for ever; when all runs are over,
// every slot is idle or gone.

import type { Clock, Timer } from '../clock.ts'
import type { Container } from '../container/container.ts'
import type { ActivationResponse } from '../entity/activation.ts'
import type { WhiskAction } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import { withRealTimers } from '../virtual-clock.ts'
import { ContainerProxy } from './container-proxy.ts'
import type { EngineMetrics } from './engine-metrics.ts'
import type { Disposal } from './execute.ts'
import type { Observer } from './observer.ts'
import { whiskError } from './outcome.ts'
import { profileOf } from './profile.ts'
import { Quiet } from './quiet.ts'
import type { Run } from './run.ts'
import { RunBuffer } from './run-buffer.ts'
import { type ContainerStart, hasRoom, sameAction, schedule } from './schedule.ts'
import { StemCellKeeper } from './stem-cell-keeper.ts'
import type { StemCellConfig } from './stem-cells.ts'

export interface PoolOptions {
  readonly userMemoryMb: number
  /** How many bytes of arguments may wait. */
  readonly queueMemoryBytes: number
  readonly idleTimeoutMs: number
  /** Absent: idle containers are not frozen. */
  readonly pauseGraceMs?: number
  readonly alwaysCold: boolean
  readonly stemCells: readonly StemCellConfig[]
}

export interface PoolServices {
  readonly clock: Clock
  readonly log: Logger
  readonly observer: Observer
  readonly metrics: EngineMetrics
  /** Carries a run out; never rejects. */
  execute(proxy: ContainerProxy, run: Run, idle: boolean): Promise<Disposal>
  /** Fails with ContainerError. */
  createStemCell(proxy: ContainerProxy): Promise<Container>
  /** Gives a run that waited the latest version of its action; false when it ended instead. */
  refresh(run: Run): boolean
  /** Ends a run that gets no container with this response. */
  fail(run: Run, response: ActivationResponse): void
  /** A run is over, its logs included. */
  ended(run: Run): void
}

interface Held {
  readonly run: Run
  readonly timer: Timer
}

/** How long a run waits for the logs of its predecessor before it looks for another container. */
const LINGER_MS = 100
/** When a stem cell that was taken is replaced: a prewarmed start takes less than this. */
const REPLACE_MS = 100

export class ContainerPool {
  readonly #options: PoolOptions
  readonly #services: PoolServices
  readonly #slots = new Set<ContainerProxy>()
  readonly #buffer = new RunBuffer()
  readonly #running = new Set<Run>()
  readonly #held = new Map<ContainerProxy, readonly Held[]>()
  readonly #removals = new Set<Promise<void>>()
  readonly #stemCells: StemCellKeeper
  #made = 0
  #closed = false
  #sweep: Timer | undefined
  #stirred = false
  #replacement: Timer | undefined
  readonly #quiet = new Quiet(() => this.#running.size === 0 && this.#buffer.size === 0 && this.#held.size === 0)

  constructor(options: PoolOptions, services: PoolServices) {
    this.#options = options
    this.#services = services
    this.#stemCells = new StemCellKeeper(options.stemCells, {
      clock: services.clock,
      log: services.log,
      metrics: services.metrics,
      slots: () => this.#slots,
      hasRoom: memoryMb => this.#buffer.size === 0 && this.usedMb + memoryMb <= options.userMemoryMb,
      start: config => this.#startStemCell(config),
    })
  }

  get slots(): ReadonlySet<ContainerProxy> {
    return this.#slots
  }

  /** Memory of all containers, in MB. */
  get usedMb(): number {
    let sum = 0
    for (const slot of this.#slots) sum += slot.memoryMb
    return sum
  }

  get buffer(): Pick<RunBuffer, 'size' | 'bytes' | 'memoryMb'> {
    return this.#buffer
  }

  /** Dispatched and not over yet. */
  get running(): ReadonlySet<Run> {
    return this.#running
  }

  /** Begins to keep stem cells. */
  start(): void {
    if (!this.#options.alwaysCold) this.#stemCells.start()
  }

  /** Fails with WhiskError `unavailable` when no more arguments may wait. */
  checkRoom(bytes: number): void {
    if (this.#buffer.bytes + bytes > this.#options.queueMemoryBytes) {
      throw new WhiskError('unavailable', messages.unavailable)
    }
  }

  /**
   * Takes a run; it is dispatched now or later. Fails with WhiskError `unavailable` when the pool is closed, and when
   * `bounded` where it would have to wait and the queue is full.
   */
  submit(run: Run, bounded: boolean): void {
    if (this.#closed) throw new WhiskError('unavailable', messages.unavailable)
    if (this.#buffer.size === 0 && this.#place(run)) return
    if (bounded) this.checkRoom(run.bytes)
    this.#buffer.push(run)
    run.pack()
    this.#services.observer.queued(run)
  }

  /** Containers of actions that were updated go once they are free. Those of deleted actions stay until they time out. */
  retireChanged(ids: ReadonlySet<string>, current: (id: string) => WhiskAction | undefined): void {
    for (const slot of [...this.#slots]) {
      if (slot.action === undefined) continue
      const { id } = profileOf(slot.action)
      if (!ids.has(id)) continue
      const now = current(id)
      if (now !== undefined && !sameAction(now, slot.action)) slot.retire()
    }
  }

  /** Retires the containers of one action, or all, stem cells too; returns how many. */
  recycle(id?: string): number {
    let count = 0
    for (const slot of [...this.#slots]) {
      if (slot.retired || (id !== undefined && (slot.action === undefined || profileOf(slot.action).id !== id)))
        continue
      slot.retire()
      count += 1
    }
    return count
  }

  /** Stops keeping stem cells and takes those out that `pick` names of the runs that wait, in their order. */
  takeQueued(pick: (run: Run) => boolean): Run[] {
    this.#stemCells.stop()
    const held = [...this.#held].flatMap(([proxy, line]) => line.map(entry => ({ proxy, entry })))
    const taken = held.filter(({ entry }) => pick(entry.run))
    for (const { proxy, entry } of taken) this.#unhold(proxy, entry)
    const all = this.#buffer.drain()
    for (const run of all) if (!pick(run)) this.#buffer.push(run)
    return [...taken.map(({ entry }) => entry.run), ...all.filter(pick)]
  }

  /** Settles when no run is in a container or waits for one. */
  quiet(): Promise<void> {
    return this.#quiet.wait()
  }

  /**
   * Removes all containers, used or not; settles when nothing is left of them. Returns how many there were. From now on
   * no run gets one.
   */
  async close(): Promise<number> {
    this.#closed = true
    this.#stemCells.stop()
    this.#sweep?.cancel()
    this.#replacement?.cancel()
    const all = [...this.#slots]
    for (const slot of all) void slot.remove()
    await Promise.allSettled(this.#removals)
    return all.length
  }

  /** Gives a run a container, if `schedule` finds one. False: it must wait. */
  #place(run: Run): boolean {
    if (this.#closed) return false
    const decision = schedule(run, this.#slots, this.#options)
    switch (decision.type) {
      case 'wait':
        return false
      case 'impossible':
        this.#services.fail(run, whiskError(messages.resourceProvisionError))
        this.#services.ended(run)
        return true
      case 'linger':
        this.#hold(decision.slot, run)
        return true
      case 'reuse':
        decision.slot.action = run.action
        this.#dispatch(decision.slot, run, decision.label)
        return true
      case 'promote':
        this.#promote(decision.slot, run)
        return true
      case 'create':
        this.#create(run, decision.evict, decision.label)
        return true
    }
  }

  #promote(proxy: ContainerProxy, run: Run): void {
    const isReady = proxy.state === 'prewarmed'
    if (!isReady) this.#stemCells.missed(proxy.kind, proxy.memoryMb)
    proxy.bind(run.action, run.namespace)
    this.#dispatch(proxy, run, isReady || run.start === 'prewarmed' ? 'prewarmed' : 'cold')
    this.#replaceStemCell()
  }

  #create(run: Run, evict: readonly ContainerProxy[], label: ContainerStart): void {
    for (const slot of evict) void slot.remove()
    const { memory } = run.action.limits
    const proxy = this.#newProxy(run.action.exec.kind, memory, false)
    proxy.bind(run.action, run.namespace)
    this.#stemCells.missed(proxy.kind, memory)
    // A start that was demanded is one, whatever it took to make it so.
    const demanded = run.start === 'prewarmed' ? 'prewarmed' : run.start === 'warm' ? 'warmed' : label
    this.#dispatch(proxy, run, demanded)
  }

  #dispatch(proxy: ContainerProxy, run: Run, label: ContainerStart): void {
    run.state = 'started'
    run.label = label
    this.#running.add(run)
    const idle = proxy.acquire()
    void this.#services.execute(proxy, run, idle).then(disposal => this.#release(proxy, run, disposal))
  }

  #release(proxy: ContainerProxy, run: Run, disposal: Disposal): void {
    this.#running.delete(run)
    if (disposal !== 'keep' || this.#options.alwaysCold) proxy.retired = true
    proxy.release(run)
    if (disposal === 'retry' && !run.isEnded) {
      run.retried = true
      run.state = 'queued'
      this.#services.metrics.rescheduled()
      this.#again(run)
    } else {
      this.#services.ended(run)
    }
    this.#serveHeld(proxy)
    if (proxy.state === 'ready') this.#armSweep(this.#options.idleTimeoutMs)
    this.#pump()
  }

  /** Holds a run for a container that only waits for the logs of its last run. */
  #hold(proxy: ContainerProxy, run: Run): void {
    proxy.held += 1
    const held: Held = {
      run,
      timer: withRealTimers(this.#services.clock).setTimeout(() => this.#letGo(proxy, held), LINGER_MS),
    }
    this.#held.set(proxy, [...(this.#held.get(proxy) ?? []), held])
  }

  #letGo(proxy: ContainerProxy, held: Held): void {
    this.#unhold(proxy, held)
    held.run.lingered = true
    this.#again(held.run)
  }

  #unhold(proxy: ContainerProxy, held: Held): void {
    held.timer.cancel()
    proxy.held -= 1
    const rest = this.#held.get(proxy)?.filter(other => other !== held) ?? []
    if (rest.length > 0) this.#held.set(proxy, rest)
    else this.#held.delete(proxy)
  }

  /** Gives those who wait for this container what it has room for; sends them away when it goes. */
  #serveHeld(proxy: ContainerProxy): void {
    for (const held of this.#held.get(proxy) ?? []) {
      if (!proxy.retired && !hasRoom(proxy, held.run.action.limits.concurrency)) return
      this.#unhold(proxy, held)
      if (proxy.retired) this.#again(held.run)
      else this.#dispatch(proxy, held.run, 'warmed')
    }
  }

  /** Places a run that had a place already: before those that wait. */
  #again(run: Run): void {
    if (!this.#place(run)) this.#buffer.unshift(run)
  }

  #pump(): void {
    for (let run = this.#buffer.peek(); run !== undefined; run = this.#buffer.peek()) {
      if (!this.#services.refresh(run)) {
        this.#buffer.shift()
        this.#services.ended(run)
      } else if (this.#place(run)) this.#buffer.shift()
      else break
    }
    this.#quiet.check()
  }

  #newProxy(kind: string, memoryMb: number, stemCell: boolean): ContainerProxy {
    this.#made += 1
    const proxy = new ContainerProxy({
      number: this.#made,
      kind,
      memoryMb,
      stemCell,
      clock: this.#services.clock,
      pauseGraceMs: this.#options.pauseGraceMs,
      hooks: { gone: gone => this.#gone(gone), freed: freed => this.#freed(freed) },
    })
    this.#slots.add(proxy)
    return proxy
  }

  #startStemCell(config: StemCellConfig): Promise<void> {
    const proxy = this.#newProxy(config.kind, config.memoryMb, true)
    if (config.reactive !== undefined) proxy.expiresAt = this.#services.clock.now() + config.reactive.ttlMs
    proxy.making = this.#makeStemCell(proxy)
    return proxy.making
  }

  async #makeStemCell(proxy: ContainerProxy): Promise<void> {
    try {
      const container = await this.#services.createStemCell(proxy)
      proxy.adopt(container)
      this.#services.observer.container('container.created', proxy)
      if (proxy.state !== 'prewarmed') return
      // Differs from OpenWhisk: there the first /init is also the first request that a runtime sees, and takes longer.
      void container.warmUp?.()
      this.#stir()
    } catch (error) {
      // A run that has it already ends with this error, and gives it back.
      if (proxy.active === 0) void proxy.remove()
      throw error
    }
  }

  #gone(proxy: ContainerProxy): void {
    this.#slots.delete(proxy)
    const removal = proxy.remove().catch(error => {
      this.#services.log.warn(`container ${proxy.container?.name} could not be removed`, { error })
    })
    this.#removals.add(removal)
    void removal.then(() => this.#removals.delete(removal))
    this.#services.observer.container('container.removed', proxy)
    this.#stir()
  }

  /** Starting another container would slow down the start that took this one, so it waits until that is over. */
  #replaceStemCell(): void {
    this.#replacement ??= withRealTimers(this.#services.clock).setTimeout(() => {
      this.#replacement = undefined
      this.#stir()
    }, REPLACE_MS)
  }

  #freed(proxy: ContainerProxy): void {
    if (this.#buffer.size > 0 || this.#held.has(proxy)) this.#stir()
  }

  /** Serves who waits, and keeps stem cells, in a turn of its own. */
  #stir(): void {
    if (this.#stirred) return
    this.#stirred = true
    queueMicrotask(() => {
      this.#stirred = false
      for (const proxy of this.#held.keys()) this.#serveHeld(proxy)
      this.#pump()
      this.#stemCells.backfill()
    })
  }

  /** One timer for all idle containers, set for the one that is due first. */
  #armSweep(delayMs: number): void {
    this.#sweep ??= this.#services.clock.setTimeout(() => {
      this.#sweep = undefined
      const limit = this.#services.clock.now() - this.#options.idleTimeoutMs
      let oldest = Number.POSITIVE_INFINITY
      for (const slot of [...this.#slots]) {
        if (slot.active > 0 || (slot.state !== 'ready' && slot.state !== 'paused')) continue
        if (slot.lastUsed <= limit) void slot.remove()
        else oldest = Math.min(oldest, slot.lastUsed)
      }
      if (oldest !== Number.POSITIVE_INFINITY) this.#armSweep(oldest - limit)
    }, delayMs)
  }
}
