// Readers of option values: each takes what a flag, the environment or the config file gave, and returns it typed.
// Flags and environment give text; the config file gives any JSON value. A wrong value throws a sentence.

import { readFileSync } from 'node:fs'
import { messageOf } from './errors.ts'
import { nearest, parseDuration, parseSize } from './units.ts'

/** Why a value cannot be used; the caller puts the option's name in front. */
export class ValueError extends Error {}

export type Read<T> = (raw: unknown) => T

const shown = (raw: unknown) => (typeof raw === 'string' ? `'${raw}'` : JSON.stringify(raw))

export const text: Read<string> = raw => {
  if (typeof raw === 'string' && raw !== '') return raw
  throw new ValueError(`${shown(raw)} is not a text`)
}

export const flag: Read<boolean> = raw => {
  if (typeof raw === 'boolean') return raw
  if (typeof raw === 'string' && /^(true|yes|on|1)$/i.test(raw)) return true
  if (typeof raw === 'string' && /^(false|no|off|0)$/i.test(raw)) return false
  throw new ValueError(`${shown(raw)} is neither true nor false`)
}

export const oneOf =
  <const T extends string>(...words: readonly T[]): Read<T> =>
  raw => {
    const found = words.find(word => word === raw)
    if (found !== undefined) return found
    throw new ValueError(`${shown(raw)} is not one of ${words.join(', ')}`)
  }

export const integer =
  (min: number, max: number): Read<number> =>
  raw => {
    const value = typeof raw === 'string' && /^\s*\d+\s*$/.test(raw) ? Number(raw) : raw
    if (typeof value === 'number' && Number.isInteger(value) && value >= min && value <= max) return value
    throw new ValueError(
      `${shown(raw)} is not a whole number ${max === Number.MAX_SAFE_INTEGER ? `from ${min} on` : `from ${min} to ${max}`}`,
    )
  }

export const port = integer(0, 65535)
export const count = integer(0, Number.MAX_SAFE_INTEGER)

/** Bytes. */
export const size: Read<number> = raw => {
  const bytes = typeof raw === 'string' ? parseSize(raw) : undefined
  if (bytes !== undefined) return bytes
  throw new ValueError(`${shown(raw)} is not a size such as 512m or 2g`)
}

/** A size as text, or a number of megabytes: MB either way. */
export const megabytes: Read<number> = raw => {
  if (typeof raw === 'number' && Number.isInteger(raw) && raw >= 0) return raw
  return Math.floor(size(raw) / 2 ** 20)
}

/** A size as text, or a number of bytes. */
export const bytes: Read<number> = raw => (typeof raw === 'number' ? count(raw) : size(raw))

/** Milliseconds; a bare number counts seconds. */
export const duration: Read<number> = raw => {
  if (typeof raw === 'number' && raw >= 0) return Math.round(raw * 1000)
  const ms = typeof raw === 'string' ? parseDuration(raw) : undefined
  if (ms !== undefined) return ms
  throw new ValueError(`${shown(raw)} is not a duration such as 500ms, 30s or 10m`)
}

/** A duration as text, or a number of milliseconds, as action limits write them. */
export const milliseconds: Read<number> = raw => (typeof raw === 'number' ? count(raw) : duration(raw))

/** `off` or a duration: undefined or milliseconds. */
export const durationOrOff: Read<number | undefined> = raw =>
  raw === 'off' || raw === false || raw === null ? undefined : duration(raw)

/** `a,b`, a repeated flag, or a JSON array. */
export const list: Read<readonly string[]> = raw => {
  const parts = typeof raw === 'string' ? raw.split(',') : raw
  if (!Array.isArray(parts) || !parts.every(part => typeof part === 'string')) {
    throw new ValueError(`${shown(raw)} is not a list of texts`)
  }
  return parts
    .flatMap(part => part.split(','))
    .map(part => part.trim())
    .filter(part => part !== '')
}

/** A JSON object, or texts `K=V` (a comma separates them where they come from the environment). */
export const pairs =
  <T>(read: Read<T>, example: string): Read<Readonly<Record<string, T>>> =>
  raw => {
    if (isObject(raw)) return Object.fromEntries(Object.entries(raw).map(([key, value]) => [key, read(value)]))
    const entries = typeof raw === 'string' ? raw.split(',') : raw
    if (!Array.isArray(entries)) throw new ValueError(`${shown(raw)} is not of the form ${example}`)
    return Object.fromEntries(
      entries.map(entry => {
        const at = typeof entry === 'string' ? entry.indexOf('=') : -1
        if (typeof entry !== 'string' || at < 1) throw new ValueError(`${shown(entry)} is not of the form ${example}`)
        return [entry.slice(0, at), read(entry.slice(at + 1))]
      }),
    )
  }

