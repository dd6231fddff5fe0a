import { describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/entity/json.ts'
import {
  checkPathParameters,
  emptyDocument,
  type OperationRequest,
  operationId,
  withOperation,
  withoutOperation,
} from '../../src/gateway/document.ts'
import { serveDocument } from '../../src/gateway/swagger.ts'

const request = (overrides: Partial<OperationRequest> = {}): OperationRequest => ({
  basePath: '/hello',
  path: '/world',
  verb: 'GET',
  action: 'hello',
  namespace: 'guest',
  backendUrl: 'http://localhost:3233/api/v1/web/_/default/hello.http',
  responseType: 'json',
  ...overrides,
})

const make = (...requests: Partial<OperationRequest>[]): JsonObject =>
  requests.reduce<JsonObject>(
    (document, overrides) => withOperation(document, request(overrides)),
    emptyDocument('/hello', '/hello'),
  )

test.each([
  ['GET', '/', 'get'],
  ['get', '/world', 'getWorld'],
  ['GET', '/path/with/sub_paths/in/it', 'getPathWithSub_pathsInIt'],
  ['GET', '/books/{isbn}', 'getBooksIsbn'],
  ['GET', '/a-b/c.d', 'getA-bCD'],
  ['POST', '/FooBar', 'postFoobar'],
])('names the operation of %s %s %s', (verb, path, expected) => {
  expect(operationId(verb, path)).toBe(expected)
})

describe('withOperation', () => {
  test('makes the document of the reference', () => {
    expect(make({})).toEqual({
      swagger: '2.0',
      basePath: '/hello',
      info: { title: '/hello', version: '1.0.0' },
      paths: {
        '/world': {
          get: {
            operationId: 'getWorld',
            'x-openwhisk': {
              url: 'http://localhost:3233/api/v1/web/guest/default/hello.json',
              namespace: 'guest',
              package: '',
              action: 'hello',
            },
            responses: { default: { description: 'Default response' } },
          },
        },
      },
      'x-ibm-configuration': {
        assembly: {
          execute: [
            {
              'operation-switch': {
                case: [
                  {
                    operations: ['getWorld'],
                    execute: [
                      {
                        invoke: {
                          'target-url': 'http://localhost:3233/api/v1/web/guest/default/hello.json',
                          verb: 'keep',
                        },
                      },
                    ],
                  },
                ],
              },
            },
          ],
        },
        cors: { enabled: true },
      },
    })
  })

  test.each([
    ['pkg/a', 'pkg', 'http://h/api/v1/web/guest/pkg/a.http'],
    ['/guest/pkg/a', 'pkg', 'http://h/api/v1/web/guest/pkg/a.http'],
    ['/guest/a', '', 'http://h/api/v1/web/guest/default/a.http'],
    ['xa-c@t ion', '', 'http://h/api/v1/web/guest/default/xa-c@t ion.http'],
  ])('takes the name %s apart', (action, packageName, url) => {
    const document = make({ action, responseType: 'http', backendUrl: 'http://h/api/v1/web/_/default/a.b.http' })
    expect(document).toHaveProperty(['paths', '/world', 'get', 'x-openwhisk', 'package'], packageName)
    expect(document).toHaveProperty(['paths', '/world', 'get', 'x-openwhisk', 'url'], url)
    expect(JSON.stringify(document)).toContain(`"target-url":"${url}$(request.path)"`)
  })

  test('replaces an operation in place, and keeps an earlier secret', () => {
    const twice = make({ secureKey: 's' }, { path: '/other' }, { action: 'new' })
    const cases = JSON.stringify(twice['x-ibm-configuration'])
    expect(cases.match(/"operations"/g)).toHaveLength(2)
    expect(cases).toContain('{"set":"message.headers.X-Require-Whisk-Auth","value":"s"}')
    expect(cases).toContain('/default/new.json')
    expect(cases).not.toContain('/default/hello.json","verb":"keep"}},{"set-variable"')
  })

  test.each([
    ['https://http://h:1/api/v1/web/_/pkg/a.http', 'http://h:1'],
    ['https://https://h:1/api/v1/web/_/pkg/a.http', 'https://h:1'],
  ])('reads %s, as `wsk project deploy` writes it, as what was meant', (backendUrl, host) => {
    const url = `${host}/api/v1/web/guest/pkg/a.json`
    expect(make({ action: 'pkg/a', backendUrl })).toHaveProperty(['paths', '/world', 'get', 'x-openwhisk', 'url'], url)
  })

  test('refuses a backend that is no web action', () => {
    expect(() => make({ backendUrl: 'http://example.test/x' })).toThrow(/^API swagger generation error: /)
  })
})

describe('withoutOperation', () => {
  const document = make({}, { verb: 'POST' }, { path: '/other' })

  test('removes one operation with its case', () => {
    const left = withoutOperation(document, '/world', 'GET')
    expect(left).not.toHaveProperty(['paths', '/world', 'get'])
    expect(left).toHaveProperty(['paths', '/world', 'post'])
    expect(JSON.stringify(left)).not.toContain('getWorld')
  })

  test('removes a path, and ends with nothing', () => {
    const left = withoutOperation(document, '/world', undefined)
    expect(Object.keys((left?.paths ?? {}) as JsonObject)).toEqual(['/other'])
    expect(left && withoutOperation(left, '/other', 'get')).toBeUndefined()
  })

  test('leaves a path that has more than its operations, which can be served', () => {
    const paths = document.paths as JsonObject
    const atPath = { ...(paths['/world'] as JsonObject), parameters: [{ name: 'x', in: 'query', type: 'string' }] }
    const one = withoutOperation({ ...document, paths: { ...paths, '/world': atPath } }, '/world', 'get')
    const none = one && withoutOperation(one, '/world', 'post')
    expect(none).toHaveProperty(['paths', '/world', 'parameters'])
    expect(none && serveDocument(none).resources.map(({ operations }) => operations.size)).toEqual([0, 1])
  })

  test('says what is not there', () => {
    expect(() => withoutOperation(document, '/x', undefined)).toThrow("path '/x' does not exist in the API")
    expect(() => withoutOperation(document, '/world', 'PUT')).toThrow(
      "path '/world' with operation 'put' does not exist in the API",
    )
  })
})

describe('checkPathParameters', () => {
  const id = { name: 'id', in: 'path', required: true, type: 'string' }

  test.each<[string, JsonObject, string]>([
    [
      'a base path with one',
      { ...make({}), basePath: '/a/{x}/b' },
      'The base path (/a/{x}/b) cannot have parameters. Only the relative path supports path parameters.',
    ],
    [
      'another response type than http',
      make({ path: '/b/{id}', pathParameters: [id] }),
      "The action must use a response type of '.http' in order to receive the path parameters.",
    ],
    [
      'an undefined one',
      make({ path: '/b/{id}', responseType: 'http' }),
      "The parameter 'id' defined in path '/b/{id}' does not match any of the parameters defined for the path in the swagger file.",
    ],
    ['no configuration', { basePath: '/a', paths: {} }, "Cannot read properties of undefined (reading 'assembly')"],
    [
      'no assembly',
      { basePath: '/a', paths: {}, 'x-ibm-configuration': {} },
      "Cannot read properties of undefined (reading 'forEach')",
    ],
  ])('refuses %s', (_what, document, message) => {
    expect(() => checkPathParameters(document)).toThrow(message)
  })

  test('takes parameters of the operation and of the path', () => {
    checkPathParameters(make({ path: '/b/{id}', responseType: 'http', pathParameters: [id] }))
    const document = make({ path: '/b/{id}', responseType: 'http' })
    const paths = document.paths as JsonObject
    const atPath = paths['/b/{id}'] as JsonObject
    checkPathParameters({ ...document, paths: { '/b/{id}': { ...atPath, parameters: [id] } } })
  })
})

describe('serveDocument', () => {
  const served = (overrides: JsonObject) => serveDocument({ ...make({}), ...overrides })

  test.each<[JsonObject, string]>([
    [make({ path: 'bad' }), "Resource path must begin with '/'."],
    [make({ path: "/it's" }), 'resource path contains illegal character "\'".'],
    [make({ verb: 'badverb' }), "Resource verb 'badverb' not supported."],
    [{ ...make({}), basePath: "/it's" }, 'basePath contains illegal character "\'".'],
    [{ ...make({}), paths: {} }, 'Empty resources object.'],
    [{ ...make({}), paths: { '/a': {} } }, "Missing or empty field 'operations' or in resource path object."],
    [
      { ...make({}), paths: { '/a': { get: { operationId: 'other' } } } },
      "No case of the operation-switch serves operationId 'other' of GET /a.",
    ],
  ])('refuses what cannot be served: %#', (document, message) => {
    expect(() => serveDocument(document)).toThrow(message)
  })

  test.each([
    [{ enabled: true }, 'enabled'],
    [{ enabled: false }, 'disabled'],
    [undefined, undefined],
  ])('reads cors %j', (cors, expected) => {
    const configuration = make({})['x-ibm-configuration'] as JsonObject
    const { cors: _without, ...rest } = configuration
    const config: JsonObject = cors ? { ...rest, cors } : rest
    expect(served({ 'x-ibm-configuration': config }).cors).toBe(expected)
  })

  test('prefers the gateway’s own configuration', () => {
    const configuration = make({ action: 'preferred' })['x-ibm-configuration'] as JsonObject
    const api = served({ 'x-gateway-configuration': { ...configuration, cors: { enabled: false } } })
    expect(api.cors).toBe('disabled')
    expect(api.resources[0]?.operations.get('GET')?.backend?.url).toContain('preferred')
  })

  test('edits the configuration that is served', () => {
    const { 'x-ibm-configuration': configuration = {}, ...rest } = make({})
    const more = withOperation({ ...rest, 'x-gateway-configuration': configuration }, request({ path: '/more' }))
    expect(more).not.toHaveProperty('x-ibm-configuration')
    expect(serveDocument(more).resources.map(({ path }) => path)).toEqual(['/hello/world', '/hello/more'])
    const less = withoutOperation(more, '/world', 'get')
    expect(JSON.stringify(less?.['x-gateway-configuration'])).toContain('getMore')
    expect(JSON.stringify(less?.['x-gateway-configuration'])).not.toContain('getWorld')
  })

  test.each<[JsonObject[] | undefined, number | undefined]>([
    [[{ unit: 'minute', units: 1, rate: 20 }], 3000],
    [[{ unit: 'hour', rate: 1 }, { rate: 5 }], 3_600_000],
    [[{ rate: 60 }], 1000],
    [undefined, undefined],
  ])('spaces calls by %j', (limits, expected) => {
    expect(served(limits ? { 'x-ibm-rate-limit': limits } : {}).spacingMs).toBe(expected)
  })

  test('reads keys and client secrets', () => {
    expect(served({ securityDefinitions: { k: { type: 'apiKey', name: 'X-Key' } } }).security).toEqual([
      { type: 'apiKey', header: 'X-Key' },
    ])
    const both = {
      client_id: { type: 'apiKey', name: 'X-Id' },
      client_secret: { type: 'apiKey', name: 'X-Secret' },
    }
    expect(served({ securityDefinitions: both }).security).toEqual([
      { type: 'clientSecret', idField: 'X-Id', secretField: 'X-Secret' },
    ])
  })

  test('lists operations that call nothing', () => {
    const api = served({ 'x-ibm-configuration': { assembly: { execute: [] } } })
    expect(api.resources[0]?.operations.get('GET')).toEqual({ backend: undefined, inserts: [] })
  })
})
