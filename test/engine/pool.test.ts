import { describe, expect, it, vi } from 'vitest'
import { ContainerError } from '../../src/container/container.ts'
import { noMetrics } from '../../src/engine/engine-metrics.ts'
import type { Observer } from '../../src/engine/observer.ts'
import { ContainerPool } from '../../src/engine/pool.ts'
import type { ExecutableAction } from '../../src/engine/profile.ts'
import { Run } from '../../src/engine/run.ts'
import { WhiskError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import { anAction, anIdentity, aPackage } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'
import { annotations, code, eventually, gate, testEngine } from './engine.ts'

const COUNT =
  'let n = 0; function main(p) { if (p.throws) throw "bad"; if (p.error) return { error: ++n }; return { n: ++n } }'
const HELLO = 'function main(p) { console.log("hi"); return p }'

/** From now on reading any entity fails. */
const unreadable = ({ store }: ReturnType<typeof testEngine>, error: Error) => {
  vi.spyOn(store.entities, 'get').mockImplementation(() => {
    throw error
  })
}

describe('runs that share a container', () => {
  const limits = { concurrency: 3 }

  it('wait for its initialization and run side by side', async () => {
    const { put, invoke, factory } = testEngine()
    const runs = gate()
    put(code('shared', COUNT, { limits }))
    factory.onRun = () => runs.opened
    const all = [1, 2, 3, 4].map(() => invoke('guest/shared'))
    await eventually(() => factory.made.length === 2 && factory.made[0]?.runs.length === 3)
    expect(factory.made[0]?.request.env).toMatchObject({ __OW_ALLOW_CONCURRENT: 'true' })
    expect(factory.made[0]?.inits).toHaveLength(1)
    runs.open()
    const records = await Promise.all(all.map(({ done }) => done))
    expect(records.filter(record => 'initTime' in annotations(record))).toHaveLength(2)
  })

  it('share its failure to initialize', async () => {
    const { put, invoke, factory } = testEngine()
    put(code('shared', COUNT, { limits }))
    factory.onInit = () => ({ status: 502, body: '{"error":"no"}' })
    const records = await Promise.all([1, 2, 3].map(() => invoke('guest/shared').done))
    expect(records.map(({ response }) => response.result)).toEqual([{ error: 'no' }, { error: 'no' }, { error: 'no' }])
    expect(records.filter(record => 'initTime' in annotations(record))).toHaveLength(1)
    await eventually(() => factory.alive.length === 0)
  })

  it('that waited for one that could not be made are told that it exited', async () => {
    const { put, invoke, factory } = testEngine()
    put(code('shared', COUNT, { limits }))
    factory.onCreate = () => Promise.reject(new ContainerError('provision', 'no'))
    const records = await Promise.all([1, 2].map(() => invoke('guest/shared').done))
    expect(records.map(({ response }) => response)).toEqual([
      { statusCode: 3, result: { error: 'Failed to provision resources to run the action.' } },
      { statusCode: 3, result: { error: 'The action did not produce a valid response and exited unexpectedly.' } },
    ])
  })

  it('finish after one of them failed, in a container that takes no more', async () => {
    const { put, invoke, run, factory } = testEngine()
    put(code('shared', COUNT, { limits }))
    await run('guest/shared')
    const slow = gate()
    factory.onRun = body => ((body as { value: { slow?: 1 } }).value.slow ? slow.opened : undefined)
    const waiting = invoke('guest/shared', { slow: 1 })
    await run('guest/shared', { throws: 1 })
    expect((await run('guest/shared')).response.result).toEqual({ n: 1 })
    expect(factory.made[0]?.destroyed).toBe(false)
    slow.open()
    expect((await waiting.done).response.statusCode).toBe(0)
    await eventually(() => factory.made[0]?.destroyed)
  })
})

describe('a run whose logs are on their way', () => {
  /** An engine where `guest/hello` ran once, and the output of its container comes only when `logs` opens. */
  const lateLogs = async (kind = 'nodejs:20', options: Parameters<typeof testEngine>[0] = { unheard: true }) => {
    const test = testEngine(options)
    test.put(code('hello', HELLO, { exec: { kind, code: HELLO, binary: false } }))
    await test.run('guest/hello')
    const logs = gate()
    const [container] = test.factory.made
    container?.delayOutput(logs.opened)
    return { ...test, logs, container }
  }
  /** The next run does not begin before the logs are there, and then in the same container. */
  const expectHeld = async ({
    invoke,
    factory,
    logs,
  }: Pick<Awaited<ReturnType<typeof lateLogs>>, 'invoke' | 'factory' | 'logs'>) => {
    const runs = factory.made[0]?.runs.length ?? 0
    const next = invoke('guest/hello')
    await new Promise(resolve => setImmediate(resolve))
    expect(factory.made[0]?.runs).toHaveLength(runs)
    logs.open()
    await next.done
    expect(factory.made.map(made => made.runs.length)).toEqual([runs + 1])
  }
  const logsOf = ({ store }: ReturnType<typeof testEngine>, { activationId }: { activationId: string }) =>
    store.activations.get('guest', activationId)?.logs.map(line => line.split(' ').at(-1))

  it('leaves its container to the next one, and each gets its own', async () => {
    const test = await lateLogs()
    const { run, engine, factory, container, logs } = test
    const first = await run('guest/hello', { n: 1 })
    expect(engine.status().containers).toMatchObject([{ active: 0, state: 'running' }])
    const running = gate()
    factory.onRun = () => running.opened
    const second = test.invoke('guest/hello', { n: 2 })
    await eventually(() => container?.runs.length === 3)
    expect(engine.status().containers).toMatchObject([{ active: 1 }])
    container?.write('stdout', 'second')
    running.open()
    const record = await second.done
    expect([logsOf(test, first), logsOf(test, record)]).toEqual([[], []])
    logs.open()
    await eventually(() => engine.status().running === 0)
    expect([logsOf(test, first), logsOf(test, record)]).toEqual([['hi'], ['second', 'hi']])
    expect(factory.made).toHaveLength(1)
    expect(engine.status().containers).toMatchObject([{ active: 0, state: 'ready' }])
  })

  it('lets one that waits have its container', async () => {
    const { run, invoke, factory, container } = await lateLogs('nodejs:20', { unheard: true, userMemoryMb: 256 })
    const running = gate()
    factory.onRun = body => ((body as { value: { slow?: 1 } }).value.slow ? running.opened : undefined)
    const slow = invoke('guest/hello', { slow: 1 })
    const waiting = run('guest/hello', { n: 2 })
    running.open()
    await Promise.all([slow.done, waiting])
    expect(container?.runs).toHaveLength(3)
  })

  it('lets no third one begin before they are there', async () => {
    const test = await lateLogs()
    await test.run('guest/hello')
    await test.run('guest/hello')
    expect(test.container?.runs).toHaveLength(3)
    await expectHeld(test)
  })

  it('lets one that was held for its container have it as soon as there is room', async () => {
    const test = testEngine({ unheard: true })
    const { put, run, invoke, factory } = test
    put(code('hello', HELLO, { limits: { concurrency: 2 } }))
    await run('guest/hello')
    const [container] = factory.made
    const logs = gate()
    container?.delayOutput(logs.opened)
    const running = gate()
    factory.onRun = body => ((body as { value: { slow?: 1 } }).value.slow ? running.opened : undefined)
    const slow = invoke('guest/hello', { slow: 1 })
    // These trail: there is no room beside the slow one until one of them has its logs, or the slow one ends.
    for (let n = 0; n < 3; n++) await run('guest/hello')
    const held = invoke('guest/hello')
    await new Promise(resolve => setImmediate(resolve))
    expect(container?.runs).toHaveLength(5)
    logs.open()
    expect((await held.done).response.statusCode).toBe(0)
    expect(container?.runs).toHaveLength(6)
    running.open()
    await slow.done
    expect(factory.made).toHaveLength(1)
  })

  it('does not keep the next one from ending its listening', async () => {
    const test = await lateLogs()
    const { run, invoke, engine, events, listen, container, logs } = test
    if (container === undefined) throw new Error('no container')
    // The logs of both are there in the same turn.
    container.logs = () => logs.opened.then(() => ({ lines: [], failed: false }))
    await run('guest/hello')
    const unlisten = listen()
    const shown = invoke('guest/hello')
    await shown.done
    unlisten()
    logs.open()
    await eventually(() => engine.status().running === 0)
    events.length = 0
    listen()
    container.write('stdout', 'of nobody')
    await new Promise(resolve => setImmediate(resolve))
    expect(events).toEqual([])
  })

  it('keeps a container that goes with it', async () => {
    const { run, invoke, factory, container, clock } = await lateLogs()
    factory.onRun = () => ({ status: 502, body: '{"error":"bad"}' })
    await run('guest/hello')
    factory.onRun = undefined
    const second = invoke('guest/hello')
    await new Promise(resolve => setImmediate(resolve))
    expect(container?.runs).toHaveLength(2)
    await clock.advance(1_000)
    expect((await second.done).response.statusCode).toBe(0)
    expect(factory.made.map(({ runs }) => runs.length)).toEqual([2, 1])
  })

  it.each<[string, Parameters<typeof lateLogs>]>([
    ['while somebody is shown the lines', ['nodejs:20', {}]],
    ['when its runtime answers before it marks the end', ['java:8', { unheard: true, kinds: /^java:/ }]],
  ])('keeps its container %s', async (_, given) => {
    const test = await lateLogs(...given)
    await test.run('guest/hello')
    await expectHeld(test)
  })

  it('keeps a container that has not shown yet that it marks the ends of logs', async () => {
    const { put, run, invoke, factory } = testEngine({ unheard: true })
    put(code('hello', HELLO))
    const logs = gate()
    factory.onRun = (_, container) => {
      container.delayOutput(logs.opened)
      return undefined
    }
    await run('guest/hello')
    await expectHeld({ invoke, factory, logs })
  })
})

describe('a closed pool', () => {
  it('gives no run a container, not even one that had another', async () => {
    const clock = fakeClock()
    const retried = gate()
    const executed: Run[] = []
    const services = {
      clock,
      log: silentLogger,
      metrics: noMetrics,
      observer: { container() {}, queued() {} } as unknown as Observer,
      execute: (_: unknown, run: Run) => {
        executed.push(run)
        return retried.opened.then(() => (executed.length > 1 ? ('keep' as const) : ('retry' as const)))
      },
      createStemCell: () => Promise.reject(new Error('none here')),
      refresh: () => true,
      fail() {},
      ended() {},
    }
    const pool = new ContainerPool(
      { userMemoryMb: 1024, queueMemoryBytes: 2 ** 20, idleTimeoutMs: 60_000, alwaysCold: false, stemCells: [] },
      services,
    )
    const aRun = () =>
      new Run({
        activationId: '1'.repeat(32),
        identity: anIdentity(),
        action: code('hello', HELLO) as ExecutableAction,
        value: {},
        init: {},
        transid: 'tid',
        startedAt: 0,
      })
    const run = aRun()
    pool.submit(run, false)
    expect(await pool.close()).toBe(1)
    retried.open()
    await clock.advance(1_000)
    expect(run.retried).toBe(true)
    expect(() => pool.submit(aRun(), false)).toThrow('The server is currently unavailable')
    expect([executed.length, pool.slots.size]).toEqual([1, 0])
  })
})

describe('x-ow-start', () => {
  it.each(['cold', 'warm', 'prewarmed'] as const)(
    'starts %s where nothing is there, and where something is',
    async start => {
      const { put, invoke } = testEngine()
      put(code('count', COUNT))
      for (let i = 0; i < 2; i++) {
        const invocation = invoke('guest/count', {}, { start })
        const record = await invocation.done
        expect(record.response.statusCode).toBe(0)
        expect(invocation.startKind?.()).toBe(start)
        expect('initTime' in annotations(record)).toBe(start !== 'warm')
      }
    },
  )
})

describe('an action that changed', () => {
  it('runs in a new container, and its old one goes', async () => {
    const { put, run, factory, engine } = testEngine()
    put(code('count', COUNT))
    await run('guest/count')
    put(code('count', COUNT, { version: '0.0.2' }))
    engine.entitiesChanged(['guest/count'])
    await eventually(() => factory.made[0]?.destroyed)
    const record = await run('guest/count')
    expect([record.response.result, record.version]).toEqual([{ n: 1 }, '0.0.2'])
  })

  it('finds its container warm when it was deleted and made again alike', async () => {
    const { put, run, store, engine } = testEngine()
    put(code('count', COUNT))
    await run('guest/count')
    store.entities.delete('guest/count')
    engine.entitiesChanged(['guest/count'])
    put(code('count', COUNT, { updated: 1 }))
    engine.entitiesChanged(['guest/count'])
    expect((await run('guest/count')).response.result).toEqual({ n: 2 })
  })

  it('while it waited runs as it is then', async () => {
    const { put, invoke, factory } = testEngine({ userMemoryMb: 256 })
    const first = gate()
    put(code('slow', HELLO), code('hello', HELLO))
    factory.onRun = () => first.opened
    const slow = invoke('guest/slow')
    const waiting = invoke('guest/hello', { a: 1 })
    put(code('hello', 'function main(p) { return { v: 2, ...p } }', { version: '0.0.2' }))
    first.open()
    await slow.done
    const record = await waiting.done
    expect([record.response.result, record.version]).toEqual([{ v: 2, a: 1 }, '0.0.2'])
  })

  it.each<[string, (test: ReturnType<typeof testEngine>) => void, number, string]>([
    [
      'deleted',
      test => void test.store.entities.delete('guest/hello'),
      1,
      'Action could not be found or may have been deleted.',
    ],
    [
      'made too big',
      test => test.put(code('hello', HELLO, { limits: { memory: 4096 } })),
      1,
      'requirement failed: memory size 4096 MB exceeds allowed threshold of 256 MB',
    ],
    [
      'made a sequence',
      test => test.put(anAction({ name: 'hello', exec: { kind: 'sequence', components: ['/guest/slow'] } })),
      3,
      'Action could not be fetched.',
    ],
    [
      'made a package',
      test => test.put(aPackage({ name: 'hello' })),
      3,
      'Action version is not compatible and cannot be invoked.',
    ],
    [
      'damaged',
      test => unreadable(test, new WhiskError('internal', 'Resource is corrupted and cannot be read.')),
      3,
      'Action version is not compatible and cannot be invoked.',
    ],
    ['out of reach', test => unreadable(test, new Error('disk I/O error')), 3, 'Action could not be fetched.'],
  ])('while it waited ends with a record of its own when it was %s', async (_, change, statusCode, error) => {
    const test = testEngine({ userMemoryMb: 256 })
    const first = gate()
    test.put(code('slow', HELLO), code('hello', HELLO))
    test.factory.onRun = () => first.opened
    const slow = test.invoke('guest/slow')
    const waiting = test.invoke('guest/hello')
    change(test)
    first.open()
    await slow.done
    const record = await waiting.done
    expect(record.response).toEqual({ statusCode, result: { error } })
    expect(record.annotations).toEqual([
      { key: 'path', value: 'guest/hello' },
      { key: 'kind', value: 'unknown' },
    ])
  })

  it('is recycled on demand', async () => {
    const { put, run, engine, factory } = testEngine()
    put(code('count', COUNT), code('other', COUNT))
    await run('guest/count')
    await run('guest/other')
    expect(await engine.recycle('guest/count')).toBe(1)
    expect((await run('guest/count')).response.result).toEqual({ n: 1 })
    expect((await run('guest/other')).response.result).toEqual({ n: 2 })
    expect(await engine.recycle()).toBe(2)
    await eventually(() => factory.alive.length === 0)
  })
})
