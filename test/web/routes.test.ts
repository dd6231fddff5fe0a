import { beforeEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/entity/json.ts'
import { WhiskError } from '../../src/errors.ts'
import { anAction, aPackage, aSubject } from '../builders.ts'
import {
  answers,
  app,
  CORS,
  call,
  clock,
  corsOf,
  headersOf,
  invoker,
  KEY,
  openWeb,
  overSocket,
  payload,
  put,
  serve,
  store,
  web,
} from './harness.ts'

beforeEach(openWeb)

describe('web actions', () => {
  test('answer with the result, CORS headers and the activation id', async () => {
    put()
    answers({ a: 1 })
    const response = await call('guest/default/hello.json', { headers: { 'x-request-id': 'abc' } })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('{\n  "a": 1\n}')
    expect(headersOf(response)).toEqual({
      ...CORS,
      'content-type': 'application/json',
      'x-request-id': 'abc',
      'x-openwhisk-activation-id': expect.stringMatching(/^[0-9a-f]{32}$/),
    })
    expect(invoker.invoked[0]).toMatchObject({ blocking: true, identity: { subject: 'guest' }, transid: 'abc' })
  })

  test.each([
    ['GET', { body: 'é' }, ['2'], 'é'],
    ['HEAD', { body: 'é' }, ['2'], ''],
    ['GET', { statusCode: 200 }, ['0'], ''],
    ['GET', {}, [], ''],
  ])('repeat header lines: %s %j', async (method, result, length, text) => {
    put()
    const own = { 'X-Multi': ['a', 'b'], 'Access-Control-Allow-Origin': 'x', 'X-Request-ID': 'own' }
    answers({ headers: own, ...result })
    const answer = await overSocket('guest/default/hello', method, { 'x-request-id': 'abc' })
    const lines = (name: string) =>
      answer.rawHeaders.filter((_, at, all) => at % 2 === 1 && all[at - 1]?.toLowerCase() === name)
    expect(lines('x-multi')).toEqual(['a', 'b'])
    expect(lines('access-control-allow-origin')).toEqual(['*', 'x'])
    expect(lines('x-request-id')).toEqual(['abc', 'own'])
    expect(lines('content-length')).toEqual(length)
    expect(lines('transfer-encoding')).toEqual([])
    expect(Buffer.concat(await answer.toArray()).toString()).toBe(text)
  })

  test.each([
    ['guest/default/missing.json'],
    ['guest/nopkg/hello.json'],
    ['nosuch/default/hello.json'],
    ['_/default/hello.json'],
    ['guest/default/private.json'],
    ['guest/default/text.json'],
  ])('are not found at %s', async path => {
    put()
    store.entities.put(anAction({ name: 'private' }))
    put({ 'web-export': 'true' }, {}, 'text')
    const response = await call(path)
    expect(response.status).toBe(404)
    expect(await response.json()).toMatchObject({ error: 'The requested resource does not exist.' })
    expect(corsOf(response)).toEqual({})
    expect(invoker.invoked).toEqual([])
  })

  test('show errors on four lines, and rejections on one', async () => {
    const missing = await call('guest/default/missing.json', { headers: { 'x-request-id': 'abc' } })
    expect(await missing.text()).toBe('{\n  "code": "abc",\n  "error": "The requested resource does not exist."\n}')
    const unmatched = await call('guest', { headers: { 'x-request-id': 'abc' } })
    expect(await unmatched.text()).toBe(
      '{"code":"abc","error":"The resource requires authentication, which was not supplied with the request"}',
    )
  })

  test.each([
    [undefined, 401, 'The resource requires authentication, which was not supplied with the request'],
    ['Basic eDp5', 401, 'The supplied authentication is invalid'],
    [KEY, 404, 'The requested resource could not be found.'],
  ])('refuse a path that names none, with credentials %s', async (authorization, status, error) => {
    const response = await call('guest/x', authorization ? { headers: { authorization } } : {})
    expect(response.status).toBe(status)
    expect(await response.json()).toMatchObject({ error })
  })

  test('answer 202 when an action takes longer than the wait', async () => {
    put()
    invoker.hold = new Promise(() => {})
    const pending = call('guest/default/hello.json')
    await expect.poll(() => clock.pending, { timeout: 15_000 }).toBe(1)
    await clock.advance(60_000)
    const response = await pending
    expect(response.status).toBe(202)
    expect(await response.json()).toMatchObject({ error: 'Response not yet ready.' })
    expect(response.headers.has('x-openwhisk-activation-id')).toBe(true)
  })

  test('pass a refusal of the invoker on with CORS headers', async () => {
    put()
    invoker.answer = () => {
      throw new WhiskError('unavailable', 'full')
    }
    const response = await call('guest/default/hello.json')
    expect(response.status).toBe(503)
    expect(corsOf(response)).toEqual(CORS)
  })

  test('answer 429 without CORS headers beyond the owner’s rate, OPTIONS included', async () => {
    put()
    serve(1)
    expect((await call('guest/default/hello.json', { method: 'OPTIONS' })).status).toBe(200)
    const response = await call('guest/default/hello.json')
    expect(response.status).toBe(429)
    expect(await response.json()).toMatchObject({
      error: 'Too many requests in the last minute (count: 2, allowed: 1).',
    })
    expect(corsOf(response)).toEqual({})
  })

  test('refuse TRACE', async () => {
    const request = new Request('http://localhost/api/v1/web/guest/default/hello')
    Object.defineProperty(request, 'method', { value: 'TRACE' })
    const response = await app.fetch(request)
    expect(response.status).toBe(405)
    expect(response.headers.get('allow')).toBe('GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH')
  })
})

describe('arguments', () => {
  const post = (type: string | undefined, body: string | Uint8Array<ArrayBuffer>, query = '') =>
    call(`guest/default/hello.json${query}`, {
      method: 'POST',
      body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
      headers: type === undefined ? {} : { 'content-type': type },
    })

  test('are method, headers and path, and the query as texts', async () => {
    put()
    await call('guest/default/hello.json/x%20y?a=b&c=d&a=e', { headers: { 'X-Test': '1', 'x-ow-extra-logging': 'on' } })
    expect(payload()).toEqual({
      __ow_method: 'get',
      __ow_path: '/x%20y',
      __ow_headers: { 'x-test': '1' },
      a: 'e',
      c: 'd',
    })
  })

  test.each<[string, string | undefined, string, JsonObject]>([
    ['an object', 'application/json', '{"a":1,"y":true}', { a: 1, b: '3', y: true }],
    ['a +json object', 'application/cloudevents+json', '{"a":1}', { a: 1, b: '3' }],
    ['an array', 'application/json; charset=utf-8', '[1,"s"]', { a: '2', b: '3', __ow_body: [1, 's'] }],
    ['null', 'application/json', 'null', { a: '2', b: '3', __ow_body: null }],
    ['JSON with a parameter', 'application/json; v=1', '{"a":1}', { a: '2', b: '3', __ow_body: '{"a":1}' }],
    ['a form', 'application/x-www-form-urlencoded', 'a=b+c&d=%26', { a: 'b c', b: '3', d: '&' }],
    ['text', 'text/plain', 'k=ż', { a: '2', b: '3', __ow_body: 'k=ż' }],
    ['an unregistered type', 'application/graphql', '{x}', { a: '2', b: '3', __ow_body: 'e3h9' }],
    ['no type', undefined, 'x', { a: '2', b: '3', __ow_body: 'eA==' }],
    ['a type that is none', 'foo', 'x', { a: '2', b: '3', __ow_body: 'eA==' }],
    ['a multipart form', 'multipart/form-data; boundary=x', '--x--', { a: '2', b: '3', __ow_body: 'LS14LS0=' }],
  ])('take %s from the body', async (_what, type, body, expected) => {
    put()
    await post(type, body, '?a=2&b=3')
    const { __ow_headers, __ow_method, __ow_path, ...rest } = payload() ?? {}
    expect(rest).toEqual(expected)
    expect(__ow_headers).toHaveProperty(
      'content-type',
      type === undefined || type === 'foo' ? 'application/octet-stream' : type.replace('; charset=utf-8', ''),
    )
  })

  test.each([
    ['application/json', '{', /^The request content was malformed:\n/],
    ['application/x-www-form-urlencoded', 'a=b c', /^Illegal query: Invalid input ' '/],
  ])('reject a malformed %s body without CORS headers', async (type, body, error) => {
    put()
    const response = await post(type, body)
    expect(response.status).toBe(400)
    expect(await response.json()).toMatchObject({ error: expect.stringMatching(error) })
    expect(corsOf(response)).toEqual({})
    expect(invoker.invoked).toEqual([])
  })

  test('name the caller, whoever it is, and nobody for bad credentials', async () => {
    put()
    await call('guest/default/hello.json', { headers: { authorization: KEY } })
    expect(payload()).toMatchObject({ __ow_user: 'guest' })
    await call('guest/default/hello.json', { headers: { authorization: 'Basic eDp5' } })
    expect(payload()).not.toHaveProperty('__ow_user')
  })

  test.each(['__ow_method', '__ow_headers', '__ow_path', '__ow_user', '__ow_query', '__ow_body'])(
    'must not set %s',
    async name => {
      put()
      const inQuery = await call(`guest/default/hello.json?${name}=x`)
      expect(inQuery.status).toBe(400)
      expect(corsOf(inQuery)).toEqual(CORS)
      expect((await post('application/json', `{"${name}":null}`)).status).toBe(400)
      expect(invoker.invoked).toEqual([])
    },
  )

  test('must not override what is final and has a value', async () => {
    put({ final: true }, { y: 1, empty: null })
    expect((await call('guest/default/hello.json?y=1')).status).toBe(400)
    expect((await call('guest/default/hello.json?empty=z')).status).toBe(200)
    put({}, { y: 1 })
    expect((await call('guest/default/hello.json?y=z')).status).toBe(200)
  })

  test('of a raw action are the texts of query and body, whatever is final', async () => {
    put({ 'raw-http': true, final: true }, { x: 1 })
    await post('application/json', '{"x":2}', '?x=1&k=a%20b')
    expect(payload()).toMatchObject({ __ow_query: 'x=1&k=a+b', __ow_body: 'eyJ4IjoyfQ==' })
    expect(payload()).not.toHaveProperty('x')
    await post('text/plain', 'hi')
    expect(payload()).toMatchObject({ __ow_query: '', __ow_body: 'hi' })
    await call('guest/default/hello.json')
    expect(payload()).toMatchObject({ __ow_query: '', __ow_body: '' })
  })

  test('must not be larger than the limit, even for OPTIONS and without credentials', async () => {
    put({ 'require-whisk-auth': true })
    const response = await post('text/plain', 'x'.repeat(101))
    expect(response.status).toBe(413)
    expect(await response.json()).toMatchObject({ error: 'Request larger than allowed: 101 > 100 bytes.' })
    expect(corsOf(response)).toEqual({})
  })
})

describe('require-whisk-auth', () => {
  const status = async (headers: Record<string, string> = {}, method = 'GET') =>
    (await call('guest/default/hello.json', { method, headers })).status

  test('true wants valid credentials', async () => {
    put({ 'require-whisk-auth': true })
    expect(await status()).toBe(401)
    expect(await status({ authorization: 'Basic eDp5' })).toBe(401)
    expect(await status({ authorization: KEY })).toBe(200)
    expect(await status({}, 'OPTIONS')).toBe(200)
  })

  test('a text or number wants the secret', async () => {
    put({ 'require-whisk-auth': 'k' })
    expect(await status({ 'x-require-whisk-auth': 'k' })).toBe(200)
    expect(await status({ 'x-require-whisk-auth': 'K' })).toBe(401)
    expect(await status({ authorization: KEY })).toBe(401)
    put({ 'require-whisk-auth': 12.5 })
    expect(await status({ 'x-require-whisk-auth': '12.5' })).toBe(200)
  })

  test.each([null, {}, []])('%j lets nobody in', async value => {
    put({ 'require-whisk-auth': value })
    expect(await status({ authorization: KEY })).toBe(401)
  })

  test('turns a rejection into 401', async () => {
    put({ 'require-whisk-auth': true })
    answers({ a: 1 })
    const response = await call('guest/default/hello.json', { headers: { authorization: KEY, accept: 'text/html' } })
    expect(response.status).toBe(401)
    expect(corsOf(response)).toEqual(CORS)
  })
})

describe('web actions of the platform itself', () => {
  const evil = { origin: 'http://evil.example' }

  beforeEach(() => {
    store.subjects.put(aSubject({ subject: 'whisk.system' }))
    store.entities.put(aPackage({ namespace: 'whisk.system', name: 'apimgmt', publish: true }))
    store.entities.put(anAction({ namespace: 'whisk.system/apimgmt', name: 'createApi', annotations: web() }))
    store.entities.put(aPackage({ name: 'mine', binding: { namespace: 'whisk.system', name: 'apimgmt' } }))
  })

  const refused = (origin: string) => `Pages of the origin '${origin}' may not use this server.`

  test.each<[string, string, Record<string, string>, string]>([
    ['POST', 'whisk.system/apimgmt/createApi.http', evil, refused(evil.origin)],
    ['OPTIONS', 'whisk.system/apimgmt/createApi.http', evil, refused(evil.origin)],
    ['POST', 'whisk%2Esystem/apimgmt/createApi.json', { origin: 'null' }, refused('null')],
    ['POST', 'guest/default/../../whisk.system/apimgmt/createApi', evil, refused(evil.origin)],
    ['POST', 'guest/mine/createApi', evil, refused(evil.origin)],
    [
      'GET',
      'whisk.system/apimgmt/createApi.http',
      { 'sec-fetch-site': 'cross-site' },
      "Pages of other sites may not use this server's own actions.",
    ],
  ])('refuse pages of other sites: %s %s with %j', async (method, path, headers, error) => {
    const response = await call(path, { method, headers })
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({ error: expect.stringContaining(error) })
    expect(corsOf(response)).toEqual({})
    expect(invoker.invoked).toEqual([])
  })

  test.each<Record<string, string>>([
    {},
    { origin: 'http://localhost:5173' },
    { origin: 'http://tool.example' },
    { 'sec-fetch-site': 'same-site' },
    { origin: 'http://localhost', 'sec-fetch-site': 'cross-site' },
  ])('answer clients and pages that may use the server: %j', async headers => {
    answers({ ok: true })
    const response = await call('whisk.system/apimgmt/createApi.json', { method: 'POST', headers })
    expect([response.status, await response.json()]).toEqual([200, { ok: true }])
  })
})

describe('packages', () => {
  const inPackage = (namespace: string) => anAction({ namespace, name: 'x', annotations: web() })

  test('may be private, and merge their parameters', async () => {
    store.entities.put(aPackage({ name: 'pkg', parameters: [{ key: 'a', value: 'A' }] }))
    store.entities.put(inPackage('guest/pkg'))
    expect((await call('guest/pkg/x.json')).status).toBe(200)
    expect(invoker.invoked[0]?.action.parameters).toEqual([{ key: 'a', value: 'A' }])
  })

  test('of another namespace are reached through a binding while they are public, as the binding’s owner', async () => {
    const provider = aPackage({ namespace: 'other', name: 'prov', publish: true })
    store.entities.put(provider)
    store.entities.put(inPackage('other/prov'))
    store.entities.put(aPackage({ name: 'bound', binding: { namespace: 'other', name: 'prov' } }))
    expect((await call('guest/bound/x.json')).status).toBe(200)
    expect(invoker.invoked[0]).toMatchObject({
      identity: { namespace: { name: 'guest' } },
      action: { binding: 'guest/bound' },
    })
    store.entities.put({ ...provider, publish: false })
    const response = await call('guest/bound/x.json')
    expect(response.status).toBe(403)
    expect(await response.json()).toMatchObject({
      error: "The supplied authentication is not authorized to access 'other/prov'.",
    })
  })

  test('whose names begin with default cannot be reached', async () => {
    store.entities.put(aPackage({ name: 'default-tools' }))
    store.entities.put(inPackage('guest/default-tools'))
    expect((await call('guest/default-tools/x.json')).status).toBe(401)
  })
})
