// Compositions: a conductor action says which component runs next, until it names none.
//
// The conductor is run with the payload; its result is { action?, params?, state? }:
// - without `action` the composition ends, with `params` as its result, or with the whole result where there are none;
// - with `action` that component is run with `params` as its payload, and then the conductor again, with the component's
//   result as payload, over which the fields of `state` are laid. `state` is kept for that one turn only.
// `params` and `state` that are no objects are boxed: { value: params }, { state: state }.
//
// What goes wrong with a component (its name, the right to it, its existence, its failing, the budget) is told to the
// conductor as { error } with the state, so that it can go on; what goes wrong with the conductor ends the composition.
//
// Budgets are shared by the outermost composition and all within it: n components (an action or a whole sequence counts
// one, a composition none) and 2n + 1 runs of conductors, n being the limit on the length of sequences. A request beyond
// the first is answered with an error; a run beyond the second ends the composition, and in turn those around it.

import type { ActivationId, ActivationResponse, WhiskActivation } from '../entity/activation.ts'
import { isJsonObject, type JsonObject, type JsonValue, stringify } from '../entity/json.ts'
import { isEntityName, resolvePath } from '../entity/names.ts'
import { messages } from '../messages.ts'
import { isArray, type Payload } from './arguments.ts'
import {
  awaitComponent,
  type Composite,
  type CompositeServices,
  type CompositionBudget,
  recordOf,
  type StartedComponent,
  Totals,
} from './composite.ts'
import type { ResolvedAction } from './invoker.ts'
import { applicationError, whiskError } from './outcome.ts'
import { profileOf } from './profile.ts'

/** What follows a turn: the conductor's next payload, or the end. */
type Turn =
  | { readonly type: 'continue'; readonly payload: JsonObject }
  | { readonly type: 'end'; readonly response: ActivationResponse }

/** Runs a composition and gives its record, not yet stored. `resolved` is the conductor. */
export async function runComposition(
  composition: Composite,
  resolved: ResolvedAction,
  payload: Payload,
  budget: CompositionBudget,
  services: CompositeServices,
): Promise<WhiskActivation> {
  const start = services.clock.now()
  const session = new Session(composition, resolved, budget, services)
  // OpenWhisk: an array, which a sequence may pass on, is no payload for a conductor.
  let input: JsonObject | undefined = isArray(payload) ? undefined : payload
  for (;;) {
    const turn = await session.turn(input)
    if (turn.type === 'end') {
      return recordOf(composition, true, turn.response, session.totals, { start, end: services.clock.now() })
    }
    input = turn.payload
  }
}

class Session {
  readonly totals: Totals
  readonly #composition: Composite
  readonly #conductor: ResolvedAction
  readonly #budget: CompositionBudget
  readonly #services: CompositeServices

  constructor(
    composition: Composite,
    conductor: ResolvedAction,
    budget: CompositionBudget,
    services: CompositeServices,
  ) {
    this.#composition = composition
    this.#conductor = conductor
    this.#budget = budget
    this.#services = services
    this.totals = new Totals(conductor.action.limits.memory)
  }

  /** One run of the conductor, and of the component it asks for. */
  async turn(payload: JsonObject | undefined): Promise<Turn> {
    if (this.#budget.conductors > 2 * this.#services.maxLength) {
      return end(applicationError(messages.compositionIsTooLong))
    }
    this.#budget.conductors += 1
    let record: WhiskActivation | ActivationId
    try {
      const request = this.#request(this.#conductor, payload)
      record = await this.#wait(this.#services.startAction(request), this.#conductor.action.limits.timeout)
    } catch {
      return end(whiskError(messages.compositionActivationFailure))
    }
    if (typeof record === 'string') return end(whiskError(messages.compositionActivationTimeout(record)))
    return this.#follow(record.response)
  }

