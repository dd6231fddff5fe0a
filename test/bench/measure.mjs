// Measuring for the bench: an HTTP client that costs little and the same for every subject, and the figures of samples.

import { Agent, request } from 'node:http'

/** A client of one place (`{ host, port }` or `{ socketPath }`) with `connections` kept-alive connections. */
export function httpClient(place, connections = 1) {
  const agent = new Agent({ keepAlive: true, maxSockets: connections })
  /** Resolves with status and text. */
  const send = (method, path, body, headers = {}) =>
    new Promise((resolve, reject) => {
      const length =
        body === undefined ? {} : { 'content-type': 'application/json', 'content-length': Buffer.byteLength(body) }
      const outgoing = request({ ...place, method, path, agent, headers: { ...headers, ...length } }, response => {
        let text = ''
        response.setEncoding('utf8')
        response.on('data', chunk => {
          text += chunk
        })
        response.on('end', () => resolve({ status: response.statusCode, text }))
      })
      outgoing.on('error', reject)
      outgoing.end(body)
    })
  return { send, close: () => agent.destroy() }
}

/** Milliseconds of each of `count` calls, one after the other. */
export async function times(count, call) {
  const samples = []
  for (let i = 0; i < count; i++) {
    const startedAt = performance.now()
    await call(i)
    samples.push(performance.now() - startedAt)
  }
  return samples
}

/** Calls per second of `connections` callers that each call again when they have their answer. */
export async function rate(milliseconds, connections, call) {
  const startedAt = performance.now()
  let count = 0
  await Promise.all(
    Array.from({ length: connections }, async (_, i) => {
      while (performance.now() - startedAt < milliseconds) {
        await call(i)
        count++
      }
    }),
  )
  return (count / (performance.now() - startedAt)) * 1000
}

export const quantile = (samples, q) =>
  [...samples].sort((a, b) => a - b)[Math.min(samples.length - 1, Math.floor(samples.length * q))]
export const median = samples => quantile(samples, 0.5)

export async function eventually(probe, timeoutMs = 30_000) {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    const found = await Promise.resolve(probe()).catch(() => undefined)
    if (found !== undefined) return found
    if (Date.now() > deadline) throw new Error(`nothing within ${timeoutMs} ms: ${probe}`)
    await new Promise(resolve => setTimeout(resolve, 1))
  }
}
