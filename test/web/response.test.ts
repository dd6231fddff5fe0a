import { describe, expect, test } from 'vitest'
import type { ActivationStatusCode } from '../../src/entity/activation.ts'
import { type JsonValue, parseJson } from '../../src/entity/json.ts'
import { prettyJson } from '../../src/web/pretty-json.ts'
import { negotiate, toWebAnswer } from '../../src/web/response.ts'
import type { Extension } from '../../src/web/url.ts'

const answer = (result: JsonValue, extension: Extension, statusCode: ActivationStatusCode = 0) =>
  toWebAnswer({ statusCode, result }, extension)

/** Status, type and text of an answer; the sentence of a refusal. */
const shown = (result: JsonValue, extension: Extension, statusCode: ActivationStatusCode = 0): string => {
  const given = answer(result, extension, statusCode)
  if ('refusal' in given) return `${given.status} ${given.refusal}`
  const { entity, status } = given
  if (!entity) return `${status}`
  const body = typeof entity.body === 'string' ? entity.body : `bytes ${Buffer.from(entity.body).toString('latin1')}`
  return `${status} ${entity.contentType} ${body}`
}

const INVALID_HTTP = "400 Response is not valid 'message/http'."
const MISMATCH = '400 Response type in header did not match generated content type.'
const typed = (type: JsonValue, body: JsonValue): JsonValue => ({ headers: { 'Content-Type': type }, body })

describe('.json, .text, .html and .svg', () => {
  test.each<[JsonValue, Extension, string]>([
    [{ foobar: 'foobar' }, 'json', '200 application/json {\n  "foobar": "foobar"\n}'],
    [[1, 2], 'json', '200 application/json [1, 2]'],
    [{ text: 't' }, 'text', '200 text/plain; charset=UTF-8 t'],
    [{ body: { a: 1 }, text: 't' }, 'text', '200 text/plain; charset=UTF-8 {\n  "a": 1\n}'],
    [{ body: true }, 'text', '200 text/plain; charset=UTF-8 true'],
    [{ body: null, text: 't' }, 'text', '200 text/plain; charset=UTF-8 null'],
    [{ text: '' }, 'text', '200 text/plain; charset=UTF-8 '],
    [[1, 'x'], 'text', '200 text/plain; charset=UTF-8 [1, "x"]'],
    [{ x: 1 }, 'text', '404 Response does not include requested property.'],
    [{ html: '<b>' }, 'html', '200 text/html; charset=UTF-8 <b>'],
    [{ body: {} }, 'html', "400 Response is not valid 'text/html'."],
    [{ body: null, html: 'x' }, 'html', "400 Response is not valid 'text/html'."],
    [{ svg: '<svg/>' }, 'svg', '200 image/svg+xml <svg/>'],
    [[1], 'svg', "400 Response is not valid 'image/svg+xml'."],
    [{ statusCode: 404, headers: { x: 'y' }, body: 'b' }, 'html', '200 text/html; charset=UTF-8 b'],
  ])('answers %j as .%s', (result, extension, expected) => {
    expect(shown(result, extension)).toBe(expected)
  })
})

describe('.http', () => {
  test.each<[JsonValue, string]>([
    [{}, '204'],
    [{ body: '' }, '204'],
    [{ greeting: 'x' }, '204'],
    [{ statusCode: 200 }, '200'],
    [{ statusCode: 444 }, '444'],
    [{ statusCode: '0404' }, '404'],
    [{ statusCode: '+404' }, '404'],
    [parseJson('{"statusCode":200.0}'), '200'],
    [{ statusCode: 'xyz' }, INVALID_HTTP],
    [{ statusCode: 700 }, INVALID_HTTP],
    [{ statusCode: 200.5 }, INVALID_HTTP],
    [{ statusCode: null }, INVALID_HTTP],
    [{ body: 'hello' }, '200 text/html; charset=UTF-8 hello'],
    [{ body: { field: 'value' } }, '200 application/json {\n  "field": "value"\n}'],
    [{ body: 0 }, '200 application/json 0'],
    [{ body: false }, '200 application/json false'],
    [typed('text/html', { a: 1 }), MISMATCH],
    [typed('application/hal+json', { a: 1 }), '200 application/hal+json {\n  "a": 1\n}'],
    [typed('application/json; v=1', { a: 1 }), MISMATCH],
    [typed('application/json', 'hello world'), '200 application/json hello world'],
    [typed('application/json', 'eyJhIjoxfQ=='), '200 application/json bytes {"a":1}'],
    [typed('application/json', ' eyJhIjoxfQ== '), MISMATCH],
    [typed('application/hal+json', '{"a":1}'), MISMATCH],
    [typed('image/png', 'aGk='), '200 image/png bytes hi'],
    [typed('image/png', 'aGk'), '200 image/png bytes hi'],
    [typed('image/png', 'not base64!'), MISMATCH],
    [typed('image/png', '_-_-'), MISMATCH],
    [typed('image/png', 'A'), MISMATCH],
    [typed('image/png', '===='), MISMATCH],
    [typed('image/svg+xml', '<svg/>'), MISMATCH],
    [typed('text/javascript', 'alert(1)'), MISMATCH],
    [typed('text/javascript; charset=latin1', 'alert(1)'), '200 text/javascript; charset=UTF-8 alert(1)'],
    [typed('xyzbar', 'x'), '400 Response did not specify a known content-type.'],
    [typed(['text/css', 'text/html'], 'x'), '200 text/css; charset=UTF-8 x'],
    [
      { headers: { 'content-type': 'text/css', 'Content-Type': 'text/csv' }, body: 'x' },
      '200 text/csv; charset=UTF-8 x',
    ],
    [{ headers: null }, INVALID_HTTP],
    [{ headers: [] }, INVALID_HTTP],
    [{ headers: { x: null } }, INVALID_HTTP],
    [{ headers: { x: [['a', {}]] } }, INVALID_HTTP],
    ['text', INVALID_HTTP],
  ])('answers %j', (result, expected) => {
    expect(shown(result, 'http')).toBe(expected)
  })

  test('gives each element of an array a line, in the order of names', () => {
    const result = { headers: { 'Set-Cookie': ['a=b', ['c=d']], n: 1, b: true, none: [], 'content-type': 'text/css' } }
    expect(answer(result, 'http')).toEqual({
      status: 204,
      headers: [
        ['Set-Cookie', 'a=b'],
        ['Set-Cookie', 'c=d'],
        ['b', 'true'],
        ['n', '1'],
      ],
    })
  })
})

