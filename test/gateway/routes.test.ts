import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { Hono } from 'hono'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import type { JsonObject } from '../../src/entity/json.ts'
import type { Env } from '../../src/http/env.ts'
import { GUEST } from '../builders.ts'
import { GATEWAY_URL, headersOf, openGateway, swagger, TENANT } from './fixtures.ts'

let at: ReturnType<typeof openGateway>

beforeEach(() => {
  at = openGateway()
})
afterEach(() => at.store.close())

const CORS = {
  'access-control-allow-origin': '*',
  'access-control-allow-methods': 'GET, POST, PUT, DELETE, PATCH, HEAD, OPTIONS',
  'access-control-allow-credentials': 'true',
}
const corsOf = (response: Response) =>
  Object.fromEntries([...response.headers].filter(([name]) => name.startsWith('access-control-')))

const configuration = (document: JsonObject) => document['x-ibm-configuration'] as JsonObject
const withCors = (cors: JsonObject | undefined): JsonObject => {
  const document = swagger('/base', ['get /a'])
  const { assembly } = configuration(document)
  return { ...document, 'x-ibm-configuration': cors ? { assembly, cors } : { assembly } } as JsonObject
}
/** One operation whose case has these steps. */
const withSteps = (path: string, ...execute: JsonObject[]): JsonObject =>
  swagger('/base', [`post ${path}`], {
    'x-ibm-configuration': {
      assembly: { execute: [{ 'operation-switch': { case: [{ operations: [`post${path}`], execute }] } }] },
      cors: { enabled: true },
    },
  })
const invoke = (url: string): JsonObject => ({ invoke: { 'target-url': url, verb: 'keep' } })
const set = (variable: string, value: JsonObject[string]): JsonObject => ({
  'set-variable': { actions: [{ set: variable, value }] },
})
const WEB = 'http://h/api/v1/web/guest/default'

const bodyOf = async () => {
  const request = at.asked.at(-1)
  return request?.body ? Buffer.from(await request.body(1000)).toString() : undefined
}

describe('addresses', () => {
  test.each([['/none'], [''], ['/'], ['/base'], ['/basex/a']])(
    'answers 404 without CORS headers and transaction id at %j',
    async path => {
      await at.create(swagger('/base', ['get /a']))
      for (const method of ['GET', 'OPTIONS']) {
        const response = await at.call(path, { method })
        expect(response.status).toBe(404)
        expect(await response.text()).toBe('{"status":404,"message":"Error: Not found."}\n')
        expect(Object.fromEntries(response.headers)).toEqual({ 'content-type': 'application/json; charset=utf-8' })
      }
    },
  )

  test('knows the verbs of a resource, and not HEAD from GET', async () => {
    await at.create(swagger('/base', ['get /a']))
    for (const method of ['POST', 'HEAD']) {
      const response = await at.call('/base/a', { method })
      expect([response.status, corsOf(response)]).toEqual([404, CORS])
    }
    const response = await at.call('/base/a', { method: 'DELETE' })
    expect(await response.json()).toEqual({ status: 404, message: 'Error: Whoops. Verb not supported.' })
    expect(response.headers.has('x-request-id')).toBe(false)
  })

  test('does not serve other tenants', async () => {
    await at.create(swagger('/base', ['get /a']))
    expect((await at.port.request(`${GATEWAY_URL}/api/other/base/a`)).status).toBe(404)
  })

  test('says that it is there', async () => {
    expect(await (await at.port.request('/api')).text()).toBe('You have hit the api gateway managed endpoints.\n')
    expect(await (await at.port.request('/health')).text()).toBe('Status: Gateway ready.\n')
  })

  test('serves known tenants on the main port and passes on all else', async () => {
    await at.create(swagger('/base', ['get /a']))
    const main = new Hono<Env>()
    main.route('/', at.gateway.mainRoutes)
    main.all('*', c => c.text('the REST API'))
    expect(await (await main.request(`/api/${TENANT}/base/a`)).json()).toEqual({ ok: true })
    expect(await (await main.request('/api/v1/namespaces')).text()).toBe('the REST API')
    expect(await (await main.request('/api/v2/base/a')).text()).toBe('the REST API')
  })
})

