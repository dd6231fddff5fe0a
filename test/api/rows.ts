// Tables of requests and what they answer.
import { expect, it } from 'vitest'
import type { Call, Harness } from './harness.ts'

export const NS = '/api/v1/namespaces'

/** Below `/api/v1/namespaces/_/` unless the path begins with a slash; the answer's `error`, when given, is exact. */
export type Row = [method: string, path: string, status: number, error?: string | RegExp, call?: Call]

const fullPath = (path: string) => (path.startsWith('/') ? `${NS}${path}` : `${NS}/_/${path}`)

/** One test for each row, in order, on one API. */
export function rows(api: () => Harness, all: readonly Row[]): void {
  for (const [method, path, status, error, call] of all) {
    const body = call?.body === undefined ? (call?.raw ?? '') : JSON.stringify(call.body)
    const title = `answers ${status} to ${call?.as ? `${call.as}’s ` : ''}${method} ${path} ${body}`
    it(title.length > 150 ? `${title.slice(0, 149)}…` : title, async () => {
      const answer = await api().call(method, fullPath(path), call)
      expect({ status: answer.status, error: answer.error }).toEqual({
        status,
        error: error === undefined ? answer.error : error instanceof RegExp ? expect.stringMatching(error) : error,
      })
    })
  }
}
