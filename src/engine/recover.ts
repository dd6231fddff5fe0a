// After a restart: what was accepted and had not started runs, what had started ends with a record that says so.

import type { Clock } from '../clock.ts'
import type { ActivationResponse } from '../entity/activation.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import type { QueuedActivation, Store } from '../store/store.ts'
import { fallbackRecord } from './activation-record.ts'
import { latestAction } from './latest.ts'
import { decodeMessage, MirrorEntry, type MirrorMessage } from './mirror.ts'
import { whiskError } from './outcome.ts'
import type { Records } from './records.ts'
import { Run } from './run.ts'

export interface RecoveryServices {
  readonly store: Store
  readonly clock: Clock
  readonly log: Logger
  readonly records: Records
  /** Takes a run that was accepted before. */
  resubmit(run: Run): void
}

/** Reads the queue mirror; afterwards each activation that can be read is on its way again, or has ended. */
export function recoverQueue(services: RecoveryServices): { resumed: number; interrupted: number } {
  const { store, log } = services
  let resumed = 0
  let interrupted = 0
  for (const entry of store.queue.all()) {
    try {
      if (takeUp(entry, services)) resumed += 1
      else interrupted += 1
    } catch (error) {
      log.error(`activation ${entry.activationId} could neither be taken up nor ended`, { error })
    }
  }
  if (resumed + interrupted > 0) {
    log.info(`recovered ${resumed} queued activations; ${interrupted} had been interrupted`)
  }
  return { resumed, interrupted }
}

/** True when it is on its way again; else it ends with a record that says why not. */
function takeUp(entry: QueuedActivation, services: RecoveryServices): boolean {
  const message = decodeMessage(entry)
  if (entry.state === 'started' || message?.value === undefined) {
    end(entry, message, message?.kind, whiskError(messages.activationInterrupted), services)
    return false
  }
  const problem = resume(entry, message, services)
  if (problem !== undefined) end(entry, message, undefined, problem, services)
  return problem === undefined
}

/** Undefined when it is on its way again; else the response that tells why its action cannot run any more. */
function resume(
  entry: QueuedActivation,
  message: MirrorMessage,
  { store, log, resubmit }: RecoveryServices,
): ActivationResponse | undefined {
  const { activationId, identity, transid, acceptedAt } = entry
  const { binding, cause, value = {}, init = {} } = message
  try {
    const action = latestAction(store, message.action)
    if (!('exec' in action)) return action
    const { version } = action
    const run = new Run({ activationId, identity, action, binding, cause, value, init, transid, startedAt: acceptedAt })
    run.mirror = MirrorEntry.recovered(store, { activationId, identity, transid, version, acceptedAt, message })
    resubmit(run)
    return undefined
  } catch (error) {
    log.error(`activation ${activationId} could not be taken up`, { error })
    return whiskError(messages.actionMismatchWhileInvoking)
  }
}

function end(
  entry: QueuedActivation,
  message: MirrorMessage | undefined,
  kind: string | undefined,
  response: ActivationResponse,
  { clock, records, log }: RecoveryServices,
): void {
  const { activationId, identity, version } = entry
  const facts = { activationId, identity, cause: message?.cause, path: message?.action ?? entry.entity, version, kind }
  records.put(fallbackRecord(facts, response, clock.now()), identity).catch(error => {
    log.error(`the end of activation ${activationId} could not be recorded`, { error })
  })
}
