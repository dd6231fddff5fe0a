// Invoking: from a resolved action and a payload to an activation record.

import type { ActivationId, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import type { JsonObject, JsonValue } from '../entity/json.ts'
import type { Parameters, WhiskAction, WhiskTrigger } from '../entity/whisk-entity.ts'

/** An action as it is reached: through its package, perhaps through a binding. */
export interface ResolvedAction {
  /** The stored document, with its own parameters only. */
  readonly action: WhiskAction
  /** Package < binding < action parameters. */
  readonly parameters: Parameters
  /** `ns/bindingName` when it was reached through a binding. */
  readonly binding?: string
}

/** How an activation must start, for tests: header `x-ow-start`. */
export type StartDemand = 'cold' | 'warm' | 'prewarmed'

export interface InvokeRequest {
  readonly identity: Identity
  readonly action: ResolvedAction
  /** The arguments of the caller, before merging; an array only from a sequence component. */
  readonly payload: JsonObject | readonly JsonValue[] | undefined
  /** Whether a caller waits: decides what must be durable before what. */
  readonly blocking: boolean
  /** Whether somebody waits for `done` of an invocation that is not blocking. */
  readonly watched?: boolean
  readonly transid: string
  /** Epoch milliseconds of the transaction's start: `waitTime` counts from here. */
  readonly startedAt: number
  readonly cause?: ActivationId
  readonly start?: StartDemand
}

export interface Invocation {
  readonly activationId: ActivationId
  /** Settles when the activation survives a crash; await it before answering 202. */
  accepted(): Promise<void>
  /** The record, stored and committed, with `logs: []` for primitive actions; never rejects for a failing action. */
  readonly done: Promise<WhiskActivation>
  /** How it started, once known. */
  readonly startKind?: () => StartDemand | undefined
}

export interface FireRequest {
  readonly identity: Identity
  readonly trigger: WhiskTrigger
  readonly payload: JsonObject
  /** Lower-cased headers of the fire request: `__ow_headers`. */
  readonly headers: Readonly<Record<string, string>>
  readonly transid: string
  readonly startedAt: number
}

export interface Invoker {
  /**
   * Invokes an action, sequence or composition. Checks final parameters, deprecated kinds and ACTIVATE on sequence
   * components: fails with WhiskError `badRequest`, `forbidden`, `notFound`; with `unavailable` when the queue is full.
   * Throttles and the ACTIVATE right on the action itself are the caller's.
   */
  invoke(request: InvokeRequest): Invocation
  /** Fires a trigger; undefined when no rule is active (the caller answers 204). */
  fire(request: FireRequest): { activationId: ActivationId; accepted(): Promise<void> } | undefined
  /**
   * Settles when none of these activations has its logs on the way, at most the reference's log wait later. Undefined
   * when nothing is on its way: the common case, without a promise. Await it before showing records; they are there
   * before their logs are.
   */
  settled(ids: readonly ActivationId[]): Promise<void> | undefined
  /** Whether any activation has its logs on the way. */
  readonly awaitsLogs: boolean
  /** Reads the queue mirror and continues what a former server left; the second time it does nothing. */
  recover(): void
  /** Containers of these entities retire once their running activations ended. */
  entitiesChanged(ids: readonly string[]): void
}
