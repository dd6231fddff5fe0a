// Before any handler: keys, methods, paths, names, what a client accepts.
import { beforeAll, describe, expect, it } from 'vitest'
import { type Call, type Harness, JS, openApi } from './harness.ts'

const NS = '/api/v1/namespaces'
const NOT_FOUND = 'The requested resource could not be found.'
const MISSING_KEY = 'The resource requires authentication, which was not supplied with the request'
const WRONG_KEY = 'The supplied authentication is invalid'
const ILLEGAL = 'The name of the entity contains illegal characters.'
const ILLEGAL_NAMESPACE = 'The namespace contains illegal characters.'
const LONG = 'n'.repeat(257)

let api: Harness

beforeAll(async () => {
  api = openApi()
  await api.set('PUT', 'packages/p')
  await api.set('PUT', 'actions/a', { exec: JS })
  await api.set('PUT', 'triggers/t')
})

type Row = [method: string, path: string, status: number, error?: string, call?: Call]

function rows(all: readonly Row[]): void {
  for (const [method, path, status, error, call] of all) {
    const shown = path.length > 80 ? `${path.slice(0, 60)}…` : path
    it(`answers ${status} to ${method} ${shown}${call?.as ? ` of ${call.as}` : ''}`, async () => {
      const answer = await api.call(method, path, call)
      expect(answer.status).toBe(status)
      if (error !== undefined) expect(answer.error).toBe(error)
      expect(answer.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9]{32}$/)
    })
  }
}

describe('keys', () => {
  const invalid = (pair: string): Call => ({
    as: 'none',
    headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
  })
  rows([
    ['GET', NS, 200],
    ['GET', NS, 401, MISSING_KEY, { as: 'none' }],
    ['GET', NS, 401, WRONG_KEY, { as: 'bad' }],
    ['GET', NS, 401, MISSING_KEY, { as: 'none', headers: { authorization: 'Bearer x' } }],
    ['GET', NS, 401, WRONG_KEY, invalid(`u:${'k'.repeat(63)}`)],
    ['GET', NS, 401, WRONG_KEY, invalid(`u:${'k'.repeat(65)}`)],
    ['GET', NS, 401, WRONG_KEY, invalid('no colon')],
    ['GET', '/api/v1/bogus', 401, MISSING_KEY, { as: 'none' }],
    ['PUT', `${NS}/_/actions/a`, 401, MISSING_KEY, { as: 'none', raw: '{', headers: { 'content-type': 'text/plain' } }],
  ])

  it('says how to authenticate, and carries no CORS headers', async () => {
    const { headers } = await api.call('GET', NS, { as: 'none' })
    expect(headers.get('www-authenticate')).toBe('Basic realm="OpenWhisk secure realm",charset=UTF-8')
    expect(headers.has('access-control-allow-origin')).toBe(false)
  })

  it('refuses a blocked subject', async () => {
    const own = openApi()
    const subject = own.store.subjects.get('other')
    if (subject) own.store.subjects.put({ ...subject, blocked: true })
    expect((await own.call('GET', NS, { as: 'other' })).error).toBe(WRONG_KEY)
  })

  it('acts in the namespace whose key is used', async () => {
    const own = openApi()
    const key = 'k'.repeat(64)
    const namespaces = ['one', 'two'].map(name => ({ name, uuid: `uuid-${name}`, key }))
    own.store.subjects.put({ subject: 'twofold', blocked: false, namespaces })
    for (const { name, uuid } of namespaces) {
      const authorization = `Basic ${Buffer.from(`${uuid}:${key}`).toString('base64')}`
      const answer = await own.call('GET', NS, { as: 'none', headers: { authorization } })
      expect(answer.json).toEqual([name])
    }
  })
})