describe('forwarding', () => {
  test('reaches the web action, whatever host the document names', async () => {
    await at.create(swagger('/base', ['post /a']))
    const response = await at.call('/base/a?x=1&y=%20', { method: 'POST', body: 'text', headers: { 'x-a': '1' } })
    expect(await response.json()).toEqual({ ok: true })
    expect(at.asked[0]).toMatchObject({ method: 'POST', path: 'guest/default/act_a.json', query: 'x=1&y=%20' })
    expect(await bodyOf()).toBe('text')
  })

  test('says who called, and where', async () => {
    await at.create(swagger('/base', ['get /a']))
    await at.call('/base/a?x=1', {
      headers: {
        host: 'gw.test:8080',
        'x-forwarded-for': '1.2.3.4',
        'x-forwarded-proto': 'https',
        'x-forwarded-host': 'mine.test',
        'x-forwarded-prefix': '/pre',
        'x-request-id': 'rid',
      },
    })
    expect(at.asked[0]?.transid).toBe('rid')
    expect(headersOf(at.asked[0])).toMatchObject({
      host: 'localhost:3233',
      'x-request-id': 'rid',
      'x-real-ip': '127.0.0.1',
      'x-forwarded-for': '1.2.3.4, 127.0.0.1',
      'x-forwarded-host': 'gw.test',
      'x-forwarded-port': '8080',
      'x-forwarded-proto': 'https',
      'x-forwarded-url': `https://gw.test/pre/api/${TENANT}/base/a?x=1`,
    })
  })

  test.each([
    ['/base/a/', 'guest/default/act_a.json/'],
    ['/base/a/b/c', 'guest/default/act_a.json/b/c'],
    ['/base/a/b%20c', 'guest/default/act_a.json/b%20c'],
  ])('adds what follows the resource to a plain target: %s', async (path, expected) => {
    await at.create(swagger('/base', ['get /a']))
    await at.call(path)
    expect(at.asked[0]?.path).toBe(expected)
  })

  test.each([
    ['/base/books/978-0', '/base/books/978-0'],
    ['/base/books/a@b', '/base/books/a@b'],
    ['/base/books/a%20b/', '/base/books/a%20b'],
  ])('hands the whole path to a target with $(request.path): %s', async (path, expected) => {
    await at.create(withSteps('/books', invoke(`${WEB}/act.http$(request.path)`)))
    await at.call(path, { method: 'POST' })
    expect(at.asked[0]?.path).toBe(`guest/default/act.http${expected}`)
  })

  test('maps verbs', async () => {
    await at.create(withSteps('/a', { invoke: { 'target-url': `${WEB}/act.json`, verb: 'get' } }))
    await at.call('/base/a', { method: 'POST', body: 'x' })
    expect(at.asked[0]?.method).toBe('GET')
    expect(await bodyOf()).toBe('x')
  })

  test('sends the query of the target too', async () => {
    await at.create(withSteps('/a', invoke(`${WEB}/act.json?fixed=1`)))
    await at.call('/base/a?x=2', { method: 'POST' })
    await at.call('/base/a', { method: 'POST' })
    expect(at.asked.map(request => request.query)).toEqual(['x=2&fixed=1', 'fixed=1'])
  })

  test('puts secrets, parameters and members into the request', async () => {
    await at.create(
      withSteps(
        '/a',
        set('message.headers.X-Require-Whisk-Auth', 's'),
        invoke(`${WEB}/act.json`),
        set('message.query.q', 7),
        set('message.body.b', [1]),
      ),
    )
    const headers = { 'x-require-whisk-auth': 'mine', 'content-type': 'application/json' }
    await at.call('/base/a?q=1&r=2', { method: 'POST', headers, body: '{"a":[],"n":12345678901234567890}' })
    expect(headersOf(at.asked[0])['x-require-whisk-auth']).toBe('s')
    expect(at.asked[0]?.query).toBe('r=2&q=7')
    expect(await bodyOf()).toBe('{"a":[],"b":[1],"n":12345678901234567890}')
    await at.call('/base/a', { method: 'POST' })
    expect(await bodyOf()).toBe('{"b":[1]}')
    expect(headersOf(at.asked[1])['content-type']).toBe('application/json')
    await at.call('/base/a', { method: 'POST', body: '[1]', headers })
    expect(await bodyOf()).toBe('[1]')
  })

  test('leaves the secret true to the caller’s key', async () => {
    await at.create(withSteps('/a', invoke(`${WEB}/act.json`), set('message.headers.X-Require-Whisk-Auth', true)))
    await at.call('/base/a', { method: 'POST' })
    expect(headersOf(at.asked[0])).not.toHaveProperty('x-require-whisk-auth')
  })

  test('has one fixed answer for operations without a backend and for what breaks', async () => {
    await at.create(swagger('/base', ['get /a'], { 'x-ibm-configuration': { assembly: { execute: [] } } }))
    const response = await at.call('/base/a')
    expect(response.status).toBe(500)
    expect(await response.json()).toEqual({
      code: 500,
      message: 'Oops. Something went wrong. Check your URI and try again.',
    })
    await at.create(swagger('/b', ['get /a']))
    at.context.answer = () => {
      throw new Error('broken')
    }
    expect((await at.call('/b/a')).status).toBe(500)
  })

  test('calls other backends over HTTP', async () => {
    const backend = createServer((request, response) => {
      response.writeHead(201, { 'x-backend': '1', 'set-cookie': ['a=b', 'c=d'] })
      response.write(`${request.method} ${request.url} `)
      request.pipe(response)
    })
    await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve))
    const { port } = backend.address() as AddressInfo
    try {
      await at.create(withSteps('/a', invoke(`http://127.0.0.1:${port}/there`)))
      const response = await at.call('/base/a/b?x=1', { method: 'POST', body: 'hi' })
      expect([response.status, await response.text()]).toEqual([201, 'POST /there/b?x=1 hi'])
      expect(response.headers.getSetCookie()).toEqual(['a=b', 'c=d'])
      expect(corsOf(response)).toEqual(CORS)
    } finally {
      await new Promise(resolve => backend.close(resolve))
    }
    expect((await at.call('/base/a', { method: 'POST' })).status).toBe(502)
  })
})

