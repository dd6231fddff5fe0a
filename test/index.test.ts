// The typed API, from the sources; what is shipped of it is tested in package.test.ts.

import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type OpenWhisk, type OpenWhiskNamespace, type OpenWhiskOptions, startOpenWhisk } from '../src/index.ts'

const folder = mkdtempSync(join(tmpdir(), 'ow-index-'))
const runDir = join(folder, 'run')
const former = process.env.OPENWHISK_RUN_DIR

beforeAll(() => {
  process.env.OPENWHISK_RUN_DIR = runDir
})
afterAll(() => {
  if (former === undefined) delete process.env.OPENWHISK_RUN_DIR
  else process.env.OPENWHISK_RUN_DIR = former
  rmSync(folder, { recursive: true, force: true })
})

const start = (options: OpenWhiskOptions = {}) =>
  startOpenWhisk({ driver: 'process', prewarm: false, configFile: false, ...options })

const runFiles = () => readdirSync(runDir)

const CODE = `
function main({ name, fail }) {
  console.log('hello', name)
  if (fail) return { error: fail }
  return { greeting: 'hello ' + name }
}`
const exec = { kind: 'nodejs:20', code: CODE }

describe('startOpenWhisk', () => {
  it('resolves when the API answers, and leaves nothing when it stops', async () => {
    const ow = await start()
    expect(ow).toMatchObject({
      url: `http://localhost:${ow.port}`,
      apihost: `http://localhost:${ow.port}`,
      driver: 'process',
      auth: expect.stringMatching(/^[0-9a-f-]{36}:\w{64}$/),
    })
    expect(await (await fetch(`${ow.url}/ready`)).json()).toEqual({ ready: true })
    expect(runFiles()).toEqual([`${ow.port}.json`])
    await Promise.all([ow.stop(), ow.stop()])
    expect(runFiles()).toEqual([])
    await expect(fetch(`${ow.url}/ping`)).rejects.toThrow()
  })

  it('ends what waits when it stops, and makes no namespace any more', async () => {
    const ow = await start()
    const waiting = ow.waitForActivation({ action: 'never' }).catch((error: unknown) => error)
    await ow.stop()
    expect(await waiting).toMatchObject({ name: 'OpenWhiskError', code: 'REQUEST', status: 503 })
    await expect(ow.namespace()).rejects.toMatchObject({ name: 'OpenWhiskError', code: 'FAILED' })
    await expect(ow.namespace('guest')).rejects.toMatchObject({ name: 'OpenWhiskError', code: 'FAILED' })
  })

  it('ends the loops over its events when it stops', async () => {
    const ow = await start()
    await ow.request('PUT', '/actions/a', { exec })
    const seen: string[] = []
    const loop = async () => {
      for await (const { type } of ow.events({ type: ['activation.ended', 'container.removed'] })) seen.push(type)
    }
    const loops = [loop(), loop()]
    await ow.invoke('a')
    await ow.stop()
    await Promise.all(loops)
    // What the stop itself told is no less read.
    expect(seen.sort()).toEqual(['activation.ended', 'activation.ended', 'container.removed', 'container.removed'])
    expect(await ow.events().next()).toEqual({ done: true, value: undefined })
  })

  it('stops at the end of its scope', async () => {
    let url = ''
    {
      await using ow = await start()
      url = ow.url
      expect((await fetch(`${url}/ping`)).status).toBe(200)
    }
    await expect(fetch(`${url}/ping`)).rejects.toThrow()
  })

  it('runs many side by side in one process, without a warning', async () => {
    const warnings: Error[] = []
    const listen = (warning: Error) => warnings.push(warning)
    process.on('warning', listen)
    const servers = await Promise.all(Array.from({ length: 14 }, () => start({ log: () => {} })))
    expect(new Set(servers.map(({ url }) => url)).size).toBe(14)
    expect(runFiles()).toHaveLength(14)
    const [first, second] = servers as [OpenWhisk, OpenWhisk]
    await first.request('PUT', '/actions/mine', { exec })
    await expect(second.request('GET', '/actions/mine')).rejects.toMatchObject({ code: 'REQUEST', status: 404 })
    await Promise.all(servers.map(server => server.stop()))
    process.off('warning', listen)
    expect(warnings).toEqual([])
    expect(runFiles()).toEqual([])
  })

  it('keeps its data directory for the next start', async () => {
    const dataDir = join(folder, 'data')
    const before = await start({ dataDir })
    await before.request('PUT', '/actions/kept', { exec })
    await before.stop()
    await using after = await start({ dataDir })
    expect(await after.request('GET', '/actions/kept')).toMatchObject({ version: '0.0.1' })
  })

  it('takes the limits and accounts it is given', async () => {
    const key = `cafebabe-cafe-babe-cafe-babecafebabe:${'k'.repeat(64)}`
    await using ow = await start({ limits: 'apache', users: { alice: key } })
    expect(await ow.request('GET', '/limits')).toMatchObject({ maxActionTimeout: 300000 })
    expect((await ow.namespace('alice')).auth).toBe(key)
  })

  it('hands the lines of its log to who wants them', async () => {
    const lines: string[] = []
    const ow = await start({ log: line => lines.push(line), logFormat: 'json' })
    await ow.request('PUT', '/actions/logged', { exec })
    await ow.invoke('logged')
    await ow.stop()
    expect(lines.map(line => JSON.parse(line).message)).toContainEqual(expect.stringMatching(/^activation .*logged/))
  })

  it('gives the same ids for the same seed', async () => {
    const ids: string[] = []
    for (const _ of [1, 2]) {
      await using ow = await start({ seed: 7 })
      await ow.request('PUT', '/actions/a', { exec })
      ids.push((await ow.invoke('a')).activationId.slice(-12))
    }
    expect(ids[0]).toBe(ids[1])
  })
})