/** Any text, the empty one too; numbers and booleans of the config file as they print. */
export const anyText: Read<string> = raw => {
  if (typeof raw === 'string') return raw
  if (typeof raw === 'number' || typeof raw === 'boolean') return String(raw)
  throw new ValueError(`${shown(raw)} is not a text`)
}

/** What replaces the system's limits, by name; absent ones keep the preset's value. */
export interface LimitsOption {
  readonly preset: 'off' | 'apache'
  readonly invocationsPerMinute?: number
  readonly concurrentInvocations?: number
  readonly firesPerMinute?: number
  readonly sequenceMaxLength?: number
  /** MB */
  readonly maxActionMemory?: number
  /** Milliseconds. */
  readonly maxActionTimeout?: number
  /** MB */
  readonly maxActionLogs?: number
  readonly maxActionConcurrency?: number
  /** Bytes of an invocation's arguments. */
  readonly maxPayload?: number
  /** Bytes of an entity's parameters, and of its annotations. */
  readonly maxParameters?: number
  readonly allowedKinds?: readonly string[]
}

const LIMITS: { readonly [K in keyof Required<LimitsOption>]: Read<Required<LimitsOption>[K]> } = {
  preset: oneOf('off', 'apache'),
  invocationsPerMinute: count,
  concurrentInvocations: count,
  firesPerMinute: count,
  sequenceMaxLength: count,
  maxActionMemory: megabytes,
  maxActionTimeout: milliseconds,
  maxActionLogs: megabytes,
  maxActionConcurrency: count,
  maxPayload: bytes,
  maxParameters: bytes,
  allowedKinds: list,
}

/** `off`, `apache`, the path of a JSON file, or (config file) the object itself. */
export const limits: Read<LimitsOption> = raw => {
  if (raw === 'off' || raw === 'apache') return { preset: raw }
  if (isObject(raw)) return limitsObject(raw)
  if (typeof raw !== 'string') throw new ValueError(`${shown(raw)} is neither off, apache nor an object of limits`)
  let parsed: unknown
  try {
    parsed = JSON.parse(readFileSync(raw, 'utf8'))
  } catch (error) {
    throw new ValueError(`'${raw}' is neither off, apache nor a readable JSON file (${messageOf(error)})`)
  }
  if (!isObject(parsed)) throw new ValueError(`the file '${raw}' does not hold a JSON object`)
  return limitsObject(parsed)
}

function limitsObject(raw: Readonly<Record<string, unknown>>): LimitsOption {
  const read: Record<string, unknown> = { preset: 'off' }
  for (const [key, value] of Object.entries(raw)) {
    if (!isLimitName(key)) throw new ValueError(unknownName('limit', key, Object.keys(LIMITS)))
    try {
      read[key] = LIMITS[key](value)
    } catch (error) {
      throw error instanceof ValueError ? new ValueError(`${key}: ${error.message}`) : error
    }
  }
  return read as unknown as LimitsOption
}

const isLimitName = (key: string): key is keyof LimitsOption => Object.hasOwn(LIMITS, key)

/** `{ "namespace": "uuid:key" }` */
export const users: Read<Readonly<Record<string, string>>> = raw => {
  if (!isObject(raw)) throw new ValueError(`${shown(raw)} is not an object of the form { "namespace": "uuid:key" }`)
  for (const [namespace, auth] of Object.entries(raw)) {
    if (typeof auth !== 'string' || !/^[^:\s]+:\S{64}$/.test(auth)) {
      throw new ValueError(`the key of '${namespace}' is not of the form uuid:key with a key of 64 characters`)
    }
  }
  return raw as Readonly<Record<string, string>>
}

/** A sentence on an unknown name, with the nearest known one. */
export function unknownName(what: string, name: string, known: Iterable<string>): string {
  const meant = nearest(name, known)
  return `unknown ${what} '${name}'${meant === undefined ? '' : `; did you mean '${meant}'?`}`
}

export const isObject = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
