// The reference's user events, as a stream instead of a Kafka topic: one for each activation that ended, one for each
// invoke that a throttle let through, one for each request that a throttle refused.

import type { Context } from 'hono'
import type { EventBus, UserMetric, WhiskEvent } from '../events.ts'
import type { Env } from '../http/env.ts'
import { eventStream } from './event-stream.ts'

export interface UserEvent {
  source: string
  body: object
  subject: string
  namespace: string
  /** Of the namespace. */
  userId: string
  eventType: 'Activation' | 'Metric'
  /** Epoch milliseconds. */
  timestamp: number
}

/** OpenWhisk: components are numbered; here there is one of each. */
const INVOKER = 'invoker0'
const CONTROLLER = 'controller0'

/** Undefined for what is no user event: other events, and the activations of triggers. */
export function activationEvent(event: WhiskEvent): UserEvent | undefined {
  if (event.type !== 'activation.ended' || event.kind === 'trigger') return undefined
  const { action, activationId, statusCode, duration, waitTime, initTime, kind, conductor, memory } = event
  const { causedBy, size, userDefinedStatusCode } = event
  return {
    source: kind === 'sequence' || conductor === true ? CONTROLLER : INVOKER,
    // What is undefined is not sent.
    body: {
      name: action,
      activationId,
      statusCode,
      duration: duration ?? 0,
      waitTime: waitTime ?? 0,
      initTime,
      kind,
      conductor,
      memory: memory ?? 0,
      causedBy,
      size,
      userDefinedStatusCode,
    },
    subject: String(event.subject),
    namespace: event.namespace ?? '',
    userId: String(event.userId),
    eventType: 'Activation',
    timestamp: event.at,
  }
}

export function metricEvent({ at, metricName, metricValue, subject, namespace, userId }: UserMetric): UserEvent {
  const body = { metricName, metricValue }
  return { source: CONTROLLER, body, subject, namespace, userId, eventType: 'Metric', timestamp: at }
}

/** `GET user-events?namespace=&type=Activation|Metric`: streams until the client goes. */
export function userEventStream(
  { events, userMetrics }: { events: EventBus; userMetrics: EventBus<UserMetric> },
  c: Context<Env>,
): Response {
  const namespace = c.req.query('namespace')
  const type = c.req.query('type')
  return eventStream(c, send => {
    const pass = (event: UserEvent | undefined) => {
      if (!event || (namespace && event.namespace !== namespace) || (type && event.eventType !== type)) return
      send(event.eventType, event)
    }
    const ends = [
      events.subscribe(event => pass(activationEvent(event))),
      userMetrics.subscribe(metric => pass(metricEvent(metric))),
    ]
    return () => {
      for (const end of ends) end()
    }
  })
}