describe('methods and paths', () => {
  rows([
    ['GET', `${NS}/`, 200],
    ['POST', NS, 404, NOT_FOUND],
    ['GET', `${NS}/guest`, 404, NOT_FOUND],
    ['PUT', `${NS}/guest`, 404, NOT_FOUND],
    ['DELETE', `${NS}/_/`, 404, NOT_FOUND],
    ['GET', '/api/v1/bogus', 404, NOT_FOUND],
    ['GET', `${NS}/_/nope`, 404, NOT_FOUND],
    ['PATCH', `${NS}/_/actions/a`, 404, NOT_FOUND],
    ['POST', `${NS}/_/actions`, 404, NOT_FOUND],
    ['PUT', `${NS}/_/actions/`, 404, NOT_FOUND],
    ['DELETE', `${NS}/_/actions/p/`, 404, NOT_FOUND],
    ['POST', `${NS}/_/packages/p`, 404, NOT_FOUND],
    ['POST', `${NS}/guest/packages/p`, 404, NOT_FOUND, { as: 'other' }],
    ['PUT', `${NS}/_/limits`, 404, NOT_FOUND],
    ['POST', `${NS}/_/limits`, 404, NOT_FOUND],
    ['GET', `${NS}/_/triggers/t/`, 404, NOT_FOUND],
    ['GET', `${NS}/_/triggers/t/bar`, 404, NOT_FOUND],
    ['GET', `${NS}/_/rules/r/bar`, 404, NOT_FOUND],
    ['GET', `${NS}/_/packages/p/bar`, 404, NOT_FOUND],
    ['GET', `${NS}/_/actions/p/a/`, 404, NOT_FOUND],
    ['GET', `${NS}/_/actions/p/a/x`, 404, NOT_FOUND],
    ['GET', `${NS}/_//actions`, 404, NOT_FOUND],
    ['GET', `${NS}//actions`, 404, NOT_FOUND],
    ['GET', `${NS}/_/Actions`, 404, NOT_FOUND],
    ['GET', `${NS}/_foo/actions`, 404, NOT_FOUND],
    [
      'TRACE',
      `${NS}/_/actions`,
      405,
      'HTTP method not allowed, supported methods: GET, DELETE, POST, PUT, HEAD, OPTIONS, PATCH',
    ],
    ['GET', '/nope', 405, 'HTTP method not allowed, supported methods: OPTIONS', { as: 'none' }],
    ['POST', '/ping', 405, 'HTTP method not allowed, supported methods: GET, OPTIONS', { as: 'none' }],
    ['GET', '/invokers', 404, NOT_FOUND, { as: 'none' }],
  ])

  it('answers HEAD of a collection or an entity with 404, without a body', async () => {
    for (const path of [`${NS}/_/actions`, `${NS}/_/actions/a`]) {
      const answer = await api.call('HEAD', path)
      expect([answer.status, answer.text]).toEqual([404, ''])
    }
  })

  it('answers OPTIONS anywhere below /api/v1 with OK and the CORS headers, whoever asks', async () => {
    for (const path of ['/api/v1', '/api/v1/bogus', `${NS}/barfoo/actions/foobar`, `${NS}/_/activations/foobar/logs`]) {
      const answer = await api.call('OPTIONS', path, { as: 'none' })
      expect([answer.status, answer.text]).toEqual([200, 'OK'])
      expect(answer.headers.get('content-type')).toBe('text/plain; charset=UTF-8')
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      expect(answer.headers.get('access-control-allow-methods')).toBe('GET, DELETE, POST, PUT, HEAD')
      expect(answer.headers.get('access-control-allow-headers')).toBe(
        'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent',
      )
    }
  })

  it('puts the CORS headers on completed answers, also errors, and on no rejection', async () => {
    const cors = async (method: string, path: string, call?: Call) =>
      (await api.call(method, path, call)).headers.get('access-control-allow-origin')
    expect(await cors('GET', `${NS}/_/activations`)).toBe('*')
    expect(await cors('GET', `${NS}/_/actions/gone`)).toBe('*')
    expect(await cors('GET', `${NS}/other/actions`)).toBe('*')
    expect(await cors('GET', `${NS}/_/triggers/x%20`)).toBe(null)
    expect(await cors('GET', `${NS}/_/triggers?limit=x`)).toBe(null)
    expect(await cors('GET', `${NS}/_/nope`)).toBe(null)
    expect(await cors('PUT', `${NS}/_/triggers/x`, { raw: 'x', headers: { 'content-type': 'text/plain' } })).toBe(null)
    expect(await cors('PUT', `${NS}/_/triggers/x`, { raw: '{', headers: { 'content-type': 'application/json' } })).toBe(
      null,
    )
  })
})

