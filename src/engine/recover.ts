// After a restart: what was accepted and had not started runs, what had started ends with a record that says so.

import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import type { QueuedActivation, Store } from '../store/store.ts'
import { fallbackRecord } from './activation-record.ts'
import { decodeMessage, MirrorEntry, type MirrorMessage } from './mirror.ts'
import { applicationError, whiskError } from './outcome.ts'
import { isExecutable } from './profile.ts'
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

/** Reads the queue mirror and leaves nothing in it that is not on its way again. */
export function recoverQueue(services: RecoveryServices): { resumed: number; interrupted: number } {
  let resumed = 0
  let interrupted = 0
  for (const entry of services.store.queue.all()) {
    const message = decodeMessage(entry)
    const run = entry.state === 'queued' && message !== undefined ? rebuild(entry, message, services) : undefined
    if (run !== undefined) {
      services.resubmit(run)
      resumed += 1
    } else {
      endInterrupted(entry, message, services)
      interrupted += 1
    }
  }
  if (resumed + interrupted > 0) {
    services.log.info(`recovered ${resumed} queued activations; ${interrupted} had been interrupted`)
  }
  return { resumed, interrupted }
}

/** Undefined when the action cannot run any more; that is then told by its record. */
function rebuild(entry: QueuedActivation, message: MirrorMessage, services: RecoveryServices): Run | undefined {
  const action = services.store.entities.get(message.action)
  if (action?.entityType !== 'action' || !isExecutable(action) || message.value === undefined) return undefined
  const run = new Run({
    activationId: entry.activationId,
    identity: entry.identity,
    action,
    binding: message.binding,
    cause: message.cause,
    value: message.value,
    init: message.init ?? {},
    transid: entry.transid,
    startedAt: entry.acceptedAt,
  })
  run.mirror = MirrorEntry.recovered(services.store, {
    activationId: entry.activationId,
    identity: entry.identity,
    transid: entry.transid,
    version: action.version,
    acceptedAt: entry.acceptedAt,
    message,
  })
  return run
}

function endInterrupted(
  entry: QueuedActivation,
  message: MirrorMessage | undefined,
  { store, clock, records, log }: RecoveryServices,
): void {
  const path = message?.action ?? entry.entity
  const gone = entry.state === 'queued' && store.entities.get(path) === undefined
  const facts = {
    activationId: entry.activationId,
    identity: entry.identity,
    cause: message?.cause,
    path,
    version: entry.version,
    kind: gone ? undefined : message?.kind,
  }
  const response = gone
    ? applicationError(messages.actionRemovedWhileInvoking)
    : whiskError(messages.activationInterrupted)
  records.put(fallbackRecord(facts, response, clock.now()), entry.identity).catch(error => {
    log.error(`the end of activation ${entry.activationId} could not be recorded`, { error })
  })
}
