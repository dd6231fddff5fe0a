import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  isJsonObject,
  JsonNumber,
  JsonSyntaxError,
  numberOf,
  parseJson,
  stringify,
  stringifyUnsorted,
  truthy,
} from '../../src/entity/json.ts'

function errorOf(text: string): string {
  try {
    parseJson(text)
  } catch (error) {
    if (error instanceof JsonSyntaxError) return error.message
    throw error
  }
  throw new Error(`accepted: ${text}`)
}

describe('numbers', () => {
  it.each([
    ['1.0', '1.0'],
    ['1.50', '1.50'],
    ['1.5', '1.5'],
    ['0', '0'],
    ['-0', '0'],
    ['-0.0', '0.0'],
    ['-0.5', '-0.5'],
    ['0e5', '0E+5'],
    ['1e3', '1E+3'],
    ['1.5E3', '1.5E+3'],
    ['15e+2', '1.5E+3'],
    ['100', '100'],
    ['1e0', '1'],
    ['12e-1', '1.2'],
    ['1e-7', '1E-7'],
    ['0.0000001', '1E-7'],
    ['0.00000012', '1.2E-7'],
    ['0.000001', '0.000001'],
    ['0.0000000', '0E-7'],
    ['0.00', '0.00'],
    ['1e21', '1E+21'],
    ['1e400', '1E+400'],
    ['12345678901234567890', '12345678901234567890'],
    ['-9007199254740993', '-9007199254740993'],
    ['9007199254740992', '9007199254740992'],
    ['3.141592653589793238462643', '3.141592653589793238462643'],
  ])('%s is printed as %s', (literal, printed) => {
    expect(stringify(parseJson(literal))).toBe(printed)
    expect(stringify(parseJson(`{"a":[${literal}]}`))).toBe(`{"a":[${printed}]}`)
  })

  it('that a double prints back are plain numbers', () => {
    expect(parseJson('[1,-2.5,0,9007199254740991,100000000000000000000]')).toEqual([1, -2.5, 0, 9007199254740991, 1e20])
    expect(parseJson('-0')).toBe(0)
  })

  it('that a double would change are kept as text', () => {
    expect(parseJson('1.0')).toEqual(new JsonNumber('1.0'))
    expect(numberOf(parseJson('1.0'))).toBe(1)
    expect(numberOf('1')).toBeUndefined()
  })

  it('made by the server print in the canonical form', () => {
    expect(stringify([1e21, 1e-7, 1.5e300, -0, 0.1])).toBe('[1E+21,1E-7,1.5E+300,0,0.1]')
  })
})

describe('objects', () => {
  it('print their keys in ascending UTF-16 order at every level', () => {
    expect(stringify(parseJson('{"b":{"z":1,"a":2},"a":[{"y":1,"x":2}]}'))).toBe(
      '{"a":[{"x":2,"y":1}],"b":{"a":2,"z":1}}',
    )
  })

  it('print integer-like keys as text: 10 before 9', () => {
    expect(stringify(parseJson('{"9":1,"10":2}'))).toBe('{"10":2,"9":1}')
  })

  it('keep the last of duplicate keys', () => {
    expect(stringify(parseJson('{"a":1,"a":1.0}'))).toBe('{"a":1.0}')
  })

  it('keep a key __proto__ as data, with and without exact numbers', () => {
    for (const text of ['{"__proto__":{"x":1}}', '{"__proto__":{"x":1.0}}']) {
      const value = parseJson(text)
      expect(stringify(value)).toBe(text)
      expect(Object.getPrototypeOf(value)).toBe(Object.prototype)
      expect(isJsonObject(value)).toBe(true)
    }
  })

  it('leave out undefined members', () => {
    const partial = { b: 1, a: undefined } as unknown as Parameters<typeof stringify>[0]
    expect(stringify(partial)).toBe('{"b":1}')
  })

  it('are told from arrays and exact numbers', () => {
    expect([isJsonObject([]), isJsonObject(new JsonNumber('1.0')), isJsonObject(null), isJsonObject({})]).toEqual([
      false,
      false,
      false,
      true,
    ])
  })
})

describe('strings', () => {
  it.each([
    ['"\\ud800x"', '"?x"'],
    ['"x\\udfff"', '"x?"'],
    ['"\\ud83d\\ude00"', '"😀"'],
    ['"\\\\ud800"', '"\\\\ud800"'],
    ['"\\\\\\ud800"', '"\\\\?"'],
    ['"\\u0000\\u001f\\b\\t/\u007f\u2028"', '"\\u0000\\u001f\\b\\t/\u007f\u2028"'],
  ])('%s are printed as %s', (text, printed) => {
    expect(stringify(parseJson(text))).toBe(printed)
    expect(stringify(parseJson(`[1.0,${text}]`))).toBe(`[1.0,${printed}]`)
  })
})

