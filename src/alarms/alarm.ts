// One alarm: its stored document, and the provider's checks on what a CREATE or UPDATE may put into it. Pure.
// OpenWhisk: package-alarms, action/alarmWebAction.js decides the order of checks and every sentence.

import { alarmMessages as say } from './alarm-messages.ts'
import { CronSyntaxError, createSchedule, isTimeZone, parseCron } from './cron.ts'

/** Feed parameters as plain JavaScript values. */
export type FeedParameters = Readonly<Record<string, unknown>>

export interface AlarmStatus {
  readonly active: boolean
  /** Epoch milliseconds. */
  readonly dateChanged: number
  readonly reason?: { readonly kind: string; readonly statusCode?: number; readonly message: string }
}

/** What is stored of an alarm. Exactly one of `date`, `minutes`, `cron` is set: once, interval, alarm. */
export interface Alarm {
  /** `uuid:key` that fires the trigger. */
  readonly apikey: string
  readonly name: string
  readonly namespace: string
  readonly payload: unknown
  /** -1 = unlimited. */
  readonly maxTriggers: number
  /** How many fires are left of `maxTriggers`; absent when unlimited. */
  readonly triggersLeft?: number
  readonly status: AlarmStatus
  readonly date?: unknown
  readonly deleteAfterFire?: string
  readonly minutes?: number
  readonly cron?: string
  readonly timezone?: string
  readonly strict?: unknown
  /** Anything `new Date(…)` takes, as it was given. */
  readonly startDate?: unknown
  readonly stopDate?: unknown
}

/** A CREATE or UPDATE that the provider refuses; the message is the `error` of its answer. */
export class AlarmRefused extends Error {}

const refuse = (message: string): never => {
  throw new AlarmRefused(message)
}

/** What JavaScript makes of a date parameter, in epoch milliseconds; NaN when nothing. */
export const dateOf = (value: unknown): number => new Date(value as string | number).getTime()

function checkDate(value: unknown, name: string, now: number, startDate?: unknown): void {
  const time = dateOf(value)
  if (Number.isNaN(time)) refuse(say.notADate(name, value))
  if (now >= time) refuse(say.notInFuture(name, value))
  if (startDate && time <= dateOf(startDate)) refuse(say.notAfterStart(name, value, startDate))
}

function checkDeleteAfterFire(value: unknown): string {
  const word = String(value).trim().toLowerCase()
  return ['false', 'true', 'rules'].includes(word) ? word : refuse(say.deleteAfterFire)
}

function checkMinutes(value: unknown): number {
  const minutes = Number.parseInt(String(value), 10)
  if (Number(value) !== minutes) refuse(say.minutesNotInteger)
  return minutes > 0 ? minutes : refuse(say.minutesNotPositive)
}

function checkCron(cron: unknown, timezone: unknown) {
  const fields = parsedCron(cron)
  if (timezone && !isTimeZone(timezone)) refuse(say.invalidTimezone)
  return createSchedule(fields, timezone ? String(timezone) : undefined)
}

function parsedCron(cron: unknown) {
  try {
    return parseCron(cron)
  } catch (error) {
    if (error instanceof CronSyntaxError) return refuse(say.invalidCron(cron))
    throw error
  }
}

/** Whether it fires more often than at the beginning of a minute. */
function hasSeconds(cron: string): boolean {
  const seconds = cron.trim().split(/\s+/).at(-6)
  return seconds !== undefined && seconds !== '0'
}

/** Where CREATE's kinds differ: `once`, `interval` and `alarm` in that order, as the bound parameters say. */
function createTiming(params: FeedParameters, now: number): Partial<Alarm> {
  if (params.fireOnce) {
    if (!params.date) refuse(say.missingDate)
    checkDate(params.date, 'date', now)
    return {
      date: params.date,
      ...(params.deleteAfterFire ? { deleteAfterFire: checkDeleteAfterFire(params.deleteAfterFire) } : {}),
    }
  }
  if (params.isInterval) {
    if (!params.minutes) refuse(say.missingMinutes)
    const minutes = checkMinutes(params.minutes)
    return { minutes, ...createRange(params, now, INTERVAL_START_DELAY_MS) }
  }
  if (!params.cron) refuse(say.missingCron)
  const schedule = checkCron(params.cron, params.timezone)
  if (params.limitCronFields && hasSeconds(String(params.cron))) refuse(say.cronLimited)
  const range = createRange(params, now)
  const first = schedule.nextAfter(now)
  if (range.stopDate && (first ?? Number.POSITIVE_INFINITY) > dateOf(range.stopDate)) refuse(say.firstFireAfterStop)
  const { timezone, strict } = params
  return {
    cron: String(params.cron),
    ...(timezone ? { timezone: String(timezone) } : {}),
    ...(strict === undefined ? {} : { strict }),
    ...range,
  }
}

/** An interval without a start date begins this much later, since a start date must lie in the future. */
const INTERVAL_START_DELAY_MS = 30_000

