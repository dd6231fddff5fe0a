import { describe, expect, it } from 'vitest'
import { ContainerError } from '../../src/container/container.ts'
import type { Exec } from '../../src/entity/whisk-entity.ts'
import { anAction, anIdentity, GUEST } from '../builders.ts'
import type { FakeReply } from '../fakes/container.ts'
import { fakeFactory } from '../fakes/container.ts'
import { annotations, code, conductor, eventually, gate, sequence, testEngine } from './engine.ts'

const COUNT =
  'let n = 0; function main(p) { if (p.throws) throw "bad"; if (p.error) return { error: ++n }; return { n: ++n } }'
const HELLO = 'function main(p) { console.log("hi"); return p }'
const logsOf = ({ store }: ReturnType<typeof testEngine>, id: string) => store.activations.get('guest', id)?.logs

describe('a container after a run', () => {
  it('is kept after a success and an application error', async () => {
    const { put, run } = testEngine()
    put(code('count', COUNT))
    const results = []
    for (const payload of [undefined, { error: 1 }, undefined]) {
      results.push((await run('guest/count', payload)).response.result)
    }
    expect(results).toEqual([{ n: 1 }, { error: 2 }, { n: 3 }])
  })

  it('is destroyed after a developer error, and the next run works', async () => {
    const { put, run, factory } = testEngine()
    put(code('count', COUNT))
    await run('guest/count')
    expect((await run('guest/count', { throws: 1 })).response).toMatchObject({ statusCode: 2 })
    expect((await run('guest/count')).response.result).toEqual({ n: 1 })
    await eventually(() => factory.alive.length === 1)
  })

  it('is destroyed after its logs were truncated', async () => {
    const test = testEngine()
    test.put(
      code(
        'loud',
        'let n = 0; function main() { console.log("x".repeat(2e4).replace(/(.{100})/g, "$1\\n").repeat(60)); return { n: ++n } }',
        { limits: { logs: 1 } },
      ),
    )
    const record = await test.run('guest/loud')
    expect(record.response.statusCode).toBe(0)
    const logs = await eventually(() => logsOf(test, record.activationId))
    expect(logs?.at(-1)).toMatch(
      /Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes\.$/,
    )
    expect((await test.run('guest/loud')).response.result).toEqual({ n: 1 })
  })

  it('goes when it dies idle, and the next run works', async () => {
    const { put, run, factory, engine } = testEngine()
    put(code('count', COUNT))
    await run('guest/count')
    factory.made[0]?.crash()
    await eventually(() => engine.status().containers.length === 0)
    expect((await run('guest/count')).response.result).toEqual({ n: 1 })
  })

  it('goes when it idled too long', async () => {
    const { put, run, clock, engine, factory } = testEngine({ idleTimeoutMs: 60_000 })
    put(code('count', COUNT))
    await run('guest/count')
    await clock.advance(40_000)
    await run('guest/count')
    await clock.advance(40_000)
    expect(engine.status().containers).toHaveLength(1)
    await clock.advance(30_000)
    expect(engine.status().containers).toHaveLength(0)
    expect(factory.alive).toHaveLength(0)
  })

  it('is frozen when it idles and thawed for the next run', async () => {
    const { put, run, clock, engine, factory } = testEngine({ pauseGraceMs: 10_000 })
    put(code('count', COUNT))
    await run('guest/count')
    await clock.advance(10_000)
    expect(engine.status().containers[0]?.state).toBe('paused')
    expect(factory.made[0]?.suspended).toBe(true)
    expect((await run('guest/count')).response.result).toEqual({ n: 2 })
    expect(factory.made[0]?.suspended).toBe(false)
  })

  it('always goes with --always-cold', async () => {
    const { put, invoke, factory } = testEngine({ alwaysCold: true })
    put(code('count', COUNT))
    for (let i = 0; i < 2; i++) {
      const invocation = invoke('guest/count')
      expect((await invocation.done).response.result).toEqual({ n: 1 })
      expect(invocation.startKind?.()).toBe('cold')
    }
    await eventually(() => factory.made.length === 2 && factory.alive.length === 0)
  })
})

