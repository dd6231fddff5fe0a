// Stopping the engine: what runs may finish, what waits is left for the next server, every container goes.

import type { Clock } from '../clock.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import type { Composites } from './composites.ts'
import type { Invocations } from './invoke.ts'
import type { ContainerPool } from './pool.ts'
import type { Run } from './run.ts'
import type { SystemActions } from './system-actions.ts'

export interface CloseReport {
  /** Activations that did not end in time, and have a record that says so. */
  readonly interrupted: number
  /** Accepted activations that the next server will run. */
  readonly queued: number
  /** Containers that were removed. */
  readonly containers: number
}

export interface CloseOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly store: Store
  readonly stopTimeoutMs: number
  readonly ephemeral?: boolean
}

/** The parts that have something on its way. */
export interface Parts {
  readonly pool: ContainerPool
  readonly invocations: Invocations
  readonly composites: Composites
  readonly systemActions: SystemActions
}

export async function closeEngine(parts: Parts, options: CloseOptions): Promise<CloseReport> {
  const { pool, invocations, composites, systemActions } = parts
  invocations.close()
  // Components of what is on its way are part of what runs.
  const waiting = pool.takeQueued(run => run.cause === undefined)
  const queued = waiting.filter(run => setAside(run, invocations, options)).length
  const quiet = Promise.all([pool.quiet(), composites.quiet(), systemActions.quiet()])
  await settleWithin(quiet, options.stopTimeoutMs, options.clock)
  const interrupted = interrupt(parts)
  const containers = await pool.close()
  await options.store.committed().catch(error => options.log.error('the last records could not be stored', { error }))
  return { interrupted, queued, containers }
}

/** True when the next server will run it; else it has ended, or its caller has got an error. */
function setAside(run: Run, invocations: Invocations, { ephemeral }: CloseOptions): boolean {
  invocations.ended(run)
  const accepted = run.mirror !== undefined
  if (accepted && ephemeral !== true) return true
  if (accepted) {
    invocations.interrupt(run)
    return false
  }
  run.state = 'ended'
  run.reject(new WhiskError('unavailable', messages.unavailable))
  return false
}

function interrupt({ pool, invocations, composites, systemActions }: Parts): number {
  const waiting = pool.takeQueued(() => true)
  const running = [...pool.running, ...systemActions.running, ...waiting].filter(run => !run.isEnded)
  // Compositions first, so that none of them takes an interrupted component for a result.
  const count = composites.interrupt() + running.length
  for (const run of running) invocations.interrupt(run)
  for (const run of waiting) invocations.ended(run)
  return count
}

function settleWithin(work: Promise<unknown>, timeoutMs: number, clock: Clock): Promise<void> {
  return new Promise(resolve => {
    const timer = clock.setTimeout(resolve, timeoutMs)
    const done = () => {
      timer.cancel()
      resolve()
    }
    work.then(done, done)
  })
}
