// What the documentation of Apache OpenWhisk teaches, chapter by chapter, in actions of our own (web actions have a
// file of their own): the built server with the process driver, through the real `openwhisk` client.

import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { zipOf } from '../container/archives.ts'
import {
  type Answer,
  aFolder,
  build,
  clientOf,
  eventually,
  GUEST,
  type OpenWhiskClient,
  type ServerProcess,
  startProcess,
} from './server.ts'

const folder = aFolder()
let server: ServerProcess
let ow: OpenWhiskClient

// Nearly every test starts processes, beside other files that do.
vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  build()
  server = await startProcess({ cwd: folder.path, args: ['--driver', 'process', '--ephemeral', '--no-prewarm'] })
  ow = clientOf(server.url)
})
afterAll(async () => {
  await server.end()
  folder.remove()
})

interface ActionOptions {
  kind?: string
  params?: object
  annotations?: object
  exec?: object
  limits?: object
}

/** `source` is code, or the base64 text of an archive. */
const create = (name: string, source: string, { kind = 'nodejs:default', exec, ...options }: ActionOptions = {}) =>
  ow.actions.create({ name, action: source, kind, ...options, ...(exec && { exec: { kind, code: source, ...exec } }) })
const result = (name: string, params: object = {}) => ow.actions.invoke({ name, params, blocking: true, result: true })
const sequence = (name: string, components: string[], annotations = {}) =>
  ow.actions.create({ name, sequence: components, annotations })

/** The newest record of an action, once it is there. */
const recordOf = (name: string, since: number) =>
  eventually(async () => {
    const list = await ow.activations.list({ name, since, limit: 1, docs: true })
    return list[0]
  })

const HELLO = "function main({ name = 'World' }) { return { greeting: 'Hello, ' + name + '!' } }"

describe('actions in JavaScript', () => {
  it('answer at once, later by a promise, or from an async function', async () => {
    await create('greeting', HELLO)
    expect(await result('greeting')).toEqual({ greeting: 'Hello, World!' })
    expect(await result('greeting', { name: 'Ada' })).toEqual({ greeting: 'Hello, Ada!' })
    const LATER = 'function main() { return new Promise(done => setTimeout(() => done({ done: true }), 50)) }'
    await create('later', LATER)
    expect(await result('later')).toEqual({ done: true })
    const REJECTS =
      'async function main({ n }) { if (n < 0) throw { message: "negative", n }; return { root: Math.sqrt(n) } }'
    await create('root', REJECTS)
    expect(await result('root', { n: 49 })).toEqual({ root: 7 })
    await expect(result('root', { n: -1 })).rejects.toMatchObject({
      statusCode: 502,
      error: { response: { status: 'application error', result: { error: { message: 'negative', n: -1 } } } },
    })
  })

  it('show their results and their logs by the activation id', async () => {
    await create(
      'counted',
      'function main({ n }) { for (let i = 1; i <= n; i++) console.log("line", i); return { n } }',
    )
    const { activationId } = await ow.actions.invoke({ name: 'counted', params: { n: 3 } })
    const name = String(activationId)
    const record = await eventually(() => ow.activations.get({ name }))
    expect(record).toMatchObject({ name: 'counted', response: { status: 'success', result: { n: 3 } } })
    const { logs } = await ow.activations.logs({ name })
    expect(Object.values(logs ?? {}).map(line => String(line).replace(/^\S+ +/, ''))).toEqual([
      'stdout: line 1',
      'stdout: line 2',
      'stdout: line 3',
    ])
  })

  it('keep what they have in memory from one activation to the next', async () => {
    await create('counter', 'let count = 0; function main() { return { count: ++count } }')
    expect([await result('counter'), await result('counter')]).toEqual([{ count: 1 }, { count: 2 }])
  })

  it('learn about themselves from their environment', async () => {
    const LOOK =
      "function main() { const e = process.env; return Object.fromEntries(Object.entries(e).filter(([k]) => k.startsWith('__OW_'))) }"
    await create('look', LOOK)
    expect(await result('look')).toEqual({
      __OW_ACTION_NAME: '/guest/look',
      __OW_ACTION_VERSION: '0.0.1',
      __OW_ACTIVATION_ID: expect.stringMatching(/^[0-9a-f]{32}$/),
      __OW_API_HOST: expect.stringMatching(/^http:/),
      __OW_DEADLINE: expect.stringMatching(/^\d{13}$/),
      __OW_NAMESPACE: 'guest',
      __OW_TRANSACTION_ID: expect.any(String),
    })
  })

  it('take and give arrays', async () => {
    await create('sorted', 'function main(words) { return words.sort() }')
    await create('words', 'function main({ text }) { return text.split(" ") }')
    await sequence('sortedWords', ['/_/words', '/_/sorted'])
    const answer = await api().send('POST', '/actions/sortedWords?blocking=true&result=true', { text: 'c a b' })
    expect(await answer.json()).toEqual(['a', 'b', 'c'])
  })

  it('come as packages with modules of their own', async () => {
    const files = {
      'package.json': '{ "name": "padding", "version": "1.0.0", "main": "lib/index.js" }',
      'lib/index.js':
        "const pad = require('left')\nexports.main = ({ lines }) => ({ padded: lines.map(l => pad(l, 6)) })",
      'node_modules/left/package.json': '{ "name": "left", "version": "1.0.0", "main": "left.js" }',
      'node_modules/left/left.js': "module.exports = (text, width) => text.padStart(width, '.')",
    }
    await create('padded', zipOf(files))
    expect(await result('padded', { lines: ['and now', 'this'] })).toEqual({ padded: ['and now', '..this'] })
    await create('renamed', zipOf({ 'index.js': 'exports.shout = ({ text }) => ({ text: text.toUpperCase() })' }), {
      exec: { main: 'shout' },
    })
    expect(await result('renamed', { text: 'quiet' })).toEqual({ text: 'QUIET' })
  })

  it('find some modules without bringing them', async () => {
    const USES = `
      const { v4, validate } = require('uuid')
      const { serializeError } = require('serialize-error')
      const needle = require('needle')
      exports.main = async ({ url }) => ({
        valid: validate(v4()),
        name: serializeError(new TypeError('x')).name,
        ping: (await needle('get', url + '/ping')).body,
        redis: typeof require('redis').createClient,
        client: typeof require('openwhisk'),
      })`
    await create('modules', zipOf({ 'index.js': USES }))
    expect(await result('modules', { url: server.url })).toEqual({
      valid: true,
      name: 'TypeError',
      ping: 'pong',
      redis: 'function',
      client: 'function',
    })
  })
})

