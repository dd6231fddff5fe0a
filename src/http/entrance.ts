// What every request passes on its way in and out: its transaction, the guard, the count. One middleware, because each
// of them costs every request a promise and a closure.

import type { Context, MiddlewareHandler } from 'hono'
import type { Clock } from '../clock.ts'
import type { WhiskError } from '../errors.ts'
import type { Metrics } from '../metrics.ts'
import type { Env } from './env.ts'
import { errorResponse } from './on-error.ts'
import { headerOf, outgoingOf } from './raw-request.ts'
import { transactionId } from './transid.ts'

export interface EntranceOptions {
  readonly clock: Pick<Clock, 'now'>
  /** Why a request is not let in; see guard.ts. */
  readonly refusal?: (c: Context<Env>) => WhiskError | undefined
  /** Counts the answers by method and status, refusals included. */
  readonly metrics?: Pick<Metrics, 'request'>
}

/** Sets `transid` and `startedAt`, and shows the id on every response that does not hide it. The outermost middleware. */
export function entrance({ clock, refusal, metrics }: EntranceOptions): MiddlewareHandler<Env> {
  return async (c, next) => {
    const id = transactionId(headerOf(c, 'x-request-id'))
    const startedAt = clock.now()
    c.set('transid', id)
    c.set('startedAt', startedAt)
    const refused = refusal?.(c)
    if (refused === undefined) await next()
    else c.res = errorResponse(refused, id)
    const status = finish(c, id)
    metrics?.request(c.req.method, status, clock.now() - startedAt)
  }
}

/** Returns the status of the answer. */
function finish(c: Context<Env>, id: string): number {
  // An answer that was written straight to the socket has the id.
  const outgoing = outgoingOf(c)
  if (outgoing?.headersSent === true) return outgoing.statusCode
  if (!c.get('hideTransid') && !c.res.headers.has('x-request-id')) c.res.headers.set('X-Request-ID', id)
  return c.res.status
}