describe('a start that fails', () => {
  const rejected = async (options: object) => {
    const hooks = process.listenerCount('exit')
    const before = runFiles()
    const failure = await start({ log: () => {}, ...options } as OpenWhiskOptions).then(
      () => undefined,
      (error: unknown) => error,
    )
    expect(runFiles()).toEqual(before)
    expect(process.listenerCount('exit')).toBe(hooks)
    return failure
  }

  it('says USAGE and which option is wrong', async () => {
    expect(await rejected({ driver: 'podman' })).toMatchObject({
      name: 'OpenWhiskError',
      code: 'USAGE',
      message: expect.stringContaining('podman'),
    })
    expect(await rejected({ drivr: 'process' })).toMatchObject({
      code: 'USAGE',
      message: expect.stringMatching(/drivr.*driver/),
    })
  })

  it('says PORT_TAKEN and which one', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await new Promise(resolve => other.once('listening', resolve))
    const { port } = other.address() as AddressInfo
    expect(await rejected({ port })).toMatchObject({
      code: 'PORT_TAKEN',
      message: expect.stringContaining(String(port)),
    })
    await new Promise(resolve => other.close(resolve))
  })

  it('says DATA_DIRECTORY when another server uses it', async () => {
    const dataDir = join(folder, 'busy')
    await using _first = await start({ dataDir })
    expect(await rejected({ dataDir })).toMatchObject({ code: 'DATA_DIRECTORY', message: expect.any(String) })
  })

  it('says DRIVER when the demanded one is not available', async () => {
    const dockerHost = `unix://${join(folder, 'none.sock')}`
    expect(await rejected({ driver: 'docker', dockerHost })).toMatchObject({
      code: 'DRIVER',
      message: expect.stringContaining('none.sock'),
    })
  })

  it('says USAGE for a manifest it cannot read', async () => {
    const manifest = join(folder, 'runtimes.json')
    writeFileSync(manifest, '{')
    expect(await rejected({ manifest })).toMatchObject({ code: 'USAGE', message: expect.stringContaining(manifest) })
  })
})

