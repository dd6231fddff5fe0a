// JSON as OpenWhisk keeps it: sorted keys, and numbers that keep their decimal text.
// The texts of syntax errors and the parser for what JSON.parse would change are in json-parser.ts.

import { canonicalNumber, isFaithful, parseExactly } from './json-parser.ts'

export { JsonSyntaxError } from './json-parser.ts'

/**
 * A number whose text a JavaScript number would not give back (`1.0`, `12345678901234567890`, `1E+3`).
 * `text` is the canonical form that the reference prints.
 */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toNumber(): number {
    return Number(this.text)
  }
}

export type JsonValue = null | boolean | number | string | JsonNumber | readonly JsonValue[] | JsonObject
export type JsonObject = { readonly [key: string]: JsonValue }

/**
 * Parses one JSON text. Numbers that a double would print otherwise become a JsonNumber; a key `__proto__` is an
 * ordinary own property. Fails with JsonSyntaxError, whose message is the reference's text.
 */
export function parseJson(text: string): JsonValue {
  return parse(text, 0)
}

function parse(text: string, extraNesting: number): JsonValue {
  if (isFaithful(text)) {
    try {
      return JSON.parse(text)
    } catch {
      // The exact parser says what is wrong.
    }
  }
  return parseExactly(text, literal => new JsonNumber(canonicalNumber(literal)), extraNesting)
}

/** What a stored document may wrap around a value that a request or an action brought, in levels of nesting. */
const STORED_NESTING = 100

/** Parses what this server printed itself, which holds values that are nested as deeply as a request may be. */
export function parseStored(text: string): JsonValue {
  return parse(text, STORED_NESTING)
}

/**
 * Prints compactly, with the keys of every object in ascending order of UTF-16 code units. Undefined members vanish; half
 * a surrogate pair becomes a question mark, as in the reference's UTF-8.
 */
export function stringify(value: JsonValue): string {
  const text = printsSorted(value) ? JSON.stringify(value) : print(value)
  return text.includes('\\ud') ? text.replace(LONE_SURROGATE, '$1?') : text
}

/** As JSON.stringify writes it: an escape, which an even number of backslashes may precede. */
const LONE_SURROGATE = /(?<!\\)((?:\\\\)*)\\ud[89a-f][0-9a-f]{2}/g

/** Prints compactly, with keys in the order they have: for texts that only `parseJson` reads, and faster. */
export function stringifyUnsorted(value: JsonValue): string {
  return holdsJsonNumber(value) ? print(value) : JSON.stringify(value)
}

function holdsJsonNumber(value: JsonValue): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (isJsonArray(value)) return value.some(holdsJsonNumber)
  if (value instanceof JsonNumber) return true
  for (const key in value) {
    const member = value[key]
    if (member !== undefined && holdsJsonNumber(member)) return true
  }
  return false
}

/** True when JSON.stringify gives the text that `print` gives. */
function printsSorted(value: JsonValue): boolean {
  if (typeof value === 'number') return isPlain(value)
  if (typeof value !== 'object' || value === null) return true
  if (isJsonArray(value)) {
    for (const item of value) if (!printsSorted(item)) return false
    return true
  }
  if (value instanceof JsonNumber) return false
  let previous: string | undefined
  for (const key in value) {
    if (previous !== undefined && previous > key) return false
    previous = key
    const member = value[key]
    if (member !== undefined && !printsSorted(member)) return false
  }
  return true
}

/** Numbers that JavaScript prints without an exponent. */
function isPlain(value: number): boolean {
  const size = Math.abs(value)
  return size < 1e21 && (size >= 1e-6 || size === 0)
}

function print(value: JsonValue): string {
  if (typeof value === 'number') return printNumber(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  if (isJsonArray(value)) return `[${value.map(print).join(',')}]`
  if (value instanceof JsonNumber) return value.text
  let text = ''
  for (const key of Object.keys(value).sort(byCodeUnit)) {
    const member = value[key]
    if (member === undefined) continue
    text += `${text === '' ? '' : ','}${JSON.stringify(key)}:${print(member)}`
  }
  return `{${text}}`
}

function byCodeUnit(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0
}

function printNumber(value: number): string {
  if (!Number.isFinite(value)) return 'null'
  return isPlain(value) ? String(value) : canonicalNumber(String(value))
}

/** The value as a double; undefined when it is no number. */
export function numberOf(value: JsonValue | undefined): number | undefined {
  if (typeof value === 'number') return value
  return value instanceof JsonNumber ? value.toNumber() : undefined
}

export function isJsonArray(value: unknown): value is readonly JsonValue[] {
  return Array.isArray(value)
}

/** True for a JSON object: no array, no JsonNumber. */
export function isJsonObject(value: JsonValue | undefined): value is JsonObject {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof JsonNumber)
}

/** What annotations such as `conductor` or `provide-api-key` count as: false for `false`, `0`, `""` and `null`. */
export function truthy(value: JsonValue): boolean {
  return value instanceof JsonNumber ? value.toNumber() !== 0 : Boolean(value)
}
