// Long random runs of the whole engine on a fake clock: whatever happens, its invariants hold.

import { describe, expect, it } from 'vitest'
import { ContainerError } from '../../src/container/container.ts'
import type { WhiskActivation } from '../../src/entity/activation.ts'
import { anIdentity } from '../builders.ts'
import type { FakeReply } from '../fakes/container.ts'
import { code, eventually, testEngine } from './engine.ts'

/** A small generator of the same numbers for the same seed (mulberry32). */
const random = (seed: number) => {
  let state = seed
  return () => {
    state = (state + 0x6d2b79f5) | 0
    let t = Math.imul(state ^ (state >>> 15), 1 | state)
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32
  }
}

const RUNS = 150
const STEP_MS = 40

async function simulate(seed: number, userMemoryMb: number, options: Parameters<typeof testEngine>[0] = {}) {
  const next = random(seed)
  const upTo = (n: number) => Math.floor(next() * n)
  const chance = (p: number) => next() < p
  // While nobody listens the logs of one run may trail behind the next.
  const test = testEngine({ userMemoryMb, idleTimeoutMs: 5_000, unheard: seed % 2 === 0, ...options })
  const { engine, clock, factory } = test
  const namespaces = ['guest', 'a', 'b'].map(name => anIdentity({ namespace: { name, uuid: name } }))
  const actions = Array.from({ length: 6 }, (_, i) =>
    code(`x${i}`, 'function main(p) { console.log(p.n); return { n: p.n } }', {
      limits: {
        memory: [128, 256, 384, 512][upTo(4)] ?? 128,
        concurrency: chance(0.3) ? 3 : 1,
        logs: upTo(2),
        timeout: 2_000,
      },
    }),
  )
  test.put(...actions)
  const later = (ms: number) => new Promise<undefined>(resolve => clock.setTimeout(() => resolve(undefined), ms))
  factory.onCreate = async () => {
    await later(upTo(300))
    if (chance(0.05)) throw new ContainerError('provision', 'no')
  }
  factory.onInit = async () => {
    await later(upTo(50))
    return chance(0.05) ? { status: 502, body: '{"error":"init"}' } : undefined
  }
  factory.onRun = async (_, container): Promise<FakeReply | undefined> => {
    const fate = next()
    await later(fate < 0.03 ? 10_000 : upTo(400))
    if (fate > 0.97) container.crash()
    if (chance(0.3)) container.delayOutput(later(upTo(60)), (['stdout', 'stderr', undefined] as const)[upTo(3)])
    if (fate > 0.93) return { status: 502, body: '{"error":"run"}' }
    return undefined
  }

  const done: Promise<WhiskActivation>[] = []
  const check = () => {
    const { usedMemoryMb, containers } = engine.status()
    expect(usedMemoryMb).toBeLessThanOrEqual(userMemoryMb)
    expect(usedMemoryMb).toBe(containers.reduce((sum, { memoryMb }) => sum + memoryMb, 0))
    for (const { active, action } of containers) {
      const concurrency = actions.find(({ name }) => action === `guest/${name}`)?.limits.concurrency ?? 0
      expect(active).toBeLessThanOrEqual(concurrency)
    }
  }
  engine.start()
  while (done.length < RUNS) {
    for (let burst = upTo(6); burst > 0; burst--) {
      const start = chance(0.05) ? (['cold', 'warm', 'prewarmed'] as const)[upTo(3)] : undefined
      const identity = namespaces[upTo(3)]
      // Foreign namespaces own these actions as well, as far as the pool is concerned.
      done.push(test.invoke(`guest/x${upTo(6)}`, { n: done.length }, { identity, start, blocking: chance(0.5) }).done)
    }
    if (chance(0.05)) await engine.recycle()
    if (chance(0.1)) factory.alive[upTo(factory.alive.length)]?.crash()
    if (chance(0.1)) {
      const changed = actions[upTo(6)]
      if (changed !== undefined) {
        test.put({ ...changed, version: `0.0.${upTo(3)}` })
        engine.entitiesChanged([`guest/${changed.name}`])
      }
    }
    await clock.advance(upTo(STEP_MS))
    check()
  }
  const all = Promise.all(done)
  let over = false
  void all.then(() => {
    over = true
  })
  for (let i = 0; i < 4_000 && !over; i++) {
    await clock.advance(STEP_MS)
    check()
  }
  expect(over).toBe(true)
  return { ...test, actions, records: await all, namespaces }
}

describe('the engine, whatever happens,', () => {
  it.each([
    [1, 512],
    [2, 768],
    [3, 1024],
    [4, 2048],
    [5, 512],
    [6, 1024],
  ])(
    'ends every invocation, never exceeds its memory and leaks no container (seed %s, %s MB)',
    async (seed, memory) => {
      const { actions, records, engine, clock, factory, store, throttler, namespaces } = await simulate(seed, memory)
      expect(new Set(records.map(({ activationId }) => activationId)).size).toBe(records.length)
      // The last logs may be on their way.
      await clock.advance(100)
      await eventually(() => engine.status().running === 0)
      expect(engine.status().queue.activations).toBe(0)
      for (const { namespace } of namespaces) expect(throttler.inFlight(namespace.uuid)).toBe(0)
      await clock.advance(60_000)
      await eventually(() => factory.alive.length === 0)
      expect(engine.status().containers).toEqual([])
      expect(store.queue.all()).toEqual([])
      for (const { activationId, namespace, name } of records) {
        const stored = store.activations.get(namespace, activationId)
        expect(stored).toBeDefined()
        const { limits } = actions.find(action => action.name === name) ?? {}
        if (stored?.response.statusCode !== 0 || limits?.concurrency !== 1 || limits.logs === 0) continue
        const { n } = stored.response.result as { n: number }
        expect(stored.logs).toEqual([expect.stringMatching(new RegExp(` stdout: ${n}$`))])
      }
    },
  )

  it('also with stem cells that take memory', async () => {
    const { engine, factory, clock } = await simulate(7, 768, {
      prewarm: { 'nodejs:20': 1, 'python:3.11': 1 },
      unheard: true,
    })
    await clock.advance(60_000)
    await eventually(() => factory.alive.length === 2)
    expect(engine.status().containers.every(({ state }) => state === 'prewarmed')).toBe(true)
  })

  it('also when nothing is reused', async () => {
    const { factory, clock } = await simulate(8, 1024, { alwaysCold: true })
    await clock.advance(30_000)
    await eventually(() => factory.alive.length === 0)
  })

  it('also when idle containers are frozen', async () => {
    const { factory, clock } = await simulate(9, 1024, { pauseGraceMs: 50, unheard: true })
    await clock.advance(60_000)
    await eventually(() => factory.alive.length === 0)
  })
})
