// Makes activation records: of actions, of what never reached a container, of sequences and compositions, of triggers.

import type { ActivationId, ActivationResponse, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import type { JsonObject } from '../entity/json.ts'
import type { Parameter, WhiskAction, WhiskTrigger } from '../entity/whisk-entity.ts'
import { type ExecutableAction, profileOf } from './profile.ts'

/** Whose activation it is. */
export interface RecordFacts {
  readonly activationId: ActivationId
  readonly identity: Identity
  readonly cause?: ActivationId
  /** `ns/name` of the binding it was reached through. */
  readonly binding?: string
}

export interface RunTimes {
  /** Epoch milliseconds; the start is that of `/init` when there was one. */
  readonly start: number
  readonly end: number
  readonly waitTime: number
  /** Present when `/init` was sent for this activation. */
  readonly initTime?: number
}

const SEQUENCE = 'sequence'

/** The record of an action that had a container, or should have had one. */
export function actionRecord(
  facts: RecordFacts & { readonly action: ExecutableAction },
  response: ActivationResponse,
  times: RunTimes,
  timedOut: boolean,
): WhiskActivation {
  const { action } = facts
  const profile = profileOf(action)
  const annotations: Parameter[] = []
  // OpenWhisk: this order is what its hash map gives; clients look annotations up by key.
  if (facts.cause !== undefined) annotations.push({ key: 'causedBy', value: SEQUENCE })
  if (facts.binding !== undefined) annotations.push({ key: 'binding', value: facts.binding })
  annotations.push(
    { key: 'path', value: profile.id },
    { key: 'waitTime', value: times.waitTime },
    { key: 'kind', value: action.exec.kind },
    { key: 'timeout', value: timedOut },
    { key: 'limits', value: profile.limits },
  )
  if (times.initTime !== undefined) annotations.push({ key: 'initTime', value: times.initTime })
  return {
    activationId: facts.activationId,
    namespace: facts.identity.namespace.name,
    name: action.name,
    subject: facts.identity.subject,
    version: action.version,
    start: times.start,
    end: times.end,
    duration: times.end - times.start,
    ...(facts.cause === undefined ? {} : { cause: facts.cause }),
    response,
    logs: [],
    annotations,
    publish: false,
  }
}

/** The record of an activation that could not be dispatched: the action went, or the server did. */
export function fallbackRecord(
  facts: RecordFacts & { readonly path: string; readonly version: string; readonly kind?: string },
  response: ActivationResponse,
  now: number,
): WhiskActivation {
  const annotations: Parameter[] = [
    { key: 'path', value: facts.path },
    { key: 'kind', value: facts.kind ?? 'unknown' },
  ]
  if (facts.cause !== undefined) annotations.push({ key: 'causedBy', value: SEQUENCE })
  return {
    activationId: facts.activationId,
    namespace: facts.identity.namespace.name,
    name: facts.path.slice(facts.path.lastIndexOf('/') + 1),
    subject: facts.identity.subject,
    version: facts.version,
    start: now,
    end: now,
    duration: 0,
    ...(facts.cause === undefined ? {} : { cause: facts.cause }),
    response,
    logs: [],
    annotations,
    publish: false,
  }
}

/** What a sequence or composition adds up over its components. */
export interface CompositeTotals {
  /** Ids of the direct components, in the order of their runs. */
  readonly logs: readonly ActivationId[]
  /** Sum of the components' durations, which is not `end - start`. */
  readonly duration: number
  /** The most memory any component may use; undefined when none completed. */
  readonly memory: number | undefined
}

export function compositeRecord(
  facts: RecordFacts & { readonly action: WhiskAction; readonly conductor: boolean; readonly transactionStart: number },
  response: ActivationResponse,
  totals: CompositeTotals,
  times: { readonly start: number; readonly end: number },
): WhiskActivation {
  const { action, cause } = facts
  const limits =
    totals.memory === undefined
      ? undefined
      : { concurrency: 1, logs: action.limits.logs, memory: totals.memory, timeout: action.limits.timeout }
  const annotations: Parameter[] = []
  if (cause !== undefined) annotations.push({ key: 'causedBy', value: SEQUENCE })
  if (facts.binding !== undefined) annotations.push({ key: 'binding', value: facts.binding })
  annotations.push(
    { key: 'topmost', value: cause === undefined },
    { key: 'path', value: profileOf(action).id },
    { key: 'waitTime', value: Math.max(0, times.start - facts.transactionStart) },
  )
  if (facts.conductor) annotations.push({ key: 'conductor', value: true })
  annotations.push({ key: 'kind', value: SEQUENCE })
  if (limits !== undefined) annotations.push({ key: 'limits', value: limits })
  return {
    activationId: facts.activationId,
    namespace: facts.identity.namespace.name,
    name: action.name,
    subject: facts.identity.subject,
    version: action.version,
    start: times.start,
    end: times.end,
    duration: totals.duration,
    ...(cause === undefined ? {} : { cause }),
    response,
    logs: totals.logs,
    annotations: inOrder(annotations),
    publish: false,
  }
}

/** OpenWhisk: up to four annotations keep the order in which they were added: `topmost, path, kind, waitTime`. */
function inOrder(annotations: readonly Parameter[]): readonly Parameter[] {
  if (annotations.length > 4) return annotations
  const order = ['topmost', 'path', 'kind', 'waitTime']
  return annotations.toSorted((a, b) => order.indexOf(a.key) - order.indexOf(b.key))
}

/** Neither `end` nor `duration`: what a trigger started has records of its own. */
export function triggerRecord(
  facts: { readonly activationId: ActivationId; readonly identity: Identity; readonly trigger: WhiskTrigger },
  payload: JsonObject,
  logs: readonly string[],
  now: number,
): WhiskActivation {
  return {
    activationId: facts.activationId,
    namespace: facts.identity.namespace.name,
    name: facts.trigger.name,
    subject: facts.identity.subject,
    version: facts.trigger.version,
    start: now,
    response: { statusCode: 0, result: payload },
    logs,
    annotations: [],
    publish: false,
  }
}
