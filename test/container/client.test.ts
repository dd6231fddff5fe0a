import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { type ClientOptions, createClient, type RuntimeClient } from '../../src/container/client.ts'
import { CALL, eventually, outcome } from './driving.ts'

interface Seen {
  head: string
  body: string
}

/** Writes what a runtime answers; may close the connection instead. */
type Script = (socket: Socket, seen: Seen, nth: number) => void

const servers: Server[] = []
const clients: RuntimeClient[] = []

/** A runtime that answers requests by a script; `sockets` are its connections. */
const runtime = async (script: Script, port = 0) => {
  const sockets: Socket[] = []
  const seen: Seen[] = []
  const server = createServer(socket => {
    sockets.push(socket)
    socket.on('error', () => undefined)
    let text = ''
    socket.setEncoding('utf8').on('data', (chunk: string) => {
      text += chunk
      const [head = '', body = ''] = text.split('\r\n\r\n')
      const length = Number(/content-length: (\d+)/i.exec(head)?.[1])
      if (Buffer.byteLength(body) < length) return
      text = ''
      seen.push({ head, body })
      script(socket, { head, body }, seen.length)
    })
  })
  servers.push(server)
  await once(server.listen(port, '127.0.0.1'), 'listening')
  return { sockets, seen, server, port: (server.address() as AddressInfo).port }
}

const clientOf = (port: number, options?: ClientOptions): RuntimeClient => {
  const client = createClient({ host: '127.0.0.1', port }, options)
  clients.push(client)
  return client
}

const answer = (body: string, extra = '') =>
  `HTTP/1.1 200 OK\r\n${extra}Content-Length: ${Buffer.byteLength(body)}\r\n\r\n${body}`

afterEach(() => {
  for (const client of clients.splice(0)) client.close()
  for (const server of servers.splice(0)) server.close()
})

