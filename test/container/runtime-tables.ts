// How the tables of runtime-nodejs.ts and runtime-python.ts are tested: what a runtime answers to which code.

import { expect, test } from 'vitest'
import { zipOf } from './archives.ts'
import type { Create } from './conformance.ts'
import { type Code, initialize, outcome, run } from './driving.ts'

export const FAILED_LOGS = { waitForSentinel: false, developerError: false }

/** One run: code, arguments, and status and body of the answer. */
export type Row = [title: string, code: string | Code, value: unknown, answer: string | RegExp]

const toCode = (code: string | Code): Code => (typeof code === 'string' ? { code } : code)

export const zipped = (files: Parameters<typeof zipOf>[0], main = 'main'): Code => ({
  code: zipOf(files),
  main,
  binary: true,
})

/** Initializes and runs each in a container of its own. */
export const testRuns = (create: Create, kind: string, rows: readonly Row[]) => {
  test.each(rows)('%s', async (_, code, value, expected) => {
    const container = await create({ kind })
    const initialized = outcome(await initialize(container, toCode(code)))
    expect(initialized).toMatch(/^200 /)
    const answer = outcome(await run(container, value))
    if (typeof expected === 'string') expect(answer).toBe(expected)
    else expect(answer).toMatch(expected)
  })
}

/** Initializes each in a container of its own. */
export const testFailedInits = (
  create: Create,
  kind: string,
  rows: readonly [string, string | Code, string | RegExp][],
) => {
  test.each(rows)('%s', async (_, code, expected) => {
    const container = await create({ kind })
    const answer = outcome(await initialize(container, toCode(code)))
    if (typeof expected === 'string') expect(answer).toBe(expected)
    else expect(answer).toMatch(expected)
  })
}

/** An answer with an error. */
export const bad = (status: number, error: string) => `${status} ${JSON.stringify({ error })}`
