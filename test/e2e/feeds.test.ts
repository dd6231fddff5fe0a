// Feeds through the real `openwhisk` client: alarms with a virtual clock, and the event sources of this machine.

import { appendFileSync, mkdirSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it, vi } from 'vitest'
import { type Activation, type OpenWhisk, type OpenWhiskNamespace, startOpenWhisk } from '../../src/index.ts'
import { aFolder, eventually } from './server.ts'

interface FeedOptions {
  name: string
  trigger: string
  params?: object
}
type Answer = { response: { success: boolean; result: Record<string, never> } }
interface FeedClient {
  feeds: Record<'create' | 'get' | 'update' | 'delete', (options: FeedOptions) => Promise<Answer>>
}

const HOUR_MS = 3_600_000
const DAY_MS = 24 * HOUR_MS
const ALARM = '/whisk.system/alarms/alarm'
const ONCE = '/whisk.system/alarms/once'
const INTERVAL = '/whisk.system/alarms/interval'

// A simulated day may start dozens of containers.
vi.setConfig({ testTimeout: 120_000 })

const folder = aFolder()
const former = process.env.OPENWHISK_RUN_DIR
let ow: OpenWhisk
let ns: OpenWhiskNamespace
let client: FeedClient

const start = (dataDir?: string) =>
  startOpenWhisk({ driver: 'process', prewarm: false, configFile: false, clock: 'virtual', dataDir })

const clientOf = ({ auth }: { auth: string }, { url }: OpenWhisk) =>
  createRequire(import.meta.url)('openwhisk')({ apihost: url, api_key: auth }) as FeedClient

/** A trigger `t` with a rule to an action that answers what it gets, in a namespace of its own. */
async function furnish(server: OpenWhisk): Promise<OpenWhiskNamespace> {
  const made = await server.namespace()
  const code = 'function main(args) { if (args.fail) throw new Error("no"); return args }'
  await made.request('PUT', '/actions/tick', { exec: { kind: 'nodejs:20', code } })
  await made.request('PUT', '/triggers/t', {})
  await made.request('PUT', '/rules/r', { trigger: `/${made.name}/t`, action: `/${made.name}/tick` })
  return made
}

beforeAll(async () => {
  process.env.OPENWHISK_RUN_DIR = join(folder.path, 'run')
  ow = await start()
})
beforeEach(async () => {
  ns = await furnish(ow)
  client = clientOf(ns, ow)
})
// Its alarms go with it: the next test moves the same clock on.
afterEach(() => ns.delete())
afterAll(async () => {
  await ow.stop()
  if (former === undefined) delete process.env.OPENWHISK_RUN_DIR
  else process.env.OPENWHISK_RUN_DIR = former
  folder.remove()
})

const create = (name: string, params: object) => client.feeds.create({ name, trigger: 't', params })
const read = async (name: string) => (await client.feeds.get({ name, trigger: 't' })).response.result
const iso = (ms: number) => new Date(ms).toISOString()

/** When `tick` ran, in epoch milliseconds, oldest first. */
async function ticks(of: OpenWhiskNamespace = ns): Promise<Activation[]> {
  const records: Activation[] = []
  for (let skip = 0; ; skip += 200) {
    const page = await of.request('GET', `/activations?name=tick&docs=true&limit=200&skip=${skip}`)
    records.push(...(page as unknown as Activation[]))
    if (records.length < skip + 200) return records.reverse()
  }
}
const isCold = ({ annotations }: Activation) => annotations.some(({ key }) => key === 'initTime')
const minutes = (records: readonly Activation[]) => records.map(({ start }) => iso(start).slice(0, 16))

/** The refusal of a feed, as the client shows it. */
async function refusal(call: Promise<unknown>): Promise<unknown> {
  const failure = await call.then(
    () => undefined,
    (error: { error?: { response?: { result?: { error?: { error?: unknown } } } } }) => error.error,
  )
  return failure?.response?.result?.error?.error ?? failure
}

