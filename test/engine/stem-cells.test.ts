import { describe, expect, it } from 'vitest'
import { ContainerError } from '../../src/container/container.ts'
import { backfillCount, desiredCount, stemCellConfigs } from '../../src/engine/stem-cells.ts'
import { loadManifest } from '../../src/entity/manifest.ts'
import { code, eventually, gate, testEngine } from './engine.ts'

const reactive = { minCount: 1, maxCount: 4, ttlMs: 120_000, threshold: 2, increment: 1 }
const fixed = { kind: 'nodejs:20', memoryMb: 256, initialCount: 3 }

describe('desiredCount', () => {
  it.each([
    [0, 1],
    [1, 1],
    [3, 1],
    [4, 2],
    [9, 4],
    [100, 4],
  ])('after %s starts without a stem cell is %s', (missed, count) => {
    expect(desiredCount({ ...fixed, reactive }, missed)).toBe(count)
  })

  it('stays the same for those that do not react', () => {
    expect([desiredCount(fixed, 9), backfillCount(fixed), backfillCount({ ...fixed, reactive })]).toEqual([3, 3, 1])
  })
})

describe('stemCellConfigs', () => {
  const { runtimes } = loadManifest()

  it('takes the manifest when nothing is said', () => {
    expect(stemCellConfigs(runtimes, undefined, 256)).toMatchObject([{ kind: 'nodejs:20', initialCount: 2 }])
  })

  it('takes what --prewarm names instead', () => {
    expect(stemCellConfigs(runtimes, { 'python:3.11': 3, 'nodejs:20': 0 }, 256)).toEqual([
      { kind: 'python:3.11', memoryMb: 256, initialCount: 3 },
    ])
  })

  it('is empty for --no-prewarm', () => {
    expect(stemCellConfigs(runtimes, false, 256)).toEqual([])
  })
})

const HELLO = 'function main() { return { ok: 1 } }'
const stemCells = (test: ReturnType<typeof testEngine>) =>
  test.engine.status().containers.filter(({ state }) => state === 'prewarmed').length

describe('stem cells', () => {
  it('are kept ready and replaced when one was taken', async () => {
    const test = testEngine({ prewarm: { 'nodejs:20': 2 } })
    test.put(code('hello', HELLO))
    test.engine.start()
    await eventually(() => stemCells(test) === 2)
    const invocation = test.invoke('guest/hello')
    await invocation.done
    expect(invocation.startKind?.()).toBe('prewarmed')
    // Not during the start that took it, which it would slow down.
    expect(test.factory.made).toHaveLength(2)
    await test.clock.advance(100)
    await eventually(() => stemCells(test) === 2)
    expect(test.factory.made).toHaveLength(3)
    expect(test.factory.made[0]?.request.name).toBe('1_prewarm_nodejs20')
  })

  it('that are still being made are taken before another container is begun', async () => {
    const test = testEngine({ prewarm: { 'nodejs:20': 1 } })
    test.put(code('hello', HELLO))
    const made = gate()
    test.factory.onCreate = () => made.opened
    test.engine.start()
    const invocation = test.invoke('guest/hello')
    expect(test.engine.status().containers).toMatchObject([{ state: 'creating', active: 1 }])
    made.open()
    expect((await invocation.done).response.statusCode).toBe(0)
    expect(invocation.startKind?.()).toBe('cold')
    expect(test.factory.made).toMatchObject([{ request: { name: '1_prewarm_nodejs20' }, warmedUp: false }])
    await test.clock.advance(100)
    await eventually(() => stemCells(test) === 1)
  })

  it('that are taken and then cannot be made end the run as another container would', async () => {
    const test = testEngine({ prewarm: { 'nodejs:20': 1 } })
    test.put(code('hello', HELLO))
    const made = gate()
    test.factory.onCreate = async () => {
      await made.opened
      throw new ContainerError('provision', 'no room')
    }
    test.engine.start()
    const { done } = test.invoke('guest/hello')
    made.open()
    expect((await done).response).toEqual({
      statusCode: 3,
      result: { error: 'Failed to provision resources to run the action.' },
    })
    await eventually(() => test.engine.status().containers.length === 0)
  })

  it('are warmed up, unlike a container that is made for a run', async () => {
    const test = testEngine({ prewarm: { 'nodejs:20': 1 } })
    test.put(code('hello', HELLO, { limits: { memory: 512 } }))
    test.engine.start()
    await eventually(() => stemCells(test) === 1)
    await test.invoke('guest/hello').done
    expect(test.factory.made.map(({ request, warmedUp }) => [request.memoryMb, warmedUp])).toEqual([
      [256, true],
      [512, false],
    ])
  })

  it('of the manifest expire and are renewed down to the minimum', async () => {
    const test = testEngine({ prewarm: undefined })
    test.engine.start()
    await eventually(() => stemCells(test) === 2)
    await test.clock.advance(600_000)
    await eventually(() => stemCells(test) === 1)
    expect(test.factory.made).toHaveLength(3)
    expect(test.factory.alive).toHaveLength(1)
  })

  it('are tried again later when they cannot be made', async () => {
    const test = testEngine({ prewarm: { 'nodejs:20': 1 } })
    test.factory.onCreate = () => {
      throw new Error('no engine')
    }
    test.engine.start()
    await eventually(() => test.lines.some(line => line.includes('no stem cell for nodejs:20')))
    test.factory.onCreate = undefined
    await test.clock.advance(30_000)
    await eventually(() => stemCells(test) === 1)
  })

  it('that cannot be made while the server stops are nothing to tell', async () => {
    const test = testEngine({ prewarm: { 'nodejs:20': 1 } })
    const made = gate()
    let refused = false
    test.factory.onCreate = async () => {
      await made.opened
      refused = true
      throw new ContainerError('provision', 'The server is stopping.')
    }
    test.engine.start()
    const closed = test.engine.close()
    made.open()
    await closed
    await eventually(() => refused && test.engine.status().containers.length === 0)
    expect(test.lines.filter(line => line.includes('stem cell'))).toEqual([])
  })

  it('make room for a run that needs their memory', async () => {
    const test = testEngine({ prewarm: { 'python:3.11': 2 }, userMemoryMb: 512 })
    test.put(code('big', HELLO, { limits: { memory: 512 } }))
    test.engine.start()
    await eventually(() => stemCells(test) === 2)
    expect((await test.run('guest/big')).response.statusCode).toBe(0)
    expect(test.engine.status().usedMemoryMb).toBe(512)
  })

  it('which die are replaced', async () => {
    const test = testEngine({ prewarm: { 'nodejs:20': 1 } })
    test.engine.start()
    await eventually(() => stemCells(test) === 1)
    test.factory.made[0]?.crash()
    await eventually(() => test.factory.made.length === 2 && stemCells(test) === 1)
  })
})
