import { describe, expect, it, vi } from 'vitest'
import { stringify } from '../../src/entity/json.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import type { QueuedActivation, Store } from '../../src/store/store.ts'
import { anIdentity, aPackage, aQueued } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'
import { reopened } from '../store/reopened.ts'
import { annotations, code, conductor, eventually, sequence, testEngine } from './engine.ts'

const ECHO = code('echo', 'function main(p) { return p }')
const INTERRUPTED = 'The activation was interrupted because the server stopped.'

/** The queue as a server that died left it, in a new store. */
const remainsOf = (crashed: ReturnType<typeof testEngine>): { store: Store; left: QueuedActivation[] } => {
  const left = crashed.store.queue.all()
  const store = openStore({ path: ':memory:', clock: fakeClock(), log: silentLogger })
  for (const entity of crashed.store.entities.list({ type: 'action', namespace: 'guest' })) store.entities.put(entity)
  for (const entry of left) store.queue.put(entry)
  return { store, left }
}
const hang = (test: ReturnType<typeof testEngine>) => {
  test.factory.onRun = () => new Promise(() => {})
}

/** Runs `guest/echo` once in a container whose logs are then awaited without end. */
const collectingForEver = async (test: ReturnType<typeof testEngine>) => {
  test.factory.onRun = (_, container) => {
    container.logs = () => new Promise(() => {})
    return undefined
  }
  await test.run('guest/echo')
}

