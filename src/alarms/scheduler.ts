// Fires the triggers of stored alarms when their time comes, and keeps each alarm's status, as the provider does.

import type { Clock, Timer } from '../clock.ts'
import type { JsonObject } from '../entity/json.ts'
import type { EventBus } from '../events.ts'
import type { Logger } from '../log.ts'
import type { DocumentStore } from '../store/store.ts'
import { type Alarm, dateOf } from './alarm.ts'
import { alarmMessages as say } from './alarm-messages.ts'
import { type CronSchedule, createSchedule, parseCron } from './cron.ts'

/** The collection of `store.documents` that holds the alarms; ids are `namespace/trigger`. */
export const ALARMS = 'alarms'

export interface AlarmSchedulerDependencies {
  documents: DocumentStore
  clock: Clock & { hold?(work: Promise<unknown>): void }
  log: Logger
  events: EventBus
  /**
   * A request to the REST API as the alarm's key: `POST` fires the trigger, `GET` looks whether it is there,
   * `DELETE` removes it (and its rules). Answers the status; never rejects for an answer that is an error.
   */
  request(method: 'GET' | 'POST' | 'DELETE', path: string, apikey: string, body?: JsonObject): Promise<ApiAnswer>
  /** Settles when everything that a fire started has ended: a virtual clock stands still so long. */
  ended?(activationId: string): Promise<unknown> | undefined
}

export interface ApiAnswer {
  status: number
  body: unknown
}

const MINUTE_MS = 60_000
const RETRY_ATTEMPTS = 10
const RETRY_DELAY_MS = 1000

/** A 4xx ends the alarm, but for those that may pass by themselves. */
const isFinal = (status: number) => status >= 400 && status < 500 && ![408, 409, 429].includes(status)

/** One alarm that waits for its next time. */
interface Scheduled {
  timer: Timer | undefined
  /** Undefined for `once` and `interval`. */
  cron: CronSchedule | undefined
}

/** One fire on its way, with what it cost so far. */
interface Fire {
  id: string
  alarm: Alarm
  scheduled: Scheduled
  retries: number
  throttled: number
}

/**
 * Holds a timer for each active alarm. `follow` and `reload` make them those of the stored documents, which are the
 * truth: a fire reads the document anew.
 */
export class AlarmScheduler {
  readonly #deps: AlarmSchedulerDependencies
  readonly #scheduled = new Map<string, Scheduled>()
  #closed = false

  constructor(dependencies: AlarmSchedulerDependencies) {
    this.#deps = dependencies
  }