describe('the alarm feed', () => {
  it('is created, read, updated and deleted', async () => {
    const params = { cron: '0 * * * *', trigger_payload: { place: 'here' } }
    expect((await create(ALARM, params)).response).toMatchObject({ success: true, result: { status: 'success' } })
    expect(await read(ALARM)).toMatchObject({
      config: { name: 't', namespace: ns.name, cron: '0 * * * *', payload: { place: 'here' }, strict: false },
      status: { active: true },
    })
    await ow.clock.advance(HOUR_MS)
    await client.feeds.update({ name: ALARM, trigger: 't', params: { cron: '30 * * * *' } })
    expect(await read(ALARM)).toMatchObject({ config: { cron: '30 * * * *' } })
    await ow.clock.advance(HOUR_MS)
    await client.feeds.delete({ name: ALARM, trigger: 't' })
    const records = await ticks()
    await ow.clock.advance(DAY_MS)
    expect(await ticks()).toHaveLength(records.length)
    expect(records).toHaveLength(2)
    expect(minutes(records).map(minute => minute.slice(-2))).toEqual(['00', '30'])
    expect(records[0]?.response.result).toMatchObject({ place: 'here' })
    expect(await refusal(client.feeds.get({ name: ALARM, trigger: 't' }))).toBe(
      `could not find trigger /${ns.name}/t in the database`,
    )
  })

  it('fires a day of hours, each at its time and in a new container, since idle ones expire in between', async () => {
    await ns.invoke('tick')
    // Idle for longer than containers are kept: the first hour may be minutes away.
    await ow.clock.advance('11m')
    await create(ALARM, { cron: '0 * * * *' })
    const from = ow.clock.now()
    await ow.clock.advance('24h')
    const records = (await ticks()).slice(1)
    const first = Math.ceil(from / HOUR_MS) * HOUR_MS
    expect(minutes(records)).toEqual(Array.from({ length: 24 }, (_, hour) => iso(first + hour * HOUR_MS).slice(0, 16)))
    expect(records.filter(isCold)).toHaveLength(24)
  })

  it('fires a day of five minutes, each at its time, in one warm container', async () => {
    await create(ALARM, { cron: '*/5 * * * *' })
    await ns.invoke('tick')
    await ow.clock.advance('24h')
    const records = (await ticks()).slice(1)
    expect(new Set(minutes(records)).size).toBe(records.length)
    expect(records.every(({ start }) => new Date(start).getUTCMinutes() % 5 === 0)).toBe(true)
    expect(records.filter(isCold)).toEqual([])
  })

  it.each([
    // Months count from 0, and a day of the month and of the week must both match, as the provider reads them.
    ['0 0 1 * *', (date: Date) => date.getUTCDate() === 1 && date.getUTCHours() === 0],
    ['0 12 * * 1', (date: Date) => date.getUTCDay() === 1 && date.getUTCHours() === 12],
    ['0 6,18 */10 * *', (date: Date) => [1, 11, 21, 31].includes(date.getUTCDate()) && date.getUTCHours() % 12 === 6],
    ['0 0 13 * 5', (date: Date) => date.getUTCDate() === 13 && date.getUTCDay() === 5 && date.getUTCHours() === 0],
    ['0 9 * 0 *', (date: Date) => date.getUTCMonth() === 0 && date.getUTCHours() === 9],
  ])('fires a month and a half of `%s` when it is due', async (cron, isDue) => {
    await create(ALARM, { cron })
    const from = ow.clock.now()
    const days = 45
    await ow.clock.advance(days * DAY_MS)
    const hours = Array.from({ length: days * 24 }, (_, hour) => (Math.ceil(from / HOUR_MS) + hour) * HOUR_MS)
    // More than a week old, some of them: a clock that is moved on makes no record go.
    expect(minutes(await ticks())).toEqual(hours.filter(at => isDue(new Date(at))).map(at => iso(at).slice(0, 16)))
  })

  it('keeps to its time zone and its stop date, and says when it is over', async () => {
    const stopDate = iso(ow.clock.now() + 3 * DAY_MS)
    await create(ALARM, { cron: '0 12 * * *', timezone: 'Asia/Tokyo', stopDate })
    await ow.clock.advance('7d')
    expect(minutes(await ticks()).map(minute => minute.slice(-5))).toEqual(['03:00', '03:00', '03:00'])
    expect(await read(ALARM)).toMatchObject({
      status: {
        active: false,
        reason: { kind: 'AUTO', message: 'Automatically disabled after firing last scheduled cron trigger' },
      },
    })
  })

  it('goes on when its action fails', async () => {
    await create(ALARM, { cron: '0 * * * *', trigger_payload: { fail: true } })
    await ow.clock.advance('3h')
    expect((await ticks()).map(({ response }) => response.status)).toEqual(Array(3).fill('action developer error'))
    expect(await read(ALARM)).toMatchObject({ status: { active: true } })
  })

  it('stops when its trigger is gone', async () => {
    await create(ALARM, { cron: '0 * * * *' })
    await ns.request('DELETE', '/triggers/t')
    await ow.clock.advance('2h')
    await ns.request('PUT', '/triggers/t', {})
    expect(await read(ALARM)).toMatchObject({ status: { active: false, reason: { kind: 'AUTO', statusCode: 404 } } })
  })

  it('follows its namespace back to a checkpoint', async () => {
    await create(ALARM, { cron: '0 * * * *' })
    await ns.checkpoint()
    await client.feeds.delete({ name: ALARM, trigger: 't' })
    await ow.clock.advance('2h')
    expect(await ticks()).toEqual([])
    await ns.rollback()
    await ow.clock.advance('2h')
    expect(await ticks()).toHaveLength(2)
    await ns.reset()
    await ow.clock.advance('2h')
    expect(await ticks()).toHaveLength(2)
  })
})

