import { describe, expect, it } from 'vitest'
import { BuiltinRejection, namedArguments } from '../../src/container/builtin.ts'
import { anIdentity } from '../builders.ts'
import { annotations, code, sequence, testEngine } from './engine.ts'

describe('system actions', () => {
  it('leave ordinary records and need no container', async () => {
    const { put, run, factory, store } = testEngine({
      builtins: {
        'guest/sys': (args, { log, identity }) => {
          log('one\ntwo')
          return { ...args, who: identity.subject }
        },
      },
    })
    put(code('sys', '', { parameters: [{ key: 'b', value: 1 }] }))
    const record = await run('guest/sys', { a: 1 })
    expect(record).toMatchObject({
      logs: [],
      response: { statusCode: 0, result: { a: 1, b: 1, who: 'guest' }, size: 27 },
    })
    expect(annotations(record)).toMatchObject({ kind: 'nodejs:20', path: 'guest/sys', timeout: false })
    expect(store.activations.get('guest', record.activationId)?.logs).toEqual([
      expect.stringMatching(/Z +stdout: one$/),
      expect.stringMatching(/Z +stdout: two$/),
    ])
    expect(factory.made).toHaveLength(0)
  })

  it('get an array from the component before them, unless they only know names', async () => {
    const { put, run } = testEngine({
      builtins: {
        'guest/echo': args => args,
        ...Object.fromEntries(namedArguments(new Map([['guest/named', async args => ({ args })]]))),
      },
    })
    put(
      code('array', 'function main() { return [1, { error: 2 }] }'),
      code('echo', ''),
      code('named', ''),
      sequence('echoed', '/guest/array', '/guest/echo'),
      sequence('asked', '/guest/array', '/guest/named'),
    )
    expect((await run('guest/echoed')).response).toMatchObject({ statusCode: 0, result: [1, { error: 2 }] })
    expect((await run('guest/asked')).response.result).toEqual({ args: {} })
    expect((await run('guest/named', { a: 1 })).response.result).toEqual({ args: { a: 1 } })
  })

  it('may answer no more than actions may', async () => {
    const limits = { maxPayloadSize: '20 B', truncationSize: '10 B' }
    const { put, run } = testEngine({ builtins: { 'guest/sys': args => args } })
    put(code('sys', ''))
    const small = await run('guest/sys', { a: 'żżż' }, { identity: anIdentity({ limits }) })
    expect(small.response).toEqual({ statusCode: 0, result: { a: 'żżż' }, size: 11 })
    const large = await run('guest/sys', { a: 'żżżżżżżż' }, { identity: anIdentity({ limits }) })
    const text =
      'The action produced a response that exceeded the allowed length: 24 > 20 bytes. The truncated response was: {"a":"żż'
    expect(large.response).toEqual({ statusCode: 1, result: { error: text }, size: 24 })
  })

  it('fail as actions do', async () => {
    const { put, run, store } = testEngine({
      builtins: {
        'guest/throws': (_, { log }) => {
          log('before')
          throw new TypeError('no')
        },
        'guest/rejects': async () => {
          throw new Error('no')
        },
        'guest/refuses': () => {
          throw new BuiltinRejection({ why: 'no' })
        },
      },
    })
    put(code('throws', ''), code('rejects', ''), code('refuses', ''))
    const thrown = await run('guest/throws')
    expect(thrown.response).toMatchObject({ statusCode: 2, result: { error: 'An error has occurred: TypeError: no' } })
    expect(store.activations.get('guest', thrown.activationId)?.logs).toEqual([
      expect.stringMatching(/Z +stdout: before$/),
      expect.stringMatching(/Z +stderr: TypeError: no$/),
      expect.stringMatching(/Z +stderr: The action did not initialize or run as expected. Log data might be missing.$/),
    ])
    const rejection = await run('guest/rejects')
    expect(rejection.response).toMatchObject({ statusCode: 1, result: { error: 'no' } })
    expect(store.activations.get('guest', rejection.activationId)?.logs).toEqual([])
    expect((await run('guest/refuses')).response).toMatchObject({ statusCode: 1, result: { error: { why: 'no' } } })
  })
})
