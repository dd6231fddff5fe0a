// The one place that writes error bodies: `{"code":TRANSID,"error":MESSAGE}`.

import type { ErrorHandler } from 'hono'
import { stringify } from '../entity/json.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import { API_CORS } from './cors.ts'
import type { Env } from './env.ts'
import { incomingOf } from './raw-request.ts'

/**
 * Renders a WhiskError with its status and headers; anything else is a bug: its stack goes to the log, the client gets a
 * 500 with the transaction id that finds it there. Errors carry the CORS headers unless they are rejections.
 *
 * Differs from OpenWhisk: a bug there answers bare text without a transaction id.
 */
export function onError(log: Logger): ErrorHandler<Env> {
  return (error, c) => {
    const transid = c.get('transid')
    if (error instanceof WhiskError) return errorResponse(error, transid)
    const incoming = incomingOf(c)
    if (incoming?.destroyed && !incoming.complete) {
      // The client broke off while it sent its body: nobody's bug, and nobody waits for an answer.
      log.debug(`${c.req.method} ${c.req.path} was broken off`, { transid })
      return errorResponse(new WhiskError('badRequest', messages.requestBrokenOff, { rejection: true }), transid)
    }
    log.error(`${c.req.method} ${c.req.path} failed`, { transid, error })
    return errorResponse(new WhiskError('internal', messages.internalError, { cause: error }), transid)
  }
}

/** The response of a WhiskError. */
export function errorResponse(error: WhiskError, transid: string): Response {
  const message = error.rejection ? error.message : error.message.trim()
  return new Response(stringify({ code: transid, error: message }), {
    status: error.status,
    headers: {
      'Content-Type': 'application/json',
      'X-Request-ID': transid,
      ...(error.rejection ? {} : API_CORS),
      ...error.headers,
    },
  })
}
