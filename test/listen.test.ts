import { connect } from 'node:net'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Listener, listen } from '../src/listen.ts'

let listener: Listener
beforeAll(async () => {
  listener = await listen({
    hosts: ['127.0.0.1'],
    port: 0,
    handler: (request, response) => {
      if (request.url === '/begun') response.write('begun')
      request.on('error', () => {})
      request.resume().on('end', () => response.end('let in'))
    },
  })
})
afterAll(() => listener.close(Promise.resolve()))

/** All that comes back on a connection with these bytes, up to its end; `more` goes out with the first of it. */
function exchange(request: string, more?: string): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = connect(listener.port, '127.0.0.1', () => socket.write(request, 'latin1'))
    let answer = ''
    socket.setEncoding('utf8')
    socket.on('data', piece => {
      answer += piece
    })
    if (more !== undefined) socket.once('data', () => socket.write(more))
    socket.on('error', reject)
    socket.on('close', () => resolve(answer))
  })
}

async function ask(request: string): Promise<{ status: number; type: string | undefined; text: string }> {
  const answer = await exchange(request)
  const end = answer.indexOf('\r\n\r\n')
  expect(answer.slice(0, end)).not.toMatch(/x-request-id/i)
  const type = /^content-type: (.*)\r$/im.exec(answer)?.[1]
  const chunk = /^[0-9a-f]+\r\n(.*)\r\n0\r\n\r\n$/s.exec(answer.slice(end + 4))?.[1]
  return { status: Number(answer.slice(9, 12)), type, text: chunk ?? answer.slice(end + 4) }
}

const HOST = 'Host: localhost\r\n'
const CLOSE = 'Connection: close\r\n\r\n'
const CHUNKED = `POST / HTTP/1.1\r\n${HOST}Transfer-Encoding: chunked\r\n\r\n`
const headers = (count: number) => Array.from({ length: count }, (_, i) => `X-${i}: y\r\n`).join('')

describe('the protocol refuses', () => {
  it.each([
    ['a method that nobody knows', `FOO / HTTP/1.1\r\n${HOST}\r\n`, 501, 'Unsupported HTTP method'],
    ['a method in lower case', `get / HTTP/1.1\r\n${HOST}\r\n`, 501, 'Unsupported HTTP method'],
    ['CONNECT', `CONNECT a:1 HTTP/1.1\r\n${HOST}\r\n`, 400, 'CONNECT requests are not supported'],
    [
      'a target that is much too long',
      `GET /${'a'.repeat(70_000)} HTTP/1.1\r\n${HOST}\r\n`,
      414,
      'URI length exceeds the configured limit of 8192 characters',
    ],
    [
      'a target that is not ASCII',
      `GET /\xc3\xa9 HTTP/1.1\r\n${HOST}\r\n`,
      400,
      "Illegal request-target: Invalid input 'Ã'",
    ],
    [
      'a blank in the target',
      `GET /a b HTTP/1.1\r\n${HOST}\r\n`,
      505,
      'The server does not support the HTTP protocol version used in the request.',
    ],
    [
      'another version',
      `GET / HTTP/2.0\r\n${HOST}\r\n`,
      505,
      'The server does not support the HTTP protocol version used in the request.',
    ],
    [
      '64 headers',
      `GET / HTTP/1.1\r\n${HOST}${headers(63)}\r\n`,
      400,
      'HTTP message contains more than the configured limit of 64 headers',
    ],
    [
      'a long header name',
      `GET / HTTP/1.1\r\n${HOST}${'x'.repeat(65)}: y\r\n\r\n`,
      431,
      'HTTP header name exceeds the configured limit of 64 characters',
    ],
    [
      'a long header value',
      `GET / HTTP/1.1\r\n${HOST}X: ${'y'.repeat(8193)}\r\n\r\n`,
      431,
      'HTTP header value exceeds the configured limit of 8192 characters',
    ],
    [
      'a header beyond all limits',
      `GET / HTTP/1.1\r\n${HOST}X: ${'y'.repeat(536_600)}`,
      431,
      'HTTP header value exceeds the configured limit of 8192 characters',
    ],
    ['a request without Host', 'GET / HTTP/1.1\r\n\r\n', 400, 'Request is missing required `Host` header'],
    [
      'a second Host',
      `GET / HTTP/1.1\r\n${HOST}hOST: localhost\r\n\r\n`,
      400,
      'HTTP message must not contain more than one Host header',
    ],
    ['a chunk without a size', `${CHUNKED}z\r\n`, 400, "Illegal character 'z' in chunk start"],
  ])('%s', async (_, request, status, text) => {
    expect(await ask(request)).toEqual({ status, type: 'text/plain; charset=UTF-8', text })
  })

  it.each(['Content-Length: 2\r\n\r\nab', 'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'])(
    'a HEAD with %j',
    async body => {
      // The text would be `HEAD requests must not have an entity`, but the answer to a HEAD has none.
      const { status, type } = await ask(`HEAD / HTTP/1.1\r\n${HOST}${body}`)
      expect([status, type]).toEqual([422, 'text/plain; charset=UTF-8'])
    },
  )

  it('what is no HTTP at all', async () => {
    expect(await ask(`GET / HTTP/1.1\r\n${HOST}a b: c\r\n\r\n`)).toEqual({ status: 400, type: undefined, text: '' })
  })

  it.each(['CONNECT a:1', 'FOO /'])('%s of a client that is gone by then', async line => {
    for (let time = 0; time < 20; time++) {
      await new Promise<void>(resolve => {
        const socket = connect(listener.port, '127.0.0.1', () => {
          socket.write(`${line} HTTP/1.1\r\n${HOST}\r\n`, () => socket.resetAndDestroy())
        })
        socket.on('error', () => {})
        socket.on('close', () => resolve())
      })
    }
    expect((await ask(`GET / HTTP/1.1\r\n${HOST}${CLOSE}`)).text).toBe('let in')
  })

  it('nothing in the middle of an answer', async () => {
    const answer = await exchange(CHUNKED.replace('/', '/begun'), 'z\r\n')
    expect(answer).toContain('begun')
    expect(answer.match(/HTTP\/1\.1/g)).toHaveLength(1)
  })
})

describe('the protocol lets in', () => {
  it.each([
    ['63 headers', `GET / HTTP/1.1\r\n${HOST}${headers(61)}${CLOSE}`],
    ['names and values of the longest', `GET / HTTP/1.1\r\n${HOST}${'x'.repeat(64)}: ${'y'.repeat(8192)}\r\n${CLOSE}`],
    ['HTTP/1.0 without Host', 'GET / HTTP/1.0\r\n\r\n'],
    ['a HEAD without a body', `HEAD / HTTP/1.1\r\n${HOST}Content-Length: 0\r\n${CLOSE}`],
  ])('%s', async (_, request) => {
    const { status } = await ask(request)
    expect(status).toBe(200)
  })
})
