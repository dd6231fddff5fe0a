// Versions of entities: `major.minor.patch`.

import { messages } from '../messages.ts'
import type { JsonValue } from './json.ts'
import { malformedContent } from './malformed.ts'
import type { SemVer } from './whisk-entity.ts'

/** The version of a new entity. */
export const FIRST_VERSION: SemVer = '0.0.1'

const MAX_PART = 2 ** 31 - 1

/**
 * Reads a version as a client may write it: missing parts are 0, further parts and trailing dots are ignored, leading
 * zeros go. Undefined when it is no version, or all parts are 0.
 */
export function parseVersion(text: string): SemVer | undefined {
  const parts = text.replace(/\.+$/, '').split('.').slice(0, 3)
  if (parts.length === 1 && parts[0] === '') return undefined
  const numbers = parts.map(part => (/^\+?\d+$/.test(part) ? Number(part) : Number.NaN))
  if (numbers.some(number => !(number <= MAX_PART))) return undefined
  const [major = 0, minor = 0, patch = 0] = numbers
  return major + minor + patch === 0 ? undefined : `${major}.${minor}.${patch}`
}

/** The `version` of a PUT body, if it has one. Fails with `badRequest`. */
export function decodeVersion(value: JsonValue | undefined): SemVer | undefined {
  if (value === undefined) return undefined
  const version = typeof value === 'string' ? parseVersion(value) : undefined
  if (version === undefined) throw malformedContent(messages.versionMalformed)
  return version
}

/** The version after an update that names none. */
export function nextPatch(version: SemVer): SemVer {
  const [major = '0', minor = '0', patch = '0'] = version.split('.')
  return `${major}.${minor}.${Number(patch) + 1}`
}