  /** Takes up every stored alarm; one whose trigger is gone or whose time has passed is disabled with the reason. */
  async start(): Promise<void> {
    await Promise.all(this.#deps.documents.list(ALARMS).map(({ id, document }) => this.#takeUp(id, toAlarm(document))))
  }

  /** Stores an alarm that was created or updated. To be followed, as a removed one, when that is committed. */
  put(id: string, alarm: Alarm): void {
    this.#store(id, alarm)
  }

  get(id: string): Alarm | undefined {
    const document = this.#deps.documents.get(ALARMS, id)
    return document && toAlarm(document)
  }

  /** True when there was one. */
  remove(id: string): boolean {
    return this.#deps.documents.delete(ALARMS, id)
  }

  /** Schedules an alarm as it is stored; one that is not there no more. */
  follow(id: string): void {
    const alarm = this.get(id)
    if (alarm) this.#schedule(id, alarm, say.creationFailed)
    else this.#stop(id)
  }

  /** Follows the documents of a namespace after they changed behind the scheduler's back (a rollback, a reset). */
  async reload(namespace: string): Promise<void> {
    for (const id of [...this.#scheduled.keys()]) if (id.startsWith(`${namespace}/`)) this.#stop(id)
    const stored = this.#deps.documents.list(ALARMS, namespace)
    await Promise.all(stored.map(({ id, document }) => this.#takeUp(id, toAlarm(document))))
  }

  close(): void {
    this.#closed = true
    for (const id of [...this.#scheduled.keys()]) this.#stop(id)
  }

  async #takeUp(id: string, alarm: Alarm): Promise<void> {
    if (!alarm.status.active) return
    const { status } = await this.#deps.request('GET', triggerPath(alarm), alarm.apikey)
    if (this.#closed) return
    if (isFinal(status)) this.#disable(id, status, say.initRefused(status))
    else this.#schedule(id, alarm, say.initFailed)
  }

  #schedule(id: string, alarm: Alarm, failed: (reason: string) => string): void {
    this.#stop(id)
    if (!alarm.status.active) return
    const cron = alarm.cron === undefined ? undefined : createSchedule(parseCron(alarm.cron), alarm.timezone)
    const scheduled: Scheduled = { timer: undefined, cron }
    const next = firstFire(alarm, cron, this.#deps.clock.now())
    if (typeof next === 'string') {
      this.#disable(id, undefined, failed(next))
      return
    }
    this.#scheduled.set(id, scheduled)
    this.#arm(id, scheduled, next)
  }

  #arm(id: string, scheduled: Scheduled, at: number | undefined): void {
    if (at === undefined) return
    const due = () => {
      try {
        this.#due(id, scheduled, at)
      } catch (error) {
        // A store that cannot count the fire, on a full disk: this one is left out, the next is armed already.
        this.#deps.log.error(`alarm of trigger /${id} could not fire`, { error })
      }
    }
    scheduled.timer = this.#deps.clock.setTimeout(due, at - this.#deps.clock.now())
  }

  #due(id: string, scheduled: Scheduled, at: number): void {
    const alarm = this.get(id)
    if (!alarm || this.#scheduled.get(id) !== scheduled) return
    if (scheduled.cron)
      this.#arm(id, scheduled, scheduled.cron.nextAfter(Math.max(at, this.#deps.clock.now() - MINUTE_MS)))
    else if (alarm.minutes) this.#arm(id, scheduled, at + alarm.minutes * MINUTE_MS)
    if (alarm.triggersLeft === 0) return
    // Counted before the answer, so that the next tick cannot fire one too many; a failure gives it back.
    if (alarm.triggersLeft !== undefined) this.#store(id, { ...alarm, triggersLeft: alarm.triggersLeft - 1 })
    const { events } = this.#deps
    if (events.active) events.emit({ type: 'alarm.fired', at, namespace: alarm.namespace, trigger: alarm.name })
    this.#attempt({ id, alarm, scheduled, retries: 0, throttled: 0 })
  }

  /** One attempt to post the trigger. A virtual clock stands still until it is through, but moves on between attempts. */
  #attempt(fire: Fire): void {
    const { clock, log, request, ended } = this.#deps
    const payload = fire.alarm.payload as JsonObject
    const posted = request('POST', triggerPath(fire.alarm), fire.alarm.apikey, payload).then(({ status, body }) => {
      if (status < 400) this.#settle(fire, true)
      else this.#refused(fire, status)
      const { activationId } = (body ?? {}) as { activationId?: string }
      return activationId === undefined ? undefined : ended?.(activationId)
    })
    const watched = posted.catch(error => {
      log.error(`alarm of trigger /${fire.id} failed`, { error })
      this.#settle(fire, false)
    })
    clock.hold?.(watched)
  }

  #refused(fire: Fire, status: number): void {
    const { id, scheduled, retries } = fire
    this.#deps.log.warn(`alarm could not fire trigger /${id}: status ${status}`)
    if (isFinal(status)) {
      this.#disable(id, status, say.fireRefused(status))
      return
    }
    if (retries >= RETRY_ATTEMPTS) {
      if (fire.throttled === RETRY_ATTEMPTS) this.#disable(id, 429, say.fireThrottled)
      this.#settle(fire, false)
      return
    }
    const throttled = fire.throttled + (status === 429 ? 1 : 0)
    this.#deps.clock.setTimeout(
      () => {
        if (this.#scheduled.get(id) === scheduled) this.#attempt({ ...fire, retries: retries + 1, throttled })
      },
      Math.max(RETRY_DELAY_MS, 1000 * throttled ** 2),
    )
  }

  #settle({ id, scheduled }: Fire, delivered: boolean): void {
    const alarm = this.get(id)
    if (!alarm || this.#scheduled.get(id) !== scheduled) return
    if (!delivered && alarm.triggersLeft !== undefined) {
      this.#store(id, { ...alarm, triggersLeft: alarm.triggersLeft + 1 })
    }
    this.#afterFire(id, scheduled)
  }

  /** Ends the alarm when this was its last time. */
  #afterFire(id: string, scheduled: Scheduled): void {
    const alarm = this.get(id)
    if (!alarm?.status.active) return
    const now = this.#deps.clock.now()
    if (alarm.date) this.#endOnce(id, alarm)
    else if (alarm.stopDate) {
      const stop = dateOf(alarm.stopDate)
      const next = scheduled.cron ? scheduled.cron.nextAfter(now) : now + (alarm.minutes ?? 0) * MINUTE_MS
      if ((next ?? Number.POSITIVE_INFINITY) <= stop) return
      this.#disable(id, undefined, scheduled.cron ? say.lastCron : say.lastInterval)
    } else if (alarm.triggersLeft === 0) this.#disable(id, undefined, say.maxTriggersReached)
  }

  #endOnce(id: string, alarm: Alarm): void {
    if (!alarm.deleteAfterFire || alarm.deleteAfterFire === 'false') {
      this.#disable(id, undefined, say.firedOnce)
      return
    }
    this.#stop(id)
    this.remove(id)
    const removal = this.#removeTrigger(alarm).catch(error => {
      this.#deps.log.error(`could not delete trigger /${id} after it fired`, { error })
    })
    this.#deps.clock.hold?.(removal)
  }