describe('a namespace', () => {
  let ow: OpenWhisk
  let ns: OpenWhiskNamespace
  beforeAll(async () => {
    ow = await start({ clock: 'virtual' })
    ns = await ow.namespace()
    await ns.request('PUT', '/actions/hello', { exec })
  })
  afterAll(() => ow.stop())

  it('is new and empty, with a key of its own', async () => {
    const [one, two] = [await ow.namespace(), await ow.namespace('named')]
    expect(two.name).toBe('named')
    expect(one.auth).not.toBe(two.auth)
    expect(await one.request('GET', '/actions')).toEqual([])
    await expect(ow.namespace('named')).rejects.toMatchObject({ code: 'REQUEST', status: 409 })
    await expect(ow.namespace('a/b')).rejects.toMatchObject({ code: 'REQUEST', status: 400 })
  })

  it('is made in under a millisecond', async () => {
    const many = 200
    // The fastest of some rounds: the machine may be busy with other things.
    const rounds: number[] = []
    for (let round = 0; round < 5; round++) {
      const began = performance.now()
      for (let i = 0; i < many; i++) await ow.namespace()
      rounds.push((performance.now() - began) / many)
    }
    expect(Math.min(...rounds)).toBeLessThan(1)
  })

  it('invokes an action for its whole record, whatever comes of it', async () => {
    expect(await ns.invoke('hello', { name: 'you' })).toMatchObject({
      namespace: ns.name,
      name: 'hello',
      response: { success: true, status: 'success', result: { greeting: 'hello you' } },
      logs: [expect.stringMatching(/stdout: hello you$/)],
    })
    expect(await ns.invoke('hello', { fail: 'no' })).toMatchObject({
      response: { success: false, status: 'application error', result: { error: 'no' } },
    })
    expect(await ns.invoke('/whisk.system/utils/echo', { a: 1 })).toMatchObject({ response: { result: { a: 1 } } })
    await expect(ns.invoke('nothing')).rejects.toMatchObject({ code: 'REQUEST', status: 404 })
  })

  it('demands a cold or a warm start', async () => {
    const isCold = ({ annotations }: { annotations: { key: string }[] }) =>
      annotations.some(({ key }) => key === 'initTime')
    expect(isCold(await ns.invoke('hello', {}, { start: 'cold' }))).toBe(true)
    expect(isCold(await ns.invoke('hello', {}, { start: 'warm' }))).toBe(false)
  })

  it('fires triggers, and waits for what they start', async () => {
    await ns.request('PUT', '/triggers/event', {})
    expect(await ns.fire('event')).toBeUndefined()
    await ns.request('PUT', '/rules/rule', { trigger: `/${ns.name}/event`, action: `/${ns.name}/hello` })
    const waiting = ns.waitForActivation({ action: 'hello' })
    const cause = await ns.fire('event', { name: 'trigger' })
    expect(await waiting).toMatchObject({ name: 'hello', response: { result: { greeting: 'hello trigger' } } })
    expect(await ns.waitForActivation({ activationId: cause })).toMatchObject({ name: 'event' })
    await expect(ns.waitForActivation({ action: 'never', timeout: 20 })).rejects.toMatchObject({
      code: 'REQUEST',
      status: 404,
    })
  })

  it('goes back to a checkpoint, and to nothing', async () => {
    const own = await ow.namespace()
    const names = async () => ((await own.request('GET', '/actions')) as { name: string }[]).map(({ name }) => name)
    await own.request('PUT', '/actions/a', { exec })
    await own.checkpoint()
    await own.request('PUT', '/actions/b', { exec })
    await own.request('DELETE', '/actions/a')
    expect(await names()).toEqual(['b'])
    await own.rollback()
    expect(await names()).toEqual(['a'])
    await own.checkpoint('named')
    await own.reset()
    expect(await names()).toEqual([])
    await own.rollback('named')
    expect(await names()).toEqual(['a'])
    expect(await ns.request('GET', '/actions')).toMatchObject([{ name: 'hello' }])
    await expect(own.rollback('unknown')).rejects.toMatchObject({ code: 'REQUEST', status: 404 })
    await own.delete()
    await expect(own.request('GET', '/actions')).rejects.toMatchObject({ status: 401 })
  })

  it('tells what happens while it happens', async () => {
    const seen: string[] = []
    const events = ow.events({ type: ['activation', 'container.created'], namespace: ns.name })
    const invoked = ns.invoke('hello', { name: 'events' }, { start: 'cold' })
    for await (const event of events) {
      seen.push(event.type === 'activation.log' ? `log ${event.line}` : event.type)
      if (event.type === 'activation.ended') break
    }
    expect(await invoked).toMatchObject({ response: { success: true } })
    expect(seen).toEqual(['container.created', 'activation.started', 'log hello events', 'activation.ended'])
  })

  it('ends the events when the loop over them ends, for all who wait', async () => {
    const events = ow.events({ type: 'entity.changed', namespace: ns.name })
    const [first, second, third] = [events.next(), events.next(), events.next()]
    await ns.request('PUT', '/packages/one', {})
    await ns.request('PUT', '/packages/two', {})
    expect((await first).value).toMatchObject({ type: 'entity.changed' })
    expect((await second).value).toMatchObject({ type: 'entity.changed' })
    await ns.request('PUT', '/packages/three', {})
    expect((await third).value).toMatchObject({ type: 'entity.changed' })
    const waiting = [events.next(), events.next()]
    await events.return?.()
    expect(await Promise.all([...waiting, events.next()])).toEqual(Array(3).fill({ done: true, value: undefined }))
  })

  it('moves a virtual clock on, but ends no action that runs', async () => {
    const slow = `const main = () => new Promise(done => setTimeout(() => done({ slept: true }), 300))`
    await ns.request('PUT', '/actions/slow', { exec: { kind: 'nodejs:20', code: slow } })
    const before = ow.clock.now()
    const running = ns.invoke('slow')
    await ow.clock.advance('24h')
    expect(ow.clock.now() - before).toBeGreaterThanOrEqual(24 * 3_600_000)
    expect(await running).toMatchObject({ response: { success: true, result: { slept: true } } })
    await expect(ow.clock.advance('soon')).rejects.toMatchObject({ code: 'USAGE' })
  })
})

