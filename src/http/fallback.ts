// The last answers: for what no route below or outside `/api/v1` has completed.

import type { Context } from 'hono'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { SERVER_CORS } from './cors.ts'
import type { Env } from './env.ts'

/** What is there outside `/api/v1`, and the methods each has. */
const OUTSIDE: readonly { readonly path: RegExp; readonly allow?: string }[] = [
  { path: /^\/$|^\/(?:ping|ready|metrics|docs|api-docs\/?)$/, allow: 'GET, OPTIONS' },
  // Differs from OpenWhisk: it serves these; here there is nothing that they could tell.
  { path: /^\/(?:invokers|activation|disable|docs)(?:\/|$)/ },
]

/**
 * The answer to a request outside `/api/v1` that nothing matched: OPTIONS is answered everywhere, a wrong method names
 * the right ones, and an unknown path knows only OPTIONS. Fails with `methodNotAllowed` or `notFound`.
 */
export function outsideFallback(c: Context<Env>): Response {
  if (c.req.method === 'OPTIONS') {
    return new Response('OK', {
      headers: { 'Content-Type': 'text/plain; charset=UTF-8', 'X-Request-ID': c.get('transid'), ...SERVER_CORS },
    })
  }
  const known = OUTSIDE.find(({ path }) => path.test(c.req.path))
  if (known !== undefined && known.allow === undefined) throw notFound()
  const allow = known?.allow ?? 'OPTIONS'
  throw new WhiskError('methodNotAllowed', messages.methodNotAllowed(allow), {
    rejection: true,
    headers: { Allow: allow },
  })
}

/** Methods that the web-action route below `/api/v1` knows; others are refused there as everywhere. */
const API_METHODS = ['GET', 'DELETE', 'POST', 'PUT', 'HEAD', 'OPTIONS', 'PATCH']

/** The answer to a request below `/api/v1` that nothing matched, once it is authenticated. Fails with `notFound`. */
export function apiFallback(): never {
  throw notFound()
}

/** Fails with `methodNotAllowed` for a method that nothing below `/api/v1` has, before authentication. */
export function checkApiMethod(method: string): void {
  if (API_METHODS.includes(method)) return
  const allow = API_METHODS.join(', ')
  throw new WhiskError('methodNotAllowed', messages.methodNotAllowed(allow), {
    rejection: true,
    headers: { Allow: allow },
  })
}

function notFound(): WhiskError {
  return new WhiskError('notFound', messages.resourceNotFound, { rejection: true })
}
