import { describe, expect, it } from 'vitest'
import { CronSyntaxError, createSchedule, isTimeZone, parseCron } from '../../src/alarms/cron.ts'
import march from './march-2026.json' with { type: 'json' }

const START = Date.UTC(2026, 2, 1)
const END = Date.UTC(2026, 3, 1)

/** All matches in March 2026, the first instant excluded. */
function fires(cron: string, timezone?: string): number[] {
  const schedule = createSchedule(parseCron(cron), timezone)
  const times: number[] = []
  for (let next = schedule.nextAfter(START); next !== undefined && next < END; next = schedule.nextAfter(next))
    times.push(next)
  return times
}

describe('parseCron', () => {
  it.each([
    ['0 0 1 1 *', 'month', [1]],
    ['0 0 1 jan *', 'month', [0]],
    ['0 0 1 DEC *', 'month', [11]],
    ['0 0 * * 7', 'dayOfWeek', [6]],
    ['0 0 * * sun', 'dayOfWeek', [0]],
    ['60 * * * *', 'minute', [59]],
    ['0 25 * * *', 'hour', [23]],
    ['0 0 0 * *', 'dayOfMonth', [1]],
    ['10-5 * * * *', 'minute', [10]],
    ['0-100/30 * * * *', 'minute', [0, 30]],
    ['5/10 * * * *', 'minute', [5]],
    ['1,2,2,9 * * * *', 'minute', [1, 2, 9]],
    ['* * * * *', 'second', [0]],
    ['15 * * * * *', 'second', [15]],
    ['9 9 15 * * * * *', 'second', [15]],
    ['0 0 31 1 *', 'dayOfMonth', [2]],
  ] as const)('reads %s with %s %j', (cron, field, values) => {
    expect(parseCron(cron)[field]).toEqual(values)
  })

  it('gives missing leading fields their defaults', () => {
    expect(parseCron('5 * * *')).toMatchObject({ second: [0], hour: [5] })
    expect(parseCron('5 * * *').minute).toHaveLength(60)
  })

  it.each(['***', '@hourly', '? * * * *', 'L * * * *', '1#2 * * * *', 'foo', '-1 * * * *', 5, null])(
    'refuses %j',
    cron => {
      expect(() => parseCron(cron)).toThrow(CronSyntaxError)
    },
  )
})

describe('createSchedule', () => {
  it.each(march)(
    'fires $cron $timezone $count times in March 2026',
    ({ cron, timezone, count, first, last, sumOfSeconds }) => {
      const times = fires(cron, timezone)
      const iso = (time: number | undefined) =>
        time === undefined ? null : new Date(time).toISOString().replace('.000', '')
      expect({
        count: times.length,
        first: iso(times[0]),
        last: iso(times.at(-1)),
        sumOfSeconds: times.reduce((sum, time) => sum + (time - START) / 1000, 0),
      }).toEqual({ count, first, last, sumOfSeconds })
    },
  )
})

describe('isTimeZone', () => {
  it.each([
    ['Europe/Berlin', true],
    ['UTC', true],
    ['Nowhere/X', false],
    ['+01:00', false],
    ['', false],
    [7, false],
  ])('says of %j: %s', (name, known) => {
    expect(isTimeZone(name)).toBe(known)
  })
})