  async #follow(response: ActivationResponse): Promise<Turn> {
    const { result } = response
    const fields: JsonObject = isJsonObject(result) ? result : {}
    const params = box(fields.params, 'value')
    if (fields.action === undefined) {
      // Differs from OpenWhisk: there a conductor that answers with an array fails the request with 500; here the array
      // is the result.
      return end({ statusCode: response.statusCode, result: params ?? result })
    }
    const outcome = await this.#component(fields.action, params)
    return 'response' in outcome
      ? end(outcome.response)
      : { type: 'continue', payload: { ...outcome.payload, ...box(fields.state, 'state') } }
  }

  /** Runs the component that the conductor names. */
  async #component(
    name: JsonValue,
    params: JsonObject | undefined,
  ): Promise<{ payload: JsonObject } | { response: ActivationResponse }> {
    const { identity } = this.#composition
    const reference = componentName(name, identity.namespace.name)
    if (reference === undefined) return tell(messages.compositionComponentInvalid(stringify(name)))
    if (this.#budget.components >= this.#services.maxLength) return tell(messages.compositionIsTooLong)
    const fqn = `${reference.path}/${reference.name}`
    try {
      this.#services.checkActivate(identity, reference.path, reference.name)
    } catch {
      return tell(messages.compositionComponentNotAccessible(fqn))
    }
    try {
      const resolved = this.#services.resolve(fqn)
      const record = await this.#wait(this.#start(resolved, params), this.#timeoutOf(resolved))
      if (typeof record === 'string') {
        return { response: whiskError(messages.compositionActivationTimeout(record)) }
      }
      const { result } = record.response
      if (isJsonObject(result)) return { payload: result }
    } catch {
      // Told to the conductor below, as whatever else keeps a component from having a result.
    }
    // OpenWhisk: a component that answers with an array counts as one that could not be found.
    return tell(messages.compositionComponentNotFound(fqn))
  }

  #start(resolved: ResolvedAction, params: JsonObject | undefined): StartedComponent {
    const request = this.#request(resolved, params)
    if (profileOf(resolved.action).conductor) return this.#services.startComposition(request, this.#budget)
    this.#budget.components += 1
    return resolved.action.exec.kind === 'sequence'
      ? this.#services.startSequence(request, { atomic: 0 })
      : this.#services.startAction(request)
  }

  /** Sequences and compositions have no time limit of their own. */
  #timeoutOf({ action }: ResolvedAction): number {
    return action.exec.kind === 'sequence' || profileOf(action).conductor
      ? Number.POSITIVE_INFINITY
      : action.limits.timeout
  }

  #request(action: ResolvedAction, payload: JsonObject | undefined) {
    const { identity, activationId } = this.#composition
    return { identity, action, payload, cause: activationId }
  }

  /** The record of what was started, counted in; its id when it took too long. */
  async #wait(started: StartedComponent, timeoutMs: number): Promise<WhiskActivation | ActivationId> {
    const record =
      timeoutMs === Number.POSITIVE_INFINITY
        ? await started.done
        : await awaitComponent(started, timeoutMs, this.#services.clock)
    if (record === undefined) {
      this.totals.logs.push(started.activationId)
      return started.activationId
    }
    this.totals.add(record)
    return record
  }
}

const end = (response: ActivationResponse): Turn => ({ type: 'end', response })
const tell = (error: string) => ({ payload: { error } })

/** Objects as they are, other values in a field of this name. */
function box(value: JsonValue | undefined, field: string): JsonObject | undefined {
  if (value === undefined) return undefined
  return isJsonObject(value) ? value : { [field]: value }
}

/**
 * Reads the name of a component: `name` and `pkg/name` are in the caller's namespace, `ns/pkg/name` and whatever begins
 * with a slash are absolute. Empty segments do not count. Undefined when it is no such name.
 */
export function componentName(value: JsonValue, namespace: string): { path: string; name: string } | undefined {
  if (typeof value !== 'string') return undefined
  const segments = value.split('/').filter(segment => segment !== '')
  if (segments.length === 0 || segments.length > 3 || !segments.every(isEntityName)) return undefined
  const absolute = value.startsWith('/')
  if (absolute && segments.length === 1) return undefined
  const qualified = absolute || segments.length === 3 ? segments : [namespace, ...segments]
  const path = resolvePath(qualified.slice(0, -1).join('/'), namespace)
  return { path, name: qualified.at(-1) ?? '' }
}
