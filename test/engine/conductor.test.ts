import { describe, expect, it } from 'vitest'
import { componentName } from '../../src/engine/conductor.ts'
import type { JsonObject, JsonValue } from '../../src/entity/json.ts'
import { aPackage } from '../builders.ts'
import { annotations, code, conductor, eventually, sequence, testEngine } from './engine.ts'

const STEP = code('step', 'function main(p) { return { n: p.n + 1 } }')
/** Does what its input says, as a conductor. */
const SAY = conductor('say', 'function main(p) { return p }')
const FORWARD = conductor(
  'forward',
  'function main(p) { const { action, params, state, ...rest } = p; return p.error ? { error: p.error } : { action, params: params || rest, state } }',
)
/** Runs a component first, then tells what it was given. */
const asks = (turn: string) =>
  conductor('asks', `function main(p) { return p.$again ? { params: { received: p } } : ${turn} }`)

describe('a composition that asks for nothing', () => {
  it.each<[string, JsonObject, JsonValue]>([
    ['its whole result', { a: 1, state: { s: 1 } }, { a: 1, state: { s: 1 } }],
    ['its params', { params: { x: 1 }, result: 2, state: 3 }, { x: 1 }],
    ['params in a box', { params: [1] }, { value: [1] }],
    ['null in a box', { params: null }, { value: null }],
  ])('ends with %s', async (_, payload, result) => {
    const test = testEngine()
    test.put(SAY)
    const record = await test.run('guest/say', payload)
    expect(record.response).toEqual({ statusCode: 0, result })
    expect(record.logs).toHaveLength(1)
  })

  it('ends with its error', async () => {
    const test = testEngine()
    test.put(SAY)
    expect((await test.run('guest/say', { error: 'x', action: 'y' })).response).toEqual({
      statusCode: 1,
      result: { error: 'x' },
    })
  })

  it('ends with an array', async () => {
    const test = testEngine()
    test.put(conductor('list', 'function main() { return [1] }'))
    expect((await test.run('guest/list')).response).toEqual({ statusCode: 0, result: [1] })
  })

  it('has a record of both, the run caused by the composition', async () => {
    const test = testEngine()
    test.put({ ...SAY, limits: { timeout: 20_000, memory: 128, logs: 2, concurrency: 1 } })
    const record = await test.run('guest/say', {})
    expect(record.annotations).toEqual([
      { key: 'topmost', value: true },
      { key: 'path', value: 'guest/say' },
      { key: 'waitTime', value: 0 },
      { key: 'conductor', value: true },
      { key: 'kind', value: 'sequence' },
      { key: 'limits', value: { concurrency: 1, logs: 2, memory: 128, timeout: 20_000 } },
    ])
    const run = test.store.activations.get('guest', record.logs[0] ?? '')
    expect(run).toMatchObject({ name: 'say', cause: record.activationId })
    expect(run && annotations(run)).toMatchObject({ causedBy: 'sequence', kind: 'nodejs:20' })
    expect(run && annotations(run)).not.toHaveProperty('conductor')
  })

  it.each([false, 0, '', null])('is no composition when the annotation is %j', async value => {
    const test = testEngine()
    test.put({ ...SAY, annotations: [{ key: 'conductor', value }] })
    expect((await test.run('guest/say', { params: { x: 1 } })).response.result).toEqual({ params: { x: 1 } })
  })
})

