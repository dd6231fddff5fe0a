// Packages and bindings.
import { beforeEach, describe, expect, it } from 'vitest'
import { type Call, type Harness, JS, openApi } from './harness.ts'
import { NS, rows } from './rows.ts'

const GONE = 'The requested resource does not exist.'
const CONFORMANCE = 'Resource by this name exists but is not in this collection.'
const TARGET_GONE = 'Binding references a package that does not exist.'
const TARGET_BINDING = 'Cannot bind to another package binding.'
const TARGET_OTHER = 'Cannot bind to a resource that is not a package.'
const no = (names: string) => `The supplied authentication is not authorized to access '${names}'.`
const malformed = (detail: string) => `The request content was malformed:\n${detail}`
const bind = (name: string, namespace = '_'): Call => ({ body: { binding: { namespace, name } } })
const parameters = (values: Record<string, unknown>) => Object.entries(values).map(([key, value]) => ({ key, value }))

let api: Harness
beforeEach(async () => {
  api = openApi()
  await api.set('PUT', 'packages/p', { parameters: parameters({ a: 'A', b: 'B' }) })
  await api.set('PUT', 'packages/b', {
    binding: { namespace: '_', name: 'p' },
    parameters: parameters({ b: 'b', c: 'C' }),
  })
  await api.set('PUT', 'actions/x', { exec: JS })
  await api.set('PUT', 'packages/shared', { publish: true }, 'other')
  await api.set('PUT', 'packages/secret', {}, 'other')
  await api.set(
    'PUT',
    'packages/sharedBinding',
    { publish: true, binding: { namespace: '_', name: 'shared' } },
    'other',
  )
})

describe('creating and updating', () => {
  it('shows an empty binding for a plain package', async () => {
    const annotations = [{ key: 'binding', value: 'mine' }]
    expect((await api.set('PUT', 'packages/new', { annotations })).json).toEqual({
      annotations: [],
      binding: {},
      name: 'new',
      namespace: 'guest',
      parameters: [],
      publish: false,
      updated: api.clock.now() - 1,
      version: '0.0.1',
    })
  })

  it('resolves _ in a binding, and manages the annotation of that name', async () => {
    const binding = { name: 'p', namespace: 'guest' }
    expect((await api.set('PUT', 'packages/new', { binding: { namespace: '_', name: 'p' } })).json).toMatchObject({
      binding,
      annotations: [{ key: 'binding', value: binding }],
    })
    expect(
      (await api.set('PUT', 'packages/new?overwrite=true', { annotations: parameters({ k: 1 }) })).json,
    ).toMatchObject({
      version: '0.0.2',
      binding,
      annotations: expect.arrayContaining([
        { key: 'k', value: 1 },
        { key: 'binding', value: binding },
      ]),
    })
  })

  it('points a binding elsewhere, and leaves it as it was when that is refused', async () => {
    await api.set('PUT', 'packages/q')
    expect(
      (await api.set('PUT', 'packages/b?overwrite=true', { binding: { namespace: '_', name: 'q' } })).json,
    ).toMatchObject({
      binding: { name: 'q', namespace: 'guest' },
    })
    expect((await api.call('PUT', `${NS}/_/packages/b?overwrite=true`, bind('b'))).error).toBe(TARGET_BINDING)
    expect((await api.set('PUT', 'packages/b?overwrite=true', { binding: {} })).json).toMatchObject({
      binding: { name: 'q' },
    })
  })

  rows(
    () => api,
    [
      ['PUT', 'packages/p', 409, 'resource already exists', { body: {} }],
      ['PUT', 'packages/p?overwrite=true', 200, undefined, { body: { publish: true } }],
      ['PUT', 'packages/default', 400, "Package name 'default' is reserved.", { body: {} }],
      ['PUT', 'packages/default?overwrite=true', 400, "Package name 'default' is reserved.", { body: {} }],
      ['PUT', 'packages/x', 409, CONFORMANCE, { body: {} }],
      ['PUT', 'packages/n', 400, TARGET_GONE, bind('none')],
      ['PUT', 'packages/n', 400, TARGET_GONE, bind('n')],
      ['PUT', 'packages/n', 403, no('other/none'), bind('none', 'other')],
      ['PUT', 'packages/n', 403, no('other/secret'), bind('secret', 'other')],
      ['PUT', 'packages/n', 403, no('other/sharedBinding'), bind('sharedBinding', 'other')],
      ['PUT', 'packages/n', 200, undefined, bind('shared', 'other')],
      ['PUT', 'packages/n', 400, TARGET_BINDING, bind('b')],
      ['PUT', 'packages/n', 409, TARGET_OTHER, bind('x')],
      ['PUT', 'packages/p', 409, 'resource already exists', bind('p')],
      ['PUT', 'packages/p', 400, TARGET_GONE, bind('none')],
      [
        'PUT',
        'packages/p?overwrite=true',
        409,
        'Resource is a package and cannot be converted into a binding.',
        bind('shared', 'other'),
      ],
      ['PUT', 'packages/b?overwrite=true', 400, TARGET_GONE, bind('none')],
      ['PUT', 'packages/b?overwrite=true', 403, no('other/secret'), bind('secret', 'other')],
      ['PUT', '/guest/packages/p', 403, no('guest/p'), { as: 'other', raw: '{' }],
      ['PUT', 'packages/n', 400, malformed("Object expected in field 'namespace'"), { body: { binding: null } }],
      [
        'PUT',
        'packages/n',
        400,
        malformed("Object is missing required member 'name'"),
        { body: { binding: { namespace: '_' } } },
      ],
      [
        'PUT',
        'packages/n',
        413,
        /^parameters larger than allowed/,
        { body: { parameters: parameters({ a: 'x'.repeat(1048576) }) } },
      ],
    ],
  )
})

