import { beforeEach, describe, expect, it } from 'vitest'
import { type Alarm, AlarmRefused, createAlarm, describeAlarm, updateAlarm } from '../../src/alarms/alarm.ts'
import { ALARMS, AlarmScheduler } from '../../src/alarms/scheduler.ts'
import type { JsonObject } from '../../src/entity/json.ts'
import { EventBus } from '../../src/events.ts'
import { silentLogger } from '../../src/log.ts'
import type { DocumentStore } from '../../src/store/store.ts'
import { createVirtualClock, type HoldingClock } from '../../src/virtual-clock.ts'

const MINUTE = 60_000
const HOUR = 60 * MINUTE
const trigger = { apikey: 'uuid:key', namespace: 'guest', name: 't' }

function documentsInMemory(): DocumentStore {
  const rows = new Map<string, { namespace: string; document: JsonObject }>()
  return {
    get: (_collection, id) => rows.get(id)?.document,
    put: (_collection, id, namespace, document) => void rows.set(id, { namespace, document }),
    delete: (_collection, id) => rows.delete(id),
    list: (_collection, namespace) =>
      [...rows].filter(([, row]) => !namespace || row.namespace === namespace).map(([id, row]) => ({ id, ...row })),
  }
}

let clock: HoldingClock
let documents: DocumentStore
let scheduler: AlarmScheduler
let requests: { method: string; path: string; at: number; body: unknown }[]
let answer: (method: string) => { status: number; body?: unknown }

const createScheduler = () =>
  new AlarmScheduler({
    documents,
    clock,
    log: silentLogger,
    events: new EventBus(),
    async request(method, path, _apikey, body) {
      const at = clock.now()
      await new Promise(resolve => setImmediate(resolve))
      requests.push({ method, path, at, body })
      return { body: undefined, ...answer(method) }
    },
  })

const create = (params: Record<string, unknown>) => {
  const alarm = createAlarm({ trigger_payload: '', ...params }, trigger, clock.now())
  scheduler.put('guest/t', alarm)
  scheduler.follow('guest/t')
  return alarm
}
const fires = () => requests.filter(({ method }) => method === 'POST').map(({ at }) => at)
const reason = () => scheduler.get('guest/t')?.status.reason

/** Moves the clock to the start of the next hour, so that times are known. */
async function toFullHour(): Promise<number> {
  await clock.advance(HOUR - (clock.now() % HOUR))
  return Math.floor(clock.now() / HOUR) * HOUR
}

beforeEach(() => {
  clock = createVirtualClock()
  documents = documentsInMemory()
  requests = []
  answer = () => ({ status: 202 })
  scheduler = createScheduler()
})