describe('a composition with components', () => {
  it.each<[JsonObject, JsonObject, number]>([
    [{ action: 'step', n: 1 }, { n: 2 }, 3],
    [{ action: 'step', state: { witness: 42 }, n: 1 }, { n: 2, witness: 42 }, 3],
    [{ action: 'step', state: { action: 'step' }, n: 1 }, { n: 3 }, 5],
    [{ action: 'step', state: { action: 'step', state: { action: 'step' } }, n: 1 }, { n: 4 }, 7],
    [{ action: 'forward', params: { action: 'step', n: 1 } }, { n: 2 }, 3],
    [{ action: 's', n: 1 }, { n: 3 }, 3],
  ])('for %j ends with %j after %s runs', async (payload, result, runs) => {
    const test = testEngine()
    test.put(STEP, FORWARD, sequence('s', '/guest/step', '/guest/step'))
    const record = await test.run('guest/forward', payload)
    expect(record.response).toEqual({ statusCode: 0, result })
    expect(record.logs).toHaveLength(runs)
  })

  it('gives the conductor the result with the state over it, once', async () => {
    const test = testEngine()
    test.put(
      code('step', 'function main() { return { a: "step", b: { x: 1 }, c: "step" } }'),
      asks('{ action: "step", state: { $again: 1, b: { y: 2 }, c: "state" } }'),
    )
    const record = await test.run('guest/asks')
    expect(record.response.result).toEqual({ received: { $again: 1, a: 'step', b: { y: 2 }, c: 'state' } })
  })

  it('gives components their own parameters under params, and nothing else', async () => {
    const test = testEngine()
    test.put(code('step', 'function main(p) { return { got: p } }', { parameters: [{ key: 'own', value: 1 }] }), {
      ...asks('{ action: "step", params: { b: 2 }, c: 3, state: { $again: 1 } }'),
      parameters: [{ key: 'dflt', value: 1 }],
    })
    const record = await test.run('guest/asks')
    expect(record.response.result).toEqual({ received: { $again: 1, dflt: 1, got: { own: 1, b: 2 } } })
  })

  it('tells the conductor of a component that failed', async () => {
    const test = testEngine()
    test.put(code('step', 'function main() { throw "inner" }'), asks('{ action: "step", state: { $again: 1 } }'))
    expect((await test.run('guest/asks')).response.result).toEqual({
      received: { $again: 1, error: 'An error has occurred: inner' },
    })
  })

  it.each<[string, JsonValue, string]>([
    ['unparsable name', 'inv#', 'Failed to parse action name from json value "inv#" during composition.'],
    [
      'name that is no text',
      { b: 1, a: [2] },
      'Failed to parse action name from json value {"a":[2],"b":1} during composition.',
    ],
    ['missing action', 'missing', "Failed to resolve action with name 'guest/missing' during composition."],
    ['missing package', 'pkg/x', "Failed entitlement check for action with name 'guest/pkg/x' during composition."],
    ['foreign action', '/other/x', "Failed entitlement check for action with name 'other/x' during composition."],
    [
      'component that answers with an array',
      'list',
      "Failed to resolve action with name 'guest/list' during composition.",
    ],
  ])('tells the conductor of a %s, with the state', async (_, action, error) => {
    const test = testEngine()
    test.put(
      code('list', 'function main() { return [1] }'),
      asks(`{ action: ${JSON.stringify(action)}, state: { $again: 1 } }`),
    )
    const record = await test.run('guest/asks')
    expect(record.response.result).toEqual({ received: { $again: 1, error } })
    expect(record.logs).toHaveLength(action === 'list' ? 3 : 2)
  })

  it('resolves names in the namespace of the caller, not in its package', async () => {
    const test = testEngine()
    test.put(
      aPackage({ name: 'p' }),
      aPackage({ name: 'b', binding: { namespace: 'guest', name: 'p' } }),
      { ...asks('{ action: "step", params: { n: 1 }, state: { $again: 1 } }'), namespace: 'guest/p' },
      STEP,
    )
    const record = await test.run('guest/b/asks')
    expect(record.response.result).toEqual({ received: { $again: 1, n: 2 } })
    expect(annotations(record)).toMatchObject({ binding: 'guest/b', path: 'guest/p/asks', conductor: true })
  })

  it('takes the memory of its biggest component for its own', async () => {
    const test = testEngine()
    test.put({ ...STEP, limits: { ...STEP.limits, memory: 512 } }, FORWARD)
    const record = await test.run('guest/forward', { action: 'step', n: 1 })
    expect(annotations(record).limits).toMatchObject({ memory: 512 })
  })
})

