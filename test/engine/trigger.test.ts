import { describe, expect, it } from 'vitest'
import type { FireRequest } from '../../src/engine/invoker.ts'
import type { JsonObject } from '../../src/entity/json.ts'
import type { ReducedRule } from '../../src/entity/whisk-entity.ts'
import { anIdentity, aPackage, aTrigger } from '../builders.ts'
import { code, eventually, sequence, testEngine } from './engine.ts'

const ECHO = code('echo', 'function main(p) { return p }')
const rule = (action: string, status: ReducedRule['status'] = 'active'): ReducedRule => ({
  action: { path: action.slice(0, action.lastIndexOf('/')), name: action.slice(action.lastIndexOf('/') + 1) },
  status,
})

const fire = (
  test: ReturnType<typeof testEngine>,
  rules: Record<string, ReducedRule> | undefined,
  payload: JsonObject = {},
  rest: Partial<FireRequest> = {},
) =>
  test.engine.fire({
    identity: anIdentity(),
    trigger: aTrigger({
      rules,
      parameters: [
        { key: 't', value: 'trigger' },
        { key: 'p', value: 'trigger' },
      ],
    }),
    payload,
    headers: { host: 'localhost' },
    transid: 'tid',
    startedAt: test.clock.now(),
    ...rest,
  })

const fired = async (
  test: ReturnType<typeof testEngine>,
  ...args: Parameters<typeof fire> extends [unknown, ...infer R] ? R : never
) => {
  const result = fire(test, ...args)
  if (result === undefined) throw new Error('nothing was fired')
  await result.accepted()
  const record = test.store.activations.get('guest', result.activationId)
  if (record === undefined) throw new Error('no record')
  return { record, logs: record.logs.map(line => JSON.parse(line)) }
}

describe('firing a trigger', () => {
  it.each<[string, Record<string, ReducedRule> | undefined]>([
    ['no rules', undefined],
    ['only inactive ones', { 'guest/r': rule('guest/echo', 'inactive') }],
  ])('does nothing where there are %s', async (_, rules) => {
    const test = testEngine()
    test.put(ECHO)
    expect(fire(test, rules)).toBeUndefined()
    expect(test.store.activations.count({ namespace: 'guest' })).toBe(0)
  })

  it('leaves a record with a line for each rule', async () => {
    const test = testEngine()
    test.put(ECHO)
    const { record, logs } = await fired(
      test,
      { 'guest/r1': rule('guest/echo'), 'guest/r2': rule('guest/echo', 'inactive'), 'guest/r3': rule('guest/gone') },
      { p: 'payload' },
    )
    expect(record).toEqual({
      activationId: record.activationId,
      namespace: 'guest',
      name: 'ring',
      subject: 'guest',
      version: '0.0.1',
      start: test.clock.now(),
      response: { statusCode: 0, result: { p: 'payload' } },
      logs: record.logs,
      annotations: [],
      publish: false,
    })
    expect(record.logs).toEqual([
      `{"statusCode":0,"success":true,"activationId":"${logs[0].activationId}","rule":"guest/r1","action":"guest/echo"}`,
      `{"statusCode":1,"success":false,"rule":"guest/r2","error":"Rule 'guest/r2' is inactive, action 'guest/echo' was not activated.","action":"guest/echo"}`,
      `{"statusCode":1,"success":false,"rule":"guest/r3","error":"The requested resource does not exist.","action":"guest/gone"}`,
    ])
  })

  it('gives the action trigger parameters, headers and payload, the later over the earlier', async () => {
    const test = testEngine()
    test.put({
      ...ECHO,
      parameters: [
        { key: 'a', value: 'action' },
        { key: 't', value: 'action' },
      ],
    })
    const { logs } = await fired(test, { 'guest/r': rule('guest/echo') }, { p: 'payload' })
    const record = await eventually(() => test.store.activations.get('guest', logs[0].activationId))
    expect(record.response.result).toEqual({
      __ow_headers: { host: 'localhost' },
      a: 'action',
      p: 'payload',
      t: 'trigger',
    })
    expect(record.cause).toBeUndefined()
  })

  it('lets the payload replace the headers', async () => {
    const test = testEngine()
    test.put(ECHO)
    const { logs } = await fired(test, { 'guest/r': rule('guest/echo') }, { __ow_headers: 'mine' })
    const record = await eventually(() => test.store.activations.get('guest', logs[0].activationId))
    expect(record.response.result).toMatchObject({ __ow_headers: 'mine' })
  })

  it('starts sequences, and actions through bindings', async () => {
    const test = testEngine()
    test.put(
      ECHO,
      sequence('s', '/guest/echo'),
      aPackage({ name: 'p' }),
      aPackage({ name: 'b', binding: { namespace: 'guest', name: 'p' } }),
      { ...ECHO, namespace: 'guest/p' },
    )
    const { logs } = await fired(test, { 'guest/r1': rule('guest/s'), 'guest/r2': rule('guest/b/echo') })
    expect(logs.map(({ action }) => action)).toEqual(['guest/s', 'guest/b/echo'])
    const bound = await eventually(() => test.store.activations.get('guest', logs[1].activationId))
    expect(bound.annotations).toContainEqual({ key: 'binding', value: 'guest/b' })
    await eventually(() => test.store.activations.get('guest', logs[0].activationId))
  })

  it.each<[string, string, string]>([
    [
      'a final parameter',
      'guest/final',
      'Request defines parameters that are not allowed (e.g., reserved properties).',
    ],
    ['a foreign action', 'other/x', "The supplied authentication is not authorized to access 'other/x'."],
    ['what is no action', 'guest/p', 'Resource by this name exists but is not in this collection.'],
  ])('tells of %s in its log', async (_, action, error) => {
    const test = testEngine()
    test.put(aPackage({ name: 'p' }), {
      ...ECHO,
      name: 'final',
      annotations: [{ key: 'final', value: true }],
      parameters: [{ key: 'p', value: 1 }],
    })
    const { logs } = await fired(test, { 'guest/r': rule(action) })
    expect(logs).toEqual([{ statusCode: 1, success: false, rule: 'guest/r', error, action }])
  })

  it('charges the invokes to who fires', async () => {
    const test = testEngine({ limits: { preset: 'off', invocationsPerMinute: 1 } })
    test.put(ECHO)
    const { logs } = await fired(test, { 'guest/r1': rule('guest/echo'), 'guest/r2': rule('guest/echo') })
    expect(logs[0].success).toBe(true)
    expect(logs[1]).toMatchObject({
      statusCode: 1,
      error: 'Too many requests in the last minute (count: 2, allowed: 1).',
    })
  })

  it('tells of a full queue as the platform’s fault', async () => {
    const test = testEngine({ queueMemoryBytes: 0, userMemoryMb: 256 })
    test.factory.onRun = () => new Promise(() => {})
    test.put(ECHO, code('slow', ''))
    test.invoke('guest/echo')
    const { logs } = await fired(test, { 'guest/r': rule('guest/slow') })
    expect(logs[0]).toMatchObject({ statusCode: 3, success: false })
  })

  it('has its rules started when it is accepted, in the same commit', async () => {
    const test = testEngine()
    test.put(ECHO)
    const result = fire(test, { 'guest/r1': rule('guest/echo'), 'guest/r2': rule('guest/echo') })
    expect(test.store.queue.all()).toHaveLength(2)
    expect(test.store.activations.get('guest', result?.activationId ?? '')).toBeDefined()
    expect(test.factory.made).toHaveLength(0)
  })
})