describe('the once feed', () => {
  it('fires once, and says so', async () => {
    const date = iso(ow.clock.now() + HOUR_MS)
    await create(ONCE, { date, trigger_payload: 'text' })
    expect(await read(ONCE)).toMatchObject({ config: { date }, status: { active: true } })
    // At a full minute, so that the run is in the same one.
    const later = iso(Math.ceil(ow.clock.now() / HOUR_MS) * HOUR_MS + 2 * HOUR_MS)
    await client.feeds.update({ name: ONCE, trigger: 't', params: { date: later } })
    await ow.clock.advance(DAY_MS)
    const records = await ticks()
    expect(minutes(records)).toEqual([later.slice(0, 16)])
    expect(records[0]?.response.result).toMatchObject({ payload: 'text' })
    expect(await read(ONCE)).toMatchObject({
      status: { active: false, reason: { message: 'Automatically disabled after firing once' } },
    })
    await client.feeds.delete({ name: ONCE, trigger: 't' })
  })

  it('deletes its trigger and its rules afterwards, if it is told to', async () => {
    await create(ONCE, { date: iso(ow.clock.now() + HOUR_MS), deleteAfterFire: 'rules' })
    await ow.clock.advance(2 * HOUR_MS)
    expect(await ticks()).toHaveLength(1)
    expect([await ns.request('GET', '/triggers'), await ns.request('GET', '/rules')]).toEqual([[], []])
  })
})

describe('the interval feed', () => {
  it('fires at its interval from half a minute on', async () => {
    const from = ow.clock.now()
    await create(INTERVAL, { minutes: 15 })
    await ow.clock.advance('1h')
    const waits = (await ticks()).map(({ start }) => start - from)
    expect(waits.map(wait => Math.round(wait / 1000 - 30) / 60)).toEqual([0, 15, 30, 45].map(n => expect.closeTo(n, 0)))
    await client.feeds.update({ name: INTERVAL, trigger: 't', params: { minutes: 30 } })
    expect(await read(INTERVAL)).toMatchObject({ config: { minutes: 30 }, status: { active: true } })
    await ow.clock.advance('2h')
    expect(await ticks()).toHaveLength(8)
    await client.feeds.delete({ name: INTERVAL, trigger: 't' })
  })
})

describe('an alarm that is asked for wrongly', () => {
  it.each([
    [ALARM, {}, 'alarms trigger feed is missing the cron parameter'],
    [ALARM, { cron: '* * *  nonsense' }, "cron pattern '* * *  nonsense' is not valid"],
    [ALARM, { cron: '0 * * * *', timezone: 'Middle/Earth' }, 'Invalid timezone.'],
    [ALARM, { cron: '0 * * * *', startDate: 'soon' }, "startDate parameter 'soon' is not a valid Date"],
    [ALARM, { cron: '0 * * * *', stopDate: 1 }, "stopDate parameter '1' must be in the future"],
    [ONCE, {}, 'alarms once trigger feed is missing the date parameter'],
    [ONCE, { date: '2000-01-01' }, "date parameter '2000-01-01' must be in the future"],
    [INTERVAL, {}, 'interval trigger feed is missing the minutes parameter'],
    [INTERVAL, { minutes: 1.5 }, 'the minutes parameter must be an integer'],
    [INTERVAL, { minutes: -1 }, 'the minutes parameter must be an integer greater than zero'],
  ])('%s %j', async (name, params, sentence) => {
    expect(await refusal(create(name, params))).toBe(sentence)
    expect(await refusal(client.feeds.get({ name, trigger: 't' }))).toMatch(/^could not find trigger/)
  })

  it('of another namespace’s trigger', async () => {
    const other = await ow.namespace()
    const call = client.feeds.create({ name: ALARM, trigger: `/${other.name}/t`, params: { cron: '0 * * * *' } })
    // OpenWhisk: the name is what counts; the namespace is the caller's.
    expect((await call).response.success).toBe(true)
    expect(await read(ALARM)).toMatchObject({ config: { namespace: ns.name } })
  })
})