describe('a backend that is not HTTP as it should be', () => {
  test.each([
    'HTTP/1.1 999 Nope\r\nContent-Length: 0\r\n\r\n',
    'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    'nonsense\r\n\r\n',
  ])('gives the fixed answer: %j', async bytes => {
    const backend = createTcpServer(socket => socket.once('data', () => socket.end(bytes)))
    await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve))
    const { port } = backend.address() as AddressInfo
    await at.create(withSteps('/a', invoke(`http://127.0.0.1:${port}/`)))
    const response = await at.call('/base/a', { method: 'POST' })
    expect([response.status, await response.json()]).toMatchObject([502, { message: expect.stringMatching(/^Oops/) }])
    await new Promise(resolve => backend.close(resolve))
  })

  test('cannot send headers that would break the answer', async () => {
    const backend = createServer((_, response) => {
      response.writeHead(200, { trailer: 'x-a', 'x-hono-already-sent': 'true' }).end('hi')
    })
    await new Promise<void>(resolve => backend.listen(0, '127.0.0.1', resolve))
    const { port } = backend.address() as AddressInfo
    await at.create(withSteps('/a', invoke(`http://127.0.0.1:${port}/`)))
    const response = await at.call('/base/a', { method: 'POST' })
    expect([response.status, await response.text()]).toEqual([200, 'hi'])
    expect([response.headers.has('trailer'), response.headers.has('x-hono-already-sent')]).toEqual([false, false])
    await new Promise(resolve => backend.close(resolve))
  })
})

describe('CORS', () => {
  test('answers preflights itself', async () => {
    await at.create(withCors({ enabled: true }))
    const headers = { origin: 'http://o.test', 'access-control-request-headers': 'x-a,X-B' }
    const response = await at.call('/base/a', { method: 'OPTIONS', headers })
    expect([response.status, await response.text()]).toEqual([200, ''])
    expect(response.headers.get('content-type')).toBe('text/plain')
    expect(corsOf(response)).toEqual({
      ...CORS,
      'access-control-allow-origin': 'http://o.test',
      'access-control-allow-headers': 'x-a,X-B',
    })
    const bare = await at.call('/base/a', { method: 'OPTIONS', headers: { 'access-control-request-headers': '' } })
    expect(corsOf(bare)).toEqual(CORS)
    expect(at.asked).toEqual([])
  })

  const backendAnswers = () => {
    at.context.answer = () =>
      new Response(null, {
        status: 204,
        headers: { 'Access-Control-Allow-Origin': 'http://mine.test', 'Access-Control-Allow-Headers': 'x-mine' },
      })
  }

  test.each<[string, JsonObject | undefined, Record<string, string>, string | null]>([
    ['replaces', { enabled: true }, { ...CORS, 'access-control-allow-headers': 'x-mine' }, 'text/plain'],
    ['removes', { enabled: false }, {}, 'text/plain'],
    [
      'passes',
      undefined,
      { 'access-control-allow-origin': 'http://mine.test', 'access-control-allow-headers': 'x-mine' },
      null,
    ],
  ])('%s the headers of the backend with %j', async (_what, cors, expected, type) => {
    await at.create(withCors(cors))
    backendAnswers()
    const response = await at.call('/base/a')
    expect(corsOf(response)).toEqual(expected)
    expect(response.headers.get('content-type')).toBe(type)
    expect((await at.call('/base/a', { method: 'OPTIONS' })).status).toBe(cors?.enabled ? 200 : 404)
  })
})

