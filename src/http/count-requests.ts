// Counts answered requests by method and status.

import type { MiddlewareHandler } from 'hono'
import type { Clock } from '../clock.ts'
import type { Metrics } from '../metrics.ts'
import type { Env } from './env.ts'

/** To be used right below `transid`. */
export function countRequests(metrics: Pick<Metrics, 'request'>, clock: Pick<Clock, 'now'>): MiddlewareHandler<Env> {
  return async (c, next) => {
    await next()
    metrics.request(c.req.method, c.res.status, clock.now() - c.get('startedAt'))
  }
}