describe('actions in Python', () => {
  it('take a dictionary and give one', async () => {
    await create(
      'pygreeting',
      'def main(args):\n  return {"greeting": "Hello, " + args.get("name", "stranger") + "!"}\n',
      {
        kind: 'python:default',
      },
    )
    expect(await result('pygreeting')).toEqual({ greeting: 'Hello, stranger!' })
    expect(await result('pygreeting', { name: 'Ada' })).toEqual({ greeting: 'Hello, Ada!' })
  })

  it('come as archives with modules beside them', async () => {
    const files = {
      '__main__.py': 'from words import count\n\ndef main(args):\n  return {"words": count(args["text"])}\n',
      'words.py': 'def count(text):\n  return len(text.split())\n',
    }
    await create('pywords', zipOf(files), { kind: 'python:3.11' })
    expect(await result('pywords', { text: 'one two three' })).toEqual({ words: 3 })
  })
})

describe('parameters', () => {
  it('come from a file, are bound, and are overridden by an invoke', async () => {
    const file = join(folder.path, 'parameters.json')
    writeFileSync(file, '{ "name": "Dorothy", "place": { "state": "Kansas", "zip": [67846, 1] } }')
    const params = JSON.parse(readFileSync(file, 'utf8'))
    await create('bound', 'function main(args) { return args }', { params })
    expect(await result('bound')).toEqual(params)
    expect(await result('bound', { name: 'Toto' })).toEqual({ ...params, name: 'Toto' })
    await ow.actions.update({ name: 'bound', params: { place: 'Oz' } })
    expect(await result('bound')).toEqual({ place: 'Oz' })
  })

  it('are set in the environment when they are declared for initialization', async () => {
    const { send } = api()
    const exec = { kind: 'nodejs:20', code: 'function main(args) { return { args, stage: process.env.STAGE } }' }
    const parameters = [
      { key: 'STAGE', value: 'test', init: true },
      { key: 'plain', value: 1 },
    ]
    expect((await send('PUT', '/actions/staged', { exec, parameters })).status).toBe(200)
    expect(await result('staged')).toEqual({ args: { plain: 1 }, stage: 'test' })
  })

  it('cannot be changed by callers when they are final', async () => {
    await create('fixed', 'function main({ a }) { return { a } }', { params: { a: 1 }, annotations: { final: true } })
    expect(await result('fixed')).toEqual({ a: 1 })
    await expect(result('fixed', { a: 2 })).rejects.toMatchObject({ statusCode: 400 })
  })
})

