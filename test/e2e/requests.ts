// Plain requests to a server, many at once, for tests that the client library would slow down.

import { Agent, request } from 'node:http'
import { GUEST } from './server.ts'

export interface Reply {
  readonly status: number
  readonly text: string
}

export interface Requests {
  /** `path` below `/api/v1/namespaces/_`. Rejects when the connection breaks before the answer. */
  send(method: string, path: string, body?: unknown): Promise<Reply>
  /** The same, for any path. */
  raw(method: string, path: string, body?: unknown): Promise<Reply>
  close(): void
}

/** A client of one server with so many connections, which are kept; more requests wait for one. */
export function requestsTo(url: string, connections = 1, auth = GUEST): Requests {
  const { port } = new URL(url)
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  const authorization = `Basic ${Buffer.from(auth).toString('base64')}`
  const raw = (method: string, path: string, body?: unknown) =>
    new Promise<Reply>((resolve, reject) => {
      const text = body === undefined ? undefined : JSON.stringify(body)
      const headers = {
        authorization,
        ...(text === undefined
          ? {}
          : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
      }
      const outgoing = request({ host: '127.0.0.1', port, agent, method, path, headers }, response => {
        let received = ''
        response.setEncoding('utf8')
        response.on('data', chunk => {
          received += chunk
        })
        response.on('error', reject)
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text: received }))
      })
      outgoing.on('error', reject)
      outgoing.end(text)
    })
  return {
    send: (method, path, body) => raw(method, `/api/v1/namespaces/_${path}`, body),
    raw,
    close: () => agent.destroy(),
  }
}

/** Makes an action, a JavaScript one unless the kind says otherwise; fails unless that is answered with 200. */
export async function putAction(
  requests: Requests,
  name: string,
  code: string,
  more: { kind?: string; limits?: object; annotations?: object[] } = {},
): Promise<void> {
  const { kind = 'nodejs:20', ...rest } = more
  const { status, text } = await requests.send('PUT', `/actions/${name}?overwrite=true`, {
    exec: { kind, code },
    ...rest,
  })
  if (status !== 200) throw new Error(`${status} ${text}`)
}

/** The id in a 202's body. */
export function idIn({ status, text }: Reply): string {
  if (status !== 202) throw new Error(`${status} ${text}`)
  return String(JSON.parse(text).activationId)
}

/** One value of `/metrics`; 0 when it is not there. */
export async function metric(requests: Requests, name: string): Promise<number> {
  const { text } = await requests.raw('GET', '/metrics')
  return Number(new RegExp(`^${name}(?:\\{[^}]*\\})? (\\S+)$`, 'm').exec(text)?.[1] ?? 0)
}

/** Calls for each item, so many at once. */
export async function eachOf<T>(
  items: Iterable<T>,
  atOnce: number,
  call: (item: T) => Promise<unknown>,
): Promise<void> {
  const all = items[Symbol.iterator]()
  await Promise.all(
    Array.from({ length: atOnce }, async () => {
      for (let next = all.next(); !next.done; next = all.next()) await call(next.value)
    }),
  )
}
