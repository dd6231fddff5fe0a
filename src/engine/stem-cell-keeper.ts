// Keeps as many stem cells as stem-cells.ts says: starts what is missing, renews what is old.

import type { Clock, Timer } from '../clock.ts'
import type { Logger } from '../log.ts'
import { withRealTimers } from '../virtual-clock.ts'
import type { ContainerProxy } from './container-proxy.ts'
import type { EngineMetrics } from './engine-metrics.ts'
import { backfillCount, desiredCount, initialCount, type StemCellConfig } from './stem-cells.ts'

export interface KeeperServices {
  readonly clock: Clock
  readonly log: Logger
  readonly metrics: EngineMetrics
  slots(): Iterable<ContainerProxy>
  /** Whether the pool has this much memory to spare. */
  hasRoom(memoryMb: number): boolean
  /** Rejects when it could not be made. */
  start(config: StemCellConfig): Promise<void>
}

const CHECK_INTERVAL_MS = 600_000
/** How long a kind whose stem cell could not be made gets no other. */
const RETRY_MS = 30_000

export class StemCellKeeper {
  readonly #configs: readonly StemCellConfig[]
  readonly #services: KeeperServices
  /** Real time: moving a virtual clock on by a day must not make a day's worth of stem cells. */
  readonly #timers: Pick<Clock, 'setTimeout'>
  /** Starts without a stem cell since the last check, by the place in the configuration. */
  readonly #missed: number[]
  readonly #failed = new Set<StemCellConfig>()
  #active = false
  #check: Timer | undefined

  constructor(configs: readonly StemCellConfig[], services: KeeperServices) {
    this.#configs = configs
    this.#services = services
    this.#timers = withRealTimers(services.clock)
    this.#missed = configs.map(() => 0)
  }

  start(): void {
    if (this.#configs.length === 0) return
    this.#active = true
    for (const config of this.#configs) this.#topUp(config, initialCount(config))
    this.#armCheck()
  }

  stop(): void {
    this.#active = false
    this.#check?.cancel()
  }

  /** An action was started without a stem cell. */
  missed(kind: string, memoryMb: number): void {
    for (const [i, config] of this.#configs.entries()) {
      if (config.kind !== kind || config.memoryMb !== memoryMb) continue
      this.#missed[i] = (this.#missed[i] ?? 0) + 1
      this.#services.metrics.stemCellMissed(kind, memoryMb)
    }
  }

  /** Replaces what was taken or lost. */
  backfill(): void {
    if (!this.#active) return
    for (const config of this.#configs) this.#topUp(config, backfillCount(config))
  }

  #armCheck(): void {
    this.#check = this.#timers.setTimeout(() => {
      this.#renew()
      if (this.#active) this.#armCheck()
    }, CHECK_INTERVAL_MS)
  }

  /** Removes what has expired, then keeps as many as the last interval's starts call for. */
  #renew(): void {
    const now = this.#services.clock.now()
    for (const slot of [...this.#services.slots()]) {
      if (slot.state !== 'prewarmed' || slot.expiresAt === undefined || slot.expiresAt > now) continue
      this.#services.metrics.stemCellExpired(slot.kind, slot.memoryMb)
      void slot.remove()
    }
    for (const [i, config] of this.#configs.entries()) {
      this.#topUp(config, desiredCount(config, this.#missed[i] ?? 0))
      this.#missed[i] = 0
    }
  }

  #topUp(config: StemCellConfig, target: number): void {
    if (this.#failed.has(config)) return
    for (let count = this.#count(config); count < target; count++) {
      if (!this.#services.hasRoom(config.memoryMb)) return
      this.#services.start(config).catch(error => this.#gaveUp(config, error))
    }
  }

  #gaveUp(config: StemCellConfig, error: unknown): void {
    // A driver that stops refuses what it was asked for before: nobody misses it.
    if (!this.#active || this.#failed.has(config)) return
    this.#failed.add(config)
    this.#services.log.warn(`no stem cell for ${config.kind}`, { error })
    this.#timers.setTimeout(() => {
      this.#failed.delete(config)
      this.backfill()
    }, RETRY_MS)
  }

  #count({ kind, memoryMb }: StemCellConfig): number {
    let count = 0
    for (const slot of this.#services.slots()) {
      if (slot.action === undefined && !slot.retired && slot.kind === kind && slot.memoryMb === memoryMb) count += 1
    }
    return count
  }
}
