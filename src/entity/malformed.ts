// Bodies that are JSON but not what the endpoint wants.

import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, stringify } from './json.ts'

/** The 400 of a body that could not be understood; `detail` follows the reference's fixed first line. */
export function malformedContent(detail: string): WhiskError {
  return new WhiskError('badRequest', messages.contentMalformed(detail), { rejection: true })
}

/** A field that may be absent; `null` counts as absent. */
export function optionalField(body: JsonObject, field: string): JsonValue | undefined {
  const value = Object.hasOwn(body, field) ? body[field] : undefined
  return value === null ? undefined : value
}

/** The body of a PUT. Fails with `badRequest` when it is no object; `firstField` is what the reference looks for first. */
export function decodeBodyObject(body: JsonValue, firstField: string): JsonObject {
  if (isJsonObject(body)) return body
  throw malformedContent(messages.objectExpectedInField(firstField))
}

export function decodeOptionalBoolean(value: JsonValue | undefined): boolean | undefined {
  if (value === undefined || typeof value === 'boolean') return value
  throw malformedContent(messages.notBoolean(stringify(value)))
}

export function decodeOptionalStrings(value: JsonValue | undefined): string[] | undefined {
  if (value === undefined) return undefined
  if (!isJsonArray(value)) throw malformedContent(messages.notArray(stringify(value)))
  return value.map(item => {
    if (typeof item === 'string') return item
    throw malformedContent(messages.notString(stringify(item)))
  })
}
