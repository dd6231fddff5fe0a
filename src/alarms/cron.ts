// Cron expressions as the alarms provider reads them; pure: no clock inside.
// The provider's own reading (0-based months, clamped numbers, day of month AND day of week) is turned into plain lists
// of values, which croner then schedules, time zones included.

import { Cron } from 'croner'

/** The values of each field that match, ascending; months are 0–11, days of the week 0–6 with Sunday first. */
export interface CronFields {
  readonly second: readonly number[]
  readonly minute: readonly number[]
  readonly hour: readonly number[]
  readonly dayOfMonth: readonly number[]
  readonly month: readonly number[]
  readonly dayOfWeek: readonly number[]
}

type FieldName = keyof CronFields

const FIELDS: readonly { name: FieldName; low: number; high: number; fallback: string }[] = [
  { name: 'second', low: 0, high: 59, fallback: '0' },
  { name: 'minute', low: 0, high: 59, fallback: '*' },
  { name: 'hour', low: 0, high: 23, fallback: '*' },
  { name: 'dayOfMonth', low: 1, high: 31, fallback: '*' },
  { name: 'month', low: 0, high: 11, fallback: '*' },
  { name: 'dayOfWeek', low: 0, high: 6, fallback: '*' },
]

const NAMES = new Map(
  [
    ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'],
    ['sun', 'mon', 'tue', 'wed', 'thu', 'fri', 'sat'],
  ].flatMap(names => names.map((name, index) => [name, String(index)] as const)),
)

/** Days of each month, February as in a leap year. */
const MONTH_DAYS = [31, 29, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31]

const RANGE = /^(\d+)(?:-(\d+))?(?:\/(\d+))?$/

/** An expression that the provider refuses as `cron pattern '…' is not valid`. */
export class CronSyntaxError extends Error {}

const clamp = (value: number, low: number, high: number) => Math.min(Math.max(value, low), high)

/** One field's values. OpenWhisk: package-alarms reads cron with npm `cron` 1.7, whose field grammar this is. */
function parseField(text: string, low: number, high: number): number[] {
  const values = new Set<number>()
  for (const part of text.replaceAll('*', `${low}-${high}`).split(',')) {
    const match = RANGE.exec(part)
    if (!match) throw new CronSyntaxError(`Field (${text}) cannot be parsed`)
    const from = clamp(Number(match[1]), low, high)
    const to = match[2] === undefined ? from : Math.min(Number(match[2]), high)
    const step = Number(match[3] ?? 1) || 1
    // The first value counts even when the range runs backwards: `10-5` is `10`.
    values.add(from)
    for (let value = from + step; value <= to; value += step) values.add(value)
  }
  return [...values].sort((a, b) => a - b)
}

/** A day that no chosen month has (31 February) wraps around into the month instead of never coming. */
function wrapImpossibleDays(days: readonly number[], months: readonly number[]): number[] {
  if (months.some(month => days.some(day => day <= (MONTH_DAYS[month] ?? 31)))) return [...days]
  const longest = MONTH_DAYS[months.at(-1) ?? 0] ?? 31
  return [...new Set(days.map(day => (day > longest ? day % longest : day)))].sort((a, b) => a - b)
}

/**
 * Reads an expression of five fields, or six with leading seconds; more are cut on the left, missing ones take their
 * default. Fails with CronSyntaxError.
 */
export function parseCron(expression: unknown): CronFields {
  if (typeof expression !== 'string') throw new CronSyntaxError('not a string')
  const source = expression.replace(/[a-z]{1,3}/gi, word => {
    const value = NAMES.get(word.toLowerCase())
    if (value === undefined) throw new CronSyntaxError(`Unknown alias: ${word}`)
    return value
  })
  const parts = source.trim().split(/\s+/)
  const read = FIELDS.map(({ name, low, high, fallback }, index) => {
    const part = parts[index - (FIELDS.length - parts.length)] || fallback
    return [name, parseField(part, low, high)] as const
  })
  const fields = Object.fromEntries(read) as Record<FieldName, number[]>
  return { ...fields, dayOfMonth: wrapImpossibleDays(fields.dayOfMonth, fields.month) }
}

/** The pattern croner understands: explicit lists, months counted from 1. */
function toPattern(fields: CronFields): string {
  return FIELDS.map(({ name, low, high }) => {
    const values = fields[name]
    if (values.length === high - low + 1) return '*'
    return (name === 'month' ? values.map(month => month + 1) : values).join(',')
  }).join(' ')
}

/** True for a name of the tz database that this machine knows. */
export function isTimeZone(name: unknown): boolean {
  if (typeof name !== 'string') return false
  try {
    new Intl.DateTimeFormat('en', { timeZone: name })
    // Intl also takes offsets (`+01:00`), which are no names.
    return /^[A-Za-z]/.test(name)
  } catch {
    return false
  }
}

/** A schedule that can be asked again and again. */
export interface CronSchedule {
  /** Epoch milliseconds of the first match after `afterMs`; undefined when there is none. */
  nextAfter(afterMs: number): number | undefined
}

/** `timezone` is a tz database name; UTC when absent. */
export function createSchedule(fields: CronFields, timezone?: string): CronSchedule {
  const cron = new Cron(toPattern(fields), { paused: true, timezone: timezone ?? 'UTC', domAndDow: true })
  return { nextAfter: afterMs => cron.nextRun(new Date(afterMs))?.getTime() }
}