describe('after a crash', () => {
  it('runs what was queued, in its order, and ends what had started', async () => {
    const crashed = testEngine({ userMemoryMb: 256 })
    hang(crashed)
    crashed.put(ECHO)
    const all = [1, 2, 3].map(n => crashed.invoke('guest/echo', { n }, { blocking: false }))
    await Promise.all(all.map(invocation => invocation.accepted()))
    const { store, left } = remainsOf(crashed)
    expect(left.map(({ state }) => state)).toEqual(['started', 'queued', 'queued'])

    const test = testEngine({ store, userMemoryMb: 256 })
    test.engine.start()
    const records = await Promise.all(
      all.map(({ activationId }) => eventually(() => store.activations.get('guest', activationId))),
    )
    expect(records.map(({ response }) => response)).toEqual([
      { statusCode: 3, result: { error: INTERRUPTED } },
      { statusCode: 0, result: { n: 2 }, size: 7 },
      { statusCode: 0, result: { n: 3 }, size: 7 },
    ])
    expect(records[0]?.annotations).toEqual([
      { key: 'path', value: 'guest/echo' },
      { key: 'kind', value: 'nodejs:20' },
    ])
    expect(test.factory.made[0]?.runs.map(body => (body as { value: unknown }).value)).toEqual([{ n: 2 }, { n: 3 }])
    await eventually(() => store.queue.all().length === 0)
  })

  it('keeps the arguments, environment, binding and identity of the acceptance', async () => {
    const crashed = testEngine({ userMemoryMb: 256 })
    hang(crashed)
    crashed.put(
      ECHO,
      aPackage({ name: 'p', parameters: [{ key: 'a', value: 1 }] }),
      aPackage({ name: 'b', binding: { namespace: 'guest', name: 'p' } }),
      { ...ECHO, namespace: 'guest/p', parameters: [{ key: 'E', value: 'env', init: true }] },
    )
    crashed.invoke('guest/echo')
    const { activationId } = crashed.invoke('guest/b/echo', { c: 3 }, { blocking: false, transid: 'mine' })
    const { store, left } = remainsOf(crashed)
    expect(left).toMatchObject([{ entity: 'guest/b/echo', state: 'queued', transid: 'mine' }])
    const test = testEngine({ store })
    test.engine.start()
    const record = await eventually(() => store.activations.get('guest', activationId))
    expect(record.response.result).toEqual({ a: 1, c: 3 })
    expect(annotations(record)).toMatchObject({ binding: 'guest/b', path: 'guest/p/echo' })
    expect(test.factory.made[0]?.inits[0]).toMatchObject({ value: { env: { E: 'env', __OW_TRANSACTION_ID: 'mine' } } })
  })

  it('ends accepted sequences and compositions', async () => {
    const crashed = testEngine()
    hang(crashed)
    crashed.put(ECHO, sequence('s', '/guest/echo'))
    const invocation = crashed.invoke('guest/s', {}, { blocking: false })
    await invocation.accepted()
    const { store } = remainsOf(crashed)
    testEngine({ store }).engine.start()
    const record = store.activations.get('guest', invocation.activationId)
    expect(record?.response).toEqual({ statusCode: 3, result: { error: INTERRUPTED } })
    expect(record && annotations(record)).toMatchObject({ path: 'guest/s', kind: 'sequence' })
    expect(store.queue.all()).toEqual([])
  })

  it('tells of an action that was deleted in the meantime', async () => {
    const crashed = testEngine({ userMemoryMb: 256 })
    hang(crashed)
    crashed.put(ECHO)
    crashed.invoke('guest/echo')
    const { activationId } = crashed.invoke('guest/echo', {}, { blocking: false })
    const { store } = remainsOf(crashed)
    store.entities.delete('guest/echo')
    testEngine({ store }).engine.start()
    expect(store.activations.get('guest', activationId)?.response).toEqual({
      statusCode: 1,
      result: { error: 'Action could not be found or may have been deleted.' },
    })
  })

  it('ends what has an action that cannot be read, and runs the rest', async () => {
    const { store, edit, reopen } = reopened()
    const crashed = testEngine({ store, userMemoryMb: 256 })
    hang(crashed)
    crashed.put(ECHO, ...['torn', 'hollow', 'changed'].map(name => ({ ...ECHO, name })))
    crashed.invoke('guest/echo')
    const all = ['torn', 'hollow', 'changed', 'echo'].map(name =>
      crashed.invoke(`guest/${name}`, { name }, { blocking: false }),
    )
    await Promise.all(all.map(invocation => invocation.accepted()))
    crashed.put(aPackage({ name: 'changed' }))
    edit(db => {
      db.exec(`UPDATE entities SET document = '{nope' WHERE id = 'guest/torn'`)
      db.exec(`UPDATE entities SET document = '{"entityType":"action"}' WHERE id = 'guest/hollow'`)
    })
    const next = reopen()
    testEngine({ store: next }).engine.start()
    const records = await Promise.all(
      all.map(({ activationId }) => eventually(() => next.activations.get('guest', activationId))),
    )
    const incompatible = {
      statusCode: 3,
      result: { error: 'Action version is not compatible and cannot be invoked.' },
    }
    expect(records.map(({ response }) => response)).toEqual([
      incompatible,
      incompatible,
      incompatible,
      { statusCode: 0, result: { name: 'echo' }, size: 15 },
    ])
    expect(records[0]?.annotations).toEqual([
      { key: 'path', value: 'guest/torn' },
      { key: 'kind', value: 'unknown' },
    ])
    await eventually(() => next.queue.all().length === 0)
  })

  it('ends what has an action that may no longer run', async () => {
    const crashed = testEngine({ userMemoryMb: 256 })
    hang(crashed)
    crashed.put(ECHO, code('greedy', 'function main(p) { return p }', { limits: { logs: 50 } }))
    crashed.invoke('guest/echo')
    const { activationId } = crashed.invoke('guest/greedy', {}, { blocking: false })
    const { store } = remainsOf(crashed)
    const test = testEngine({ store, limits: { preset: 'apache' } })
    test.engine.start()
    const record = await eventually(() => store.activations.get('guest', activationId))
    expect(record.response).toEqual({
      statusCode: 1,
      result: { error: 'requirement failed: log size 50 MB exceeds allowed threshold of 10 MB' },
    })
    expect(test.factory.made).toHaveLength(0)
  })

  it('passes over an entry that says nothing of whose it is', async () => {
    const store = openStore({ path: ':memory:', clock: fakeClock(), log: silentLogger })
    store.entities.put(ECHO)
    const { identity: _, ...nobody } = aQueued({ state: 'started' })
    const queued = aQueued({ entity: 'guest/echo', message: { action: 'guest/echo', kind: 'nodejs:20', value: {} } })
    store.queue.put(queued)
    vi.spyOn(store.queue, 'all').mockReturnValue([nobody as QueuedActivation, queued])
    const test = testEngine({ store })
    test.engine.start()
    await eventually(() => store.activations.get('guest', queued.activationId))
    expect(test.lines).toContain(`activation ${nobody.activationId} could neither be taken up nor ended`)
  })

  it('has nothing of a blocking invoke that nobody was told of', async () => {
    const crashed = testEngine()
    hang(crashed)
    crashed.put(ECHO)
    crashed.invoke('guest/echo')
    expect(remainsOf(crashed).left).toEqual([])
  })

  it('ends a blocking invoke that had turned into a 202', async () => {
    const crashed = testEngine()
    hang(crashed)
    crashed.put(ECHO, sequence('s', '/guest/echo'))
    const invocation = crashed.invoke('guest/echo')
    const composite = crashed.invoke('guest/s')
    await invocation.accepted()
    await composite.accepted()
    const { store } = remainsOf(crashed)
    testEngine({ store }).engine.start()
    for (const { activationId } of [invocation, composite]) {
      expect(store.activations.get('guest', activationId)?.response.result).toEqual({ error: INTERRUPTED })
    }
  })

  it('takes up what was left once only', async () => {
    const crashed = testEngine({ userMemoryMb: 256 })
    hang(crashed)
    crashed.put(ECHO)
    for (let n = 0; n < 3; n++) crashed.invoke('guest/echo', { n }, { blocking: false })
    const { store } = remainsOf(crashed)
    const test = testEngine({ store })
    test.engine.recover()
    test.engine.start()
    await eventually(() => store.queue.all().length === 0)
    expect(test.factory.made.flatMap(({ runs }) => runs)).toHaveLength(2)
    expect(test.lines.filter(line => line.startsWith('recovered'))).toEqual([
      'recovered 2 queued activations; 1 had been interrupted',
    ])
  })

  it('takes back what was accepted even where the queue is full', async () => {
    const crashed = testEngine({ userMemoryMb: 256 })
    hang(crashed)
    crashed.put(ECHO)
    for (let n = 0; n < 5; n++) crashed.invoke('guest/echo', { n }, { blocking: false })
    const { store } = remainsOf(crashed)
    const test = testEngine({ store, userMemoryMb: 256, queueMemoryBytes: 1 })
    test.engine.start()
    await eventually(() => store.activations.count({ namespace: 'guest' }) === 5)
  })
})