describe('the client inside an action', () => {
  const KEY = { 'provide-api-key': true }

  it('invokes an action and fires a trigger', async () => {
    await create('inner', 'function main({ n }) { return { n: n * 2 } }')
    await create('listener', 'function main(args) { return args }')
    await ow.triggers.create({ name: 'told', params: {} })
    await ow.rules.create({ name: 'toldRule', trigger: '/_/told', action: '/_/listener' })
    const CALLS = `
      const openwhisk = require('openwhisk')
      async function main({ n }) {
        const ow = openwhisk()
        const doubled = await ow.actions.invoke({ name: 'inner', params: { n }, blocking: true, result: true })
        const { activationId } = await ow.triggers.invoke({ name: 'told', params: doubled })
        const echoed = await ow.actions.invoke({ name: '/whisk.system/utils/echo', params: doubled, blocking: true, result: true })
        return { doubled, activationId, echoed }
      }`
    await create('outer', CALLS, { annotations: KEY })
    const since = Date.now()
    expect(await result('outer', { n: 21 })).toEqual({
      doubled: { n: 42 },
      activationId: expect.stringMatching(/^[0-9a-f]{32}$/),
      echoed: { n: 42 },
    })
    expect(await recordOf('listener', since)).toMatchObject({ response: { result: { n: 42 } } })
  })

  it('has no key unless the action asks for one', async () => {
    const LISTS =
      "function main() { try { return require('openwhisk')().actions.list().then(l => ({ n: l.length })) } catch ({ message }) { return { message } } }"
    await create('keyless', LISTS, { annotations: { 'provide-api-key': false } })
    expect(await result('keyless')).toMatchObject({ message: expect.stringContaining('api_key') })
  })
})

describe('sequences', () => {
  it('pass the result of one action to the next', async () => {
    await sequence('sortLines', ['/whisk.system/utils/split', '/whisk.system/utils/sort'])
    expect(await result('sortLines', { payload: 'delta\nalpha\ncharlie', separator: '\n' })).toEqual({
      length: 3,
      lines: ['alpha', 'charlie', 'delta'],
    })
  })

  it('name their parts in their record, and stop at the first error', async () => {
    await create('plusOne', 'function main({ n }) { return n > 9 ? { error: "too large" } : { n: n + 1 } }')
    await sequence('plusThree', ['/_/plusOne', '/_/plusOne', '/_/plusOne'])
    const record = await ow.actions.invoke({ name: 'plusThree', params: { n: 1 }, blocking: true })
    expect(record).toMatchObject({ response: { result: { n: 4 } }, logs: Array(3).fill(expect.any(String)) })
    await expect(ow.actions.invoke({ name: 'plusThree', params: { n: 9 }, blocking: true })).rejects.toMatchObject({
      statusCode: 502,
      error: { response: { status: 'application error', result: { error: 'too large' } }, logs: { length: 2 } },
    })
  })
})

describe('triggers and rules', () => {
  it('start an action with the parameters of trigger and event, while the rule is active', async () => {
    await create('location', "function main({ person, place }) { return { line: person + ' is in ' + place } }")
    const parameters = [{ key: 'person', value: 'Somebody' }]
    await ow.triggers.create({ name: 'moved', trigger: { parameters } })
    // Without a rule nothing is started, and there is no activation.
    expect(await ow.triggers.invoke({ name: 'moved' })).not.toHaveProperty('activationId')
    await ow.rules.create({ name: 'follow', trigger: '/_/moved', action: '/_/location' })
    const since = Date.now()
    const { activationId } = await ow.triggers.invoke({ name: 'moved', params: { place: 'Paris' } })
    expect(await recordOf('location', since)).toMatchObject({
      response: { result: { line: 'Somebody is in Paris' } },
    })
    const fired = await ow.activations.get({ name: String(activationId) })
    expect(fired).toMatchObject({ name: 'moved', response: { result: { place: 'Paris' } } })
    expect(JSON.parse(String(Object.values(fired.logs ?? {})[0]))).toMatchObject({
      rule: 'guest/follow',
      action: 'guest/location',
      success: true,
    })
    await ow.rules.disable({ name: 'follow' })
    expect(await ow.triggers.invoke({ name: 'moved' })).not.toHaveProperty('activationId')
    await ow.rules.enable({ name: 'follow' })
    expect(await ow.triggers.invoke({ name: 'moved' })).toHaveProperty('activationId')
  })
})

