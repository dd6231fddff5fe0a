// Sequences: components one after the other, each getting the result of the one before.

import type { ActivationResponse, WhiskActivation } from '../entity/activation.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Payload } from './arguments.ts'
import {
  asPayload,
  awaitComponent,
  type Composite,
  type CompositeServices,
  recordOf,
  type SequenceBudget,
  type StartedComponent,
  Totals,
} from './composite.ts'
import type { ResolvedAction } from './invoker.ts'
import { applicationError, errorField, whiskError } from './outcome.ts'
import { profileOf } from './profile.ts'

/** What the components came to so far. */
interface Progress {
  readonly response: ActivationResponse
  /** Nothing more is started. */
  readonly stopped: boolean
}

/**
 * Runs a sequence, whose components are absolute names with a leading slash, and gives its record, not yet stored.
 *
 * OpenWhisk: the components are looked up when the sequence starts, with the parameters they then have; what runs is the
 * version of its turn. An `error` in the payload stops nothing, one in a component's result does.
 */
export async function runSequence(
  sequence: Composite,
  components: readonly string[],
  payload: Payload,
  budget: SequenceBudget,
  services: CompositeServices,
): Promise<WhiskActivation> {
  const start = services.clock.now()
  const totals = new Totals()
  const actions = components.map(component => lookUp(component, services))
  let input = payload
  let response: ActivationResponse = applicationError(messages.sequenceEmpty)
  for (const action of actions) {
    const progress = await runComponent(sequence, action, input, budget, totals, services)
    response = progress.response
    if (progress.stopped) break
    input = asPayload(response.result)
  }
  return recordOf(sequence, false, response, totals, { start, end: services.clock.now() })
}

/** The action, or the response that tells why there is none. */
function lookUp(component: string, services: CompositeServices): ResolvedAction | ActivationResponse {
  try {
    return services.resolve(component.startsWith('/') ? component.slice(1) : component)
  } catch (error) {
    const missing = error instanceof WhiskError && error.code === 'notFound'
    return missing
      ? applicationError(messages.sequenceComponentMissing)
      : whiskError(messages.sequenceActivationFailure)
  }
}

async function runComponent(
  sequence: Composite,
  component: ResolvedAction | ActivationResponse,
  input: Payload,
  budget: SequenceBudget,
  totals: Totals,
  services: CompositeServices,
): Promise<Progress> {
  if (budget.atomic >= services.maxLength) {
    return { response: applicationError(messages.sequenceTooLong), stopped: true }
  }
  if (!('action' in component)) return { response: component, stopped: true }
  let started: StartedComponent | undefined
  try {
    started = startComponent(sequence, component, input, budget, services)
    const { exec, limits } = component.action
    const bounded = exec.kind !== 'sequence' && !profileOf(component.action).conductor
    const record = bounded ? await awaitComponent(started, limits.timeout, services.clock) : await started.done
    if (record === undefined) {
      totals.logs.push(started.activationId)
      const message = messages.sequenceRetrieveActivationTimeout(started.activationId)
      return { response: whiskError(message), stopped: true }
    }
    totals.add(record)
    return { response: record.response, stopped: errorField(record.response.result) !== undefined }
  } catch {
    return { response: whiskError(messages.sequenceActivationFailure), stopped: true }
  }
}

function startComponent(
  sequence: Composite,
  component: ResolvedAction,
  payload: Payload,
  budget: SequenceBudget,
  services: CompositeServices,
): StartedComponent {
  const request = { identity: sequence.identity, action: component, payload, cause: sequence.activationId }
  if (component.action.exec.kind === 'sequence') return services.startSequence(request, budget)
  budget.atomic += 1
  return profileOf(component.action).conductor
    ? services.startComposition(request, { components: 0, conductors: 0 })
    : services.startAction(request)
}