describe('AlarmScheduler', () => {
  it('fires a cron alarm at each match, with the payload that a feed without one gets', async () => {
    const hour = await toFullHour()
    create({ cron: '*/15 * * * *' })
    await clock.advance(HOUR)
    expect(fires().map(at => Math.round((at - hour) / MINUTE))).toEqual([15, 30, 45, 60])
    expect(requests[0]).toMatchObject({ path: '/api/v1/namespaces/guest/triggers/t', body: { payload: '' } })
  })

  it('leaves out a fire that cannot be counted, and goes on with the next', async () => {
    await toFullHour()
    create({ cron: '*/15 * * * *', maxTriggers: 2 })
    const { put } = documents
    documents.put = () => {
      throw new Error('the disk is full')
    }
    await clock.advance(20 * MINUTE)
    expect(fires()).toEqual([])
    documents.put = put
    await clock.advance(HOUR)
    expect(fires()).toHaveLength(2)
  })

  it('fires a day of minutes in order, each stamped with its own minute', async () => {
    const hour = await toFullHour()
    create({ cron: '* * * * *' })
    await clock.advance(24 * HOUR)
    const minutes = fires().map(at => Math.round((at - hour) / MINUTE))
    expect(minutes).toEqual(Array.from({ length: 1440 }, (_, index) => index + 1))
  })

  it('stops after maxTriggers fires and says why', async () => {
    create({ cron: '* * * * *', maxTriggers: 2 })
    await clock.advance(HOUR)
    expect(fires()).toHaveLength(2)
    expect(reason()?.message).toBe('Automatically disabled after reaching max triggers')
  })

  it('disables an alarm whose trigger is gone', async () => {
    answer = () => ({ status: 404 })
    create({ cron: '* * * * *' })
    await clock.advance(10 * MINUTE)
    expect(fires()).toHaveLength(1)
    expect(reason()).toEqual({
      kind: 'AUTO',
      statusCode: 404,
      message: 'Trigger automatically disabled: Received a 404 status code when firing the trigger',
    })
  })

  it('tries again while the server is in trouble, and keeps the alarm', async () => {
    let calls = 0
    answer = () => ({ status: ++calls < 3 ? 503 : 202 })
    create({ cron: '0 * * * *', maxTriggers: 1 })
    await clock.advance(HOUR + 10_000)
    expect(fires()).toHaveLength(3)
    expect(reason()?.message).toBe('Automatically disabled after reaching max triggers')
  })

  it('disables an alarm that is throttled ten times in a row', async () => {
    answer = () => ({ status: 429 })
    create({ cron: '0 * * * *' })
    await clock.advance(HOUR + 10 * MINUTE)
    expect(fires()).toHaveLength(11)
    expect(reason()?.statusCode).toBe(429)
  })

  it('fires an interval at its start date and then every so many minutes', async () => {
    const start = clock.now() + 5 * MINUTE
    create({ isInterval: true, minutes: '2', startDate: start })
    await clock.advance(10 * MINUTE)
    expect(fires().map(at => Math.round((at - start) / MINUTE))).toEqual([0, 2, 4])
  })

  it('ends an interval before its stop date', async () => {
    create({ isInterval: true, minutes: 1, startDate: clock.now() + MINUTE, stopDate: clock.now() + 3.5 * MINUTE })
    await clock.advance(HOUR)
    expect(fires()).toHaveLength(3)
    expect(reason()?.message).toBe('Automatically disabled after firing last scheduled interval trigger')
  })

  it('fires once and then rests disabled', async () => {
    create({ fireOnce: true, date: new Date(clock.now() + HOUR).toISOString() })
    await clock.advance(2 * HOUR)
    expect(fires()).toHaveLength(1)
    expect(reason()?.message).toBe('Automatically disabled after firing once')
  })

  it.each([
    ['true', ['POST /api/v1/namespaces/guest/triggers/t', 'DELETE /api/v1/namespaces/guest/triggers/t']],
    [
      'rules',
      [
        'POST /api/v1/namespaces/guest/triggers/t',
        'DELETE /api/v1/namespaces/guest/triggers/t',
        'DELETE /api/v1/namespaces/guest/rules/r1',
      ],
    ],
  ])('removes what deleteAfterFire=%s names', async (deleteAfterFire, expected) => {
    answer = method => (method === 'DELETE' ? { status: 200, body: { rules: { 'guest/r1': {} } } } : { status: 202 })
    create({ fireOnce: true, date: clock.now() + HOUR, deleteAfterFire })
    await clock.advance(2 * HOUR)
    expect(requests.map(({ method, path }) => `${method} ${path}`)).toEqual(expected)
    expect(scheduler.get('guest/t')).toBeUndefined()
  })

  it('takes up stored alarms again, an interval at its next multiple, without the fires that were missed', async () => {
    const start = clock.now() + 5 * MINUTE
    create({ isInterval: true, minutes: 10, startDate: start })
    scheduler.close()
    await clock.advance(32 * MINUTE)
    scheduler = createScheduler()
    await scheduler.start()
    await clock.advance(15 * MINUTE)
    expect(fires().map(at => Math.round((at - start) / MINUTE))).toEqual([30, 40])
  })

  it.each([
    [{ fireOnce: true, date: 1 }, 'the fire once date has expired'],
    [{ isInterval: true, minutes: 1, stopDate: 2 }, 'the stop date has expired'],
    [{ cron: '0 0 1 1 *', stopDate: 2 }, 'the stop date has expired'],
  ])('disables %j whose time passed while the server was down', async (params, sentence) => {
    const offset = (hours: number) => clock.now() + hours * HOUR
    const dated = Object.fromEntries(
      Object.entries(params).map(([key, value]) => [key, /date/i.test(key) ? offset(Number(value)) : value]),
    )
    const alarm: Alarm = {
      ...(dated as Partial<Alarm>),
      ...trigger,
      payload: {},
      maxTriggers: -1,
      status: { active: true, dateChanged: 0 },
    }
    documents.put(ALARMS, 'guest/t', 'guest', { startDate: clock.now(), ...alarm } as unknown as JsonObject)
    await clock.advance(3 * HOUR)
    await scheduler.start()
    expect(reason()?.message).toBe(
      `Automatically disabled after receiving error on trigger initialization: ${sentence}`,
    )
  })

  it('disables a stored alarm whose trigger was deleted meanwhile', async () => {
    create({ cron: '* * * * *' })
    scheduler.close()
    scheduler = createScheduler()
    answer = () => ({ status: 404 })
    await scheduler.start()
    expect(reason()?.message).toBe('Automatically disabled after receiving a 404 status code on trigger initialization')
  })
})