describe('policies', () => {
  const management = (path: string, init: RequestInit = {}) =>
    Promise.resolve(
      at.port.request(`${GATEWAY_URL}/v2/${TENANT}${path}`, {
        ...init,
        headers: { authorization: `Basic ${Buffer.from(`${GUEST.uuid}:${GUEST.key}`).toString('base64')}` },
      }),
    )
  const artifact = async () => ((await (await management('/apis')).json()) as { artifact_id: string }[])[0]?.artifact_id

  test('space calls out, by the clock', async () => {
    await at.create(swagger('/base', ['get /a', 'get /b'], { 'x-ibm-rate-limit': [{ unit: 'minute', rate: 20 }] }))
    expect((await at.call('/base/a')).status).toBe(200)
    const response = await at.call('/base/b', { headers: { origin: 'http://o.test' } })
    expect(response.status).toBe(429)
    expect(await response.json()).toEqual({ status: 429, message: 'Error: Rate limit exceeded' })
    expect(corsOf(response)).toEqual({ ...CORS, 'access-control-allow-origin': 'http://o.test' })
    expect((await at.call('/base/a', { method: 'OPTIONS' })).status).toBe(200)
    expect((await at.call('/base/a', { method: 'POST' })).status).toBe(404)
    await at.clock.advance(3000)
    expect((await at.call('/base/b')).status).toBe(200)
  })

  test('want the key of a subscriber', async () => {
    await at.create(swagger('/base', ['get /a'], { securityDefinitions: { k: { type: 'apiKey', name: 'X-Api-Key' } } }))
    const status = async (key?: string) =>
      (await at.call('/base/a', key ? { headers: { 'x-api-key': key } } : {})).status
    expect(await status()).toBe(401)
    expect(await status('k')).toBe(401)
    const artifact_id = await artifact()
    const body = JSON.stringify({ artifact_id, client_id: 'k' })
    expect(await (await management('/subscriptions', { method: 'PUT', body })).json()).toEqual({
      message: `Subscription 'k' created for API '${artifact_id}'`,
    })
    expect(await (await management(`/subscriptions?artifact_id=${artifact_id}`)).json()).toEqual(['k'])
    expect(await status('k')).toBe(200)
    expect(await status('K')).toBe(401)
    const gone = await management(`/subscriptions/k?artifact_id=${artifact_id}`, { method: 'DELETE' })
    expect(gone.status).toBe(204)
    expect(await status('k')).toBe(401)
  })

  test('want the secret of a client', async () => {
    const definitions = {
      client_id: { type: 'apiKey', name: 'X-Id' },
      client_secret: { type: 'apiKey', name: 'X-Secret' },
    }
    await at.create(swagger('/base', ['get /a'], { securityDefinitions: definitions }))
    const body = JSON.stringify({ artifact_id: await artifact(), client_id: 'c', client_secret: 's' })
    await management('/subscriptions', { method: 'POST', body })
    const answer = async (headers: Record<string, string>) => {
      const response = await at.call('/base/a', { headers })
      return response.status === 200 ? 'in' : ((await response.json()) as { message: string }).message
    }
    expect(await answer({})).toBe('Error: X-Id required')
    expect(await answer({ 'x-id': 'c' })).toBe('Error: X-Secret required')
    expect(await answer({ 'x-id': 'c', 'x-secret': 'wrong' })).toBe(
      'Error: Secret mismatch or not subscribed to this api.',
    )
    expect(await answer({ 'x-id': 'c', 'x-secret': 's' })).toBe('in')
    expect(JSON.stringify(at.store.documents.list(`api-subscription:${TENANT}`))).not.toContain('"s"')
  })

  test('let no bearer token in', async () => {
    await at.create(swagger('/base', ['get /a'], { securityDefinitions: { google: { type: 'oauth2' } } }))
    const missing = await at.call('/base/a')
    expect(await missing.json()).toEqual({ status: 401, message: 'Error: No Authorization header provided' })
    const token = await at.call('/base/a', { headers: { authorization: 'Bearer t' } })
    expect(token.status).toBe(401)
  })

  test('keep the management of a tenant for its own key', async () => {
    expect((await at.port.request(`${GATEWAY_URL}/v2/${TENANT}/apis`)).status).toBe(401)
    expect((await management('/nonsense')).status).toBe(400)
    const response = await management('/subscriptions', { method: 'PUT', body: '{}' })
    expect(await response.json()).toEqual({
      status: 400,
      message: "Error: Missing field 'artifact_id' in request body.",
    })
  })
})
