import { describe, expect, it } from 'vitest'
import { annotations, code, testEngine } from './engine.ts'

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

  it('fail as actions do', async () => {
    const { put, run } = testEngine({
      builtins: {
        'guest/sys': () => {
          throw new Error('no')
        },
      },
    })
    put(code('sys', ''))
    expect((await run('guest/sys')).response).toMatchObject({ statusCode: 1, result: { error: 'no' } })
  })
})
