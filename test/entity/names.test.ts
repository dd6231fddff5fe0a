import { describe, expect, it } from 'vitest'
import {
  decodeReference,
  fromId,
  isEntityName,
  isPath,
  packageOf,
  parsePath,
  resolvePath,
  resolveReference,
  rootNamespace,
  toId,
} from '../../src/entity/names.ts'

const errorOf = (run: () => unknown): string => {
  try {
    run()
  } catch (error) {
    return String(error instanceof Error ? error.message : error)
  }
  return 'no error'
}

const LONG = 'a'.repeat(257)

describe('entity names', () => {
  it.each(['a', 'a b', 'a@b.c&d', 'a@&b', '_a', '_', '_ _', '0', '0.0', 'a@@&', 'a'.repeat(256)])(
    '%j is legal',
    name => {
      expect(isEntityName(name)).toBe(true)
    },
  )

  it.each([
    '',
    ' ',
    ' a',
    'a ',
    '/',
    'a=2b',
    'a?b',
    'x#x',
    'a§b',
    'a()b',
    'a{}b',
    'a\tb',
    'a\n',
    '-abc',
    '&abc',
    'hi+there',
    '$hola',
    '|dora|',
    'é',
    LONG,
  ])('%j is illegal', name => {
    expect(isEntityName(name)).toBe(false)
  })
})

describe('parsePath', () => {
  const at = (path: string, method = 'GET') => parsePath(path, method, 'guest')

  it.each([
    ['/namespaces/_/actions', { collection: 'actions', namespace: 'guest', level: 'collection' }],
    ['/namespaces/other/rules/', { collection: 'rules', namespace: 'other', level: 'collection' }],
    ['/namespaces/_/actions/a', { collection: 'actions', namespace: 'guest', level: 'entity', name: 'a' }],
    [
      '/namespaces/_/actions/p/a',
      { collection: 'actions', namespace: 'guest', level: 'entity', package: 'p', name: 'a' },
    ],
    ['/namespaces/_/actions/p/', { collection: 'actions', namespace: 'guest', level: 'package', package: 'p' }],
    ['/namespaces/_/triggers/a%20b', { collection: 'triggers', namespace: 'guest', level: 'entity', name: 'a b' }],
    ['/namespaces/with%20space/actions', { collection: 'actions', namespace: 'with space', level: 'collection' }],
    [
      '/namespaces/guest%2Fpkg/actions/a',
      { collection: 'actions', namespace: 'guest/pkg', level: 'entity', name: 'a' },
    ],
    ['/namespaces/_/limits/', { collection: 'limits', namespace: 'guest', level: 'collection' }],
  ])('reads %s', (path, expected) => {
    expect(at(path)).toEqual(expected)
  })

  it.each([
    ['', ''],
    ['/', '/'],
    ['/logs', '/logs'],
    ['/logs/', '/logs/'],
    ['/bogus', '/bogus'],
  ])('gives what follows an activation id: %j', (suffix, rest) => {
    const id = '0123456789abcdef0123456789abcdef'
    expect(at(`/namespaces/_/activations/${id}${suffix}`)).toEqual({
      collection: 'activations',
      namespace: 'guest',
      level: 'activation',
      id,
      rest,
    })
  })

  it.each([
    ['GET', '/namespaces'],
    ['GET', '/namespaces/guest'],
    ['GET', '/namespaces/guest/'],
    ['GET', '/namespace/guest/actions'],
    ['GET', '/namespaces//actions'],
    ['GET', '/namespaces/_//actions'],
    ['GET', '/namespaces/_/actions//a'],
    ['GET', '/namespaces/_/actions/p//a'],
    ['GET', '/namespaces/_/actions/p/a/'],
    ['GET', '/namespaces/_/actions/a/b/c/d'],
    ['GET', '/namespaces/_/triggers/t/'],
    ['GET', '/namespaces/_/rules/r/x'],
    ['GET', '/namespaces/_/packages/p/x'],
    ['GET', '/namespaces/_/Actions'],
    ['GET', '/namespaces/_/actionsx'],
    ['GET', '/namespaces/_foo/actions'],
    ['GET', '/namespaces/__/actions'],
    ['GET', '/namespaces/bad$ns/nope'],
    ['PUT', '/namespaces/_/actions/'],
    ['POST', '/namespaces/_/actions'],
    ['HEAD', '/namespaces/_/actions'],
    ['PATCH', '/namespaces/_/actions/$x'],
    ['DELETE', '/namespaces/_/actions/p/'],
    ['PUT', '/namespaces/_/activations/x'],
    ['PUT', '/namespaces/_/limits/x'],
    ['DELETE', '/namespaces/_/limits'],
  ])('finds no route for %s %s', (method, path) => {
    expect(at(path, method)).toBeUndefined()
  })

  it.each([
    ['/namespaces/_/actions/%20', 'The name of the entity contains illegal characters.'],
    ['/namespaces/_/actions/hi+there', 'The name of the entity contains illegal characters.'],
    ['/namespaces/_/actions/a%2Fb', 'The name of the entity contains illegal characters.'],
    ['/namespaces/_/actions/a%FF', 'The name of the entity contains illegal characters.'],
    ['/namespaces/_/actions/p/$x', 'The name of the entity contains illegal characters.'],
    ['/namespaces/_/triggers/$x/y', 'The name of the entity contains illegal characters.'],
    [`/namespaces/_/actions/${LONG}`, 'Name segement longer than allowed: 257 > 256.'],
    [`/namespaces/_/actions/${LONG}/a`, 'Name segement longer than allowed: 257 > 256.'],
    [`/namespaces/${LONG}/actions/${LONG}`, 'Namespace longer than allowed: 257 > 256.'],
    ['/namespaces/bad$ns/actions', 'The namespace contains illegal characters.'],
    ['/namespaces/-x/rules/%20', 'The namespace contains illegal characters.'],
    ['/namespaces/%20/limits', 'The namespace contains illegal characters.'],
    ['/namespaces/_/activations/xyz', 'Activation id length is 3 but must be 32.'],
    [`/namespaces/_/activations/${'A'.repeat(32)}`, 'The activation id is not valid.'],
    ['/namespaces/other/limits/x', 'Inner entity level routes for limits are not yet implemented.'],
  ])('refuses %s', (path, message) => {
    expect(errorOf(() => at(path))).toBe(message)
  })
})

