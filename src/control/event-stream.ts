// Live streams: server-sent events, or one JSON object a line.

import type { Context } from 'hono'
import type { WhiskEvent } from '../events.ts'
import type { Env } from '../http/env.ts'

/** A reader this far behind is dropped rather than let the server's memory grow. */
const MAX_WAITING_EVENTS = 100_000

/** Keeps idle connections from being closed by what is in between. */
const HEARTBEAT_MS = 15_000

/** Which events a reader wants: `?type=activation,container.created&namespace=&action=&activationId=`; absent = all. */
export function eventFilter(c: Context<Env>): (event: WhiskEvent) => boolean {
  const types = c.req.query('type')?.split(',')
  const namespace = c.req.query('namespace')
  const action = c.req.query('action')
  const activationId = c.req.query('activationId')
  return event =>
    (!types || types.some(type => event.type === type || event.type.startsWith(`${type}.`))) &&
    (!namespace || event.namespace === namespace) &&
    (!action || event.action === action || event.action?.slice(event.action.indexOf('/') + 1) === action) &&
    (!activationId || event.activationId === activationId)
}

/**
 * Streams until the client goes. `subscribe` is given what takes an event, by its name and as it is sent, and returns
 * the function that ends the subscription.
 */
export function eventStream(
  c: Context<Env>,
  subscribe: (send: (name: string, event: object) => void) => () => void,
): Response {
  const lines = c.req.header('accept')?.includes('application/x-ndjson') === true
  const encoder = new TextEncoder()
  let stop = () => {}
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const unsubscribe = subscribe((name, event) => {
          if ((controller.desiredSize ?? 0) < -MAX_WAITING_EVENTS) {
            stop()
            controller.error(new Error('the reader of the event stream is too slow'))
            return
          }
          const text = JSON.stringify(event)
          controller.enqueue(encoder.encode(lines ? `${text}\n` : `event: ${name}\ndata: ${text}\n\n`))
        })
        // The first bytes tell the reader that it is subscribed.
        controller.enqueue(encoder.encode(lines ? '\n' : ': subscribed\n\n'))
        const heartbeat = setInterval(() => controller.enqueue(encoder.encode(lines ? '\n' : ':\n\n')), HEARTBEAT_MS)
        heartbeat.unref()
        stop = () => {
          unsubscribe()
          clearInterval(heartbeat)
        }
      },
      cancel: () => stop(),
    },
    { highWaterMark: 0 },
  )
  const type = lines ? 'application/x-ndjson' : 'text/event-stream'
  return c.body(body, 200, { 'content-type': type, 'cache-control': 'no-store' })
}
