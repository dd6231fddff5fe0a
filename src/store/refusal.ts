// Data files that cannot be used.

import { dirname } from 'node:path'
import { ExitError } from '../errors.ts'

/** What a failure to open becomes: the user's to mend, or as it is. */
export function refusal(path: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (error instanceof ExitError || !/^(SQLITE_|E[A-Z]+$)/.test(code)) return error
  const reason = error instanceof Error ? error.message : code
  const sentence = /^SQLITE_BUSY/.test(code)
    ? `${path} is in use by another process.`
    : /^SQLITE_(NOTADB|CORRUPT)/.test(code)
      ? `${path} is damaged or no database (${reason}). Move it away, or empty the data directory with --clean.`
      : `The data directory ${dirname(path)} cannot be used (${reason}).`
  return new ExitError(3, sentence, { cause: error })
}
