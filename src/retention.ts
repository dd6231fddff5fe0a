// Forgets old activation records from time to time.

import type { Clock } from './clock.ts'
import type { Logger } from './log.ts'
import type { ActivationStore } from './store/store.ts'

const FIRST_MS = 30_000
const EVERY_MS = 60_000
/** Between the slices of one clean-up, so that requests come in between. */
const SLICE_PAUSE_MS = 20

/** 0 keeps everything, in either setting. */
export function startRetention(
  activations: Pick<ActivationStore, 'prune'>,
  keep: { readonly retentionAge: number; readonly retentionCount: number },
  clock: Clock,
  log: Logger,
): { close(): void } {
  const ageMs = keep.retentionAge || Number.POSITIVE_INFINITY
  const count = keep.retentionCount || Number.POSITIVE_INFINITY
  if (ageMs === Number.POSITIVE_INFINITY && count === Number.POSITIVE_INFINITY) return { close() {} }
  const prune = () => {
    let gone = 0
    try {
      gone = activations.prune({ ageMs, count })
      if (gone > 0) log.debug('activation records beyond retention deleted', { count: gone })
    } catch (error) {
      log.warn('activation records beyond retention could not be deleted', { error })
    }
    timer = clock.setTimeout(prune, gone > 0 ? SLICE_PAUSE_MS : EVERY_MS)
  }
  let timer = clock.setTimeout(prune, FIRST_MS)
  return { close: () => timer.cancel() }
}
