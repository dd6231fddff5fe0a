import { describe, expect, it } from 'vitest'
import { JsonNumber } from '../../src/entity/json.ts'
import {
  decodeParameters,
  findParameter,
  initKeys,
  isTruthy,
  mergeParameters,
  overridesFinal,
  parametersJson,
  sizeOfParameters,
  toEnvironmentValue,
  withoutParameter,
  withParameter,
} from '../../src/entity/parameters.ts'

describe('decodeParameters', () => {
  it('keeps what matters and drops the rest', () => {
    expect(
      decodeParameters([
        { key: 'a', value: null, extra: 1 },
        { key: 'b', value: 1, init: true },
        { key: 'c', value: 2, init: false },
        { key: 'd', value: 3, encryption: 'aes-128' },
      ]),
    ).toEqual([
      { key: 'a', value: null },
      { key: 'b', value: 1, init: true },
      { key: 'c', value: 2 },
      { key: 'd', value: 3, encryption: 'aes-128' },
    ])
  })

  it('lets the last of duplicate keys win in the place of the first', () => {
    expect(
      decodeParameters([
        { key: 'a', value: 1 },
        { key: 'b', value: 2 },
        { key: 'a', value: 3 },
      ]),
    ).toEqual([
      { key: 'a', value: 3 },
      { key: 'b', value: 2 },
    ])
  })

  it.each([
    [{}],
    ['x'],
    [true],
    [[null]],
    [[{}]],
    [[{ key: 'a' }]],
    [[{ value: 1 }]],
    [[{ key: 7, value: 1 }]],
    [[{ key: null, value: 1 }]],
    [[{ key: 'a', value: 1, init: 'true' }]],
    [[{ key: 'a', value: 1, init: 1 }]],
    [[{ key: 'a', value: 1 }, 'b']],
  ])('refuses %j', value => {
    expect(() => decodeParameters(value)).toThrow('The request content was malformed:\nparameters malformed!')
  })
})

describe('parameters', () => {
  it('are measured in bytes of keys and compact values', () => {
    expect(sizeOfParameters([{ key: 'ż', value: { b: 'ż', a: [1, new JsonNumber('1.0')] } }])).toBe(
      2 + '{"a":[1,1.0],"b":"??"}'.length,
    )
  })

  it('merge by key, the later winning as a whole value', () => {
    expect(
      mergeParameters(
        [
          { key: 'a', value: { x: 1 } },
          { key: 'b', value: 1 },
        ],
        [
          { key: 'c', value: 1 },
          { key: 'a', value: { y: 2 } },
        ],
      ),
    ).toEqual([
      { key: 'a', value: { y: 2 } },
      { key: 'b', value: 1 },
      { key: 'c', value: 1 },
    ])
  })

  it('are set, removed and found by key', () => {
    const one = withParameter([], 'k', 1)
    expect(findParameter(one, 'k')).toBe(1)
    expect(withoutParameter(one, 'k')).toEqual([])
    expect(withoutParameter(one, 'x')).toBe(one)
  })

  it('show init and encryption only when set', () => {
    expect(
      parametersJson([
        { key: 'a', value: 1 },
        { key: 'b', value: 2, init: true, encryption: 'aes-256' },
      ]),
    ).toEqual([
      { key: 'a', value: 1 },
      { key: 'b', value: 2, init: true, encryption: 'aes-256' },
    ])
  })

  it('name the keys that go to the environment', () => {
    expect([
      ...initKeys([
        { key: 'a', value: 1 },
        { key: 'b', value: 2, init: true },
      ]),
    ]).toEqual(['b'])
  })

  it.each([
    ['x', 'x'],
    [null, ''],
    [true, 'true'],
    [1.5, '1.5'],
    [new JsonNumber('1E+3'), '1E+3'],
    [{ b: 1, a: 2 }, '{"a":2,"b":1}'],
  ])('%j becomes the environment value %j', (value, text) => {
    expect(toEnvironmentValue(value)).toBe(text)
  })
})

describe('annotations', () => {
  it('count as given when missing', () => {
    expect([isTruthy([], 'x'), isTruthy([], 'x', true), isTruthy([{ key: 'x', value: '' }], 'x', true)]).toEqual([
      false,
      true,
      false,
    ])
  })

  it.each([
    [true, { a: 1 }, true],
    [true, { empty: 1 }, false],
    [true, { other: 1 }, false],
    ['true', { a: 1 }, false],
    [1, { a: 1 }, false],
  ])('final %j with payload %j overrides: %s', (final, payload, expected) => {
    const merged = [
      { key: 'a', value: 0 },
      { key: 'empty', value: null },
    ]
    expect(overridesFinal([{ key: 'final', value: final }], merged, payload)).toBe(expected)
  })
})