describe('feeds', () => {
  it('are actions that are told of the life of a trigger, and may fire it', async () => {
    const FEED = `
      const openwhisk = require('openwhisk')
      async function main({ lifecycleEvent, triggerName, authKey, topic }) {
        const ow = openwhisk({ api_key: authKey })
        if (lifecycleEvent === 'CREATE') await ow.triggers.invoke({ name: triggerName, params: { topic } })
        return { lifecycleEvent, triggerName, topic }
      }`
    await ow.packages.create({ name: 'news', package: { publish: true } })
    await create('news/feed', FEED, { annotations: { feed: true } })
    await create('reader', 'function main(args) { return args }')
    await ow.triggers.create({ name: 'headline' })
    await ow.rules.create({ name: 'read', trigger: '/_/headline', action: '/_/reader' })
    const since = Date.now()
    const created = await ow.feeds.create({ name: 'news/feed', trigger: 'headline', params: { topic: 'sport' } })
    expect(created).toMatchObject({
      response: { result: { lifecycleEvent: 'CREATE', triggerName: '/_/headline', topic: 'sport' } },
    })
    expect(await recordOf('reader', since)).toMatchObject({ response: { result: { topic: 'sport' } } })
    const deleted = await ow.feeds.delete({ name: 'news/feed', trigger: 'headline' })
    expect(deleted).toMatchObject({ response: { result: { lifecycleEvent: 'DELETE' } } })
  })

  it('fire on a schedule', async () => {
    await create('tock', 'function main(args) { return args }')
    await ow.triggers.create({ name: 'tick' })
    await ow.rules.create({ name: 'ticktock', trigger: '/_/tick', action: '/_/tock' })
    const since = Date.now()
    const params = { cron: '* * * * * *', trigger_payload: { name: 'Odin', place: 'Asgard' } }
    await ow.feeds.create({ name: '/whisk.system/alarms/alarm', trigger: 'tick', params })
    expect(await recordOf('tock', since)).toMatchObject({ response: { result: params.trigger_payload } })
    await ow.feeds.delete({ name: '/whisk.system/alarms/alarm', trigger: 'tick' })
  })
})

describe('packages', () => {
  it('are browsed and bound: defaults of a binding are those of its actions', async () => {
    expect(await ow.packages.get({ name: '/whisk.system/samples' })).toMatchObject({
      actions: expect.arrayContaining([expect.objectContaining({ name: 'greeting' })]),
    })
    const greeting = '/whisk.system/samples/greeting'
    expect(await result(greeting)).toEqual({ payload: 'Hello, stranger from somewhere!' })
    const binding = { namespace: 'whisk.system', name: 'samples' }
    const parameters = [{ key: 'place', value: 'Valhalla' }]
    await ow.packages.create({ name: 'valhalla', package: { binding, parameters } })
    expect(await result('valhalla/greeting', { name: 'Odin' })).toEqual({ payload: 'Hello, Odin from Valhalla!' })
    expect(await result('valhalla/greeting', { name: 'Odin', place: 'Asgard' })).toEqual({
      payload: 'Hello, Odin from Asgard!',
    })
  })

  it('hold actions of their own, with defaults', async () => {
    await ow.packages.create({ name: 'custom', package: { parameters: [{ key: 'city', value: 'Austin' }] } })
    await create('custom/identity', 'function main(args) { return args }', { params: { state: 'TX' } })
    expect(await result('custom/identity')).toEqual({ city: 'Austin', state: 'TX' })
    expect(await result('custom/identity', { city: 'Dallas', state: 'ND' })).toEqual({ city: 'Dallas', state: 'ND' })
    await expect(ow.packages.delete({ name: 'custom' })).rejects.toMatchObject({ statusCode: 409 })
  })
})

describe('conductor actions', () => {
  it('decide step by step what is invoked', async () => {
    await create('triple', 'function main({ value }) { return { value: value * 3 } }')
    await create('increment', 'function main({ value }) { return { value: value + 1 } }')
    const STEPS = `
      const steps = ['triple', 'increment']
      function main({ $step = 0, ...params }) {
        return $step < steps.length ? { action: steps[$step], params, state: { $step: $step + 1 } } : { params }
      }`
    await create('tripleAndIncrement', STEPS, { annotations: { conductor: true } })
    const record = await ow.actions.invoke({ name: 'tripleAndIncrement', params: { value: 3 }, blocking: true })
    expect(record).toMatchObject({
      response: { result: { value: 10 } },
      annotations: expect.arrayContaining([
        { key: 'topmost', value: true },
        { key: 'conductor', value: true },
        { key: 'kind', value: 'sequence' },
      ]),
    })
    const steps: Answer[] = []
    for (const id of Object.values(record.logs ?? {})) steps.push(await ow.activations.get({ name: String(id) }))
    const own = 'tripleAndIncrement'
    expect(steps.map(({ name }) => name)).toEqual([own, 'triple', own, 'increment', own])
    const causedBy = { key: 'causedBy', value: 'sequence' }
    for (const step of steps) expect(step.annotations).toContainEqual(causedBy)
    const durations = steps.map(({ duration }) => Number(duration))
    expect(Number(record.duration)).toBe(durations.reduce((sum, duration) => sum + duration, 0))
  })
})

/** What the client cannot send. */
function api() {
  const headers = {
    authorization: `Basic ${Buffer.from(GUEST).toString('base64')}`,
    'content-type': 'application/json',
  }
  return {
    send: (method: string, path: string, body: object) =>
      fetch(`${server.url}/api/v1/namespaces/_${path}`, { method, headers, body: JSON.stringify(body) }),
  }
}
