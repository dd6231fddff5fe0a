// From parameters and payload to what the action gets: arguments of `/run`, environment of `/init`.

import type { JsonObject, JsonValue } from '../entity/json.ts'
import type { Parameters } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'

/** The body of an invocation; an array only when it came out of a sequence's component. */
export type Payload = JsonObject | readonly JsonValue[] | undefined

export interface Arguments {
  /** The `value` of `/run`. */
  readonly value: JsonObject | readonly JsonValue[]
  /** Parameters marked `init`, for the `env` of `/init`. */
  readonly init: JsonObject
}

interface Prepared {
  readonly plain: JsonObject
  readonly init: JsonObject
  readonly initKeys: readonly string[]
  /** Keys that `final` protects: those with a value. */
  readonly locked: readonly string[]
}

const NONE: JsonObject = {}
const prepared = new WeakMap<Parameters, Prepared>()

/**
 * Merges the payload over the parameters, key by key, whole values.
 * OpenWhisk: an array is passed on as it is, without parameters or init parameters.
 */
export function mergeArguments(parameters: Parameters, payload: Payload): Arguments {
  if (isArray(payload)) return { value: payload, init: NONE }
  if (parameters.length === 0) return { value: payload ?? NONE, init: NONE }
  const { plain, init, initKeys } = prepare(parameters)
  if (payload === undefined) return { value: plain, init }
  if (initKeys.length === 0) return { value: { ...plain, ...payload }, init }
  const value: Record<string, JsonValue> = { ...plain, ...payload }
  const env: Record<string, JsonValue> = { ...init }
  for (const key of initKeys) {
    const given = value[key]
    if (given === undefined || !Object.hasOwn(payload, key)) continue
    // OpenWhisk: an override of an init parameter replaces the variable and never becomes an argument.
    env[key] = given
    delete value[key]
  }
  return { value, init: env }
}

/** Fails with WhiskError `badRequest` when the payload names a parameter that has a value and the action is final. */
export function refuseOverrides(parameters: Parameters, payload: JsonObject): void {
  if (parameters.length === 0) return
  for (const key of prepare(parameters).locked) {
    if (Object.hasOwn(payload, key)) throw new WhiskError('badRequest', messages.parametersNotAllowed)
  }
}

export function isArray(payload: Payload): payload is readonly JsonValue[] {
  return Array.isArray(payload)
}

function prepare(parameters: Parameters): Prepared {
  const known = prepared.get(parameters)
  if (known !== undefined) return known
  const plain = parameters.filter(({ init }) => init !== true)
  const init = parameters.filter(parameter => parameter.init === true)
  const made: Prepared = {
    plain: Object.fromEntries(plain.map(({ key, value }) => [key, value])),
    init: Object.fromEntries(init.map(({ key, value }) => [key, value])),
    initKeys: init.map(({ key }) => key),
    locked: parameters.filter(({ value }) => value !== null).map(({ key }) => key),
  }
  prepared.set(parameters, made)
  return made
}
