// What the control interface needs of the server around it.

import type { Clock } from '../clock.ts'
import type { JsonObject } from '../entity/json.ts'
import type { EventBus, UserMetric } from '../events.ts'
import type { Store } from '../store/store.ts'

export interface ControlDependencies {
  /** What `Authorization: Bearer …` must carry. */
  token: string
  store: Store
  clock: Clock
  events: EventBus
  /** What throttles saw: part of the user events. */
  userMetrics: EventBus<UserMetric>
  /** What `GET status` answers beyond the scope of this interface: pool, queue, driver, versions. */
  status(): object
  /** Retires idle containers, of one action (`ns/[pkg/]name`) when given; answers how many. */
  recycle(action?: string): Promise<number>
  /** Settles when nothing of the namespace runs or waits. */
  idle(namespace: string): Promise<void>
  /** Entities and documents of a namespace changed behind everybody's back: containers retire, schedules follow. */
  restored(namespace: string, entityIds: readonly string[]): Promise<void>
  /** A request to the REST API with a key `uuid:key`, in process. */
  request(method: string, path: string, apikey: string, body?: JsonObject): Promise<{ status: number; body: unknown }>
  /** Aborts when nothing that is waited for can come any more, as the server has stopped. */
  stopped: AbortSignal
  /** Settles when none of these activations has its logs on the way. */
  settled(activationIds: readonly string[]): Promise<void> | undefined
}
