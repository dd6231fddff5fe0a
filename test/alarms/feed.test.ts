// The alarm feed on a disk that is full: what it refuses has not happened.

import { afterEach, beforeEach, expect, it } from 'vitest'
import { alarmHandlers } from '../../src/alarms/feed.ts'
import { AlarmScheduler } from '../../src/alarms/scheduler.ts'
import type { JsonObject } from '../../src/entity/json.ts'
import { EventBus } from '../../src/events.ts'
import { silentLogger } from '../../src/log.ts'
import { createVirtualClock, type HoldingClock } from '../../src/virtual-clock.ts'
import { aSubject, aTrigger, GUEST } from '../builders.ts'
import { storeOnDisk } from '../store/open-memory.ts'

const HOUR = 3_600_000

let clock: HoldingClock
let parts: ReturnType<typeof storeOnDisk>
let call: (lifecycleEvent: string, params?: JsonObject) => Promise<unknown>
let fires: number

beforeEach(async () => {
  clock = createVirtualClock()
  parts = storeOnDisk()
  const { store } = parts
  store.subjects.put(aSubject({ subject: 'guest' }))
  store.entities.put(aTrigger())
  fires = 0
  const scheduler = new AlarmScheduler({
    documents: store.documents,
    clock,
    log: silentLogger,
    events: new EventBus(),
    async request(method) {
      if (method === 'POST') fires++
      return { status: 202, body: undefined }
    },
  })
  const feed = alarmHandlers({ store, scheduler, clock }).get('whisk.system/alarms/alarm')
  const { uuid, key } = GUEST
  const identity = { subject: 'guest', namespace: { name: 'guest', uuid }, authkey: { uuid, key }, limits: {} }
  call = async (lifecycleEvent, params = {}) =>
    feed?.({ lifecycleEvent, triggerName: '/guest/ring', authKey: `${uuid}:${key}`, ...params }, { identity })
})
afterEach(() => parts.store.close())

const refused = async (lifecycleEvent: string, params?: JsonObject) => {
  parts.disk.full = true
  await expect(call(lifecycleEvent, params)).rejects.toMatchObject({ code: 'unavailable' })
  parts.disk.full = false
}
const firesOfThreeHours = async () => {
  const before = fires
  await clock.advance(3 * HOUR)
  return fires - before
}

it('goes on with an alarm that could not be removed or updated', async () => {
  expect(await call('CREATE', { cron: '0 * * * *' })).toEqual({ status: 'success' })
  await refused('DELETE')
  expect(await firesOfThreeHours()).toBe(3)
  await refused('UPDATE', { cron: '0,30 * * * *' })
  expect(await firesOfThreeHours()).toBe(3)
  await call('UPDATE', { cron: '0,30 * * * *' })
  expect(await firesOfThreeHours()).toBe(6)
  await call('DELETE')
  expect(await firesOfThreeHours()).toBe(0)
})

it('has no alarm that could not be created', async () => {
  await refused('CREATE', { cron: '0 * * * *' })
  expect(await firesOfThreeHours()).toBe(0)
})
