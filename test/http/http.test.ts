import { once } from 'node:events'
import { createServer, type IncomingMessage } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { Hono } from 'hono'
import { describe, expect, it, vi } from 'vitest'
import { stringify } from '../../src/entity/json.ts'
import { WhiskError } from '../../src/errors.ts'
import { basicCredentials, identify } from '../../src/http/authenticate.ts'
import { readJson, readOptionalJson } from '../../src/http/body.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { apiFallback, checkApiMethod, outsideFallback } from '../../src/http/fallback.ts'
import { onError } from '../../src/http/on-error.ts'
import { joinedHeader, readBytes } from '../../src/http/raw-request.ts'
import { illegalTarget, rawPath, routedPath } from '../../src/http/target.ts'
import { newTransactionId } from '../../src/http/transid.ts'
import { type LogFields, silentLogger } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { openStore } from '../../src/store/open.ts'
import { anIdentity, aSubject, GUEST } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'

const clock = fakeClock()
const ID = { 'X-Request-ID': 'abc' }

function app(): Hono<Env> {
  const hono = new Hono<Env>({ getPath: routedPath })
  hono.use(entrance({ clock }))
  hono.onError(onError(silentLogger))
  return hono
}

describe('transaction ids', () => {
  const hono = app()
  hono.get('/', c => new Response(c.get('transid')))

  it('are the client’s when it sends one, on every response', async () => {
    const response = await hono.request('/', { headers: ID })
    expect(await response.text()).toBe('abc')
    expect(response.headers.get('x-request-id')).toBe('abc')
    expect((await hono.request('/nope')).headers.get('x-request-id')).toMatch(/^[A-Za-z0-9]{32}$/)
  })

  it.each(['sid_x', ''])('are fresh when the client sends %j', async id => {
    const response = await hono.request('/', { headers: { 'X-Request-ID': id } })
    expect(await response.text()).toMatch(/^[A-Za-z0-9]{32}$/)
  })

  it('differ', () => {
    expect(new Set(Array.from({ length: 2000 }, newTransactionId)).size).toBe(2000)
  })
})

describe('errors', () => {
  const logged: [string, LogFields | undefined][] = []
  const hono = new Hono<Env>()
  hono.use(entrance({ clock }))
  hono.onError(onError({ ...silentLogger, error: (message, fields) => void logged.push([message, fields]) }))
  hono.get('/completed', () => {
    throw new WhiskError('conflict', ' resource already exists ')
  })
  hono.get('/rejected', () => {
    throw new WhiskError('badRequest', 'bad\n', { rejection: true, headers: { Allow: 'GET' } })
  })
  hono.get('/bug', () => {
    throw new TypeError('x is not a function')
  })

  it('that were completed are trimmed and carry the CORS headers', async () => {
    const response = await hono.request('/completed', { headers: ID })
    expect(response.status).toBe(409)
    expect(await response.text()).toBe('{"code":"abc","error":"resource already exists"}')
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
    expect(response.headers.get('access-control-allow-methods')).toBe('GET, DELETE, POST, PUT, HEAD')
  })

  it('that are rejections keep their text and carry no CORS headers, but their own', async () => {
    const response = await hono.request('/rejected', { headers: ID })
    expect(await response.text()).toBe('{"code":"abc","error":"bad\\n"}')
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
    expect(response.headers.get('allow')).toBe('GET')
  })

  it('that are bugs answer 500 with the transaction id, and go to the log with their stack', async () => {
    const response = await hono.request('/bug', { headers: ID })
    expect(response.status).toBe(500)
    expect(await response.text()).toBe('{"code":"abc","error":"There was an internal server error."}')
    expect(logged).toEqual([['GET /bug failed', { transid: 'abc', error: expect.any(TypeError) }]])
  })
})