describe('a restart', () => {
  it('keeps alarms and webhooks', async () => {
    const dataDir = join(folder.path, 'data')
    const before = await start(dataDir)
    const own = await furnish(before)
    await clientOf(own, before).feeds.create({ name: ALARM, trigger: 't', params: { cron: '0 * * * *' } })
    await before.clock.advance('1h')
    await before.stop()
    const after = await start(dataDir)
    // Taken up just after the server is ready.
    await eventually(async () => {
      await after.clock.advance('1h')
      const uuid = Buffer.from(own.auth).toString('base64')
      const url = `${after.url}/api/v1/namespaces/_/activations?name=tick`
      const list = await fetch(url, { headers: { authorization: `Basic ${uuid}` } })
      return ((await list.json()) as unknown[]).length > 1 || undefined
    })
    await after.stop()
  })
})

describe('the webhook feed', () => {
  const WEBHOOK = '/whisk.system/local/webhook'
  const post = (url: string, body?: string) => fetch(url, { method: 'POST', body })

  it('gives a URL that fires the trigger with what is sent to it', async () => {
    const url = String((await create(WEBHOOK, {})).response.result.url)
    expect(url).toMatch(/^http:\/\/localhost:\d+\/_hooks\/[0-9a-f]{32}$/)
    expect(await read(WEBHOOK)).toEqual({ status: 'success', url })
    const sent = [post(`${url}?from=query`, '{"a":1}'), post(url, 'plain'), fetch(`${url}?only=query`)]
    for (const answer of await Promise.all(sent)) expect(answer.status).toBe(202)
    const results = await eventually(async () => {
      const records = await ticks()
      return records.length === 3 ? records.map(({ response }) => JSON.stringify(response.result)).sort() : undefined
    })
    expect(results.map(text => ({ ...JSON.parse(text), __ow_headers: undefined }))).toEqual(
      expect.arrayContaining([{ from: 'query', a: 1 }, { body: 'plain' }, { only: 'query' }]),
    )
    await ns.request('DELETE', '/rules/r')
    expect((await post(url)).status).toBe(204)
    await client.feeds.delete({ name: WEBHOOK, trigger: 't' })
    expect((await post(url)).status).toBe(404)
    expect(await refusal(client.feeds.get({ name: WEBHOOK, trigger: 't' }))).toMatch(/^could not find trigger/)
  })
})

describe('the watch feed', () => {
  const WATCH = '/whisk.system/local/watch'

  it('fires the trigger when a file changes', async () => {
    const path = join(folder.path, 'watched')
    mkdirSync(join(path, 'deep'), { recursive: true })
    const file = join(path, 'deep', 'file.txt')
    writeFileSync(file, 'one')
    expect((await create(WATCH, { path, recursive: true })).response.result).toEqual({ status: 'success', path })
    expect(await read(WATCH)).toEqual({ config: { path, recursive: true }, status: { active: true } })
    appendFileSync(file, 'two')
    const [tick] = await eventually(async () => {
      const records = await ticks()
      return records.length > 0 ? records : undefined
    })
    expect(tick?.response.result).toMatchObject({ path: file, exists: true })
    await client.feeds.delete({ name: WATCH, trigger: 't' })
    expect(await refusal(client.feeds.get({ name: WATCH, trigger: 't' }))).toMatch(/^could not find trigger/)
  })

  it.each([
    [{}, 'watch trigger feed is missing the path parameter'],
    [{ path: '/no/such/file' }, "path parameter '/no/such/file' names no file or folder"],
  ])('refuses %j', async (params, sentence) => {
    expect(await refusal(create(WATCH, params))).toBe(sentence)
  })
})
