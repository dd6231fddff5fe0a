// The commands that are clients of a running server's control interface, as the built command line has them.

import { once } from 'node:events'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import {
  aFolder,
  build,
  clientOf,
  command,
  eventually,
  type OpenWhiskClient,
  type ServerProcess,
  spawnCommand,
  startProcess,
} from '../e2e/server.ts'

const CODE = `
function main(args) {
  console.log('got', JSON.stringify(args))
  console.error('careful')
  return args
}`

const folder = aFolder()
let server: ServerProcess
let ow: OpenWhiskClient

const run = (...args: string[]) => command({ cwd: folder.path, args })
const withInput = (input: string, ...args: string[]) => command({ cwd: folder.path, args, input })
const done = (stdout: string | RegExp) => ({
  code: 0,
  stdout: typeof stdout === 'string' ? stdout : expect.stringMatching(stdout),
  stderr: '',
})

/** What the action that rule `rule` of trigger `event` runs got, in the order of the fires. */
async function received(count: number): Promise<object[]> {
  const list = await eventually(async () => {
    const found = (await ow.activations.list({ name: 'seen', docs: true, limit: 100 })) as unknown as {
      start: number
      response: { result: object }
    }[]
    return found.length >= count ? found : undefined
  })
  return list.map(({ response }) => ({ ...response.result, __ow_headers: undefined })).reverse()
}

beforeAll(async () => {
  build()
  const args = ['--driver', 'process', '--no-prewarm', '--clock', 'virtual', '--ephemeral']
  server = await startProcess({ cwd: folder.path, args })
  ow = clientOf(server.url)
  for (const name of ['hello', 'seen']) await ow.actions.create({ name, action: CODE, kind: 'nodejs:20' })
  await ow.packages.create({ name: 'pkg' })
  await ow.actions.create({ name: 'pkg/hello', action: CODE, kind: 'nodejs:20' })
  await ow.triggers.create({ name: 'event' })
  await ow.triggers.create({ name: 'quiet' })
  await ow.rules.create({ name: 'rule', trigger: '/_/event', action: '/_/seen' })
})
afterAll(async () => {
  expect(await server.end()).toBe(0)
  expect(readdirSync(join(folder.path, 'run'))).toEqual([])
  expect(existsSync(join(folder.path, '.openwhisk'))).toBe(false)
  folder.remove()
})

describe('logs', () => {
  const print = (name: string, tag: string) => ow.actions.invoke({ name, params: { tag }, blocking: true })

  it('shows what past activations of one action printed, and of all', async () => {
    await print('hello', 'one')
    await print('pkg/hello', 'two')
    const line = (name: string, tag: string) =>
      `${name} \\S+Z +stdout: got {"tag":"${tag}"}\n${name} \\S+Z +stderr: careful\n`
    const either = (name: string, tag: string) =>
      new RegExp(`^(${line(name, tag)}|${line(name, tag).split('\n').slice(0, 2).reverse().join('\n')}\n)$`)
    expect(await run('logs', 'hello')).toEqual(done(either('hello', 'one')))
    expect(await run('logs', 'pkg/hello')).toEqual(done(either('hello', 'two')))
    expect(await run('logs', '/guest/pkg/hello')).toEqual(done(either('hello', 'two')))
    expect(await run('logs', '--limit', '1')).toEqual(done(either('hello', 'two')))
    expect((await run('logs')).stdout).toMatch(/"one"[\s\S]*"two"/)
    expect(await run('logs', '--limit', 'x')).toMatchObject({ code: 2 })
  })

  it('-f goes on with lines as they are written, and misses none', async () => {
    await print('hello', 'before')
    const child = spawnCommand({ cwd: folder.path, args: ['logs', '-f', 'hello', '--limit', '1'] })
    let output = ''
    child.stdout?.on('data', chunk => {
      output += chunk
    })
    await eventually(() => output.includes('"before"') || undefined)
    // Of another action, whose name ends alike.
    await print('pkg/hello', 'other')
    await print('hello', 'after')
    await eventually(() => /stdout: got {"tag":"after"}/.test(output) || undefined)
    expect(output).not.toContain('other')
    expect(output.match(/"before"/g)).toHaveLength(1)
    child.kill('SIGINT')
    await once(child, 'close')
  })
})

