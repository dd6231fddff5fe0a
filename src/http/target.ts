// The request target as it stands on the wire: what is illegal in it, and which path is routed.

import { messages } from '../messages.ts'

const HEX = /[0-9a-fA-F]/

/**
 * Why the reference refuses a target before any route sees it (400, plain text): an escape that is none. Columns count
 * from 1. Undefined when it is fine.
 *
 * Differs from OpenWhisk: it takes none of `" < > { } [ ] | \ ^`, the backtick and `#` either; here they stand for
 * themselves.
 */
export function illegalTarget(target: string): string | undefined {
  for (let percent = target.indexOf('%'); percent !== -1; percent = target.indexOf('%', percent + 1)) {
    for (const at of [percent + 1, percent + 2]) {
      const char = target[at]
      if (char === undefined) {
        return messages.illegalTarget(`Unexpected end of input, expected HEXDIG (line 1, column ${at + 1})`)
      }
      if (!HEX.test(char)) {
        return messages.illegalTarget(`Invalid input '${char}', expected HEXDIG (line 1, column ${at + 1})`)
      }
    }
  }
  return undefined
}

/** The path of a URL as it was sent: percent-encoded, without the query. */
export function rawPath(url: string): string {
  const scheme = url.indexOf('://')
  const start = url.indexOf('/', scheme === -1 ? 0 : scheme + 3)
  if (start === -1) return '/'
  const query = url.indexOf('?', start)
  const fragment = url.indexOf('#', start)
  const end = Math.min(query === -1 ? url.length : query, fragment === -1 ? url.length : fragment)
  return url.slice(start, end)
}

/**
 * The path to route by, for Hono's option `getPath`: not decoded, `.` and `..` resolved (the adapter does that).
 *
 * Differs from OpenWhisk: `wsk --apihost https://host/` asks for `//api/v1/…`, which there is no route; here it is one
 * for the `wsk` family.
 */
export function routedPath(request: Request): string {
  const path = rawPath(request.url)
  if (!path.startsWith('//api/')) return path
  return /^OpenWhisk-/.test(request.headers.get('user-agent') ?? '') ? path.slice(1) : path
}
