// Web actions over HTTP: everything below `/api/v1/web`.

import { type Context, Hono } from 'hono'
import type { Dispatch, WebActionRequest } from '../http/dispatch.ts'
import type { Env } from '../http/env.ts'
import { bodyOf, outgoingOf, rawHeadersOf } from '../http/raw-request.ts'
import { alreadyWritten } from '../http/written.ts'
import { repeatedLines } from './answer.ts'
import { createDispatch, type WebDeps } from './dispatch.ts'

export { createDispatch, type WebDeps } from './dispatch.ts'

const PREFIX = '/api/v1/web'

/**
 * To be mounted at `/api/v1/web`, below what sets the transaction id. `dispatch` is what the gateway is given too, to
 * reach web actions in process.
 */
export function webRoutes(deps: WebDeps, dispatch: Dispatch = createDispatch(deps)): Hono<Env> {
  const routes = new Hono<Env>()
  routes.all('*', async c => lineByLine(c, await dispatch(toRequest(c, deps.clock.now()))))
  return routes
}

/**
 * Writes repeated header names straight to the socket, as lines of their own. Differs from OpenWhisk: behind the gateway
 * they are one line.
 */
async function lineByLine(c: Context<Env>, response: Response): Promise<Response> {
  const lines = repeatedLines(response)
  const outgoing = outgoingOf(c)
  if (!lines || !outgoing) return response
  const headers = lines.flat()
  const body = Buffer.from(await response.arrayBuffer())
  // Without a body, the lines say how long it would be.
  if (response.body) headers.push('Content-Length', String(body.length))
  outgoing.writeHead(response.status, headers).end(body)
  return alreadyWritten(response.status)
}

function toRequest(c: Context<Env>, now: number): WebActionRequest {
  const { url } = c.req
  const pathStart = url.indexOf(PREFIX) + PREFIX.length + 1
  const queryStart = url.indexOf('?', pathStart)
  return {
    method: c.req.method,
    path: queryStart < 0 ? url.slice(pathStart) : url.slice(pathStart, queryStart),
    query: queryStart < 0 ? undefined : url.slice(queryStart + 1),
    rawHeaders: rawHeadersOf(c),
    body: bodyOf(c),
    transid: c.get('transid'),
    startedAt: c.get('startedAt') ?? now,
  }
}