describe('fire', () => {
  const id = /^[0-9a-f]{32}\n$/

  it('takes parameters as wsk does, and as key=value; JSON where it is JSON', async () => {
    // One after the other: they are listed by the start of their runs.
    expect(await run('fire', 'event')).toEqual(done(id))
    await received(1)
    expect(await run('fire', 'event', '-p', 'name', 'you', '-p', 'n', '3')).toEqual(done(id))
    await received(2)
    expect(await run('fire', '/guest/event', '-p', 'a=b=c', '-p', 'list=[1,{"x":null}]')).toEqual(done(id))
    expect(await received(3)).toEqual([{}, { name: 'you', n: 3 }, { a: 'b=c', list: [1, { x: null }] }])
  })

  it('--lines fires once for each line', async () => {
    const lines = '{"n":1}\n\nplain text\n[2]\n{"n":3,"all":"mine"}\n'
    const { code, stdout } = await withInput(lines, 'fire', 'event', '--lines', '-p', 'all=yes')
    expect([code, stdout]).toEqual([0, expect.stringMatching(/^([0-9a-f]{32}\n){4}$/)])
    const payloads = [
      { all: 'yes', n: 1 },
      { all: 'yes', line: 'plain text' },
      { all: 'yes', line: '[2]' },
      { all: 'mine', n: 3 },
    ]
    const fires = await Promise.all(
      stdout
        .trim()
        .split('\n')
        .map(activationId => ow.activations.get(activationId)),
    )
    expect(fires.map(({ response }) => response?.result)).toEqual(payloads)
    // In containers of their own they start in any order.
    expect((await received(7)).slice(3)).toEqual(expect.arrayContaining(payloads))
  })

  it('says that nothing listens, and that there is no such trigger', async () => {
    expect(await run('fire', 'quiet')).toEqual(done('no active rule\n'))
    expect(await run('fire', 'nothing')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('The requested resource does not exist.'),
    })
  })

  it.each([
    [['-p', 'name'], '-p name lacks its value'],
    [['-p', 'a=1', 'b'], "'b' belongs to no -p"],
  ])('refuses %j', async (args, sentence) => {
    expect(await run('fire', 'event', ...args)).toMatchObject({ code: 2, stderr: expect.stringContaining(sentence) })
  })
})

describe('recycle', () => {
  it('makes the next run of an action cold, and of all', async () => {
    const coldStart = async (name: string) => {
      const { annotations } = await ow.actions.invoke({ name, blocking: true })
      return Object.values(annotations ?? {}).some(({ key }) => String(key) === 'initTime')
    }
    await coldStart('hello')
    await coldStart('seen')
    expect([await coldStart('hello'), await coldStart('seen')]).toEqual([false, false])
    expect(await run('recycle', '/guest/hello')).toEqual(done(/^\d containers? removed\n$/))
    expect([await coldStart('hello'), await coldStart('seen')]).toEqual([true, false])
    expect(await run('recycle')).toEqual(done(/^\d containers? removed\n$/))
    expect([await coldStart('hello'), await coldStart('seen')]).toEqual([true, true])
    expect(await run('recycle', '/guest/nothing')).toEqual(done('0 containers removed\n'))
  })
})

describe('clock advance', () => {
  it('moves the clock and prints where it stands', async () => {
    const before = Date.now()
    const { code, stdout } = await run('clock', 'advance', '36h')
    expect(code).toBe(0)
    expect(Date.parse(stdout.trim()) - before).toBeGreaterThanOrEqual(36 * 3_600_000)
    expect(Date.parse(stdout.trim()) - before).toBeLessThan(37 * 3_600_000)
    expect(await run('clock', 'advance', 'soon')).toMatchObject({ code: 2, stderr: expect.stringContaining("'soon'") })
  })

  it('is refused by a server with a real clock', async () => {
    const args = ['--driver', 'process', '--no-prewarm', '--ephemeral']
    const real = await startProcess({ cwd: folder.path, args })
    const { port } = new URL(real.url)
    expect(await run('clock', 'advance', '1h', '--port', port)).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('--clock virtual'),
    })
    await real.end()
  })
})

describe('checkpoint, rollback and reset', () => {
  const names = async () => {
    const list = (await ow.actions.list()) as unknown as { name: string; namespace: string }[]
    return list.map(({ namespace, name }) => `${namespace}/${name}`).sort()
  }

  it('put a namespace back', async () => {
    const all = ['guest/hello', 'guest/pkg/hello', 'guest/seen']
    expect(await run('checkpoint')).toEqual(done('checkpoint of guest\n'))
    await ow.actions.delete({ name: 'seen' })
    expect(await run('checkpoint', 'without-seen')).toEqual(done('checkpoint of guest\n'))
    expect(await names()).toEqual(all.slice(0, 2))
    expect(await run('rollback')).toEqual(done('rollback of guest\n'))
    expect(await names()).toEqual(all)
    expect(await run('rollback', 'without-seen', '--namespace', 'guest')).toEqual(done('rollback of guest\n'))
    expect(await names()).toEqual(all.slice(0, 2))
    expect(await run('reset')).toEqual(done('reset of guest\n'))
    expect(await names()).toEqual([])
    expect(await run('rollback', '--all')).toEqual(done('rollback of guest\n'))
    expect(await ow.actions.invoke({ name: 'hello', params: { a: 1 }, blocking: true, result: true })).toEqual({ a: 1 })
  })

  it('say what is unknown', async () => {
    expect(await run('rollback', 'never-made')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('never-made'),
    })
    expect(await run('reset', '--namespace', 'nobody')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('nobody'),
    })
  })
})

describe('without a server', () => {
  it.each([['logs'], ['fire', 't'], ['recycle'], ['clock', 'advance', '1h'], ['reset']])(
    '%s says so',
    async (...args) => {
      const elsewhere = aFolder()
      expect(await command({ cwd: elsewhere.path, args })).toMatchObject({
        code: 1,
        stderr: expect.stringContaining('no server runs'),
      })
      elsewhere.remove()
    },
  )
})
