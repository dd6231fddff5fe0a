// Activation records: what is stored of each run, and the four outcomes it can have.

import type { JsonObject, JsonValue } from './json.ts'
import { parametersJson } from './parameters.ts'
import type { Parameters } from './whisk-entity.ts'

export { createActivationIds, decodeActivationId } from './activation-id.ts'

/** 32 lower-case hex characters. */
export type ActivationId = string

/** 0 success, 1 application error, 2 action developer error, 3 whisk internal error. */
export type ActivationStatusCode = 0 | 1 | 2 | 3

/** The words of the REST API for each status code, and of the metrics. */
export const ACTIVATION_STATUS = [
  'success',
  'application error',
  'action developer error',
  'whisk internal error',
] as const

export interface ActivationResponse {
  readonly statusCode: ActivationStatusCode
  readonly result?: JsonValue
  /** UTF-16 length of the raw response of the container; absent for responses that the platform made. */
  readonly size?: number
}

export interface WhiskActivation {
  readonly activationId: ActivationId
  /** Namespace of the invoking user. */
  readonly namespace: string
  readonly name: string
  readonly subject: string
  readonly version: string
  /** Epoch milliseconds. */
  readonly start: number
  /** Absent for trigger records. */
  readonly end?: number
  readonly duration?: number
  readonly cause?: ActivationId
  readonly response: ActivationResponse
  readonly logs: readonly string[]
  readonly annotations: Parameters
  readonly publish: false
}

/** `response` as the REST API shows it; also the answer of `…/result`. */
export function activationResponse(response: ActivationResponse): JsonObject {
  const shown: Record<string, JsonValue> = {}
  if (response.result !== undefined) shown.result = response.result
  if (response.size !== undefined) shown.size = response.size
  shown.status = ACTIVATION_STATUS[response.statusCode]
  shown.success = response.statusCode === 0
  return shown
}

/** The whole record as the REST API shows it, keys in order. */
export function activationRecord(activation: WhiskActivation): JsonObject {
  const { cause, end } = activation
  const record: Record<string, JsonValue> = { activationId: activation.activationId }
  record.annotations = parametersJson(activation.annotations)
  if (cause !== undefined) record.cause = cause
  if (end !== undefined) {
    record.duration = activation.duration ?? end - activation.start
    record.end = end
  }
  record.logs = activation.logs
  record.name = activation.name
  record.namespace = activation.namespace
  record.publish = false
  record.response = activationResponse(activation.response)
  record.start = activation.start
  record.subject = activation.subject
  record.version = activation.version
  return record
}

/** An item of a list without `docs`. OpenWhisk: its duration is always `end - start`, for sequences too. */
export function activationSummary(activation: WhiskActivation): JsonObject {
  const { cause, end } = activation
  const summary: Record<string, JsonValue> = { activationId: activation.activationId }
  summary.annotations = parametersJson(activation.annotations)
  if (cause !== undefined) summary.cause = cause
  if (end !== undefined) {
    summary.duration = end - activation.start
    summary.end = end
  }
  summary.name = activation.name
  summary.namespace = activation.namespace
  summary.publish = false
  summary.start = activation.start
  summary.statusCode = activation.response.statusCode
  summary.version = activation.version
  return summary
}