describe('references in bodies', () => {
  it.each([
    ['/ns/name', { path: 'ns', name: 'name' }],
    ['ns/name', { path: 'ns', name: 'name' }],
    ['/ns/pkg/name', { path: 'ns/pkg', name: 'name' }],
    ['_/pkg/name', { path: '_/pkg', name: 'name' }],
    ['//ns///name/', { path: 'ns', name: 'name' }],
    [
      { path: 'ns/pkg', name: 'x', version: '0.0.1', binding: 'ns/b' },
      { path: 'ns/pkg', name: 'x', version: '0.0.1' },
    ],
    [
      { path: '/_', name: 'x', version: null },
      { path: '_', name: 'x' },
    ],
  ])('%j is read', (value, expected) => {
    expect(decodeReference(value)).toEqual(expected)
  })

  const MC = 'The request content was malformed:\n'
  it.each([
    [
      'name',
      `${MC}requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.`,
    ],
    ['', `${MC}requirement failed: path undefined`],
    ['/', `${MC}requirement failed: path undefined`],
    ['/_/a$', `${MC}requirement failed: path contains invalid parts ArraySeq(_, a$)`],
    ['/guest/p/$', `${MC}requirement failed: path contains invalid parts ArraySeq(guest, p, $)`],
    [7, `${MC}fully qualified name malformed`],
    [null, `${MC}fully qualified name malformed`],
    [[], `${MC}fully qualified name malformed`],
    [{ path: 'ns' }, `${MC}fully qualified name malformed`],
    [{ path: 'n$', name: 'x' }, `${MC}fully qualified name malformed`],
    [{ path: 'ns', name: 'a/b' }, `${MC}fully qualified name malformed`],
    [{ path: 'ns', name: 'a', version: '0.0.0' }, `${MC}fully qualified name malformed`],
  ])('%j is refused', (value, message) => {
    expect(errorOf(() => decodeReference(value))).toBe(message)
  })

  it('resolve a leading _ to the namespace and leave other paths alone', () => {
    expect(resolvePath('_', 'guest')).toBe('guest')
    expect(resolvePath('_/p', 'guest')).toBe('guest/p')
    expect(resolvePath('_x/p', 'guest')).toBe('_x/p')
    expect(resolveReference({ path: '_/p', name: 'a' }, 'guest')).toEqual({ path: 'guest/p', name: 'a' })
  })

  it('turn into ids and back', () => {
    expect(toId({ path: 'guest/p', name: 'a' })).toBe('guest/p/a')
    expect(fromId('/guest/p/a')).toEqual({ path: 'guest/p', name: 'a' })
    expect([rootNamespace('guest/p'), rootNamespace('guest'), packageOf('guest/p'), packageOf('guest')]).toEqual([
      'guest',
      'guest',
      'p',
      undefined,
    ])
  })

  it('of feeds are paths of any depth', () => {
    expect([isPath('xyz'), isPath('/a/b/c/d'), isPath(''), isPath('a,b')]).toEqual([true, true, false, false])
  })
})
