// What an answer of a container means: the tables of outcomes, as pure functions.

import type { ContainerError, RuntimeAnswer } from '../container/container.ts'
import type { ActivationResponse, ActivationStatusCode } from '../entity/activation.ts'
import { isJsonArray, isJsonObject, type JsonValue, parseJson } from '../entity/json.ts'
import { messages } from '../messages.ts'

export interface OutcomeLimits {
  readonly timeoutMs: number
  readonly maxResponseBytes: number
}

export interface Outcome {
  readonly response: ActivationResponse
  /** The annotation `timeout`. */
  readonly timedOut: boolean
}

const APPLICATION_ERROR = 1
const DEVELOPER_ERROR = 2
const WHISK_ERROR = 3

/**
 * A runtime that cannot take the request, whatever it says of that. Differs from OpenWhisk, which loses an activation
 * that meets it in a new container: its caller waits in vain and there is no record.
 */
const UNAVAILABLE = 503

const failure = (statusCode: ActivationStatusCode, error: JsonValue, size?: number): ActivationResponse => ({
  statusCode,
  result: { error },
  ...(size === undefined ? {} : { size }),
})

export const applicationError = (error: JsonValue): ActivationResponse => failure(APPLICATION_ERROR, error)
export const developerError = (error: JsonValue): ActivationResponse => failure(DEVELOPER_ERROR, error)
export const whiskError = (error: JsonValue): ActivationResponse => failure(WHISK_ERROR, error)

/** How `/init` failed; undefined when it did not. `durationMs` is what the call took. */
export function initOutcome(answer: RuntimeAnswer, durationMs: number, limits: OutcomeLimits): Outcome | undefined {
  const cut = answer.type === 'response' && answer.truncatedFrom !== undefined
  if (answer.type === 'response' && answer.status === 200 && !cut) return undefined
  if (answer.type === 'timeout' || durationMs >= limits.timeoutMs) {
    return { response: developerError(messages.timedoutInit(limits.timeoutMs)), timedOut: true }
  }
  return { response: failedInit(answer, limits), timedOut: false }
}

function failedInit(answer: Exclude<RuntimeAnswer, { type: 'timeout' }>, limits: OutcomeLimits): ActivationResponse {
  if (answer.type === 'connectionError') {
    return developerError(answer.outOfMemory ? messages.memoryExhausted : messages.abnormalInit)
  }
  const { body, truncatedFrom } = answer
  if (truncatedFrom !== undefined) {
    const text = messages.truncatedResponse(body, truncatedFrom, limits.maxResponseBytes)
    return failure(DEVELOPER_ERROR, text, truncatedFrom)
  }
  if (answer.status === UNAVAILABLE) return developerError(messages.abnormalInit)
  const given = errorField(parseOrUndefined(body))
  return failure(DEVELOPER_ERROR, given === undefined ? messages.invalidInitResponse(body) : given, body.length)
}

/** What `/run` came to. */
export function runOutcome(answer: RuntimeAnswer, durationMs: number, limits: OutcomeLimits): Outcome {
  if (answer.type === 'timeout' || durationMs >= limits.timeoutMs) {
    return { response: developerError(messages.timedoutRun(limits.timeoutMs)), timedOut: true }
  }
  return { response: runResponse(answer, limits), timedOut: false }
}

function runResponse(answer: Exclude<RuntimeAnswer, { type: 'timeout' }>, limits: OutcomeLimits): ActivationResponse {
  if (answer.type === 'connectionError') {
    return developerError(answer.outOfMemory ? messages.memoryExhausted : messages.abnormalRun)
  }
  const { body, status, truncatedFrom } = answer
  if (truncatedFrom !== undefined) {
    const text = messages.truncatedResponse(body, truncatedFrom, limits.maxResponseBytes)
    return failure(APPLICATION_ERROR, text, truncatedFrom)
  }
  if (status === UNAVAILABLE) return developerError(messages.abnormalRun)
  const value = parseOrUndefined(body)
  const error = errorField(value)
  if (status === 200) {
    // OpenWhisk: the presence of `error` decides, whatever its value, and everything beside it is dropped.
    if (error !== undefined) return failure(APPLICATION_ERROR, error, body.length)
    if (isJsonObject(value) || isJsonArray(value)) return { statusCode: 0, result: value, size: body.length }
  } else if (error !== undefined) {
    return failure(DEVELOPER_ERROR, error, body.length)
  }
  return failure(DEVELOPER_ERROR, messages.invalidRunResponse(body), body.length)
}

/** The response of an activation whose container could not be made. `image` is the action's, as it was resolved. */
export function creationOutcome(error: ContainerError, image: string, userImage: boolean): ActivationResponse {
  if (error.reason === 'pull' && userImage) return developerError(messages.imagePullError(image))
  if (error.reason === 'command') return developerError(messages.commandNotFoundError(image))
  return whiskError(messages.resourceProvisionError)
}

/** True when the container that gave this response may be used again. */
export function keepsContainer({ statusCode }: ActivationResponse): boolean {
  return statusCode === 0 || statusCode === APPLICATION_ERROR
}

/** The value of the key `error` of an object; undefined when there is none. */
export function errorField(value: JsonValue | undefined): JsonValue | undefined {
  return isJsonObject(value) && Object.hasOwn(value, 'error') ? value.error : undefined
}

function parseOrUndefined(body: string): JsonValue | undefined {
  try {
    return parseJson(body)
  } catch {
    return undefined
  }
}
