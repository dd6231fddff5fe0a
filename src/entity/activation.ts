// Activation records: what is stored of each run, and the four outcomes it can have.

import type { JsonValue } from './json.ts'
import type { Parameters } from './whisk-entity.ts'

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
