import { describe, expect, it } from 'vitest'
import { anAction, aPackage } from '../builders.ts'
import { annotations, code, eventually, testEngine } from './engine.ts'

describe('invoking an action', () => {
  it('answers a blocking invoke with its record, without logs', async () => {
    const { put, run, store } = testEngine()
    put(code('hello', 'function main(p) { console.log("hi " + p.name); return { greeting: p.name } }'))
    const record = await run('guest/hello', { name: 'Ada' })
    expect(record).toMatchObject({
      namespace: 'guest',
      name: 'hello',
      subject: 'guest',
      version: '0.0.1',
      response: { statusCode: 0, result: { greeting: 'Ada' }, size: 18 },
      logs: [],
    })
    expect(annotations(record)).toMatchObject({ path: 'guest/hello', kind: 'nodejs:20', timeout: false, initTime: 0 })
    expect(store.activations.get('guest', record.activationId)?.logs).toEqual([
      expect.stringMatching(/^\S+Z +stdout: hi Ada$/),
    ])
  })

  it('runs a non-blocking invoke after its acceptance is durable', async () => {
    const { put, invoke, store, factory } = testEngine()
    put(code('hello', 'function main() { return { ok: 1 } }'))
    const invocation = invoke('guest/hello', {}, { blocking: false })
    expect(store.queue.all()).toMatchObject([{ activationId: invocation.activationId, state: 'started' }])
    expect(factory.made).toEqual([])
    await invocation.accepted()
    await invocation.done
    expect(store.queue.all()).toEqual([])
    expect(store.activations.get('guest', invocation.activationId)?.response.result).toEqual({ ok: 1 })
  })

  it('reuses a warm container, without initTime', async () => {
    const { put, run, factory } = testEngine()
    put(code('count', 'let n = 0; function main() { return { n: ++n } }'))
    expect((await run('guest/count')).response.result).toEqual({ n: 1 })
    const second = await run('guest/count')
    expect(second.response.result).toEqual({ n: 2 })
    expect(annotations(second)).not.toHaveProperty('initTime')
    expect(factory.made).toHaveLength(1)
  })

  it('gives package, binding, action and payload parameters, the later over the earlier', async () => {
    const { put, run, factory } = testEngine()
    put(
      aPackage({ name: 'p', parameters: ['a', 'b', 'c'].map(key => ({ key, value: 'package' })) }),
      aPackage({
        name: 'b',
        binding: { namespace: 'guest', name: 'p' },
        parameters: [{ key: 'b', value: 'binding' }],
      }),
      anAction({ namespace: 'guest/p', name: 'x', parameters: [{ key: 'c', value: 'action' }] }),
    )
    const record = await run('guest/b/x', { d: 'payload' })
    expect(record.response.result).toEqual({ a: 'package', b: 'binding', c: 'action', d: 'payload' })
    expect(annotations(record)).toMatchObject({ path: 'guest/p/x', binding: 'guest/b' })
    expect(factory.made[0]?.runs[0]).toMatchObject({ action_name: '/guest/p/x', namespace: 'guest' })
  })

  it('ends every accepted activation of a burst, in order, within the memory', async () => {
    const { put, invoke, engine, factory } = testEngine({ userMemoryMb: 512 })
    put(code('slow', 'function main(p) { return new Promise(r => setImmediate(r, { n: p.n })) }'))
    const all = Array.from({ length: 50 }, (_, n) => invoke('guest/slow', { n }, { blocking: false }))
    expect(engine.status().queue.activations).toBe(48)
    const records = await Promise.all(all.map(({ done }) => done))
    expect(records.map(({ response }) => response.result)).toEqual(all.map((_, n) => ({ n })))
    expect(factory.made).toHaveLength(2)
    await eventually(() => engine.status().running === 0)
  })
})