describe('errors', () => {
  test.each<[JsonValue, Extension, string]>([
    [{ error: { statusCode: 404, body: 'no' } }, 'http', '404 text/html; charset=UTF-8 no'],
    [{ error: { message: 'x' } }, 'http', '204'],
    [{ error: 'bad' }, 'http', INVALID_HTTP],
    [{ error: 'bad' }, 'json', "400 Response is not valid 'application/json'."],
    [{ error: { m: 1 } }, 'json', '200 application/json {\n  "m": 1\n}'],
    [{ error: 'bad' }, 'text', '200 text/plain; charset=UTF-8 bad'],
    [{ error: 's', statusCode: 404 }, 'html', '200 text/html; charset=UTF-8 s'],
  ])('unwraps %j for .%s', (result, extension, expected) => {
    expect(shown(result, extension, 1)).toBe(expected)
  })

  test.each<ActivationStatusCode>([2, 3])('shows nothing of status %i', status => {
    expect(shown({ error: 'secret' }, 'json', status)).toBe('400 There was an error processing your request.')
  })
})

describe('negotiate', () => {
  const html = answer({ body: 'x', statusCode: 200 }, 'http')
  const text = answer({ text: 'żx' }, 'text')
  if ('refusal' in html || 'refusal' in text) throw new Error('these are answers')

  test('names the type that a client does not take', () => {
    expect(negotiate(html, { accept: 'text/xml', acceptCharset: undefined })).toEqual({
      onlyType: 'text/html; charset=UTF-8',
    })
    expect(negotiate(text, { accept: 'text/xml', acceptCharset: undefined })).toEqual({ onlyType: 'text/plain' })
  })

  test('leaves errors and empty answers alone', () => {
    const missing = { ...html, status: 404 }
    expect(negotiate(missing, { accept: 'text/xml', acceptCharset: undefined })).toBe(missing)
    const empty = { status: 200, headers: [] }
    expect(negotiate(empty, { accept: 'text/xml', acceptCharset: undefined })).toBe(empty)
  })

  test('converts .text alone to another charset', () => {
    const converted = negotiate(text, { accept: undefined, acceptCharset: 'iso-8859-1' })
    expect(converted).toMatchObject({ entity: { contentType: 'text/plain; charset=ISO-8859-1' } })
    expect('entity' in converted && Buffer.from(converted.entity?.body ?? '').toString('latin1')).toBe('?x')
    expect(negotiate(html, { accept: undefined, acceptCharset: 'iso-8859-1' })).toHaveProperty('onlyType')
  })

  test.each([
    ['utf-16le', [0x7c, 0x01, 0x78, 0x00]],
    ['utf-16be', [0x01, 0x7c, 0x00, 0x78]],
    ['utf-16', [0xfe, 0xff, 0x01, 0x7c, 0x00, 0x78]],
  ])('converts .text to %s', (acceptCharset, bytes) => {
    const converted = negotiate(text, { accept: undefined, acceptCharset })
    expect(converted).toMatchObject({ entity: { contentType: `text/plain; charset=${acceptCharset.toUpperCase()}` } })
    expect('entity' in converted && [...Buffer.from(converted.entity?.body ?? '')]).toEqual(bytes)
  })

  test('leaves .text as UTF-8 for a charset that it cannot encode', () => {
    expect(negotiate(text, { accept: undefined, acceptCharset: 'koi8-r' })).toBe(text)
  })
})

test('prints JSON with sorted keys, arrays on one line and an empty line in an empty object', () => {
  expect(prettyJson({ b: [1, [2, {}], 'ż'], a: { c: parseJson('1.0') } })).toBe(
    '{\n  "a": {\n    "c": 1.0\n  },\n  "b": [1, [2, {\n\n  }], "ż"]\n}',
  )
})