describe('syntax errors', () => {
  it.each([
    ['', 'Unexpected end-of-input at input index 0 (line 1, position 1), expected JSON Value:\n\n^\n'],
    ['{', `Unexpected end-of-input at input index 1 (line 1, position 2), expected '"':\n{\n ^\n`],
    ['{bad', `Unexpected character 'b' at input index 1 (line 1, position 2), expected '"':\n{bad\n ^\n`],
    ['{"a"x', `Unexpected character 'x' at input index 4 (line 1, position 5), expected ':':\n{"a"x\n    ^\n`],
    ['{"a":1]', `Unexpected character ']' at input index 6 (line 1, position 7), expected '}':\n{"a":1]\n      ^\n`],
    ['[1}', `Unexpected character '}' at input index 2 (line 1, position 3), expected ']':\n[1}\n  ^\n`],
    ['[1,]', `Unexpected character ']' at input index 3 (line 1, position 4), expected JSON Value:\n[1,]\n   ^\n`],
    ['-x', `Unexpected character 'x' at input index 1 (line 1, position 2), expected DIGIT:\n-x\n ^\n`],
    [
      '"\\u00g0"',
      `Unexpected character 'g' at input index 5 (line 1, position 6), expected hex digit:\n"\\u00g0"\n     ^\n`,
    ],
    [
      '"\\x"',
      `Unexpected character 'x' at input index 2 (line 1, position 3), expected JSON escape sequence:\n"\\x"\n  ^\n`,
    ],
    ['1 2', `Unexpected character '2' at input index 2 (line 1, position 3), expected end-of-input:\n1 2\n  ^\n`],
    ['trux', `Unexpected character 'x' at input index 0 (line 1, position 1), expected JSON Value:\ntrux\n^\n`],
    ['"a\u0001"', `Unexpected character '\\u0001' at input index 2 (line 1, position 3), expected '"':\n"a?"\n  ^\n`],
    [' \n', 'Unexpected end-of-input at input index 2 (line 2, position 1), expected JSON Value:\n\n^\n'],
    ['[1,\n é]', `Unexpected character 'Ã' at input index 5 (line 2, position 2), expected JSON Value:\n é]\n ^\n`],
    ['["é" x]', `Unexpected character 'x' at input index 6 (line 1, position 7), expected ']':\n["é" x]\n      ^\n`],
    ['1e99999999999', 'Too many nonzero exponent digits.'],
    [
      `[${'1'.repeat(101)}]`,
      `Number too long:The number starting with '11111111111111111111' had 101 characters which is more than the allowed limit maxNumberCharacters = 100. If this is legit input consider increasing the limit.`,
    ],
  ])('of %j is told in the reference’s words', (text, message) => {
    expect(errorOf(text)).toBe(message)
  })

  it('limits the nesting to 1000', () => {
    const deep =
      'JSON input nested too deeply:JSON input was nested more deeply than the configured limit of maxNesting = 1000'
    expect(stringify(parseJson('['.repeat(1000) + ']'.repeat(1000)))).toHaveLength(2000)
    expect(errorOf(`${'['.repeat(1000)}1${']'.repeat(1000)}`)).toBe(deep)
    expect(errorOf('[['.repeat(600))).toBe(deep)
    expect(errorOf('{"a":'.repeat(1001))).toBe(deep)
  })
})

describe('generated texts', () => {
  it('give what JSON.parse gives', () => {
    fc.assert(
      fc.property(fc.json(), text => {
        expect(JSON.parse(stringify(parseJson(text)))).toEqual(
          JSON.parse(text, (_key, value) => (value === 0 ? 0 : value)),
        )
      }),
    )
  })

  it('are refused exactly where JSON.parse refuses them', () => {
    const mutated = fc
      .tuple(fc.json(), fc.nat(), fc.constantFrom('', ',', '"', '{', ']', '\\', '0', 'x', '\n', 'é', '.'))
      .map(([text, at, put]) => {
        const index = at % (text.length + 1)
        return text.slice(0, index) + put + text.slice(index + 1)
      })
    const accepts = (parse: (text: string) => unknown, text: string) => {
      try {
        parse(text)
        return true
      } catch {
        return false
      }
    }
    fc.assert(
      fc.property(mutated, text => {
        expect(accepts(parseJson, text)).toBe(accepts(JSON.parse, text))
      }),
    )
  })

  it('survive a round trip', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 5 }), value => {
        const text = stringify(value as Parameters<typeof stringify>[0])
        expect(stringify(parseJson(text))).toBe(text)
      }),
    )
  })

  it('with any number keep its value', () => {
    const number = fc
      .tuple(
        fc.constantFrom('', '-'),
        fc.bigInt({ min: 0n, max: 10n ** 30n }),
        fc.option(fc.stringMatching(/^\d{1,20}$/)),
        fc.option(fc.integer({ min: -40, max: 40 })),
      )
      .map(
        ([sign, integer, fraction, exponent]) =>
          `${sign}${integer}${fraction === null ? '' : `.${fraction}`}${exponent === null ? '' : `e${exponent}`}`,
      )
    fc.assert(
      fc.property(number, literal => {
        const value = parseJson(literal)
        expect(numberOf(value)).toBeCloseTo(Number(literal), 10)
        expect(stringify(parseJson(stringify(value)))).toBe(stringify(value))
      }),
    )
  })
})

describe('stringifyUnsorted', () => {
  it('keeps the order of keys', () => {
    expect(stringifyUnsorted({ b: 1, a: [true, { d: null, c: 'x' }] })).toBe('{"b":1,"a":[true,{"d":null,"c":"x"}]}')
  })

  it('keeps numbers as they were written', () => {
    expect(stringifyUnsorted({ b: [new JsonNumber('1.0')], a: { c: new JsonNumber('1E+3') } })).toBe(
      '{"a":{"c":1E+3},"b":[1.0]}',
    )
  })

  it('gives what parses to the same', () => {
    fc.assert(
      fc.property(fc.json(), text => {
        const value = parseJson(text)
        expect(stringify(parseJson(stringifyUnsorted(value)))).toBe(stringify(value))
      }),
    )
  })
})

describe('truthy', () => {
  it.each([
    [false, false],
    [0, false],
    [new JsonNumber('0.0'), false],
    ['', false],
    [null, false],
    [true, true],
    [1, true],
    ['false', true],
    [[], true],
    [{}, true],
  ])('of %j is %s', (value, expected) => {
    expect(truthy(value)).toBe(expected)
  })
})
