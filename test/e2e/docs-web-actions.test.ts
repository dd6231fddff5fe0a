// What the documentation of Apache OpenWhisk teaches of web actions, in actions of our own: the built server with the
// process driver, through plain HTTP.

import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import { aFolder, build, clientOf, GUEST, type OpenWhiskClient, type ServerProcess, startProcess } from './server.ts'

const folder = aFolder()
let server: ServerProcess
let ow: OpenWhiskClient

// Nearly every test starts processes, beside other files that do.
vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  build()
  server = await startProcess({ cwd: folder.path, args: ['--driver', 'process', '--ephemeral', '--no-prewarm'] })
  ow = clientOf(server.url)
})
afterAll(async () => {
  await server.end()
  folder.remove()
})

const create = (name: string, action: string, options: { params?: object; annotations?: object } = {}) =>
  ow.actions.create({ name, action, kind: 'nodejs:default', ...options })

describe('web actions', () => {
  const WEB = { 'web-export': true, final: true }
  const get = (path: string, init: RequestInit = {}) =>
    fetch(`${server.url}/api/v1/web/guest/${path}`, { redirect: 'manual', ...init })
  const text = async (path: string, init?: RequestInit) => (await get(path, init)).text()

  beforeAll(async () => {
    await ow.packages.create({ name: 'demo' })
    await create('demo/hello', "function main({ name = 'you' }) { return { body: '<h3>hello ' + name + '!</h3>' } }", {
      annotations: WEB,
    })
    await create('demo/args', 'function main(args) { return { response: args } }', { annotations: WEB })
    const PARTS = "function main() { return { html: '<p>h</p>', svg: '<svg></svg>', text: 'plain', n: { m: [1, 2] } } }"
    await create('demo/parts', PARTS, { annotations: WEB })
  })

  it('give a page, and another status', async () => {
    const page = await get('demo/hello?name=Jane')
    expect([page.status, page.headers.get('content-type'), await page.text()]).toEqual([
      200,
      'text/html; charset=UTF-8',
      '<h3>hello Jane!</h3>',
    ])
    await create(
      'demo/moved',
      "function main() { return { headers: { location: 'http://example.test/' }, statusCode: 302 } }",
      {
        annotations: WEB,
      },
    )
    const moved = await get('demo/moved.http')
    expect([moved.status, moved.headers.get('location')]).toEqual([302, 'http://example.test/'])
  })

  it('set cookies, and give images and JSON', async () => {
    const COOKIE =
      "function main() { return { headers: { 'Set-Cookie': ['a=1; Path=/', 'b=2'], 'Content-Type': 'text/html' }, body: '<b>ok</b>' } }"
    await create('demo/cookie', COOKIE, { annotations: WEB })
    expect((await get('demo/cookie')).headers.getSetCookie()).toEqual(['a=1; Path=/', 'b=2'])
    const PNG =
      "function main() { return { headers: { 'Content-Type': 'image/png' }, body: Buffer.from([137, 80, 78, 71]).toString('base64') } }"
    await create('demo/image', PNG, { annotations: WEB })
    const image = await get('demo/image')
    expect([image.headers.get('content-type'), [...new Uint8Array(await image.arrayBuffer())]]).toEqual([
      'image/png',
      [137, 80, 78, 71],
    ])
    expect(await (await get('demo/parts.json')).json()).toMatchObject({ text: 'plain', n: { m: [1, 2] } })
  })

  it.each([
    ['demo/parts.html', 'text/html; charset=UTF-8', '<p>h</p>'],
    ['demo/parts.svg', 'image/svg+xml', '<svg></svg>'],
    ['demo/parts.text', 'text/plain; charset=UTF-8', 'plain'],
    // OpenWhisk: the path behind the extension selects nothing any more; it is for the action.
    ['demo/parts.text/n', 'text/plain; charset=UTF-8', 'plain'],
  ])('give what the extension of %s names', async (path, type, body) => {
    const answer = await get(path)
    expect([answer.status, answer.headers.get('content-type'), await answer.text()]).toEqual([200, type, body])
  })

  it.each<[string, string, RequestInit | undefined, object]>([
    ['the query', 'demo/args.json?name=Jane', undefined, { name: 'Jane', __ow_method: 'get' }],
    [
      'a form',
      'demo/args.json',
      { method: 'POST', body: new URLSearchParams({ name: 'Jane' }) },
      { name: 'Jane', __ow_method: 'post' },
    ],
    [
      'a JSON object, which wins over the query',
      'demo/args.json?name=query&q=1',
      { method: 'PUT', body: '{"name":"Jane"}', headers: { 'content-type': 'application/json' } },
      { name: 'Jane', q: '1', __ow_method: 'put' },
    ],
    ['a text', 'demo/args.json', { method: 'POST', body: 'Jane' }, { __ow_body: 'Jane' }],
  ])('take parameters from %s', async (_title, path, init, expected) => {
    expect(await (await get(path, init)).json()).toMatchObject({ response: expected })
  })

  it('protect parameters that are bound, or reserved', async () => {
    await create('demo/named', 'function main({ name }) { return { body: name } }', {
      params: { name: 'Jane' },
      annotations: WEB,
    })
    expect(await text('demo/named')).toBe('Jane')
    expect((await get('demo/named?name=Joe')).status).toBe(400)
    expect((await get('demo/args?__ow_method=x')).status).toBe(400)
  })

  it('take requests raw', async () => {
    await create('demo/raw', 'function main(args) { return { response: args } }', {
      annotations: { ...WEB, 'raw-http': true },
    })
    const body = '{"name":"Jane"}'
    const init = { method: 'POST', body, headers: { 'content-type': 'application/json' } }
    expect(await (await get('demo/raw.json?name=Joe', init)).json()).toMatchObject({
      response: { __ow_query: 'name=Joe', __ow_body: Buffer.from(body).toString('base64') },
    })
  })

  it('demand a key of the platform, or a secret', async () => {
    await create('demo/users', 'function main({ __ow_user }) { return { body: __ow_user } }', {
      annotations: { ...WEB, 'require-whisk-auth': true },
    })
    expect((await get('demo/users')).status).toBe(401)
    const authorization = `Basic ${Buffer.from(GUEST).toString('base64')}`
    expect(await text('demo/users', { headers: { authorization } })).toBe('guest')
    await create('demo/secret', "function main() { return { body: 'in' } }", {
      annotations: { ...WEB, 'require-whisk-auth': 's3cret' },
    })
    expect((await get('demo/secret', { headers: { 'x-require-whisk-auth': 'wrong' } })).status).toBe(401)
    expect(await text('demo/secret', { headers: { 'x-require-whisk-auth': 's3cret' } })).toBe('in')
  })

  it('may be sequences, and are gone when they are no longer exported', async () => {
    await create('demo/upper', 'function main({ name }) { return { name: name.toUpperCase() } }')
    await ow.actions.create({ name: 'demo/loud', sequence: ['/_/demo/upper', '/_/demo/hello'], annotations: WEB })
    expect(await text('demo/loud?name=Jane')).toBe('<h3>hello JANE!</h3>')
    expect((await get('demo/upper')).status).toBe(404)
  })
})
