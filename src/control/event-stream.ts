// The live event stream: server-sent events, or one JSON object a line.

import type { Context } from 'hono'
import type { EventBus, WhiskEvent } from '../events.ts'
import type { Env } from '../http/env.ts'

/** A reader this far behind is dropped rather than let the server's memory grow. */
const MAX_WAITING_EVENTS = 100_000

/** Keeps idle connections from being closed by what is in between. */
const HEARTBEAT_MS = 15_000

/** Which events a reader wants; absent = all. */
function toFilter(c: Context<Env>): (event: WhiskEvent) => boolean {
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

/** Streams until the client goes. `?type=activation,container.created&namespace=&action=&activationId=` narrow it. */
export function eventStream(events: EventBus, c: Context<Env>): Response {
  const lines = c.req.header('accept')?.includes('application/x-ndjson') === true
  const wanted = toFilter(c)
  const encoder = new TextEncoder()
  const format = (event: WhiskEvent) =>
    lines ? `${JSON.stringify(event)}\n` : `event: ${event.type}\ndata: ${JSON.stringify(event)}\n\n`
  let stop = () => {}
  const body = new ReadableStream<Uint8Array>(
    {
      start(controller) {
        const unsubscribe = events.subscribe(event => {
          if (!wanted(event)) return
          if ((controller.desiredSize ?? 0) < -MAX_WAITING_EVENTS) {
            stop()
            controller.error(new Error('the reader of the event stream is too slow'))
          } else controller.enqueue(encoder.encode(format(event)))
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