describe('a run on a container that was idle', () => {
  const dead: FakeReply = { connectionError: { beforeResponse: true } }

  it.each<[string, FakeReply]>([
    ['cannot be reached', dead],
    ['answers 503', { status: 503, body: '' }],
  ])('goes to another one when it %s', async (_, told) => {
    const { put, run, factory } = testEngine()
    put(code('count', COUNT))
    await run('guest/count')
    factory.onRun = (_body, container) => (container === factory.made[0] ? told : undefined)
    const record = await run('guest/count')
    expect(record.response.result).toEqual({ n: 1 })
    expect(annotations(record)).toHaveProperty('initTime')
    await eventually(() => factory.made[0]?.destroyed)
  })

  it('is given another one once only', async () => {
    const { put, run, factory } = testEngine()
    put(code('count', COUNT))
    await run('guest/count')
    factory.onRun = () => dead
    expect((await run('guest/count')).response).toEqual({
      statusCode: 2,
      result: { error: 'The action did not produce a valid response and exited unexpectedly.' },
    })
    expect(factory.made).toHaveLength(2)
  })

  it('is not repeated when the answer had begun', async () => {
    const { put, run, factory } = testEngine()
    put(code('count', COUNT))
    await run('guest/count')
    factory.onRun = () => ({ connectionError: { beforeResponse: false } })
    expect((await run('guest/count')).response.statusCode).toBe(2)
    expect(factory.made).toHaveLength(1)
  })
})