describe('createAlarm and updateAlarm', () => {
  const now = Date.UTC(2026, 0, 1)
  const later = '2026-01-02T00:00:00.000Z'
  const refusal = (run: () => unknown) => {
    try {
      run()
    } catch (error) {
      if (error instanceof AlarmRefused) return error.message
      throw error
    }
    return undefined
  }

  it.each([
    [{ fireOnce: true }, 'alarms once trigger feed is missing the date parameter'],
    [{ fireOnce: true, date: 'x' }, "date parameter 'x' is not a valid Date"],
    [{ fireOnce: true, date: '2020-01-01' }, "date parameter '2020-01-01' must be in the future"],
    [
      { fireOnce: true, date: later, deleteAfterFire: 'no' },
      'deleteAfterFire parameter must be one of [false, true, rules].',
    ],
    [{ isInterval: true }, 'interval trigger feed is missing the minutes parameter'],
    [{ isInterval: true, minutes: 0 }, 'interval trigger feed is missing the minutes parameter'],
    [{ isInterval: true, minutes: 1.5 }, 'the minutes parameter must be an integer'],
    [{ isInterval: true, minutes: -1 }, 'the minutes parameter must be an integer greater than zero'],
    [
      { isInterval: true, minutes: 1, maxTriggers: 2, stopDate: later },
      'maxTriggers is not supported for the interval trigger feed',
    ],
    [{}, 'alarms trigger feed is missing the cron parameter'],
    [{ cron: '***' }, "cron pattern '***' is not valid"],
    [{ cron: '@hourly' }, "cron pattern '@hourly' is not valid"],
    [{ cron: '* * * * *', timezone: 'Nowhere/X' }, 'Invalid timezone.'],
    [{ cron: '***', timezone: 'Nowhere/X' }, "cron pattern '***' is not valid"],
    [
      { cron: '*/5 * * * * *', limitCronFields: true },
      'cron pattern is limited to 5 fields with 1 minute as the finest granularity',
    ],
    [
      { cron: '* * * * *', maxTriggers: 2, stopDate: later },
      'maxTriggers is not allowed when the stopDate parameter is specified',
    ],
    [
      { cron: '* * * * *', startDate: later, stopDate: '2026-01-01T12:00:00.000Z' },
      `stopDate parameter '2026-01-01T12:00:00.000Z' must be greater than the startDate parameter '${later}'`,
    ],
    [{ cron: '0 0 1 1 *', stopDate: later }, 'the first scheduled trigger fire is not until after the stop date'],
  ])('refuses %j', (params, message) => {
    expect(refusal(() => createAlarm(params, trigger, now))).toBe(message)
  })

  it('starts an interval without a start date in thirty seconds', () => {
    expect(createAlarm({ isInterval: true, minutes: 5 }, trigger, now).startDate).toBe(now + 30_000)
  })

  it('updates only what the kind of the alarm knows', () => {
    const alarm = createAlarm({ cron: '* * * * *' }, trigger, now)
    expect(refusal(() => updateAlarm(alarm, { minutes: 5, date: later }, now))).toBe(
      'no updatable parameters were specified',
    )
    expect(updateAlarm(alarm, { cron: '0 * * * *', minutes: 5 }, now)).toMatchObject({ cron: '0 * * * *' })
    expect(updateAlarm(alarm, { trigger_payload: 'x' }, now).payload).toEqual({ payload: 'x' })
  })

  it('counts anew from an update on', () => {
    const alarm = createAlarm({ cron: '* * * * *', maxTriggers: 2 }, trigger, now)
    const spent: typeof alarm = { ...alarm, triggersLeft: 0, status: { ...alarm.status, active: false } }
    expect(updateAlarm(spent, { trigger_payload: 'x' }, now)).toMatchObject({
      triggersLeft: 2,
      status: { active: true },
    })
  })

  it('lets a cron with seconds fire at full minutes where those are the finest', () => {
    expect(refusal(() => createAlarm({ cron: '0 * * * * *', limitCronFields: true }, trigger, now))).toBeUndefined()
  })

  it('refuses a start date that is not before the stored stop date', () => {
    const alarm = createAlarm({ cron: '* * * * *', stopDate: later }, trigger, now)
    expect(refusal(() => updateAlarm(alarm, { startDate: '2026-01-03' }, now))).toBe(
      `startDate parameter '2026-01-03' must be less than the stopDate parameter '${later}'`,
    )
  })

  it('describes an alarm without the keys it does not have', () => {
    const alarm = createAlarm({ cron: '0 * * * *', trigger_payload: { a: 1 } }, trigger, now)
    expect(describeAlarm(alarm)).toEqual({
      config: { name: 't', namespace: 'guest', payload: { a: 1 }, strict: false, cron: '0 * * * *' },
      status: { active: true, dateChanged: now, dateChangedISO: '2026-01-01T00:00:00Z' },
    })
  })
})