describe('a full queue', () => {
  it('refuses with 503 and acknowledges nothing', () => {
    const test = testEngine({ userMemoryMb: 256, queueMemoryBytes: 100 })
    hang(test)
    test.put(ECHO)
    const payload = { text: 'x'.repeat(60) }
    test.invoke('guest/echo', payload)
    test.invoke('guest/echo', payload)
    expect(() => test.invoke('guest/echo', payload, { blocking: false })).toThrow(
      'The server is currently unavailable (because it is overloaded or down for maintenance).',
    )
    expect(test.engine.status().queue).toEqual({ activations: 1, bytes: 71, memoryMb: 256 })
    expect(test.store.queue.all()).toEqual([])
    expect(test.throttler.inFlight(anIdentity().namespace.uuid)).toBe(2)
  })
})

describe('stopping', () => {
  it('lets finish what runs, compositions included, and takes nothing new', async () => {
    const test = testEngine()
    test.put(ECHO, sequence('s', '/guest/echo', '/guest/echo'))
    let release = () => {}
    test.factory.onRun = () => new Promise(resolve => (release = () => resolve(undefined)))
    const running = test.invoke('guest/s', { a: 1 })
    await eventually(() => test.factory.made[0]?.runs.length === 1)
    const closed = test.engine.close()
    expect(() => test.invoke('guest/echo')).toThrow('The server is currently unavailable')
    release()
    await eventually(() => test.factory.made[0]?.runs.length === 2)
    release()
    expect((await running.done).response.result).toEqual({ a: 1 })
    expect(await closed).toEqual({ interrupted: 0, queued: 0, containers: 1 })
    expect(test.factory.alive).toEqual([])
  })

  it('interrupts after the stop timeout, leaves queued work for the next server, removes all containers', async () => {
    const test = testEngine({ userMemoryMb: 256, stopTimeoutMs: 5_000 })
    test.put(ECHO)
    hang(test)
    const running = test.invoke('guest/echo', {}, { blocking: false })
    const queued = test.invoke('guest/echo', {}, { blocking: false })
    const waiting = test.invoke('guest/echo')
    await eventually(() => test.factory.made[0]?.runs.length === 1)
    const closed = test.engine.close()
    await expect(waiting.done).rejects.toThrow('The server is currently unavailable')
    await test.clock.advance(5_000)
    expect(await closed).toEqual({ interrupted: 1, queued: 1, containers: 1 })
    expect((await running.done).response).toEqual({ statusCode: 3, result: { error: INTERRUPTED } })
    expect(test.store.queue.all()).toMatchObject([{ activationId: queued.activationId, state: 'queued' }])
    expect(test.factory.alive).toEqual([])
    expect(test.throttler.inFlight(anIdentity().namespace.uuid)).toBe(0)
  })

  it('interrupts a composition and its component', async () => {
    const test = testEngine({ stopTimeoutMs: 1_000 })
    test.put(ECHO, sequence('s', '/guest/echo'))
    hang(test)
    const { done } = test.invoke('guest/s')
    await eventually(() => test.factory.made[0]?.runs.length === 1)
    const closed = test.engine.close()
    await test.clock.advance(1_000)
    expect((await done).response.result).toEqual({ error: INTERRUPTED })
    expect(await closed).toMatchObject({ interrupted: 2 })
    expect(test.store.activations.list({ namespace: 'guest' })).toHaveLength(2)
  })

  it.each([
    ['a composition', conductor('c', 'function main() { return { action: "/guest/echo" } }')],
    ['a composition of compositions', conductor('c', 'function main() { return { action: "/guest/inner" } }')],
    ['a sequence', sequence('c', '/guest/echo', '/guest/echo')],
    ['a sequence of sequences', sequence('c', '/guest/s', '/guest/s')],
  ])('starts nothing more of %s that it interrupted', async (_, action) => {
    const test = testEngine({ stopTimeoutMs: 1_000 })
    const inner = conductor('inner', 'function main() { return { action: "/guest/echo" } }')
    test.put(ECHO, action, inner, sequence('s', '/guest/echo'))
    const isEcho = (body: unknown) => (body as { action_name: string }).action_name === '/guest/echo'
    const runs = () => test.factory.made.flatMap(container => container.runs)
    test.factory.onRun = body => (isEcho(body) ? new Promise(() => {}) : undefined)
    const { done } = test.invoke('guest/c')
    await eventually(() => runs().some(isEcho))
    const before = [test.factory.made.length, runs().length]
    const closed = test.engine.close()
    await test.clock.advance(1_000)
    expect((await done).response.result).toEqual({ error: INTERRUPTED })
    await closed
    await test.clock.advance(1_000)
    expect([test.factory.made.length, runs().length]).toEqual(before)
    const records = test.store.activations.list({ namespace: 'guest' })
    const failed = records.filter(({ response }) => response.statusCode !== 0)
    expect(new Set(failed.map(({ response }) => stringify(response.result ?? null)))).toEqual(
      new Set([stringify({ error: INTERRUPTED })]),
    )
    expect(test.engine.status().composites).toBe(0)
  })

  it('leaves to the next server what waits for the logs of its predecessor', async () => {
    const test = testEngine({ stopTimeoutMs: 50 })
    test.put(ECHO)
    await collectingForEver(test)
    const queued = test.invoke('guest/echo', {}, { blocking: false })
    const closed = test.engine.close()
    await test.clock.advance(50)
    expect(await closed).toEqual({ interrupted: 0, queued: 1, containers: 1 })
    await test.clock.advance(1_000)
    expect(test.factory.made).toHaveLength(1)
    expect(test.store.queue.all()).toMatchObject([{ activationId: queued.activationId, state: 'queued' }])
  })

  it('refuses a caller that waits for such logs', async () => {
    const test = testEngine({ stopTimeoutMs: 50 })
    test.put(ECHO)
    await collectingForEver(test)
    const refused = expect(test.invoke('guest/echo').done).rejects.toThrow('The server is currently unavailable')
    const closed = test.engine.close()
    await test.clock.advance(50)
    await refused
    await closed
    await test.clock.advance(1_000)
    expect(test.factory.made).toHaveLength(1)
  })

  it('interrupts a component that waits for such logs', async () => {
    const test = testEngine({ stopTimeoutMs: 50 })
    test.put(ECHO, sequence('s', '/guest/echo'))
    await collectingForEver(test)
    const { done } = test.invoke('guest/s')
    const closed = test.engine.close()
    await test.clock.advance(50)
    expect((await done).response.result).toEqual({ error: INTERRUPTED })
    expect(await closed).toMatchObject({ interrupted: 2, queued: 0 })
    await test.clock.advance(1_000)
    expect(test.factory.made).toHaveLength(1)
    // The one whose logs are awaited.
    expect(test.throttler.inFlight(anIdentity().namespace.uuid)).toBe(1)
  })

  it('ends queued work with a record where nothing outlives the server', async () => {
    const test = testEngine({ userMemoryMb: 256, stopTimeoutMs: 0, ephemeral: true })
    test.put(ECHO)
    hang(test)
    test.invoke('guest/echo', {}, { blocking: false })
    const queued = test.invoke('guest/echo', {}, { blocking: false })
    await eventually(() => test.factory.made[0]?.runs.length === 1)
    const closed = test.engine.close()
    await test.clock.advance(1)
    await closed
    expect((await queued.done).response.result).toEqual({ error: INTERRUPTED })
  })

  it('does not wait for a container that is never made', async () => {
    const test = testEngine({ stopTimeoutMs: 1_000 })
    test.put(ECHO)
    test.factory.onCreate = () => new Promise(() => {})
    const { done } = test.invoke('guest/echo')
    const closed = test.engine.close()
    await test.clock.advance(1_000)
    expect((await done).response.result).toEqual({ error: INTERRUPTED })
    expect(await closed).toEqual({ interrupted: 1, queued: 0, containers: 1 })
  })
})