describe('basic authentication', () => {
  const store = openStore({ path: ':memory:', clock, log: silentLogger })
  store.subjects.put(aSubject())
  store.subjects.put(aSubject({ subject: 'gone', blocked: true }))
  const basic = (pair: string, scheme = 'Basic') => `${scheme} ${Buffer.from(pair).toString('base64')}`
  const pair = `${GUEST.uuid}:${GUEST.key}`

  it.each(['Basic', 'basic', 'BASIC'])('takes the scheme as %s', scheme => {
    expect(identify(store, basic(pair, scheme))).toEqual(anIdentity())
  })

  const gone = aSubject({ subject: 'gone' }).namespaces[0]
  it.each([
    [undefined, 'missing'],
    ['Bearer x', 'missing'],
    ['Basic', 'missing'],
    ['Basic ', 'missing'],
    ['Basic %%%', 'missing'],
    ['Basic ab!c', 'missing'],
    [Buffer.from(pair).toString('base64'), 'missing'],
    ['Digest username="x"', 'missing'],
    ['Basic abc', 'invalid'],
    [basic(GUEST.uuid), 'invalid'],
    [basic(`${pair}x`), 'invalid'],
    [basic(pair.slice(0, -1)), 'invalid'],
    [basic(`${GUEST.uuid.toUpperCase()}:${GUEST.key}`), 'invalid'],
    [basic(` ${pair}`), 'invalid'],
    [basic(':'), 'invalid'],
    [basic(`${gone?.uuid}:${gone?.key}`), 'invalid'],
  ])('refuses %j as %s', (header, kind) => {
    const sentence =
      kind === 'missing'
        ? 'The resource requires authentication, which was not supplied with the request'
        : 'The supplied authentication is invalid'
    try {
      identify(store, header)
      expect.unreachable()
    } catch (error) {
      expect(error).toMatchObject({
        status: 401,
        message: sentence,
        rejection: true,
        headers: { 'WWW-Authenticate': 'Basic realm="OpenWhisk secure realm",charset=UTF-8' },
      })
    }
  })

  it('splits at the first colon', () => {
    expect(basicCredentials(basic('a:b:c'))).toBe('a:b:c')
  })
})

