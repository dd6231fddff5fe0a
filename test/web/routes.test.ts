import { once } from 'node:events'
import { createServer, type IncomingMessage, type OutgoingHttpHeaders, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { beforeEach, describe, expect, test } from 'vitest'
import { createEntitlement } from '../../src/entitlement/entitlement.ts'
import { createThrottler } from '../../src/entitlement/throttler.ts'
import type { JsonObject } from '../../src/entity/json.ts'
import { defaultLimits } from '../../src/entity/limits.ts'
import type { Parameter } from '../../src/entity/whisk-entity.ts'
import { WhiskError } from '../../src/errors.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { refusalOfPage } from '../../src/http/guard.ts'
import { onError } from '../../src/http/on-error.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { webRoutes } from '../../src/web/routes.ts'
import { anAction, aPackage, aSubject, GUEST } from '../builders.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { type FakeInvoker, fakeInvoker } from '../fakes/invoker.ts'

const KEY = `Basic ${Buffer.from(`${GUEST.uuid}:${GUEST.key}`).toString('base64')}`
const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH',
  'access-control-allow-headers': 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent',
}

let store: Store
let invoker: FakeInvoker
let clock: FakeClock
let app: Hono<Env>

function serve(invocationsPerMinute = Number.POSITIVE_INFINITY) {
  const limits = { ...defaultLimits('off', 1024), maxPayload: 100, invocationsPerMinute }
  app = new Hono<Env>()
  app.use(entrance({ clock }))
  app.onError(onError(silentLogger))
  const throttler = createThrottler(clock, limits)
  app.route(
    '/api/v1/web',
    webRoutes({
      store,
      invoker,
      throttler,
      entitlement: createEntitlement(store),
      limits,
      clock,
      refusalOfPage: refusalOfPage({ allowOrigin: 'http://tool.example' }),
    }),
  )
}

beforeEach(() => {
  clock = fakeClock()
  store = openStore({ path: ':memory:', clock, log: silentLogger })
  invoker = fakeInvoker(store, clock)
  store.subjects.put(aSubject())
  store.subjects.put(aSubject({ subject: 'other' }))
  serve()
  return () => store.close()
})

const web = (annotations: JsonObject = {}): Parameter[] =>
  Object.entries({ 'web-export': true, ...annotations }).map(([key, value]) => ({ key, value }))

const put = (annotations: JsonObject = {}, parameters: JsonObject = {}, name = 'hello') =>
  store.entities.put(
    anAction({
      name,
      annotations: web(annotations),
      parameters: Object.entries(parameters).map(([key, value]) => ({ key, value })),
    }),
  )

const call = (path: string, init: RequestInit = {}) => app.request(`/api/v1/web/${path}`, init)

/** With header lines as they are, which Headers would merge. */
async function overSocket(path: string, method: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
  const server = createServer(getRequestListener(app.fetch, { overrideGlobalObjects: false })).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const sent = request({ port, host: '127.0.0.1', path: `/api/v1/web/${path}`, method, headers, agent: false })
  const [answer] = (await once(sent.end(), 'response')) as [IncomingMessage]
  server.close()
  return answer
}

const answers = (result: JsonObject) => {
  invoker.answer = { statusCode: 0, result }
}
const headersOf = (response: Response) => Object.fromEntries(response.headers)
const payload = () => invoker.invoked.at(-1)?.payload as JsonObject | undefined

const corsOf = (response: Response) =>
  Object.fromEntries(Object.entries(headersOf(response)).filter(([name]) => name.startsWith('access-control-')))

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

