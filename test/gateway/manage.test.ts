import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JsonObject, JsonValue } from '../../src/entity/json.ts'
import { GATEWAY_URL, openGateway, swagger, TENANT } from './fixtures.ts'

let at: ReturnType<typeof openGateway>

beforeEach(() => {
  at = openGateway()
})
afterEach(() => at.store.close())

const apidoc = (overrides: JsonObject = {}, action: JsonObject = {}): JsonObject => ({
  namespace: '_',
  gatewayBasePath: '/bp',
  gatewayPath: '/path',
  gatewayMethod: 'GET',
  action: {
    name: 'hello',
    namespace: '_',
    backendMethod: 'GET',
    backendUrl: 'http://localhost:3233/api/v1/web/_/default/hello.http',
    authkey: 'x:y',
    ...action,
  },
  ...overrides,
})

const create = (doc: JsonValue, args: JsonObject = {}) =>
  at.manage('createApi', { __ow_user: 'guest', apidoc: doc, ...args })
const get = (args: JsonObject = {}) => at.manage('getApi', { __ow_user: 'guest', ...args })
const remove = (args: JsonObject = {}) => at.manage('deleteApi', { __ow_user: 'guest', ...args })
const without = (object: JsonObject, key: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))

describe('createApi', () => {
  test('answers with the document and its address', async () => {
    const created = await create(apidoc({ apiName: 'My API' }))
    expect(created).toMatchObject({
      namespace: 'Not Used',
      tenantId: 'Not Used',
      gwApiActivated: true,
      gwApiUrl: `${GATEWAY_URL}/api/${TENANT}/bp`,
      apidoc: { basePath: '/bp', info: { title: 'My API' }, paths: { '/path': { get: { operationId: 'getPath' } } } },
    })
    expect(JSON.stringify(created)).toContain('/api/v1/web/guest/default/hello.json')
  })

  test('answers a web call with a whole response', async () => {
    const args = { __ow_method: 'post', __ow_user: 'guest' }
    expect(await at.manage('createApi', { ...args, apidoc: apidoc() })).toMatchObject({
      statusCode: 200,
      headers: { 'Content-Type': 'application/json' },
      body: { gwApiActivated: true },
    })
    expect(await at.manage('createApi', args)).toEqual({
      error: {
        statusCode: 502,
        headers: { 'Content-Type': 'application/json' },
        body: { error: 'apidoc is required.' },
      },
    })
  })

  test('extends an API, found by base path or title, and keeps its title', async () => {
    await create(apidoc({ apiName: 'My API' }))
    await create(apidoc({ gatewayPath: '/two', apiName: 'other' }))
    const third = await create(apidoc({ gatewayBasePath: 'My API', gatewayPath: '/three' }))
    expect(third).toMatchObject({ apidoc: { info: { title: 'My API' }, basePath: '/bp' } })
    expect(Object.keys((third.apidoc as JsonObject).paths as JsonObject)).toEqual(['/path', '/two', '/three'])
  })

  test('finds the API of a base path with a final slash', async () => {
    await create(apidoc({ gatewayBasePath: '/x/' }))
    expect(await create(apidoc({ gatewayBasePath: '/x/', gatewayPath: '/b' }))).toMatchObject({
      gwApiUrl: `${GATEWAY_URL}/api/${TENANT}/x`,
      apidoc: { basePath: '/x/' },
    })
    expect(await get({ basepath: '/x/' })).toEqual({ apis: [] })
    expect((await get({ basepath: '/x' })).apis).toHaveLength(1)
  })

  test('replaces a document by a swagger text', async () => {
    await create(apidoc())
    const document = swagger('/bp', ['post /new'])
    await create({ namespace: '_', swagger: JSON.stringify(document) })
    expect(await get({ basepath: '/bp' })).toMatchObject({ apis: [{ value: { apidoc: document } }] })
  })

  test('makes again what it showed', async () => {
    await create(apidoc({ gatewayPath: '/p/{id}', pathParameters: [{ name: 'id' }] }, {}), { responsetype: 'http' })
    const shown = await get({ basepath: '/bp' })
    const value = (shown.apis as { value: { apidoc: JsonObject } }[])[0]?.value
    await remove({ basepath: '/bp' })
    await create({ namespace: '_', swagger: value?.apidoc ?? null })
    expect(await get({ basepath: '/bp' })).toEqual(shown)
  })

  test('leaves namespaces of a text alone', async () => {
    const created = await create(JSON.stringify(apidoc()))
    expect(JSON.stringify(created)).toContain('/api/v1/web/_/default/hello.json')
  })

  test('keeps tenants apart', async () => {
    await create(apidoc(), { spaceguid: 'other-tenant' })
    expect(await get()).toEqual({ apis: [] })
    expect((await get({ spaceguid: 'other-tenant' })).apis).toHaveLength(1)
  })

  const refused = (json: string) =>
    `API creation failure: Unable to configure the API Gateway (status code 400): ${json}`

  test.each<[string, JsonValue, string]>([
    ['nothing', null, 'apidoc is required.'],
    ['no JSON', '{bad', 'apidoc field cannot be parsed. Ensure it is valid JSON.'],
    ['a number', 7, 'apidoc field is of type number and should be a JSON object or a JSON string.'],
    ['an array', [], 'apidoc is missing the namespace field'],
    ['no base path', without(apidoc(), 'gatewayBasePath'), 'apidoc is missing the gatewayBasePath field'],
    ['no action', without(apidoc(), 'action'), 'apidoc is missing the action field.'],
    ['no name', apidoc({}, { name: '' }), 'action is missing the name field.'],
    [
      'two kinds',
      apidoc({ swagger: '{}' }),
      'swagger and gatewayBasePath are mutually exclusive and cannot be specified together.',
    ],
    ['bad swagger', { namespace: '_', swagger: 'a=A' }, 'swagger field cannot be parsed. Ensure it is valid JSON.'],
    [
      'a swagger number',
      { namespace: '_', swagger: 7 },
      'swagger field is number and should be an object or a JSON string.',
    ],
    ['a swagger array', { namespace: '_', swagger: '[]' }, 'swagger is missing the basePath field.'],
    ['no paths', { namespace: '_', swagger: { basePath: '/a' } }, 'swagger is missing the paths field.'],
    [
      'a bad path',
      apidoc({ gatewayPath: 'bad' }),
      refused('{"status":400,"message":"Error: Resource path must begin with \'/\'."}'),
    ],
    [
      'a bad verb',
      apidoc({ gatewayMethod: 'BADVERB' }),
      refused('{"status":400,"message":"Error: Resource verb \'badverb\' not supported."}'),
    ],
    [
      'a base path with parameters',
      apidoc({ gatewayBasePath: '/b/{p}' }),
      'API creation failure: The base path (/b/{p}) cannot have parameters. Only the relative path supports path parameters.',
    ],
  ])('refuses %s and stores nothing', async (_what, doc, error) => {
    expect(await create(doc)).toEqual({ error })
    expect(await get()).toEqual({ apis: [] })
  })

  test('wants a user', async () => {
    expect(await at.manage('createApi', { apidoc: apidoc() })).toEqual({ error: 'A valid auth key is required.' })
    expect(await at.manage('getApi', {})).toEqual({ error: 'Invalid authentication.' })
    expect(await at.manage('deleteApi', {})).toEqual({ error: 'Invalid authentication.' })
  })
})