describe('bodies', () => {
  const hono = app()
  hono.put('/', async c => new Response(stringify(await readJson(c))))
  hono.post('/', async c => new Response(stringify((await readOptionalJson(c)) ?? 'none')))
  const send = async (method: string, body: string | undefined, type?: string, length = true) => {
    const headers: Record<string, string> = type === undefined ? {} : { 'content-type': type }
    if (body !== undefined && length) headers['content-length'] = String(Buffer.byteLength(body))
    // As bytes, because a text would get a content type.
    const response = await hono.request('/', {
      method,
      headers,
      body: body === undefined ? undefined : Buffer.from(body),
    })
    const text = await response.text()
    return response.status === 200 ? text : [response.status, JSON.parse(text).error]
  }
  const unsupported = (type: string) => [
    415,
    `The request's Content-Type [${type}] is not supported. Expected:\napplication/json`,
  ]

  it.each(['application/json', 'application/json; charset=utf-8', 'APPLICATION/JSON', 'application/json; foo=bar'])(
    'of type %s are read',
    async type => {
      expect(await send('PUT', '{"a":1.0}', type)).toBe('{"a":1.0}')
      expect(await send('PUT', '{"a":1.0}', type, false)).toBe('{"a":1.0}')
    },
  )

  it.each([
    ['iso-8859-1', Buffer.from('"\x80é"', 'latin1'), '"\x80é"'],
    ['"UTF-16LE"', Buffer.from('"é€"', 'utf16le'), '"é€"'],
    ['ISO-8859-15', Buffer.from('"\xa4"', 'latin1'), '"€"'],
    ['UTF-8', Buffer.from('\ufeff"é€"'), '"é€"'],
    ['klingon', Buffer.from('"é€"'), '"é€"'],
  ])('are decoded as %s', async (charset, body, text) => {
    const type = { 'content-type': `application/json; charset=${charset}` }
    const sized = { ...type, 'content-length': String(body.length) }
    for (const headers of [new Headers(type), new Headers(sized)]) {
      const response = await hono.request('/', { method: 'PUT', headers, body })
      expect(await response.text()).toBe(text)
    }
  })

  it.each([
    ['text/plain', 'text/plain'],
    ['Text/Plain;charset=utf-8', 'text/plain; charset=UTF-8'],
    ['multipart/form-data; boundary=x', 'multipart/form-data; boundary=x'],
    ['application/vnd.api+json', 'application/vnd.api+json'],
    [undefined, 'application/octet-stream'],
    ['foo', 'application/octet-stream'],
  ])('of type %s are refused as %s', async (type, shown) => {
    expect(await send('PUT', '{}', type)).toEqual(unsupported(shown))
    expect(await send('POST', '{}', type)).toEqual(unsupported(shown))
  })

  it('that are empty are a syntax error where one is needed, and nothing where not', async () => {
    const message =
      'The request content was malformed:\nUnexpected end-of-input at input index 0 (line 1, position 1), expected JSON Value:\n\n^\n'
    expect(await send('PUT', undefined)).toEqual([400, message])
    expect(await send('PUT', '', 'application/json')).toEqual([400, message])
    expect(await send('POST', undefined)).toBe('"none"')
    expect(await send('POST', '', 'application/json')).toBe('"none"')
    expect(await send('POST', '', 'text/plain')).toEqual(unsupported('text/plain'))
  })

  it('that are no JSON are told where', async () => {
    expect(await send('POST', '{bad', 'application/json')).toEqual([
      400,
      `The request content was malformed:\nUnexpected character 'b' at input index 1 (line 1, position 2), expected '"':\n{bad\n ^\n`,
    ])
  })
})

describe('last answers', () => {
  const hono = app()
  hono.all('/api/v1/*', c => {
    checkApiMethod(c.req.method)
    return apiFallback()
  })
  hono.all('*', outsideFallback)

  it.each([
    ['GET', '/nope', 405, 'OPTIONS'],
    ['GET', '/favicon.ico', 405, 'OPTIONS'],
    ['POST', '/', 405, 'GET, OPTIONS'],
    ['PUT', '/ping', 405, 'GET, OPTIONS'],
    ['HEAD', '/ping', 405, 'GET, OPTIONS'],
    ['DELETE', '/docs', 405, 'GET, OPTIONS'],
    ['TRACE', '/api/v1/x', 405, 'GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH'],
    ['GET', '/docs/zzz', 404, null],
    ['GET', '/invokers', 404, null],
    ['GET', '/activation/count', 404, null],
    ['POST', '/disable', 404, null],
    ['GET', '/api/v1/x', 404, null],
  ])('%s %s is %i', async (method, path, status, allow) => {
    const request = new Request(`http://localhost${path}`)
    // The constructor of Request refuses TRACE, which a socket does not.
    Object.defineProperty(request, 'method', { value: method })
    const response = await hono.fetch(request)
    expect([response.status, response.headers.get('allow')]).toEqual([status, allow])
    if (method !== 'HEAD') {
      const { error } = JSON.parse(await response.text())
      expect(error).toBe(
        status === 404
          ? 'The requested resource could not be found.'
          : `HTTP method not allowed, supported methods: ${allow}`,
      )
    }
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
  })

  it('OPTIONS is answered everywhere', async () => {
    const response = await hono.request('/nope', { method: 'OPTIONS' })
    expect([response.status, await response.text()]).toEqual([200, 'OK'])
    expect(response.headers.get('access-control-allow-methods')).toBe('OPTIONS, GET, POST')
  })
})