describe('OPTIONS and HEAD', () => {
  test('answers OPTIONS without running the action', async () => {
    put()
    const response = await call('guest/default/hello.json', {
      method: 'OPTIONS',
      headers: { 'access-control-request-headers': 'x-a,x-b' },
    })
    expect(response.status).toBe(200)
    expect(await response.text()).toBe('')
    expect(corsOf(response)).toEqual({ ...CORS, 'access-control-allow-headers': 'x-a, x-b' })
    expect(response.headers.has('content-type')).toBe(false)
    expect(invoker.invoked).toEqual([])
  })

  test('leaves an OPTIONS that accepts something else to the REST API', async () => {
    put()
    const response = await call('guest/default/hello.json', { method: 'OPTIONS', headers: { accept: 'text/html' } })
    expect(await response.text()).toBe('OK')
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, DELETE, POST, PUT, HEAD')
  })

  test.each(['*/*', '*', 'text/html, */*;q=0.8', 'foo', ''])('answers OPTIONS that accepts %j', async accept => {
    put()
    const response = await call('guest/default/hello.json', { method: 'OPTIONS', headers: { accept } })
    expect([await response.text(), corsOf(response)]).toEqual(['', CORS])
  })

  test('runs an action with web-custom-options, without CORS headers and without authentication', async () => {
    put({ 'web-custom-options': true, 'require-whisk-auth': true })
    answers({ headers: { 'Access-Control-Allow-Origin': 'http://mine.test' } })
    const response = await call('guest/default/hello', { method: 'OPTIONS' })
    expect(response.status).toBe(204)
    expect(corsOf(response)).toEqual({ 'access-control-allow-origin': 'http://mine.test' })
    expect(payload()).toMatchObject({ __ow_method: 'options' })
    const refused = await call('guest/default/hello')
    expect([refused.status, corsOf(refused)]).toEqual([401, {}])
  })

  test('answers HEAD with the headers of the body', async () => {
    put()
    answers({ body: 'żx' })
    const response = await call('guest/default/hello', { method: 'HEAD' })
    expect(await response.text()).toBe('')
    expect(headersOf(response)).toMatchObject({ 'content-length': '3', 'content-type': 'text/html; charset=UTF-8' })
    expect(payload()).toMatchObject({ __ow_method: 'head' })
  })
})

describe('answers', () => {
  test('are negotiated by all lines of Accept and Accept-Charset', async () => {
    put()
    answers({ text: 'é' })
    const negotiated = async (headers: OutgoingHttpHeaders) => {
      const answer = await overSocket('guest/default/hello.text', 'GET', headers)
      return [answer.statusCode, answer.headers['content-type']]
    }
    const utf8 = 'text/plain; charset=UTF-8'
    expect(await negotiated({ accept: ['text/xml', 'text/*'] })).toEqual([200, utf8])
    expect(await negotiated({ 'accept-charset': ['iso-8859-1', 'utf-8'] })).toEqual([200, utf8])
    const preflight = await overSocket('guest/default/hello.text', 'OPTIONS', { accept: ['text/xml', '*/*'] })
    expect(preflight.headers).toMatchObject(CORS)
  })

  test('keep cookies on lines of their own and drop what would break the message', async () => {
    put()
    answers({
      headers: { 'Set-Cookie': ['a=b', 'c=d'], 'x-a': 'ż|é', 'x-b': 'a\nb', 'b ad': 'x', date: 'x' },
      body: 'x',
    })
    const response = await call('guest/default/hello')
    expect(response.headers.getSetCookie()).toEqual(['a=b', 'c=d'])
    expect(response.headers.get('x-a')).toBe('||é')
    expect(response.headers.has('x-b')).toBe(false)
    expect(response.headers.has('date')).toBe(false)
  })

  test.each(['Trailer', 'X-Hono-Already-Sent', 'transfer-encoding'])('lose %s', async name => {
    put()
    answers({ headers: { [name]: 'true' }, body: 'x' })
    const response = await call('guest/default/hello')
    expect([response.status, await response.text(), response.headers.has(name)]).toEqual([200, 'x', false])
  })

  test('keep a type that holds characters beyond Latin-1, and refuse one with control characters', async () => {
    put()
    answers({ headers: { 'content-type': 'text/plain; x="aż"' }, body: 'x' })
    const response = await call('guest/default/hello')
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/plain; x="a|"; charset=UTF-8'])
    answers({ headers: { 'content-type': 'text/plain; x="a\r\nSet-Cookie: a=b"' }, body: 'x' })
    const refused = await call('guest/default/hello')
    expect([refused.status, await refused.json()]).toMatchObject([
      400,
      { error: 'Response did not specify a known content-type.' },
    ])
  })

  test('lose a body that the status forbids', async () => {
    put()
    answers({ statusCode: 204, headers: { 'x-a': '1' }, body: 'x' })
    const response = await call('guest/default/hello')
    expect([response.status, await response.text(), response.headers.get('x-a')]).toEqual([204, '', '1'])
    expect(response.headers.has('content-type')).toBe(false)
  })

  test('that the client does not take become 406, without CORS headers and activation id', async () => {
    put()
    answers({ body: 'x' })
    const response = await call('guest/default/hello', { headers: { accept: 'application/json' } })
    expect(response.status).toBe(406)
    expect(await response.json()).toMatchObject({
      error: 'Resource representation is only available with these types:\ntext/html; charset=UTF-8',
    })
    expect(corsOf(response)).toEqual({})
    expect(response.headers.has('x-openwhisk-activation-id')).toBe(false)
    expect(invoker.invoked).toHaveLength(1)
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