describe('the budgets of compositions', () => {
  const steps = (count: number) =>
    conductor(
      'steps',
      `function main(p) { const left = p.left ?? ${count}; return left && !p.error ? { action: "step", params: { n: p.n }, state: { left: left - 1 } } : p.error ? { error: p.error } : { params: { n: p.n } } }`,
    )
  const deep = conductor(
    'deep',
    'function main(p) { return p.error ? { error: p.error } : p.depth > 0 ? { action: "deep", params: { depth: p.depth - 1 } } : { params: { bottom: p.bottom ?? p.depth } } }',
  )
  const TOO_LONG = { statusCode: 1, result: { error: 'Too many actions in the composition.' } }

  it('allow as many components as a sequence may have', async () => {
    const test = testEngine()
    test.put(STEP, steps(50))
    const record = await test.run('guest/steps', { n: 0 })
    expect(record.response.result).toEqual({ n: 50 })
    expect(record.logs).toHaveLength(101)
  })

  it('tell the conductor when it asks for one more', async () => {
    const test = testEngine()
    test.put(STEP, steps(51))
    expect((await test.run('guest/steps', { n: 0 })).response).toEqual(TOO_LONG)
  })

  it('end a composition that never ends', async () => {
    const test = testEngine()
    test.put(conductor('mad', 'function main() { return { action: "step", params: { n: 1 } } }'), STEP)
    const record = await test.run('guest/mad')
    expect(record.response).toEqual(TOO_LONG)
    expect(record.logs).toHaveLength(151)
  })

  it.each([
    [50, { statusCode: 0, result: { bottom: 0 } }],
    [51, TOO_LONG],
  ])('are shared over nesting: depth %s', async (depth, response) => {
    const test = testEngine()
    test.put(deep)
    expect((await test.run('guest/deep', { depth })).response).toEqual(response)
  })
})

describe('a composition whose conductor', () => {
  it('does not end in time ends with its id', async () => {
    const test = testEngine()
    test.put({ ...SAY, limits: { ...SAY.limits, timeout: 1000 } })
    test.factory.onCreate = () => new Promise(() => {})
    const { done } = test.invoke('guest/say')
    await eventually(() => test.engine.status().running === 1)
    await test.clock.advance(61_000)
    const record = await done
    expect(record.response).toEqual({
      statusCode: 3,
      result: { error: `Timeout reached when retrieving activation ${record.logs[0]} during composition.` },
    })
  })

  it('cannot be loaded ends with that', async () => {
    const test = testEngine()
    test.put(conductor('broken', '('))
    const record = await test.run('guest/broken')
    expect(record.response.statusCode).toBe(2)
    expect(record.logs).toHaveLength(1)
  })
})

describe('componentName', () => {
  it.each<[JsonValue, string | undefined]>([
    ['x', 'guest/x'],
    ['p/x', 'guest/p/x'],
    ['/_/x', 'guest/x'],
    ['/_/p/x', 'guest/p/x'],
    ['/other/x', 'other/x'],
    ['/other/p/x', 'other/p/x'],
    ['other/p/x', 'other/p/x'],
    ['_/p/x', 'guest/p/x'],
    ['a//b', 'guest/a/b'],
    ['a/b/', 'guest/a/b'],
    ['', undefined],
    ['/', undefined],
    ['/x', undefined],
    ['a/b/c/d', undefined],
    ['/a/b/c/d', undefined],
    [' x', undefined],
    ['x ', undefined],
    ['$x', undefined],
    [7, undefined],
    [null, undefined],
    [['x'], undefined],
  ])('reads %j as %s', (value, expected) => {
    const found = componentName(value, 'guest')
    expect(found && `${found.path}/${found.name}`).toBe(expected)
  })
})