function createRange(params: FeedParameters, now: number, defaultDelayMs?: number): Partial<Alarm> {
  const { startDate, stopDate } = params
  if (startDate) checkDate(startDate, 'startDate', now)
  const start = startDate || (defaultDelayMs === undefined ? undefined : now + defaultDelayMs)
  if (params.maxTriggers && stopDate) refuse(params.isInterval ? say.maxTriggersOnInterval : say.maxTriggersWithStop)
  if (stopDate) checkDate(stopDate, 'stopDate', now, start)
  return { ...(start ? { startDate: start } : {}), ...(stopDate ? { stopDate } : {}) }
}

/** Decodes a CREATE. Fails with AlarmRefused. */
export function createAlarm(
  params: FeedParameters,
  trigger: { apikey: string; namespace: string; name: string },
  now: number,
): Alarm {
  const timing = createTiming(params, now)
  const maxTriggers = Number(params.maxTriggers) || -1
  return {
    ...trigger,
    payload: toPayload(params.trigger_payload) ?? {},
    maxTriggers,
    ...(maxTriggers > 0 && !timing.stopDate ? { triggersLeft: maxTriggers } : {}),
    status: { active: true, dateChanged: now },
    ...timing,
  }
}

/** A text payload arrives in the action as `payload`, the empty one too. */
const toPayload = (value: unknown): unknown =>
  typeof value === 'string' ? { payload: value } : value ? value : undefined

/** Decodes an UPDATE of a stored alarm: only what its kind knows is taken. Fails with AlarmRefused. */
export function updateAlarm(stored: Alarm, params: FeedParameters, now: number): Alarm {
  if (stored.status.reason?.kind === 'ADMIN') refuse(say.disabledByAdmin(String(params.triggerName)))
  const changes: Partial<Alarm> = {
    ...(params.trigger_payload ? { payload: toPayload(params.trigger_payload) } : {}),
    ...(stored.date ? updateOnce(params, now) : updateRepeating(stored, params, now)),
  }
  if (Object.keys(changes).length === 0) refuse(say.nothingToUpdate)
  // It begins anew, so that one that was disabled for having fired often enough fires again.
  const counted = stored.triggersLeft === undefined ? {} : { triggersLeft: stored.maxTriggers }
  return { ...stored, ...changes, ...counted, status: { active: true, dateChanged: now } }
}

function updateOnce(params: FeedParameters, now: number): Partial<Alarm> {
  if (params.date) checkDate(params.date, 'date', now)
  return {
    ...(params.date ? { date: params.date } : {}),
    ...(params.deleteAfterFire ? { deleteAfterFire: checkDeleteAfterFire(params.deleteAfterFire) } : {}),
  }
}

function updateRepeating(stored: Alarm, params: FeedParameters, now: number): Partial<Alarm> {
  const { startDate, stopDate } = params
  const timing = stored.minutes ? updateInterval(params) : updateCron(stored, params)
  if (startDate) checkDate(startDate, 'startDate', now)
  if (stopDate) checkDate(stopDate, 'stopDate', now, startDate || stored.startDate)
  else if (startDate && stored.stopDate && dateOf(startDate) >= dateOf(stored.stopDate)) {
    refuse(say.notBeforeStop(startDate, stored.stopDate))
  }
  return { ...timing, ...(startDate ? { startDate } : {}), ...(stopDate ? { stopDate } : {}) }
}

const updateInterval = (params: FeedParameters): Partial<Alarm> =>
  params.minutes ? { minutes: checkMinutes(params.minutes) } : {}

function updateCron(stored: Alarm, params: FeedParameters): Partial<Alarm> {
  const { cron, timezone } = params
  if (cron || timezone) checkCron(cron || stored.cron, timezone || stored.timezone)
  return {
    ...(cron ? { cron: String(cron) } : {}),
    ...(timezone ? { timezone: String(timezone) } : {}),
    ...('strict' in params ? { strict: params.strict } : {}),
  }
}

/** The answer to READ. */
export function describeAlarm(alarm: Alarm): object {
  const { name, namespace, payload, status } = alarm
  const timing = alarm.date
    ? { date: alarm.date, deleteAfterFire: alarm.deleteAfterFire }
    : {
        startDate: alarm.startDate,
        stopDate: alarm.stopDate,
        ...(alarm.minutes ? { minutes: alarm.minutes } : { cron: alarm.cron, timezone: alarm.timezone }),
      }
  return withoutUndefined({
    config: withoutUndefined({ name, namespace, payload, strict: alarm.strict ?? false, ...timing }),
    status: withoutUndefined({
      active: status.active,
      dateChanged: status.dateChanged,
      dateChangedISO: new Date(status.dateChanged).toISOString().replace(/\.\d+Z$/, 'Z'),
      reason: status.reason && withoutUndefined({ ...status.reason }),
    }),
  })
}

const withoutUndefined = (value: Record<string, unknown>): Record<string, unknown> =>
  Object.fromEntries(Object.entries(value).filter(([, entry]) => entry !== undefined))
