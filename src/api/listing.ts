// What all lists have in common: `skip`, `limit` and `count`, and the answer made of summaries.

import type { Collection } from '../entitlement/entitlement.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'

/** The query of a request; the first of repeated parameters counts. */
export interface Query {
  get(name: string): string | null
}

export interface ListOptions {
  readonly skip: number
  readonly limit: number
  /** Only how many there are. */
  readonly count: boolean
}

export const DEFAULT_LIMIT = 30
export const MAX_LIMIT = 200
const MAX_INT = 2 ** 31 - 1

/** The 400 of one parameter. */
export function malformedQuery(name: string, detail: string): WhiskError {
  return new WhiskError('badRequest', messages.queryMalformed(name, detail), { rejection: true })
}

const BOOLEANS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['yes', true],
  ['on', true],
  ['1', true],
  ['false', false],
  ['no', false],
  ['off', false],
  ['0', false],
])

/** A flag; absent and empty mean `absent`. Fails with WhiskError `badRequest`. */
export function booleanParameter(query: Query | undefined, name: string, absent = false): boolean {
  const text = query?.get(name)
  if (text === undefined || text === null || text === '') return absent
  const lower = text.toLowerCase()
  const value = BOOLEANS.get(lower)
  if (value === undefined) throw malformedQuery(name, messages.notBooleanText(lower))
  return value
}

/** A 32 bit integer as Java reads it: an optional sign and digits. Undefined when it is none. */
export function parseInteger(text: string): number | undefined {
  if (!/^[+-]?[0-9]+$/.test(text)) return undefined
  const value = Number(text)
  return value > MAX_INT || value < -MAX_INT - 1 ? undefined : value
}

function integerParameter(query: Query, name: string, collection: Collection): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = parseInteger(text)
  if (value === undefined) throw malformedQuery(name, messages.listNotInteger(text, collection))
  return value
}

const DEFAULTS: ListOptions = { skip: 0, limit: DEFAULT_LIMIT, count: false }

/** Reads the three in OpenWhisk's order; fails with WhiskError `badRequest`. `limit=0` means the maximum. */
export function listOptions(query: Query | undefined, collection: Collection): ListOptions {
  if (query === undefined) return DEFAULTS
  const skip = integerParameter(query, 'skip', collection) ?? 0
  if (skip < 0) throw malformedQuery('skip', messages.listSkipRange(skip, collection))
  const limit = integerParameter(query, 'limit', collection) ?? DEFAULT_LIMIT
  if (limit < 0 || limit > MAX_LIMIT) {
    throw malformedQuery('limit', messages.listLimitRange(limit, MAX_LIMIT, collection))
  }
  return { skip, limit: limit === 0 ? MAX_LIMIT : limit, count: booleanParameter(query, 'count') }
}

/** What `count=true` answers: the matches beyond the skipped ones. */
export function countText(collection: Collection, matches: number, skip: number): string {
  return `{"${collection}":${Math.max(matches - skip, 0)}}`
}