describe('names in paths', () => {
  const put = { body: { exec: JS } }
  rows([
    ...[
      '%20',
      'hi+there',
      '$hola',
      'dora%3F',
      '%7Cdora%7Cdora%3F',
      'trailing%20',
      '%C3%A9',
      'a%2Fb',
      '-a',
      'x%0A',
      '%FF',
    ].map((name): Row => ['PUT', `${NS}/_/actions/${name}`, 400, ILLEGAL, put]),
    ['GET', `${NS}/_/actions/${LONG}`, 400, 'Name segement longer than allowed: 257 > 256.'],
    ['GET', `${NS}/_/actions/pkg/${LONG}`, 400, 'Name segement longer than allowed: 257 > 256.'],
    ['GET', `${NS}/_/actions/${LONG}/a`, 400, 'Name segement longer than allowed: 257 > 256.'],
    ['GET', `${NS}/${LONG}/actions/${LONG}`, 400, 'Namespace longer than allowed: 257 > 256.'],
    ['PUT', `${NS}/_/actions/${'a'.repeat(256)}`, 200, undefined, put],
    ['GET', `${NS}/bad$ns/actions`, 400, ILLEGAL_NAMESPACE],
    ['GET', `${NS}/-x/rules/%20`, 400, ILLEGAL_NAMESPACE],
    ['GET', `${NS}/bad$ns/nope`, 404, NOT_FOUND],
    ['GET', `${NS}/whisk.system/actions/%20`, 400, ILLEGAL],
    ['PUT', `${NS}/_/packages/package%20with%20spaces`, 200, undefined, { body: {} }],
    ['PUT', `${NS}/_/triggers/a%40b.c%26d-e_f`, 200, undefined, { body: {} }],
    ['PUT', `${NS}/_/actions/TWICE`, 200, undefined, put],
    ['PUT', `${NS}/_/actions/twice`, 200, undefined, put],
  ])

  it('decodes escapes', async () => {
    expect((await api.set('PUT', 'triggers/with%20space')).json).toMatchObject({ name: 'with space' })
  })

  it('reads an escaped slash in the namespace as a package, of actions only', async () => {
    await api.set('PUT', 'actions/p/inside', { exec: JS })
    expect((await api.call('GET', `${NS}/guest%2Fp/actions/inside`)).json).toMatchObject({ namespace: 'guest/p' })
    expect((await api.call('PUT', `${NS}/guest%2Fp/triggers/x`, { body: {} })).error).toBe(NOT_FOUND)
    expect((await api.call('GET', `${NS}/guest%2Fp/actions/x/y`)).error).toBe(NOT_FOUND)
  })

  it('lists the actions of a package behind an escaped slash, and nothing else', async () => {
    await api.set('PUT', 'packages/listed')
    await api.set('PUT', 'actions/listed/inside', { exec: JS })
    const { json } = await api.call('GET', `${NS}/guest%2Flisted/actions`)
    expect(json).toMatchObject([{ namespace: 'guest/listed', name: 'inside' }])
    for (const path of ['guest%2Fp/triggers', 'guest%2Fp/activations', 'guest%2Fp/limits', 'guest%2Fp%2Fq/actions']) {
      expect((await api.call('GET', `${NS}/${path}`)).error).toBe(NOT_FOUND)
    }
  })
})

describe('what a client accepts', () => {
  const refused = 'Resource representation is only available with these types:\napplication/json'
  const accept = (value: string): Call => ({ headers: { accept: value } })
  rows([
    ['GET', `${NS}/_/actions`, 406, refused, accept('text/html')],
    ['GET', `${NS}/_/actions`, 406, refused, accept('application/json;q=0')],
    ['GET', `${NS}/_/actions`, 406, refused, accept('*/*, application/json; q=0')],
    ['GET', `${NS}/_/actions`, 200, undefined, accept('application/*')],
    ['GET', `${NS}/_/actions`, 200, undefined, accept('text/html, */*;q=0.1')],
    ['GET', `${NS}/_/actions`, 200, undefined, accept('nonsense')],
    ['GET', `${NS}/_/actions/gone`, 404, undefined, accept('text/html')],
  ])
})

describe('transaction ids', () => {
  it('are the client’s own, and the code of error bodies', async () => {
    const answer = await api.call('GET', `${NS}/_/actions/gone`, { headers: { 'x-request-id': 'abc' } })
    expect(answer.headers.get('x-request-id')).toBe('abc')
    expect(answer.text).toBe('{"code":"abc","error":"The requested resource does not exist."}')
  })

  it('are made anew when the client’s begins with sid_', async () => {
    const answer = await api.call('GET', NS, { headers: { 'x-request-id': 'sid_x' } })
    expect(answer.headers.get('x-request-id')).toMatch(/^[A-Za-z0-9]{32}$/)
  })
})
