// What sequences and compositions have in common: they start components, wait for them, and add them up.

import type { Clock } from '../clock.ts'
import type { ActivationId, ActivationResponse, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import { isJsonObject, type JsonValue, numberOf } from '../entity/json.ts'
import type { WhiskAction } from '../entity/whisk-entity.ts'
import { type CompositeTotals, compositeRecord } from './activation-record.ts'
import type { Payload } from './arguments.ts'
import type { ResolvedAction } from './invoker.ts'

/** One sequence or composition on its way. */
export interface Composite {
  readonly activationId: ActivationId
  readonly identity: Identity
  readonly action: WhiskAction
  readonly binding?: string
  readonly cause?: ActivationId
  /** Epoch milliseconds of the transaction it belongs to. */
  readonly transactionStart: number
}

/** What the outermost sequence and those within it may still run: atomic actions, a composition counting one. */
export interface SequenceBudget {
  atomic: number
}

/** What the outermost composition and those within it have run. */
export interface CompositionBudget {
  components: number
  conductors: number
}

export interface ComponentRequest {
  readonly identity: Identity
  readonly action: ResolvedAction
  readonly payload: Payload
  readonly cause: ActivationId
}

/** A component that was started. `done` rejects only when it cannot be recorded. */
export interface StartedComponent {
  readonly activationId: ActivationId
  readonly done: Promise<WhiskActivation>
}

/** How compositions reach the rest of the engine. All fail with WhiskError. */
export interface CompositeServices {
  readonly clock: Clock
  /** The limit on components, n: 50 in the reference. */
  readonly maxLength: number
  resolve(fqn: string): ResolvedAction
  /** ACTIVATE on an action. */
  checkActivate(identity: Identity, path: string, name: string): void
  /** Runs it in a container, be it a conductor or not. */
  startAction(request: ComponentRequest): StartedComponent
  startSequence(request: ComponentRequest, budget: SequenceBudget): StartedComponent
  startComposition(request: ComponentRequest, budget: CompositionBudget): StartedComponent
}

/** OpenWhisk: a component may take this much longer than its time limit before it is given up. */
const COMPONENT_GRACE_MS = 60_000

export class Totals implements CompositeTotals {
  readonly logs: ActivationId[] = []
  duration = 0
  memory: number | undefined

  constructor(memory?: number) {
    this.memory = memory
  }

  add(record: WhiskActivation): void {
    this.logs.push(record.activationId)
    this.duration += record.duration ?? 0
    const memory = memoryOf(record)
    if (memory !== undefined) this.memory = Math.max(this.memory ?? 0, memory)
  }
}

function memoryOf(record: WhiskActivation): number | undefined {
  const limits = record.annotations.find(({ key }) => key === 'limits')?.value
  return isJsonObject(limits) ? numberOf(limits.memory) : undefined
}

/** The record; undefined when the component did not end within its time limit and a minute. */
export function awaitComponent(
  started: StartedComponent,
  timeoutMs: number,
  clock: Clock,
): Promise<WhiskActivation | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve(undefined), timeoutMs + COMPONENT_GRACE_MS)
    started.done.then(
      record => {
        timer.cancel()
        resolve(record)
      },
      error => {
        timer.cancel()
        reject(error)
      },
    )
  })
}

export function recordOf(
  composite: Composite,
  conductor: boolean,
  response: ActivationResponse,
  totals: Totals,
  times: { start: number; end: number },
): WhiskActivation {
  return compositeRecord({ ...composite, conductor }, response, totals, times)
}

/** A result as the next component's payload: scalars are none. */
export function asPayload(result: JsonValue | undefined): Payload {
  return isJsonObject(result) || isJsonArray(result) ? result : undefined
}

function isJsonArray(value: JsonValue | undefined): value is readonly JsonValue[] {
  return Array.isArray(value)
}
