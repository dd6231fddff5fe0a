import { describe, expect, test } from 'vitest'
import {
  formProblem,
  normalizePath,
  parseQuery,
  parseTarget,
  removeDotSegments,
  renderQuery,
} from '../../src/web/url.ts'

describe('parseTarget', () => {
  test.each([
    ['guest/default/hello.json', 'guest/hello', 'json', ''],
    ['guest/default/hello', 'guest/hello', 'http', ''],
    ['guest/default/hello.xyz', 'guest/hello.xyz', 'http', ''],
    ['guest/default/foo.json.http', 'guest/foo.json', 'http', ''],
    ['guest/pkg/a.b.text', 'guest/pkg/a.b', 'text', ''],
    ['guest/default/hello.json/', 'guest/hello', 'json', '/'],
    ['guest/default/hello.json//', 'guest/hello', 'json', '//'],
    ['guest/default/hello.svg/a%20b/c%2fd', 'guest/hello', 'svg', '/a%20b/c%2Fd'],
    ['guest/default/hello.html/x.json', 'guest/hello', 'html', '/x.json'],
    ['%67uest/%64efault/hello%2ejson', 'guest/hello', 'json', ''],
    ['whisk.system/apimgmt/createApi.http', 'whisk.system/apimgmt/createApi', 'http', ''],
  ])('reads %s', (path, action, extension, rest) => {
    expect(parseTarget(path)).toEqual({ namespace: action.split('/')[0], action, extension, rest })
  })

  test.each([
    '',
    'guest',
    'guest/default',
    'guest/default/',
    'guest/default-tools/x.json',
    'guest/default/a$b.json',
    'guest/default/-x.json',
    'guest/default/%20x',
    'guest/default/a%2Fb.json',
    'guest/default/%C5%BC',
    'gu$est/default/x',
    `guest/default/${'x'.repeat(257)}`,
  ])('has no web action for %j', path => {
    expect(parseTarget(path)).toBeUndefined()
  })

  test('takes 256 characters, extension included', () => {
    expect(parseTarget(`guest/default/${'x'.repeat(251)}.json`)?.action).toBe(`guest/${'x'.repeat(251)}`)
  })
})

describe('paths', () => {
  test.each([
    ['/%41%7e%5f', '/A~_'],
    ["/!$&'()*+,;=:@-._~", "/!$&'()*+,;=:@-._~"],
    ['/%21%24%26%27%28%29%2A%2B%2C%3B%3D%3A%40', "/!$&'()*+,;=:@"],
    ['/%e2%98%83/%C5%BC', '/%E2%98%83/%C5%BC'],
    ['/a%3Fb%23c%25d', '/a%3Fb%23c%25d'],
    ['/%ff', '/%EF%BF%BD'],
  ])('encodes %s anew', (path, expected) => {
    expect(normalizePath(path)).toBe(expected)
  })

  test.each([
    ['x.json/a/../b', 'x.json/b'],
    ['x.json/a/.', 'x.json/a/'],
    ['x.json/a/%2E%2e/b', 'x.json/b'],
    ['x.json/../y.json', 'y.json'],
    ['x.json/..a/b.', 'x.json/..a/b.'],
  ])('removes the dot segments of %s', (path, expected) => {
    expect(removeDotSegments(path)).toBe(expected)
  })
})

describe('queries', () => {
  test.each([
    ['', {}],
    ['a=1&a=2', { a: '2' }],
    ['flag&x=a+b%21', { flag: '', x: 'a b!' }],
    ['&', { '': '' }],
    ['=x', { '': 'x' }],
    ['a=1;b=2', { a: '1;b=2' }],
    ['a=b=c', { a: 'b=c' }],
    ['%C5%BC=%ff', { ż: '\uFFFD' }],
  ])('reads %j', (query, expected) => {
    expect(Object.fromEntries(parseQuery(query).map(({ name, value }) => [name, value]))).toEqual(expected)
  })

  test.each([
    ['a', 'a'],
    ['a=', 'a='],
    ['a=1&b=2&a=3', 'a=1&b=2&a=3'],
    ['a=b%20c', 'a=b+c'],
    ['a=%2B&d=%26', 'a=%2B&d=%26'],
    ['a=%21%24%27%28%29%2A%2C', "a=!$'()*,"],
    ['c=%7C%5C%5E%60%22%3C%3E', 'c=%7C%5C%5E%60%22%3C%3E'],
    ['%61=%62', 'a=b'],
    ['&&a=1&', '&&a=1&'],
    ['a=b=c', 'a=b%3Dc'],
  ])('renders %j anew', (query, expected) => {
    expect(renderQuery(query)).toBe(expected)
  })

  test('says where a form is illegal', () => {
    expect(formProblem('a=b c')).toBe(
      "Invalid input ' ', expected '+', query-char, pct-encoded, '&' or 'EOI' (line 1, column 4): a=b c\n   ^",
    )
    expect(formProblem('a=%z1')).toContain("Invalid input 'z', expected HEXDIG (line 1, column 4)")
    expect(formProblem('a=%4')).toContain('Unexpected end of input, expected HEXDIG (line 1, column 5)')
    expect(formProblem('a=b+c&d=%2B&e')).toBeUndefined()
  })
})