describe('the record', () => {
  it('tells a failed initialization, without a run', async () => {
    const { put, run, factory } = testEngine()
    put(code('broken', 'syntax error('))
    const record = await run('guest/broken')
    expect(record.response.statusCode).toBe(2)
    expect(annotations(record)).toMatchObject({ initTime: 0, timeout: false })
    expect(factory.made[0]?.runs).toEqual([])
    await eventually(() => factory.alive.length === 0)
  })

  it('tells a run that takes too long', async () => {
    const { put, invoke, clock } = testEngine()
    put(code('hang', 'function main() { return new Promise(() => {}) }', { limits: { timeout: 2000 } }))
    const { done } = invoke('guest/hang')
    await clock.advance(0)
    await clock.advance(2000)
    await clock.advance(5)
    const record = await done
    expect(record.response.result).toEqual({ error: 'The action exceeded its time limits of 2000 milliseconds.' })
    expect(annotations(record).timeout).toBe(true)
    expect(record.duration).toBe(2000)
  })

  it('counts the initialization into the duration and not into the wait', async () => {
    const { put, invoke, clock, factory } = testEngine()
    const init = gate()
    put(code('slow', HELLO))
    factory.onInit = () => init.opened
    const { done } = invoke('guest/slow')
    await eventually(() => factory.made[0]?.inits.length === 1)
    await clock.advance(300)
    init.open()
    const record = await done
    expect(annotations(record)).toMatchObject({ initTime: 300, waitTime: 0 })
    expect([record.duration, (record.end ?? 0) - record.start]).toEqual([300, 300])
  })

  it('counts the wait for a container', async () => {
    const { put, invoke, clock, factory } = testEngine()
    const creation = gate()
    put(code('slow', HELLO))
    factory.onCreate = () => creation.opened
    const { done } = invoke('guest/slow')
    await clock.advance(700)
    creation.open()
    expect(annotations(await done)).toMatchObject({ initTime: 0, waitTime: 700 })
  })

  it.each<[string, ContainerError['reason'], number, string]>([
    ['image that cannot be pulled', 'pull', 2, "Failed to pull container image 'me/img'."],
    ['command that is missing', 'command', 2, 'executable file not found in image me/img'],
    ['container that cannot be made', 'provision', 3, 'Failed to provision resources to run the action.'],
  ])('tells an %s', async (_, reason, statusCode, error) => {
    const factory = fakeFactory({ kinds: /./, driver: 'docker' })
    factory.onCreate = () => {
      throw new ContainerError(reason, 'why')
    }
    const { put, run, engine } = testEngine({ factories: [factory] })
    put(anAction({ name: 'mine', exec: { kind: 'blackbox', image: 'me/img', binary: false } }))
    const record = await run('guest/mine')
    expect(record.response).toEqual({ statusCode, result: { error } })
    expect(annotations(record)).toMatchObject({ kind: 'blackbox', timeout: false })
    expect(annotations(record)).not.toHaveProperty('initTime')
    expect([record.duration, record.logs]).toEqual([0, []])
    await eventually(() => engine.status().containers.length === 0)
  })

  it.each<[string, Exec, number, string, RegExp]>([
    [
      'blackbox',
      { kind: 'blackbox', image: 'me/img', binary: false },
      2,
      "Failed to pull container image 'me/img'.",
      /image me\/img needs the docker driver/,
    ],
    [
      'ruby:2.5',
      { kind: 'ruby:2.5', code: 'x', binary: false },
      3,
      'Failed to provision resources to run the action.',
      /kind ruby:2\.5 .*needs the docker driver/,
    ],
  ])('of kind %s tells that no driver runs it, and the log what would', async (_, exec, statusCode, error, line) => {
    const { put, run, lines } = testEngine()
    put(anAction({ name: 'mine', exec }))
    expect((await run('guest/mine')).response).toEqual({ statusCode, result: { error } })
    expect(lines.filter(text => line.test(text))).toHaveLength(1)
  })

  it('of a managed kind comes from the next driver when the image is not to be had', async () => {
    const docker = fakeFactory({ driver: 'docker' })
    docker.onCreate = () => {
      throw new ContainerError('pull', 'no such image')
    }
    const second = fakeFactory()
    const { put, run, lines } = testEngine({ factories: [docker, second] })
    put(code('a', HELLO), code('b', HELLO))
    expect((await run('guest/a')).response.statusCode).toBe(0)
    expect((await run('guest/b')).response.statusCode).toBe(0)
    expect(second.made).toHaveLength(2)
    expect(lines.filter(line => line.includes('runs in the process driver'))).toHaveLength(1)
  })

  it('of a kind that is gone from the manifest comes from a driver that needs no image', async () => {
    const docker = fakeFactory({ driver: 'docker', kinds: /./ })
    const { put, run } = testEngine({ factories: [docker, fakeFactory({ kinds: /^nodejs:/ })] })
    put(code('old', HELLO, { exec: { kind: 'nodejs:99', code: HELLO, binary: false } }))
    put(code('older', '', { exec: { kind: 'cobol:1', code: 'x', binary: false } }))
    expect((await run('guest/old')).response.statusCode).toBe(0)
    expect((await run('guest/older')).response).toEqual({
      statusCode: 3,
      result: { error: 'Failed to provision resources to run the action.' },
    })
    expect(docker.made).toEqual([])
  })

  it('is not stored where the namespace stores none', async () => {
    const { put, invoke, store } = testEngine()
    put(code('hello', HELLO))
    const identity = { ...anIdentity(), limits: { storeActivations: false } }
    const invocation = invoke('guest/hello', {}, { identity, blocking: false })
    expect((await invocation.done).response.statusCode).toBe(0)
    expect(store.activations.get('guest', invocation.activationId)).toBeUndefined()
    expect(store.queue.all()).toEqual([])
  })
})