describe('a call', () => {
  test('posts the JSON text as it is', async () => {
    const { seen, port } = await runtime(socket => socket.write(answer('{}')))
    await clientOf(port).run('{"a": "ż"}', CALL)
    expect(seen[0]?.body).toBe('{"a": "ż"}')
    expect(seen[0]?.head.split('\r\n')).toEqual([
      'POST /run HTTP/1.1',
      'Host: 127.0.0.1',
      'Content-Type: application/json',
      'Accept: application/json',
      'Content-Length: 11',
    ])
  })

  test.each([1, 2, 3, 7, 50])('reads an answer that arrives in pieces of %d bytes', async size => {
    const bytes = Buffer.from(answer('{"a":"ż☃💥"}', 'X-Some: thing\r\n'))
    const { port } = await runtime(async socket => {
      socket.setNoDelay(true)
      for (let at = 0; at < bytes.length; at += size) {
        await new Promise<void>(resolve => socket.write(bytes.subarray(at, at + size), () => resolve()))
      }
    })
    expect(outcome(await clientOf(port).run('{}', CALL))).toBe('200 {"a":"ż☃💥"}')
  })

  test('skips interim answers', async () => {
    const { port } = await runtime(socket => socket.write(`HTTP/1.1 100 Continue\r\n\r\n${answer('{}')}`))
    expect(outcome(await clientOf(port).run('{}', CALL))).toBe('200 {}')
  })

  test('takes an empty body', async () => {
    const { port } = await runtime(socket => socket.write(answer('')))
    expect(outcome(await clientOf(port).run('{}', CALL))).toBe('200 ')
  })

  test.each([
    ['without Content-Length', 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'],
    ['that is 204', 'HTTP/1.1 204 No Content\r\n\r\n'],
    ['that is no HTTP', 'hello\r\n\r\n'],
  ])('fails on an answer %s, without asking for the memory', async (_, text) => {
    const { port } = await runtime(socket => socket.write(text))
    const run = await clientOf(port, { outOfMemory: () => text.startsWith('HTTP') }).run('{}', CALL)
    expect(run).toMatchObject({ type: 'connectionError', outOfMemory: false, beforeResponse: false })
  })

  test('fails when the connection closes before the answer, and within it', async () => {
    const { port } = await runtime((socket, _, nth) => {
      if (nth === 1) socket.destroy()
      else socket.end('HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n{')
    })
    const client = clientOf(port)
    expect(await client.run('{}', CALL)).toMatchObject({ type: 'connectionError', beforeResponse: true })
    expect(await client.run('{}', CALL)).toMatchObject({ type: 'connectionError', beforeResponse: false })
  })

  test('asks whether the memory ended it', async () => {
    const { port } = await runtime(socket => socket.destroy())
    const run = await clientOf(port, { outOfMemory: async () => true }).run('{}', CALL)
    expect(run).toMatchObject({ type: 'connectionError', outOfMemory: true })
  })

  test('cuts a long answer in the middle of a character', async () => {
    const { port } = await runtime(socket => socket.write(answer('żżżż')))
    const run = await clientOf(port).run('{}', { ...CALL, maxResponseBytes: 7, truncationBytes: 3 })
    expect(run).toMatchObject({ type: 'response', body: 'ż\ufffd', truncatedFrom: 8 })
  })

  test('times out, and closes the connection', async () => {
    const { sockets, port } = await runtime(() => undefined)
    const run = await clientOf(port).run('{}', { ...CALL, timeoutMs: 50 })
    expect(run.type).toBe('timeout')
    expect(run.endedAt - run.startedAt).toBeGreaterThanOrEqual(50)
    await eventually('the connection closes', () => sockets[0]?.closed)
  })
})

describe('connections', () => {
  test('are kept and used again', async () => {
    const { sockets, port } = await runtime(socket => socket.write(answer('{}')))
    const client = clientOf(port, { reuseMs: Number.POSITIVE_INFINITY })
    for (let i = 0; i < 5; i++) await client.run('{}', CALL)
    expect(sockets).toHaveLength(1)
  })

  test('are as many as there are calls at once', async () => {
    const waiting: Socket[] = []
    const { sockets, port } = await runtime(socket => {
      waiting.push(socket)
      if (waiting.length === 3) for (const each of waiting) each.write(answer('{}'))
    })
    const client = clientOf(port)
    const answers = await Promise.all([1, 2, 3].map(() => client.run('{}', CALL)))
    expect(answers.map(outcome)).toEqual(['200 {}', '200 {}', '200 {}'])
    expect(sockets).toHaveLength(3)
  })

  test.each([
    ['the runtime says so', 'Connection: close\r\n', {}],
    ['they lay idle for too long', '', { reuseMs: -1 }],
  ])('are not used again when %s', async (_, extra, options) => {
    const { sockets, port } = await runtime(socket => socket.write(answer('{}', extra)))
    const client = clientOf(port, options)
    for (let i = 0; i < 3; i++) await client.run('{}', CALL)
    expect(sockets).toHaveLength(3)
  })

  test('are replaced when the runtime closed them', async () => {
    const { sockets, port } = await runtime(socket => socket.write(answer('{}')))
    const client = clientOf(port)
    await client.run('{}', CALL)
    sockets[0]?.end()
    await eventually('the client closes its end', () => sockets[0]?.closed)
    expect(outcome(await client.run('{}', CALL))).toBe('200 {}')
  })

  test('are dropped on demand', async () => {
    const { sockets, port } = await runtime(socket => socket.write(answer('{}')))
    const client = clientOf(port)
    await client.run('{}', CALL)
    client.dropIdle()
    await eventually('the connection closes', () => sockets[0]?.closed)
  })
})

describe('/init', () => {
  test('is sent again until the runtime listens', async () => {
    const { server, port } = await runtime(() => undefined)
    await new Promise(resolve => server.close(resolve))
    const initializing = clientOf(port).initialize('{}', CALL)
    await new Promise(resolve => setTimeout(resolve, 120))
    const { seen } = await runtime(socket => socket.write(answer('{"ok":true}')), port)
    expect(outcome(await initializing)).toBe('200 {"ok":true}')
    expect(seen).toHaveLength(1)
  })

  test('is sent again when there is no answer', async () => {
    const { port } = await runtime((socket, _, nth) => (nth < 3 ? socket.destroy() : socket.write(answer('{}'))))
    expect(outcome(await clientOf(port).initialize('{}', CALL))).toBe('200 {}')
  })

  test('is not sent again when there is half an answer', async () => {
    const { seen, port } = await runtime(socket => socket.end('HTTP/1.1 200 OK\r\nContent-Le'))
    expect(await clientOf(port).initialize('{}', CALL)).toMatchObject({ type: 'connectionError' })
    expect(seen).toHaveLength(1)
  })

  test('times out when nobody ever listens', async () => {
    const { server, port } = await runtime(() => undefined)
    await new Promise(resolve => server.close(resolve))
    const init = await clientOf(port).initialize('{}', { ...CALL, timeoutMs: 130 })
    expect(init.type).toBe('timeout')
    expect(init.endedAt - init.startedAt).toBeGreaterThanOrEqual(130)
  })

  test('is not sent to the address of a container that is gone', async () => {
    const { seen, port } = await runtime(socket => socket.write(answer('{}')))
    const init = await clientOf(port, { gone: () => true }).initialize('{}', { ...CALL, timeoutMs: 60 })
    expect(init.type).toBe('timeout')
    expect(seen).toEqual([])
  })

  test('and a run end when the client is closed', async () => {
    const { port } = await runtime(() => undefined)
    const client = clientOf(port)
    const calls = [client.initialize('{}', CALL), client.run('{}', CALL)]
    client.close()
    for (const call of calls) expect(await call).toMatchObject({ type: 'connectionError', outOfMemory: false })
    expect(await client.run('{}', CALL)).toMatchObject({ type: 'connectionError', beforeResponse: true })
  })
})

describe('a warm-up', () => {
  test('waits until the runtime listens, and leaves its connection to /init', async () => {
    const { server, port } = await runtime(() => undefined)
    await new Promise(resolve => server.close(resolve))
    const client = clientOf(port)
    const warmingUp = client.warmUp()
    await new Promise(resolve => setTimeout(resolve, 60))
    const { seen, sockets } = await runtime(socket => socket.write(answer('{}')), port)
    await warmingUp
    await client.initialize('{}', CALL)
    expect(seen.map(({ head }) => head.split(' ')[1])).toEqual(['/warmup', '/init'])
    expect(sockets).toHaveLength(1)
  })

  test('is content with a runtime that knows no such request', async () => {
    const { seen, port } = await runtime(socket => socket.write('HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n'))
    await clientOf(port).warmUp()
    expect(seen).toHaveLength(1)
  })

  test('is not tried again once /init was called', async () => {
    const { server, port } = await runtime(() => undefined)
    await new Promise(resolve => server.close(resolve))
    const client = clientOf(port)
    const warmingUp = client.warmUp()
    const initializing = client.initialize('{}', CALL)
    await warmingUp
    const { seen } = await runtime(socket => socket.write(answer('{}')), port)
    await initializing
    expect(seen.map(({ head }) => head.split(' ')[1])).toEqual(['/init'])
  })

  test('is not sent to the address of a container that is gone', async () => {
    const { seen, port } = await runtime(socket => socket.write(answer('{}')))
    await clientOf(port, { gone: () => true }).warmUp()
    expect(seen).toEqual([])
  })
})
