import { describe, expect, it } from 'vitest'
import { mergeArguments, refuseOverrides } from '../../src/engine/arguments.ts'
import { environmentText, initBody, runBody } from '../../src/engine/bodies.ts'
import { type ExecutableAction, isExecutable } from '../../src/engine/profile.ts'
import { JsonNumber, type JsonValue } from '../../src/entity/json.ts'
import { anAction, anIdentity, GUEST } from '../builders.ts'

const facts = (overrides: Parameters<typeof anAction>[0] = {}) => {
  const action = anAction(overrides)
  if (!isExecutable(action)) throw new Error('a sequence')
  return { activationId: 'a'.repeat(32), action: action as ExecutableAction, identity: anIdentity(), transid: 'tid' }
}
const noKey = { annotations: [{ key: 'provide-api-key', value: false }] }

describe('runBody', () => {
  it('has its members in the order of the reference', () => {
    expect(runBody(facts(noKey), '{"x":1}', 1700)).toBe(
      `{"value":{"x":1},"namespace":"guest","action_name":"/guest/hello","action_version":"0.0.1","activation_id":"${'a'.repeat(32)}","transaction_id":"tid","deadline":"1700"}`,
    )
  })

  it('carries the key of the caller when the annotation is missing or truthy', () => {
    const key = `"api_key":"${GUEST.uuid}:${GUEST.key}"`
    expect(runBody(facts(), '{}', 1)).toContain(key)
    expect(runBody(facts({ annotations: [{ key: 'provide-api-key', value: 'no' }] }), '{}', 1)).toContain(key)
    for (const value of [false, 0, '', null]) {
      expect(runBody(facts({ annotations: [{ key: 'provide-api-key', value }] }), '{}', 1)).not.toContain('api_key')
    }
  })

  it('survives a transaction id with quotes', () => {
    expect(JSON.parse(runBody({ ...facts(), transid: 'a"b' }, '{}', 1))).toMatchObject({ transaction_id: 'a"b' })
  })
})

describe('initBody', () => {
  it('has code, entry point and environment', () => {
    const body = JSON.parse(initBody(facts({ namespace: 'guest/p' }), { G: 'hi', n: 7 }, 1700))
    expect(body).toEqual({
      value: {
        name: 'hello',
        main: 'main',
        code: 'function main(args) { return args }',
        binary: false,
        env: {
          G: 'hi',
          n: '7',
          __OW_API_KEY: `${GUEST.uuid}:${GUEST.key}`,
          __OW_NAMESPACE: 'guest',
          __OW_ACTION_NAME: '/guest/p/hello',
          __OW_ACTION_VERSION: '0.0.1',
          __OW_ACTIVATION_ID: 'a'.repeat(32),
          __OW_TRANSACTION_ID: 'tid',
          __OW_DEADLINE: '1700',
        },
      },
    })
  })

  it('leaves out the code of an image that has none', () => {
    const body = initBody(facts({ ...noKey, exec: { kind: 'blackbox', image: 'me/img', binary: false } }), {}, 1)
    expect(JSON.parse(body).value).not.toHaveProperty('code')
  })

  it('lets platform variables win', () => {
    expect(JSON.parse(initBody(facts(noKey), { __OW_NAMESPACE: 'x' }, 1)).value.env.__OW_NAMESPACE).toBe('guest')
  })
})

describe('environmentText', () => {
  it.each<[JsonValue, string]>([
    ['a b', 'a b'],
    [null, ''],
    [7, '7'],
    [new JsonNumber('1.0'), '1.0'],
    [true, 'true'],
    [{ b: 1, a: [2] }, '{"a":[2],"b":1}'],
  ])('prints %j as %j', (value, text) => {
    expect(environmentText(value)).toBe(text)
  })
})

describe('mergeArguments', () => {
  const parameters = [
    { key: 'a', value: 1 },
    { key: 'b', value: 2 },
    { key: 'E', value: 'stored', init: true },
  ] as const

  it('lays the payload over the parameters', () => {
    expect(mergeArguments(parameters, { b: 3, c: 4 })).toEqual({ value: { a: 1, b: 3, c: 4 }, init: { E: 'stored' } })
  })

  it('gives the parameters when there is no payload', () => {
    expect(mergeArguments(parameters, undefined)).toEqual({ value: { a: 1, b: 2 }, init: { E: 'stored' } })
  })

  it('puts the override of an init parameter into the environment', () => {
    expect(mergeArguments(parameters, { E: 'given' })).toEqual({ value: { a: 1, b: 2 }, init: { E: 'given' } })
  })

  it('passes an array on as it is', () => {
    expect(mergeArguments(parameters, [1])).toEqual({ value: [1], init: {} })
  })

  it('keeps a key __proto__ an ordinary one', () => {
    const payload = JSON.parse('{"__proto__":{"x":1}}')
    const { value } = mergeArguments(parameters, payload)
    expect(Object.keys(value)).toContain('__proto__')
    expect(JSON.stringify(value)).toContain('"__proto__":{"x":1}')
  })
})

describe('refuseOverrides', () => {
  const parameters = [
    { key: 'a', value: false },
    { key: 'free', value: null },
  ]

  it('refuses a key that has a value', () => {
    expect(() => refuseOverrides(parameters, { a: 1 })).toThrow(
      'Request defines parameters that are not allowed (e.g., reserved properties).',
    )
  })

  it('allows keys without a value and new ones', () => {
    expect(() => refuseOverrides(parameters, { free: 1, b: 2 })).not.toThrow()
  })
})
