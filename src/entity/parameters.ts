// Parameters and annotations: sets of key and value with unique keys.

import { messages } from '../messages.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, stringify, truthy } from './json.ts'
import { malformedContent } from './malformed.ts'
import type { Parameter, Parameters } from './whisk-entity.ts'

export const NO_PARAMETERS: Parameters = []

/**
 * Reads `parameters` or `annotations` of a body; undefined stays undefined. The last of duplicate keys wins and takes
 * the place of the first. Fails with `badRequest`.
 */
export function decodeParameters(value: JsonValue | undefined): Parameters | undefined {
  if (value === undefined) return undefined
  if (!isJsonArray(value)) throw malformedContent(messages.parametersMalformed)
  const decoded = new Map<string, Parameter>()
  for (const item of value) {
    const parameter = decodeParameter(item)
    decoded.set(parameter.key, parameter)
  }
  return [...decoded.values()]
}

function decodeParameter(item: JsonValue): Parameter {
  if (!isJsonObject(item)) throw malformedContent(messages.parametersMalformed)
  const { key, value, init = null, encryption = null } = item
  const legal =
    typeof key === 'string' &&
    value !== undefined &&
    (init === null || typeof init === 'boolean') &&
    (encryption === null || typeof encryption === 'string')
  if (!legal) throw malformedContent(messages.parametersMalformed)
  return {
    key,
    value,
    ...(init === true ? { init } : {}),
    ...(encryption === null ? {} : { encryption }),
  }
}

/** As the REST API shows them. */
export function parametersJson(parameters: Parameters): JsonValue {
  return parameters.map(parameter => {
    const shown: Record<string, JsonValue> = { key: parameter.key, value: parameter.value }
    if (parameter.init) shown.init = true
    if (parameter.encryption !== undefined) shown.encryption = parameter.encryption
    return shown
  })
}

/** Bytes of the keys and of the compact JSON of the values. */
export function sizeOfParameters(parameters: Parameters): number {
  let size = 0
  for (const { key, value } of parameters) size += Buffer.byteLength(key) + Buffer.byteLength(stringify(value))
  return size
}

export function findParameter(parameters: Parameters, key: string): JsonValue | undefined {
  for (const parameter of parameters) if (parameter.key === key) return parameter.value
  return undefined
}

/** An annotation's truthiness; `missing` when there is none. */
export function isTruthy(annotations: Parameters, key: string, missing = false): boolean {
  const value = findParameter(annotations, key)
  return value === undefined ? missing : truthy(value)
}

/** `over` wins by key, whole values; a key keeps its first place. */
export function mergeParameters(base: Parameters, over: Parameters): Parameters {
  if (over.length === 0) return base
  if (base.length === 0) return over
  const merged = new Map<string, Parameter>()
  for (const parameter of base) merged.set(parameter.key, parameter)
  for (const parameter of over) merged.set(parameter.key, parameter)
  return [...merged.values()]
}

export function withoutParameter(parameters: Parameters, key: string): Parameters {
  return parameters.some(parameter => parameter.key === key)
    ? parameters.filter(parameter => parameter.key !== key)
    : parameters
}

/** Sets one key, in its place or at the end. */
export function withParameter(parameters: Parameters, key: string, value: JsonValue): Parameters {
  return mergeParameters(parameters, [{ key, value }])
}

/**
 * True when the payload names a parameter that the action declares final: annotation `final` is exactly `true` and the
 * merged parameter is not null.
 */
export function overridesFinal(annotations: Parameters, merged: Parameters, payload: JsonObject): boolean {
  if (findParameter(annotations, 'final') !== true) return false
  return merged.some(({ key, value }) => value !== null && Object.hasOwn(payload, key))
}

/** Keys whose values go to the environment of `/init` instead of the arguments. */
export function initKeys(parameters: Parameters): ReadonlySet<string> {
  const keys = new Set<string>()
  for (const parameter of parameters) if (parameter.init) keys.add(parameter.key)
  return keys
}

/** A value as an environment variable of `/init`: strings as they are, null empty, all else as compact JSON. */
export function toEnvironmentValue(value: JsonValue): string {
  if (typeof value === 'string') return value
  return value === null ? '' : stringify(value)
}
