// Stem cells: which kinds keep how many containers ready, and when these are renewed. Makes none itself.

import type { RuntimeManifest, StemCell } from '../entity/manifest.ts'

/** One kind's stem cells of one size. */
export interface StemCellConfig extends StemCell {
  readonly kind: string
}

/** How many there should be at the start. */
export function initialCount(config: StemCellConfig): number {
  return config.initialCount
}

/** How many there should be again after one was taken or lost. */
export function backfillCount(config: StemCellConfig): number {
  return config.reactive?.minCount ?? config.initialCount
}

/**
 * How many there should be after a check, given how many starts went without one since the last check.
 * OpenWhisk: a whole number of thresholds counts, each worth one increment.
 */
export function desiredCount(config: StemCellConfig, missed: number): number {
  const { reactive } = config
  if (reactive === undefined) return config.initialCount
  const wanted = Math.floor(missed / reactive.threshold) * reactive.increment
  return Math.min(Math.max(wanted, reactive.minCount), reactive.maxCount)
}

/**
 * The stem cells in force: the manifest's, or what `--prewarm` names (kind → count, of default memory), or none.
 */
export function stemCellConfigs(
  runtimes: readonly Pick<RuntimeManifest, 'kind' | 'stemCells'>[],
  prewarm: Readonly<Record<string, number>> | false | undefined,
  defaultMemoryMb: number,
): StemCellConfig[] {
  if (prewarm === false) return []
  if (prewarm !== undefined) {
    return Object.entries(prewarm)
      .filter(([, count]) => count > 0)
      .map(([kind, count]) => ({ kind, memoryMb: defaultMemoryMb, initialCount: count }))
  }
  return runtimes.flatMap(({ kind, stemCells }) => stemCells.map(cell => ({ kind, ...cell })))
}