describe('getApi', () => {
  test.each<[JsonObject, string[]]>([
    [{}, ['/a', '/b']],
    [{ limit: '30', skip: '0' }, ['/a', '/b']],
    [{ limit: 1 }, ['/a']],
    [{ limit: '1', skip: '1' }, ['/b']],
    [{ limit: 0 }, []],
    [{ limit: 'x' }, []],
    [{ skip: 0 }, []],
    [{ basepath: '/b', relpath: '/none', operation: 'PUT' }, ['/b']],
    [{ basepath: '/nope' }, []],
  ])('lists by %j', async (args, expected) => {
    await at.create(swagger('/a', ['get /x']))
    at.clock.advance(1)
    await at.create(swagger('/b', ['get /x']))
    const { apis } = await get(args)
    expect((apis as { value: { apidoc: JsonObject } }[]).map(api => api.value.apidoc.basePath)).toEqual(expected)
  })

  test('refuses an unknown format', async () => {
    expect(await get({ outputFormat: 'yaml' })).toEqual({
      error: 'Invalid outputFormat value. Valid values are: apigw, swagger',
    })
  })
})

describe('deleteApi', () => {
  const paths = async () => {
    const { apis } = await get()
    return (apis as { value: { apidoc: { paths: JsonObject } } }[]).flatMap(api =>
      Object.entries(api.value.apidoc.paths).flatMap(([path, verbs]) =>
        Object.keys(verbs as JsonObject).map(verb => `${verb} ${path}`),
      ),
    )
  }

  test.each<[JsonObject, string[]]>([
    [{ basepath: '/a' }, []],
    [{ basepath: '/a', relpath: '/x' }, ['get /y']],
    [{ basepath: '/a', relpath: '/x', operation: 'POST' }, ['get /x', 'get /y']],
  ])('removes %j', async (args, left) => {
    await at.create(swagger('/a', ['get /x', 'post /x', 'get /y']))
    expect(await remove(args)).toEqual({})
    expect(await paths()).toEqual(left)
  })

  test('removes an API with its last operation', async () => {
    await at.create(swagger('/a', ['get /x']))
    await remove({ basepath: '/a', relpath: '/x', operation: 'get' })
    expect(await get()).toEqual({ apis: [] })
  })

  test.each<[JsonObject, string]>([
    [{}, 'basepath is required.'],
    [{ basepath: '/a', operation: 'get' }, 'When specifying an operation, the path is required.'],
    [{ basepath: '/no' }, "API deletion failure: API '/no' does not exist."],
    [{ basepath: '/a', relpath: '/no' }, "API deletion failure: path '/no' does not exist in the API"],
    [
      { basepath: '/a', relpath: '/x', operation: 'PUT' },
      "API deletion failure: path '/x' with operation 'put' does not exist in the API",
    ],
  ])('refuses %j', async (args, error) => {
    await at.create(swagger('/a', ['get /x']))
    expect(await remove(args)).toEqual({ error })
  })
})

test('installs the package and its web actions once', () => {
  at.gateway.install('nodejs:20')
  expect(at.store.entities.get('whisk.system/apimgmt')).toMatchObject({
    publish: false,
    parameters: [{ key: 'gwUrlV2', value: `${GATEWAY_URL}/v2` }],
  })
  const action = at.store.entities.get('whisk.system/apimgmt/createApi')
  expect(action?.annotations).toEqual(
    expect.arrayContaining([
      { key: 'web-export', value: true },
      { key: 'final', value: true },
      { key: 'description', value: 'Create an API' },
    ]),
  )
  at.clock.advance(1000)
  at.gateway.install('nodejs:20')
  expect(at.store.entities.get('whisk.system/apimgmt/createApi')?.updated).toBe(action?.updated)
})