describe('request targets', () => {
  it.each([
    [
      '/api/v1/namespaces/_/triggers?skip=100000&x=%zz',
      "Illegal request-target: Invalid input 'z', expected HEXDIG (line 1, column 46)",
    ],
    [
      '/api/v1/namespaces/_/triggers?skip=100000&x=%',
      'Illegal request-target: Unexpected end of input, expected HEXDIG (line 1, column 46)',
    ],
    ['/a%2', 'Illegal request-target: Unexpected end of input, expected HEXDIG (line 1, column 5)'],
    ['/a%2Fb?c=%ff', undefined],
    ['/a', undefined],
  ])('%s: %s', (target, message) => {
    expect(illegalTarget(target)).toBe(message)
  })

  it.each([
    ['http://localhost:1/a%2Fb?x=/y', '/a%2Fb'],
    ['http://localhost', '/'],
    ['/a/b#c', '/a/b'],
  ])('the path of %s is %s', (url, path) => {
    expect(rawPath(url)).toBe(path)
  })

  it('with two slashes in front are routed for wsk alone', () => {
    const asked = (agent: string) =>
      routedPath(new Request('http://localhost//api/v1/namespaces', { headers: { 'user-agent': agent } }))
    expect(asked('OpenWhisk-CLI/1.0 (2023) linux amd64')).toBe('/api/v1/namespaces')
    expect(asked('OpenWhisk-Go-Client linux amd64')).toBe('/api/v1/namespaces')
    expect(asked('curl/8')).toBe('//api/v1/namespaces')
  })
})

it('joins the lines of a header that is a list', () => {
  const rawHeaders = ['Accept', 'text/html', 'Host', 'a', 'ACCEPT', '*/*;q=0.1']
  expect(joinedHeader(rawHeaders, 'accept')).toBe('text/html, */*;q=0.1')
  expect(joinedHeader(rawHeaders, 'accept-charset')).toBeUndefined()
})

describe('entrance', () => {
  it('counts answers by method and status', async () => {
    const metrics = createMetrics()
    const hono = new Hono<Env>()
    hono.use(entrance({ clock, metrics }))
    hono.get('/', c => c.text('x'))
    await hono.request('/')
    await hono.request('/nope')
    const text = metrics.render()
    expect(text).toContain('counter_http_get_counter_total{statusCode="200"} 1')
    expect(text).toContain('counter_http_get_counter_total{statusCode="404"} 1')
    expect(text).toContain('histogram_http_get_counter_seconds_count 2')
  })
})

describe('a request that is broken off', () => {
  it('has no body for who asks afterwards', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const reached = once(server, 'request') as Promise<[IncomingMessage]>
    const socket = connect(port, '127.0.0.1')
    socket.write('PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-length: 100\r\n\r\n{"a":')
    const [incoming] = await reached
    const closed = new Promise(resolve => incoming.once('close', resolve))
    incoming.on('error', () => {})
    socket.destroy()
    await closed
    await expect(readBytes(incoming, 100, 1000)).rejects.toThrow('closed within the body')
    server.close()
  })

  it('is no bug: nothing goes to the error log', async () => {
    const errors: string[] = []
    const debugs: string[] = []
    const hono = app()
    hono.onError(
      onError({
        ...silentLogger,
        error: message => void errors.push(message),
        debug: message => void debugs.push(message),
      }),
    )
    hono.put('/', async c => new Response(stringify(await readJson(c))))
    const listener = getRequestListener(hono.fetch, { overrideGlobalObjects: false })
    const server = createServer(listener).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    const port = typeof address === 'object' && address !== null ? address.port : 0
    const socket = connect(port, '127.0.0.1')
    await once(socket, 'connect')
    const reached = once(server, 'request')
    socket.write(
      'PUT / HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\ncontent-length: 100\r\n\r\n{"a":',
    )
    await reached
    socket.destroy()
    await vi.waitFor(() => expect(debugs).toEqual(['PUT / was broken off']), { timeout: 15_000 })
    expect(errors).toEqual([])
    server.close()
  })
})
