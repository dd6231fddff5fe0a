// What happens, as it happens: the stream behind `GET /_control/v1/events`, `logs -f` and the typed API's `events()`.

export type WhiskEventType =
  | 'activation.queued'
  | 'activation.started'
  | 'activation.log'
  | 'activation.ended'
  | 'container.created'
  | 'container.initialized'
  | 'container.reused'
  | 'container.removed'
  | 'entity.changed'
  | 'alarm.fired'

export interface WhiskEvent {
  type: WhiskEventType
  /** Epoch milliseconds. */
  at: number
  namespace?: string
  /** Fully qualified, without a leading slash: `guest/pkg/hello`. */
  action?: string
  activationId?: string
  container?: string
  [detail: string]: unknown
}

/** What a throttle saw of one request: the reference's user metrics. */
export interface UserMetric {
  /** Epoch milliseconds. */
  at: number
  metricName: 'ConcurrentInvocations' | 'ConcurrentRateLimit' | 'TimedRateLimit'
  metricValue: number
  subject: string
  namespace: string
  /** Of the namespace. */
  userId: string
}

/** Hands events to listeners, synchronously; costs one comparison when nobody listens. */
export class EventBus<E = WhiskEvent> {
  readonly #listeners = new Set<(event: E) => void>()

  /** True when somebody listens: check before building an expensive event. */
  get active(): boolean {
    return this.#listeners.size > 0
  }

  emit(event: E): void {
    for (const listener of this.#listeners) listener(event)
  }

  /** Returns the function that ends the subscription. */
  subscribe(listener: (event: E) => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }
}
