// Stopping the engine: what runs may finish, what waits is left for the next server, every container goes.

import type { Clock } from '../clock.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import type { Invocations } from './invoke.ts'
import type { ContainerPool } from './pool.ts'
import type { Run } from './run.ts'

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

export async function closeEngine(
  pool: ContainerPool,
  invocations: Invocations,
  options: CloseOptions,
): Promise<CloseReport> {
  invocations.close()
  // Components of what is on its way are part of what runs.
  const waiting = pool.takeQueued(run => run.cause === undefined)
  const queued = waiting.filter(run => setAside(run, invocations, options)).length
  await settleWithin(Promise.all([pool.quiet(), invocations.quiet()]), options.stopTimeoutMs, options.clock)
  const interrupted = interrupt(pool, invocations)
  const containers = await pool.close()
  await options.store.committed().catch(error => options.log.error('the last records could not be stored', { error }))
  return { interrupted, queued, containers }
}

/** True when the next server will run it; else it has ended, or its caller has got an error. */
function setAside(run: Run, invocations: Invocations, { ephemeral }: CloseOptions): boolean {
  const accepted = run.mirror !== undefined
  if (accepted && ephemeral !== true) return true
  if (accepted) invocations.interrupt(run)
  else {
    run.state = 'ended'
    run.reject(new WhiskError('unavailable', messages.unavailable))
  }
  invocations.ended(run)
  return false
}

function interrupt(pool: ContainerPool, invocations: Invocations): number {
  const running = [...pool.running, ...pool.takeQueued(() => true)].filter(run => run.state !== 'ended')
  const count = running.length + invocations.inFlight
  // Around first, so that no composition takes an interrupted component for a result.
  invocations.interruptComposites()
  for (const run of running) invocations.interrupt(run)
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