  async #removeTrigger(alarm: Alarm): Promise<void> {
    const { body } = await this.#deps.request('DELETE', triggerPath(alarm), alarm.apikey)
    if (alarm.deleteAfterFire !== 'rules') return
    for (const rule of Object.keys((body as { rules?: object } | undefined)?.rules ?? {})) {
      const [namespace = '', name = ''] = rule.split('/')
      const path = `/api/v1/namespaces/${encodeURIComponent(namespace)}/rules/${encodeURIComponent(name)}`
      await this.#deps.request('DELETE', path, alarm.apikey)
    }
  }

  #disable(id: string, statusCode: number | undefined, message: string): void {
    this.#stop(id)
    const alarm = this.get(id)
    if (!alarm?.status.active) return
    const reason = { kind: 'AUTO', ...(statusCode === undefined ? {} : { statusCode }), message }
    this.#store(id, { ...alarm, status: { active: false, dateChanged: this.#deps.clock.now(), reason } })
    this.#deps.log.info(`alarm of trigger /${id}: ${message}`)
  }

  #stop(id: string): void {
    this.#scheduled.get(id)?.timer?.cancel()
    this.#scheduled.delete(id)
  }

  #store(id: string, alarm: Alarm): void {
    this.#deps.documents.put(ALARMS, id, alarm.namespace, alarm as unknown as JsonObject)
  }
}

const toAlarm = (document: JsonObject): Alarm => document as unknown as Alarm

const triggerPath = ({ namespace, name }: Alarm) =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/triggers/${encodeURIComponent(name)}`

/** When the alarm fires first, in epoch milliseconds; undefined for never; a sentence when it no longer can. */
function firstFire(alarm: Alarm, cron: CronSchedule | undefined, now: number): number | string | undefined {
  if (alarm.date) return dateOf(alarm.date) > now ? dateOf(alarm.date) : say.onceDateExpired
  const stop = alarm.stopDate ? dateOf(alarm.stopDate) : Number.POSITIVE_INFINITY
  if (stop <= now) return say.stopDateExpired
  const start = alarm.startDate ? dateOf(alarm.startDate) : now
  if (cron) {
    if ((cron.nextAfter(now) ?? Number.POSITIVE_INFINITY) > stop) return say.nextFireAfterStop
    return cron.nextAfter(Math.max(now, start))
  }
  if (start > now) return start
  const interval = (alarm.minutes ?? 1) * MINUTE_MS
  const next = start + interval * (Math.floor((now - start) / interval) + 1)
  return next > stop ? say.nextFireAfterStop : next
}