describe('user events', () => {
  it('tell of what ran and what was refused, as the reference’s topic does', async () => {
    await using ow = await start()
    const abort = new AbortController()
    const { body } = await fetch(`${ow.url}/_control/v1/user-events`, {
      headers: { authorization: `Bearer ${ow.token}`, accept: 'application/x-ndjson' },
      signal: abort.signal,
    })
    const code = 'const main = args => ({ ...args, statusCode: args.odd ? "odd" : "418" })'
    await ow.request('PUT', '/actions/a', { exec: { kind: 'nodejs:20', code } })
    await ow.request('PUT', '/actions/s', { exec: { kind: 'sequence', components: ['/_/a'] } })
    await ow.invoke('s')
    await ow.invoke('a', { odd: true })
    const seen: Record<string, unknown>[] = []
    let text = ''
    for await (const chunk of body ?? []) {
      text += Buffer.from(chunk).toString()
      const lines = text.split('\n')
      text = lines.pop() ?? ''
      for (const line of lines) if (line) seen.push(JSON.parse(line))
      if (seen.filter(({ eventType }) => eventType === 'Activation').length === 3) break
    }
    abort.abort()
    const [userId] = ow.auth.split(':')
    const common = { subject: 'guest', namespace: 'guest', userId, timestamp: expect.any(Number) }
    const times = { duration: expect.any(Number), waitTime: expect.any(Number), initTime: expect.any(Number) }
    const metric = { ...common, eventType: 'Metric', source: 'controller0' }
    const activation = (source: string, own: object) => ({
      ...common,
      eventType: 'Activation',
      source,
      body: expect.objectContaining({ activationId: expect.any(String), statusCode: 0, ...times, ...own }),
    })
    expect(seen).toEqual([
      { ...metric, body: { metricName: 'ConcurrentInvocations', metricValue: 1 } },
      activation('invoker0', {
        name: 'guest/a',
        kind: 'nodejs:20',
        memory: 256,
        conductor: false,
        causedBy: 'sequence',
        userDefinedStatusCode: 418,
      }),
      activation('controller0', { name: 'guest/s', kind: 'sequence', conductor: false, userDefinedStatusCode: 418 }),
      { ...metric, body: { metricName: 'ConcurrentInvocations', metricValue: 1 } },
      activation('invoker0', { name: 'guest/a', userDefinedStatusCode: 400 }),
    ])
  })
})

describe('a real clock', () => {
  it('cannot be moved', async () => {
    await using ow = await start()
    await expect(ow.clock.advance(1)).rejects.toMatchObject({ code: 'REQUEST', status: 409 })
  })
})
