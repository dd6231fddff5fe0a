// The stored form of an activation record: its summary as the API shows it, and the rest.

import { type ActivationStatusCode, activationSummary, type WhiskActivation } from '../entity/activation.ts'
import { isJsonObject, type JsonValue, parseStored, stringify, stringifyUnsorted } from '../entity/json.ts'

export interface ActivationText {
  readonly summary: string
  readonly details: string
  /** Null for none. */
  readonly logs: string | null
}

export function encodeActivation(record: WhiskActivation): ActivationText {
  const { duration, response, subject, logs } = record
  const details: Record<string, JsonValue> = {}
  // The summary has `end - start`, which is not the duration of sequences.
  if (duration !== undefined) details.duration = duration
  if (response.result !== undefined) details.result = response.result
  if (response.size !== undefined) details.size = response.size
  details.subject = subject
  return {
    summary: stringify(activationSummary(record)),
    details: stringifyUnsorted(details),
    logs: logs.length > 0 ? JSON.stringify(logs) : null,
  }
}

/** Fails when the texts are not what `encodeActivation` gives. */
export function decodeActivation(text: ActivationText): WhiskActivation {
  const summary = parseStored(text.summary)
  const details = parseStored(text.details)
  if (!isJsonObject(summary) || !isJsonObject(details)) throw new Error('The record is no activation.')
  const { statusCode, duration: _, ...shown } = summary
  const { duration, result, size, subject } = details
  const response: Record<string, JsonValue> = { statusCode: statusCode as ActivationStatusCode }
  if (result !== undefined) response.result = result
  if (size !== undefined) response.size = size
  const record: Record<string, JsonValue> = {
    ...shown,
    response,
    logs: text.logs === null ? [] : parseStored(text.logs),
  }
  if (duration !== undefined) record.duration = duration
  if (subject !== undefined) record.subject = subject
  return record as unknown as WhiskActivation
}

export interface FilterNames {
  name: string
  /** Null when there is no other. */
  boundName: string | null
}

/**
 * The names by which filters find a record: `package/action` when it ran in a package, else its name.
 *
 * OpenWhisk: its memory store takes the package of the `path` annotation, its CouchDB views the name of the binding;
 * both find it here.
 */
export function filterNames({ name, annotations }: WhiskActivation): FilterNames {
  let own = name
  let bound: string | undefined
  for (const { key, value } of annotations) {
    if (typeof value !== 'string') continue
    if (key === 'path') {
      const [, packageName, action, ...more] = value.split('/')
      if (packageName !== undefined && action !== undefined && more.length === 0) own = `${packageName}/${name}`
    } else if (key === 'binding') {
      const binding = value.split('/')[1]
      if (binding !== undefined) bound = `${binding}/${name}`
    }
  }
  return { name: own, boundName: bound === own ? null : (bound ?? null) }
}