describe('an action that asks for more than is allowed by now', () => {
  const TOO_LONG = {
    statusCode: 1,
    result: {
      error: 'requirement failed: duration 3600000 milliseconds exceeds allowed threshold of 300000 milliseconds',
    },
  }
  const greedy = code('greedy', HELLO, { limits: { timeout: 3_600_000, logs: 50 } })

  it.each([true, false])('ends with a record that says so (blocking: %s)', async blocking => {
    const test = testEngine({ limits: { preset: 'apache' } })
    test.put(greedy)
    const invocation = test.invoke('guest/greedy', {}, { blocking })
    await invocation.accepted()
    const record = test.store.activations.get('guest', invocation.activationId)
    expect(record?.response).toEqual(TOO_LONG)
    expect(record?.annotations).toEqual([
      { key: 'path', value: 'guest/greedy' },
      { key: 'kind', value: 'unknown' },
    ])
    expect(await invocation.done).toEqual(record)
    expect(test.factory.made).toHaveLength(0)
    expect(test.store.queue.all()).toEqual([])
    expect(test.throttler.inFlight(anIdentity().namespace.uuid)).toBe(0)
  })

  it('does so by the limits of the namespace too, as they are then', async () => {
    const { put, run } = testEngine()
    put(greedy)
    expect((await run('guest/greedy')).response.statusCode).toBe(0)
    const identity = { ...anIdentity(), limits: { maxActionTimeout: 300_000 } }
    expect((await run('guest/greedy', {}, { identity })).response).toEqual(TOO_LONG)
  })

  it('does so as a component, and as a conductor', async () => {
    const test = testEngine({ limits: { preset: 'apache' } })
    test.put(
      greedy,
      sequence('s', '/guest/greedy'),
      conductor('c', 'function main() { return { action: "/guest/greedy" } }', { limits: { timeout: 3_600_000 } }),
    )
    for (const name of ['s', 'c']) {
      const { response, logs } = await test.run(`guest/${name}`)
      expect(response.result).toEqual(TOO_LONG.result)
      expect(test.store.activations.get('guest', logs[0] ?? '')?.response).toEqual(TOO_LONG)
    }
    expect(test.factory.made).toHaveLength(0)
  })

  it('runs where it is a function of this server', async () => {
    const { put, run } = testEngine({ limits: { preset: 'apache' }, builtins: { 'guest/greedy': () => ({ a: 1 }) } })
    put(greedy)
    expect((await run('guest/greedy')).response.result).toEqual({ a: 1 })
  })
})

describe('logs that come late', () => {
  it('do not hold up the answer, and reads wait for them', async () => {
    const test = testEngine()
    test.put(code('hello', 'function main() { return {} }'))
    const logs = gate()
    await test.run('guest/hello')
    const container = test.factory.made[0]
    if (container === undefined) throw new Error('no container')
    const collect = container.logs.bind(container)
    container.logs = request => logs.opened.then(() => collect(request))
    const record = await test.run('guest/hello')
    const settled = test.engine.settled([record.activationId])
    expect(settled).toBeInstanceOf(Promise)
    expect(test.store.activations.listSummaries({ namespace: 'guest' })).toHaveLength(2)
    expect(test.store.activations.get('guest', record.activationId)?.response).toEqual(record.response)
    expect(test.engine.settled(['f'.repeat(32)])).toBeUndefined()
    logs.open()
    await settled
    expect(test.engine.settled([record.activationId])).toBeUndefined()
  })

  it('hold the next run for the same container rather than make another', async () => {
    const test = testEngine()
    test.put(code('count', COUNT))
    await test.run('guest/count')
    const container = test.factory.made[0]
    if (container === undefined) throw new Error('no container')
    const logs = gate()
    const collect = container.logs.bind(container)
    container.logs = request => logs.opened.then(() => collect(request))
    await test.run('guest/count')
    const third = test.run('guest/count')
    logs.open()
    expect((await third).response.result).toEqual({ n: 3 })
    expect(test.factory.made).toHaveLength(1)
  })

  it('hold it no longer than a moment', async () => {
    const test = testEngine()
    test.put(code('count', COUNT))
    await test.run('guest/count')
    const container = test.factory.made[0]
    if (container === undefined) throw new Error('no container')
    container.logs = () => new Promise(() => {})
    await test.run('guest/count')
    const third = test.run('guest/count')
    await test.clock.advance(100)
    expect((await third).response.result).toEqual({ n: 1 })
    expect(test.factory.made).toHaveLength(2)
  })

  it('are recorded as an issue when they cannot be read', async () => {
    const test = testEngine()
    test.put(code('hello', HELLO))
    await test.run('guest/hello')
    const container = test.factory.made[0]
    if (container === undefined) throw new Error('no container')
    container.logs = () => Promise.reject(new Error('gone'))
    const { activationId } = await test.run('guest/hello')
    await test.engine.settled([activationId])
    expect(logsOf(test, activationId)).toEqual([
      'There was an issue while collecting your logs. Data might be missing.',
    ])
    await eventually(() => container.destroyed)
  })
})