describe('reading', () => {
  beforeEach(async () => {
    await api.set('PUT', 'actions/p/old', { exec: JS })
    await api.set('PUT', 'actions/p/new', { exec: JS })
    await api.set('PUT', 'actions/p/feed', { exec: JS, annotations: [{ key: 'feed', value: false }] })
  })

  it('shows actions and feeds apart, newest first', async () => {
    const { json } = await api.call('GET', `${NS}/_/packages/p`)
    expect(json).toMatchObject({
      actions: [{ name: 'new', version: '0.0.1' }, { name: 'old' }],
      feeds: [{ name: 'feed' }],
    })
    expect(json).toHaveProperty('actions.0.annotations')
    expect(json).not.toHaveProperty('actions.0.exec')
  })

  it('shows a binding with the parameters of both and the actions of its package', async () => {
    expect((await api.call('GET', `${NS}/_/packages/b`)).json).toMatchObject({
      name: 'b',
      binding: { name: 'p', namespace: 'guest' },
      parameters: parameters({ a: 'A', b: 'b', c: 'C' }),
      actions: [{ name: 'new' }, { name: 'old' }],
    })
  })

  it('is allowed to everybody once published, and not through a published binding', async () => {
    const read = async (path: string) => (await api.call('GET', `${NS}/guest/packages/${path}`, { as: 'other' })).error
    expect(await read('p')).toBe(no('guest/p'))
    await api.set('PUT', 'packages/p?overwrite=true', { publish: true })
    await api.set('PUT', 'packages/b?overwrite=true', { publish: true })
    expect(await read('p')).toBeUndefined()
    expect(await read('b')).toBe(no('guest/b'))
  })

  it('ends with the target of a binding, which can still be changed and deleted', async () => {
    await api.set('PUT', 'packages/f', { binding: { namespace: 'other', name: 'shared' } })
    await api.set('PUT', 'packages/shared?overwrite=true', { publish: false }, 'other')
    await api.set('DELETE', 'packages/p?force=true')
    expect((await api.call('GET', `${NS}/_/packages/b`)).error).toBe("The requested resource 'guest/b' does not exist.")
    expect((await api.call('GET', `${NS}/_/packages/f`)).error).toBe(no('guest/f'))
    for (const name of ['b', 'f']) {
      expect(
        (await api.call('PUT', `${NS}/_/packages/${name}?overwrite=true`, { body: { publish: true } })).status,
      ).toBe(200)
      expect((await api.call('DELETE', `${NS}/_/packages/${name}`)).status).toBe(200)
    }
  })

  rows(
    () => api,
    [
      ['GET', 'packages/missing', 404, "The requested resource 'guest/missing' does not exist."],
      ['GET', '/whisk.systsdf/packages/utils', 403, no('whisk.systsdf/utils')],
      ['GET', '/whisk.system/packages/nope', 403, no('whisk.system/nope')],
      ['GET', 'packages/x', 409, CONFORMANCE],
    ],
  )
})

describe('listing', () => {
  const names = async (path: string, call?: Call) => {
    const { json } = await api.call('GET', `${NS}/${path}`, call)
    return Array.isArray(json) ? json.map(item => item.name) : json
  }

  it('shows all of the own namespace, newest first, whatever public says', async () => {
    expect(await names('_/packages')).toEqual(['b', 'p'])
    expect(await names('_/packages?public=true')).toEqual(['b', 'p'])
    expect(await names('_/packages?count=true')).toEqual({ packages: 2 })
    expect((await api.call('GET', `${NS}/_/packages`)).json).toMatchObject([
      { binding: { name: 'p', namespace: 'guest' } },
      { binding: false },
    ])
  })

  it('shows the published packages of others, and no bindings', async () => {
    expect(await names('other/packages')).toEqual(['shared'])
    expect(await names('other/packages?count=true')).toEqual({ packages: 1 })
    expect(await names('nobody/packages')).toEqual([])
  })
})

describe('deleting', () => {
  it('answers the package', async () => {
    expect((await api.call('DELETE', `${NS}/_/packages/p`)).json).toMatchObject({ name: 'p', binding: {} })
  })

  it('is refused while there are actions, unless forced', async () => {
    const refusal = async () => (await api.call('DELETE', `${NS}/_/packages/p?force=no`)).error
    await api.set('PUT', 'actions/p/one', { exec: JS })
    expect(await refusal()).toBe('Package not empty (contains 1 entity). Set force param or delete package contents.')
    await api.set('PUT', 'actions/p/two', { exec: JS })
    expect(await refusal()).toBe('Package not empty (contains 2 entities). Set force param or delete package contents.')
    expect((await api.call('DELETE', `${NS}/_/packages/b`)).status).toBe(200)
    expect((await api.call('DELETE', `${NS}/_/packages/p?force=YES`)).status).toBe(200)
    expect((await api.call('GET', `${NS}/_/actions`)).json).toMatchObject([{ name: 'x' }])
  })

  it('works for a package named default that was there before', async () => {
    const stored = api.store.entities.get('guest/p')
    if (stored !== undefined) api.store.entities.put({ ...stored, name: 'default' })
    expect((await api.call('GET', `${NS}/_/packages/default`)).status).toBe(200)
    expect((await api.call('DELETE', `${NS}/_/packages/default`)).status).toBe(200)
  })

  rows(
    () => api,
    [
      ['DELETE', 'packages/missing', 404, GONE],
      ['DELETE', 'packages/x', 409, CONFORMANCE],
      [
        'DELETE',
        'packages/p?force=maybe',
        400,
        "The query parameter 'force' was malformed:\n'maybe' is not a valid Boolean value",
      ],
      ['DELETE', '/other/packages/shared', 403, no('other/shared')],
    ],
  )
})
