// How much a namespace may do: invokes and fires per calendar minute, and activations in flight at once.

import type { Clock } from '../clock.ts'
import type { Identity } from '../entity/identity.ts'
import { WhiskError } from '../errors.ts'
import type { EventBus, UserMetric } from '../events.ts'
import { messages } from '../messages.ts'

/** The system's numbers; `Infinity` or absent = no throttle. A namespace's own number wins over them, 0 included. */
export interface ThrottleLimits {
  readonly invocationsPerMinute?: number
  readonly concurrentInvocations?: number
  readonly firesPerMinute?: number
}

export interface Throttler {
  /** Counts one invoke; fails with `tooManyRequests` when it is beyond the rate, or too many are in flight. */
  checkInvoke(identity: Identity): void
  /** Counts one fire; fails with `tooManyRequests` when it is beyond the rate. */
  checkFire(identity: Identity): void
  /** An activation of this namespace was accepted, and has ended: called by the engine in pairs. */
  started(namespaceUuid: string): void
  ended(namespaceUuid: string): void
  inFlight(namespaceUuid: string): number
  /** Settles when nothing of this namespace is in flight. */
  idle(namespaceUuid: string): Promise<void>
}

const MINUTE_MS = 60_000

/** Requests by namespace in one wall-clock minute. */
class MinuteCounters {
  readonly #clock: Clock
  #minute = Number.NaN
  readonly #counts = new Map<string, number>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** The count of this minute, this request included. */
  increment(key: string): number {
    const minute = Math.floor(this.#clock.now() / MINUTE_MS)
    if (minute !== this.#minute) {
      this.#minute = minute
      this.#counts.clear()
    }
    const count = (this.#counts.get(key) ?? 0) + 1
    this.#counts.set(key, count)
    return count
  }
}

/** A counter that is not needed because nothing limits it is not kept. */
function checkRate(counters: MinuteCounters, uuid: string, allowed: number, onRefusal: () => void): void {
  if (allowed === Number.POSITIVE_INFINITY) return
  const count = counters.increment(uuid)
  // OpenWhisk: counted first, so refused requests count too.
  if (count <= allowed) return
  onRefusal()
  throw new WhiskError('tooManyRequests', messages.tooManyRequests(count, allowed))
}

/** `metrics` hears of each invoke that is let through, and of each refusal. */
export function createThrottler(
  clock: Clock,
  limits: ThrottleLimits,
  metrics: Pick<EventBus<UserMetric>, 'active' | 'emit'> = { active: false, emit: () => {} },
): Throttler {
  const invokes = new MinuteCounters(clock)
  const fires = new MinuteCounters(clock)
  const flying = new Map<string, number>()
  const waiting = new Map<string, (() => void)[]>()
  const invokesPerMinute = limits.invocationsPerMinute ?? Number.POSITIVE_INFINITY
  const concurrent = limits.concurrentInvocations ?? Number.POSITIVE_INFINITY
  const firesPerMinute = limits.firesPerMinute ?? Number.POSITIVE_INFINITY

  const tell = (identity: Identity, metricName: UserMetric['metricName'], metricValue: number) => {
    if (!metrics.active) return
    const { subject, namespace } = identity
    const at = clock.now()
    metrics.emit({ at, metricName, metricValue, subject, namespace: namespace.name, userId: namespace.uuid })
  }

  return {
    checkInvoke(identity) {
      const uuid = identity.namespace.uuid
      const perMinute = identity.limits.invocationsPerMinute ?? invokesPerMinute
      checkRate(invokes, uuid, perMinute, () => tell(identity, 'TimedRateLimit', 1))
      const allowed = identity.limits.concurrentInvocations ?? concurrent
      if (allowed === Number.POSITIVE_INFINITY && !metrics.active) return
      const count = flying.get(uuid) ?? 0
      if (count < allowed) tell(identity, 'ConcurrentInvocations', count + 1)
      else {
        tell(identity, 'ConcurrentRateLimit', 1)
        throw new WhiskError('tooManyRequests', messages.tooManyConcurrentRequests(count, allowed))
      }
    },

    checkFire(identity) {
      const perMinute = identity.limits.firesPerMinute ?? firesPerMinute
      checkRate(fires, identity.namespace.uuid, perMinute, () => tell(identity, 'TimedRateLimit', 1))
    },

    started(uuid) {
      flying.set(uuid, (flying.get(uuid) ?? 0) + 1)
    },

    ended(uuid) {
      const count = flying.get(uuid) ?? 0
      if (count > 1) {
        flying.set(uuid, count - 1)
        return
      }
      flying.delete(uuid)
      for (const resolve of waiting.get(uuid) ?? []) resolve()
      waiting.delete(uuid)
    },

    inFlight: uuid => flying.get(uuid) ?? 0,

    async idle(uuid) {
      // Again and again: what ended may have made room for the next.
      while (flying.has(uuid)) {
        await new Promise<void>(resolve => waiting.set(uuid, [...(waiting.get(uuid) ?? []), resolve]))
      }
    },
  }
}
