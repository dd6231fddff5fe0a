// Over a socket answers are written past Response objects: they must be those that the same request gets in process.
import { createServer, type IncomingHttpHeaders, request, type Server } from 'node:http'
import { type AddressInfo, connect } from 'node:net'
import { getRequestListener } from '@hono/node-server'
import { afterAll, beforeAll, expect, it } from 'vitest'
import { type Harness, JS, openApi } from './harness.ts'
import { NS } from './rows.ts'

let api: Harness
let server: Server

beforeAll(async () => {
  api = openApi()
  await api.set('PUT', 'actions/a', { exec: { ...JS, code: 'żółw' } })
  await api.set('PUT', 'triggers/t')
  await api.set('PUT', 'triggers/silent')
  await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
  server = createServer(getRequestListener(api.fetch, { overrideGlobalObjects: false }))
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
})
afterAll(() => server.close())

interface Reply {
  status: number | undefined
  headers: IncomingHttpHeaders
  text: string
}

function overSocket(method: string, path: string, body?: string): Promise<Reply> {
  const { port } = server.address() as AddressInfo
  const headers = {
    ...api.authorization('guest'),
    ...(body === undefined ? {} : { 'content-type': 'application/json' }),
  }
  return new Promise((resolve, reject) => {
    const sent = request({ host: '127.0.0.1', port, method, path, headers }, response => {
      const pieces: Buffer[] = []
      response.on('data', piece => pieces.push(piece))
      response.on('end', () =>
        resolve({ status: response.statusCode, headers: response.headers, text: Buffer.concat(pieces).toString() }),
      )
    })
    sent.on('error', reject)
    sent.end(body)
  })
}

const cases: [method: string, path: string, body?: string][] = [
  ['GET', `${NS}/_/actions/a`],
  ['GET', `${NS}/_/actions`],
  ['GET', `${NS}/_/actions/none`],
  ['HEAD', `${NS}/_/actions/a`],
  ['OPTIONS', '/api/v1/bogus'],
  ['POST', `${NS}/_/actions/a?blocking=true&result=true`, '{"x":1}'],
  ['POST', `${NS}/_/triggers/silent`, '{}'],
  ['POST', `${NS}/_/rules/r`, '{"status":"active"}'],
  ['PUT', `${NS}/_/actions/b`, '{'],
  ['DELETE', `${NS}/_/triggers/none`],
]

for (const [method, path, body] of cases) {
  it(`answers ${method} ${path} alike`, async () => {
    const there = await overSocket(method, path, body)
    const call = body === undefined ? {} : { raw: body, headers: { 'content-type': 'application/json' } }
    const here = await api.call(method, path, call)
    const id = /"code":"[^"]*"/
    expect(there.status).toBe(here.status)
    expect(there.text.replace(id, '')).toBe(here.text.replace(id, ''))
    for (const name of ['content-type', 'access-control-allow-origin', 'access-control-allow-methods', 'x-ow-start']) {
      expect([name, there.headers[name] ?? null]).toEqual([name, here.headers.get(name)])
    }
    expect(there.headers['x-request-id']).toMatch(/^[A-Za-z0-9]{32}$/)
    if (here.status === 200 && method !== 'HEAD') {
      expect(there.headers['content-length']).toBe(String(Buffer.byteLength(here.text)))
    }
  })
}

/** Sends the head, then the body byte by byte; resolves with the status line of the answer. */
async function inBytes(head: string, body: Buffer): Promise<string> {
  const { port } = server.address() as AddressInfo
  const socket = connect({ host: '127.0.0.1', port, noDelay: true })
  try {
    const answered = new Promise<string>((resolve, reject) => {
      socket.once('data', data => resolve(data.toString().split('\r\n')[0] ?? ''))
      socket.once('error', reject)
    })
    socket.write(head)
    for (const byte of body) {
      socket.write(Buffer.of(byte))
      await new Promise(setImmediate)
    }
    return await answered
  } finally {
    socket.destroy()
  }
}

it('reads a body however it is cut, and without its byte order mark', async () => {
  const code = 'żółw 🐢'
  const body = Buffer.from(`\ufeff${JSON.stringify({ exec: { ...JS, code } })}`)
  const { authorization } = api.authorization('guest')
  const head = [
    `PUT ${NS}/_/actions/cut HTTP/1.1`,
    'Host: localhost',
    `Authorization: ${authorization}`,
    'Content-Type: application/json',
    `Content-Length: ${body.length}`,
  ]
  expect(await inBytes(`${head.join('\r\n')}\r\n\r\n`, body)).toBe('HTTP/1.1 200 OK')
  expect(JSON.parse((await overSocket('GET', `${NS}/_/actions/cut`)).text).exec.code).toBe(code)
})