describe('the container of an action', () => {
  it.each([
    [0, false],
    [1, true],
  ])('with a log limit of %s MB keeps logs: %s', async (logs, keepsLogs) => {
    const { put, run, factory } = testEngine()
    put(code('hello', 'function main() { return {} }', { limits: { logs } }))
    await run('guest/hello')
    expect(factory.made[0]?.request.keepsLogs).toBe(keepsLogs)
  })
})

describe('what is told', () => {
  /** A run that waits until `seen` opens, so that its lines can be seen. */
  const unseen = async () => {
    const test = testEngine()
    test.put(code('hello', 'function main() { return {} }'))
    await test.run('guest/hello')
    const [container] = test.factory.made
    if (container === undefined) throw new Error('no container')
    const seen = gate()
    container.onLogLine = () => seen.opened
    const second = test.invoke('guest/hello')
    await new Promise(resolve => setImmediate(resolve))
    expect(container.runs).toHaveLength(1)
    return { ...test, seen, second, container }
  }

  it('is told from the first line on', async () => {
    const { seen, second, container } = await unseen()
    seen.open()
    expect((await second.done).response.statusCode).toBe(0)
    expect(container.runs).toHaveLength(2)
  })

  it('begins no run that was interrupted meanwhile', async () => {
    const { engine, clock, seen, second, container } = await unseen()
    const closed = engine.close()
    await clock.advance(10_000)
    expect((await second.done).response.statusCode).toBe(3)
    seen.open()
    await closed
    await new Promise(resolve => setImmediate(resolve))
    expect(container.runs).toHaveLength(1)
  })

  it('is a line of the server log with the kind of start and the phases', async () => {
    const { put, run, lines } = testEngine()
    put(code('hello', HELLO))
    const { activationId } = await run('guest/hello')
    await run('guest/hello')
    await eventually(() => lines.length === 2)
    expect(lines[0]).toBe(
      `activation ${activationId} of guest/hello: success, cold, wait 0 ms, init 0 ms, run 0 ms, logs 0 ms`,
    )
    expect(lines[1]).toMatch(/success, warm, wait 0 ms, run 0 ms, logs 0 ms$/)
  })

  it('are events in their order', async () => {
    const { put, run, events } = testEngine()
    put(code('hello', HELLO))
    const { activationId } = await run('guest/hello')
    expect(events.map(({ type }) => type)).toEqual([
      'container.created',
      'container.initialized',
      'activation.started',
      'activation.log',
      'activation.ended',
    ])
    expect(events[3]).toMatchObject({ activationId, action: 'guest/hello', stream: 'stdout', line: 'hi' })
    expect(events[4]).toMatchObject({ activationId, statusCode: 0, kind: 'nodejs:20', memory: 256, start: 'cold' })
  })

  it('is the concurrency to the throttler, until the logs are read', async () => {
    const { put, invoke, throttler } = testEngine()
    const { uuid } = GUEST
    put(code('hello', HELLO))
    const invocation = invoke('guest/hello')
    expect(throttler.inFlight(uuid)).toBe(1)
    await invocation.done
    expect(throttler.inFlight(uuid)).toBe(0)
  })
})
