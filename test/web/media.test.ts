import { describe, expect, test } from 'vitest'
import { accepts, isJsonType, negotiateCharset, parseContentType, renderContentType } from '../../src/web/media.ts'

describe('parseContentType', () => {
  test.each([
    ['text/html', 'open', 'text/html'],
    ['text/plain; charset=utf-8', 'open', 'text/plain; charset=UTF-8'],
    ['application/json; charset=utf-8', 'fixed', 'application/json'],
    ['application/json; v=1', 'fixed', 'application/json; v=1'],
    ['text/event-stream', 'fixed', 'text/event-stream'],
    ['text/javascript', 'binary', 'text/javascript'],
    ['text/javascript; charset=utf-8', 'open', 'text/javascript; charset=UTF-8'],
    ['application/hal+json', 'binary', 'application/hal+json'],
    ['image/svg+xml; charset=utf-8', 'binary', 'image/svg+xml'],
    ['image/avif; charset=utf-8', 'open', 'image/avif; charset=UTF-8'],
    ['multipart/form-data; boundary=x', 'binary', 'multipart/form-data; boundary=x'],
    ['Multipart/Form-Data;boundary="a b"', 'binary', 'multipart/form-data; boundary="a b"'],
  ])('classifies %s as %s', (value, mediaClass, rendered) => {
    const contentType = parseContentType(value)
    expect(contentType?.mediaClass).toBe(mediaClass)
    expect(contentType && renderContentType(contentType)).toBe(rendered)
  })

  test.each(['foo', 'text/', 'text/plain;', '', 'text /plain', 'text/plain; charset'])(
    'knows %j for no type',
    value => {
      expect(parseContentType(value)).toBeUndefined()
    },
  )

  test.each([
    ['application/json', true],
    ['application/json; charset=utf-8', true],
    ['application/cloudevents+json', true],
    ['application/json; v=1', false],
    ['text/plain', false],
  ])('says whether %s is JSON', (value, expected) => {
    const contentType = parseContentType(value)
    expect(contentType && isJsonType(contentType)).toBe(expected)
  })
})

describe('accepts', () => {
  test.each([
    [undefined, 'text/html', true],
    ['', 'text/html', true],
    ['???', 'text/html', true],
    ['*/*', 'text/html', true],
    ['text/*', 'text/html', true],
    ['text/html', 'text/html', true],
    ['text/xml', 'text/html', false],
    ['text/html;q=0, */*', 'text/html', false],
    ['text/*;q=0, text/html', 'text/html', true],
    ['text/html;level=1', 'text/html', false],
    ['application/json, text/*;q=0.1', 'text/html', true],
    ['application/json', 'application/hal+json', false],
    ['*', 'text/html', true],
    ['*;q=0', 'text/html', false],
    ['* ; q=0.5', 'text/html', true],
    ['text/html, */*;q=0.1', '', true],
    ['text/*', '', false],
    ['foo', '', true],
  ])('weighs %j for %s', (accept, type, expected) => {
    expect(accepts(accept, type)).toBe(expected)
  })
})

test.each([
  [undefined, { utf8: true, best: 'UTF-8' }],
  ['*', { utf8: true, best: 'UTF-8' }],
  ['iso-8859-1', { utf8: false, best: 'ISO-8859-1' }],
  ['us-ascii;q=0.5, iso-8859-1', { utf8: false, best: 'ISO-8859-1' }],
  ['utf-8;q=0', { utf8: false, best: 'UTF-8' }],
])('chooses a charset for %j', (header, expected) => {
  expect(negotiateCharset(header)).toEqual(expected)
})
