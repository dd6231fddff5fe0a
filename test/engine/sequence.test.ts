import { describe, expect, it } from 'vitest'
import { anIdentity, aPackage } from '../builders.ts'
import { annotations, code, conductor, eventually, sequence, testEngine } from './engine.ts'

const PLUS = code('plus', 'function main(p) { return { n: (p.n || 0) + 1 } }')
const ECHO = code('echo', 'function main(p) { return p }')
const records = ({ store }: ReturnType<typeof testEngine>, name: string) =>
  store.activations.list({ namespace: 'guest', name })

describe('a sequence', () => {
  it('gives each component the result of the one before, and its record adds them up', async () => {
    const test = testEngine()
    test.put(
      PLUS,
      code('big', 'function main(p) { return { n: p.n * 2 } }', { limits: { memory: 512 } }),
      sequence('s', '/guest/plus', '/guest/big', '/guest/plus'),
    )
    const record = await test.run('guest/s', { n: 4 })
    expect(record.response).toEqual({ statusCode: 0, result: { n: 11 }, size: 8 })
    expect(record.annotations).toEqual([
      { key: 'topmost', value: true },
      { key: 'path', value: 'guest/s' },
      { key: 'waitTime', value: 0 },
      { key: 'kind', value: 'sequence' },
      { key: 'limits', value: { concurrency: 1, logs: 10, memory: 512, timeout: 60_000 } },
    ])
    expect(record.cause).toBeUndefined()
    const components = record.logs.map(id => test.store.activations.get('guest', id))
    expect(components.map(component => component?.name)).toEqual(['plus', 'big', 'plus'])
    for (const component of components) {
      expect(component?.cause).toBe(record.activationId)
      expect(component && annotations(component).causedBy).toBe('sequence')
    }
    expect(test.store.activations.get('guest', record.activationId)).toEqual(record)
    expect(test.factory.made).toHaveLength(2)
  })

  it('adds up the durations of its components', async () => {
    const test = testEngine()
    test.put(ECHO, sequence('s', '/guest/echo', '/guest/echo'))
    test.factory.onRun = async () => {
      await test.clock.advance(20)
      return undefined
    }
    expect((await test.run('guest/s')).duration).toBe(40)
  })

  it('gives each component its own transaction', async () => {
    const test = testEngine()
    test.put(ECHO, sequence('s', '/guest/echo', '/guest/echo'))
    await test.run('guest/s')
    const ids = test.factory.made[0]?.runs.map(body => (body as { transaction_id: string }).transaction_id)
    expect(new Set(ids).size).toBe(2)
    expect(ids?.[0]).toMatch(/^[A-Za-z0-9]{32}$/)
  })

  it.each<[string, string, object]>([
    [
      'an application error',
      'function main() { return { error: "stop", more: 1 } }',
      { statusCode: 1, result: { error: 'stop' }, size: 25 },
    ],
    [
      'a developer error',
      'function main() { throw "x" }',
      { statusCode: 2, result: { error: 'An error has occurred: x' }, size: 36 },
    ],
    ['a failed initialization', '(', { statusCode: 2 }],
  ])('stops at %s, which it copies', async (_, source, response) => {
    const test = testEngine()
    test.put(PLUS, code('bad', source), sequence('s', '/guest/plus', '/guest/bad', '/guest/plus'))
    const record = await test.run('guest/s')
    expect(record.response).toMatchObject(response)
    expect(record.logs).toHaveLength(2)
    expect(records(test, 'plus')).toHaveLength(1)
  })

  it('is not stopped by an error in its payload', async () => {
    const test = testEngine()
    test.put(code('saw', 'function main(p) { return { saw: p.error } }'), sequence('s', '/guest/saw'))
    expect((await test.run('guest/s', { error: 'given' })).response.result).toEqual({ saw: 'given' })
  })

  it('passes arrays on as they are, without parameters', async () => {
    const test = testEngine()
    test.put(
      code('list', 'function main() { return [1, { error: 2 }] }'),
      code('got', 'function main(p) { return { p } }', { parameters: [{ key: 'own', value: 1 }] }),
      sequence('s', '/guest/list', '/guest/got'),
    )
    expect((await test.run('guest/s')).response.result).toEqual({ p: [1, { error: 2 }] })
  })

  it('gives components their parameters, and not its own', async () => {
    const test = testEngine()
    test.put(
      aPackage({ name: 'p', parameters: [{ key: 'a', value: 'package' }] }),
      aPackage({ name: 'b', binding: { namespace: 'guest', name: 'p' }, parameters: [{ key: 'b', value: 'binding' }] }),
      { ...ECHO, namespace: 'guest/p', parameters: [{ key: 'c', value: 'action' }] },
      { ...sequence('s', '/guest/b/echo'), parameters: [{ key: '_actions', value: ['x'] }] },
    )
    const record = await test.run('guest/s', { d: 1 })
    expect(record.response.result).toEqual({ a: 'package', b: 'binding', c: 'action', d: 1 })
    const component = test.store.activations.get('guest', record.logs[0] ?? '')
    expect(component && annotations(component)).toMatchObject({ binding: 'guest/b', path: 'guest/p/echo' })
    expect(annotations(record)).not.toHaveProperty('binding')
  })

  it('does not ask whether a component is final', async () => {
    const test = testEngine()
    const annotated = { annotations: [{ key: 'final', value: true }], parameters: [{ key: 'a', value: 1 }] }
    test.put({ ...ECHO, ...annotated }, sequence('s', '/guest/echo'))
    expect((await test.run('guest/s', { a: 2 })).response.result).toEqual({ a: 2 })
  })

  it('within a sequence has a record of its own', async () => {
    const test = testEngine()
    test.put(PLUS, sequence('inner', '/guest/plus', '/guest/plus'), sequence('outer', '/guest/inner', '/guest/plus'))
    const outer = await test.run('guest/outer', { n: 1 })
    expect([outer.response.result, outer.logs.length]).toEqual([{ n: 4 }, 2])
    const inner = test.store.activations.get('guest', outer.logs[0] ?? '')
    expect(inner).toMatchObject({ name: 'inner', cause: outer.activationId, response: { result: { n: 3 }, size: 7 } })
    expect(inner && annotations(inner)).toMatchObject({ topmost: false, causedBy: 'sequence', kind: 'sequence' })
    expect(inner?.logs).toHaveLength(2)
  })

  it('with a composition in it runs that as one component', async () => {
    const test = testEngine()
    test.put(
      PLUS,
      conductor(
        'k',
        'function main(p) { return p.$d ? { params: { n: p.n } } : { action: "plus", params: { n: p.n }, state: { $d: 1 } } }',
      ),
      sequence('s', '/guest/plus', '/guest/k', '/guest/plus'),
    )
    const record = await test.run('guest/s', { n: 1 })
    expect([record.response.result, record.logs.length]).toEqual([{ n: 4 }, 3])
    const composition = test.store.activations.get('guest', record.logs[1] ?? '')
    expect(composition && annotations(composition)).toMatchObject({ topmost: false, conductor: true })
    expect(composition?.logs).toHaveLength(3)
  })

  it('that grew beyond the limit ends with an application error', async () => {
    const test = testEngine()
    test.put(
      PLUS,
      sequence('x', ...Array.from({ length: 50 }, () => '/guest/plus')),
      sequence('s', '/guest/plus', '/guest/x', '/guest/plus'),
    )
    const record = await test.run('guest/s')
    expect(record.response).toEqual({ statusCode: 1, result: { error: 'Too many actions in the sequence.' } })
    expect(record.logs).toHaveLength(2)
    expect(test.store.activations.get('guest', record.logs[1] ?? '')?.logs).toHaveLength(49)
  })

  it('whose component is gone ends with an application error, without limits where none completed', async () => {
    const test = testEngine()
    test.put(PLUS, sequence('s', '/guest/plus', '/guest/gone'), sequence('t', '/guest/gone'))
    const record = await test.run('guest/s')
    expect(record.response).toEqual({ statusCode: 1, result: { error: 'Sequence component does not exist.' } })
    expect(record.logs).toHaveLength(1)
    expect((await test.run('guest/t')).annotations.map(({ key }) => key)).toEqual([
      'topmost',
      'path',
      'kind',
      'waitTime',
    ])
  })

  it('runs the version of its turn with the parameters of its start', async () => {
    const test = testEngine()
    test.put(ECHO, { ...PLUS, parameters: [{ key: 'a', value: 1 }] }, sequence('s', '/guest/echo', '/guest/plus'))
    test.factory.onRun = (_, container) => {
      if (container.runs.length === 1 && test.factory.made.length === 1) {
        test.put(
          code('plus', 'function main(p) { return { v: 2, ...p } }', {
            version: '0.0.2',
            parameters: [{ key: 'a', value: 9 }],
          }),
        )
      }
      return undefined
    }
    const record = await test.run('guest/s', { b: 1 })
    expect(record.response.result).toEqual({ v: 2, a: 1, b: 1 })
    expect(test.store.activations.get('guest', record.logs[1] ?? '')?.version).toBe('0.0.2')
  })

  it('ends when a component does not end within its time limit and a minute', async () => {
    const test = testEngine()
    test.put(code('slow', 'function main() {}', { limits: { timeout: 1000 } }), sequence('s', '/guest/slow'))
    test.factory.onCreate = () => new Promise(() => {})
    const { done } = test.invoke('guest/s')
    await eventually(() => test.engine.status().running === 1)
    await test.clock.advance(61_000)
    const record = await done
    expect(record.logs).toHaveLength(1)
    expect(record.response).toEqual({
      statusCode: 3,
      result: { error: `Timeout reached when retrieving activation ${record.logs[0]} for sequence component.` },
    })
  })

  it('is refused to who may not use a component', () => {
    const test = testEngine()
    test.put(PLUS, sequence('s', '/guest/plus', '/other/secret'))
    expect(() => test.invoke('guest/s')).toThrow(
      "The supplied authentication is not authorized to access 'other/secret'.",
    )
  })

  it('counts only what runs as concurrency', async () => {
    const test = testEngine()
    const { uuid } = anIdentity().namespace
    test.put(ECHO, sequence('s', '/guest/echo', '/guest/echo'))
    const seen: number[] = []
    test.factory.onRun = () => {
      seen.push(test.throttler.inFlight(uuid))
      return undefined
    }
    await test.run('guest/s')
    expect(seen).toEqual([1, 1])
    expect(test.throttler.inFlight(uuid)).toBe(0)
  })
})
