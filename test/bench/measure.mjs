// Measuring for the bench: a client, a load generator, and the figures of samples.

import { execFileSync, fork, spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

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

/** A request that is sent over and over: where to, its bytes, and the statuses it may be answered with. */
export function shot(place, method, path, body, headers = {}, expected = [200]) {
  const all = { Host: place.host ?? 'localhost', ...headers }
  if (body !== undefined) {
    all['Content-Type'] = 'application/json'
    all['Content-Length'] = String(Buffer.byteLength(body))
  }
  const lines = Object.entries(all).map(([name, value]) => `${name}: ${value}\r\n`)
  const request = `${method} ${path} HTTP/1.1\r\n${lines.join('')}\r\n${body ?? ''}`
  return { place, method, path, body, headers, expected, request }
}

let generator

/** The one load generator, in a process of its own. */
function loader() {
  if (generator === undefined) {
    generator = fork(fileURLToPath(new URL('load.mjs', import.meta.url)), { execArgv: [] })
    generator.unref()
    generator.channel.unref()
    process.on('exit', () => generator.kill('SIGKILL'))
  }
  return generator
}

/**
 * Sends `target` from `connections` connections, again as soon as it is answered, for `milliseconds` or until there are
 * `calls` answers. Resolves with `rate` (a second), `count`, `p50` and `p99` (milliseconds); fails on any other status.
 */
export function load(target, { connections = 1, milliseconds, calls }) {
  const child = loader()
  return new Promise((resolve, reject) => {
    child.ref()
    child.channel.ref()
    child.once('message', ({ result, error }) => {
      child.unref()
      child.channel.unref()
      if (error === undefined) resolve(result)
      else reject(new Error(`${target.method} ${target.path}: ${error}`))
    })
    const { place, request, expected } = target
    child.send({ place, request, expected, connections, milliseconds, calls })
  })
}

let wrk

export function hasWrk() {
  if (wrk === undefined) {
    try {
      execFileSync('wrk', ['--version'], { stdio: 'pipe' })
      wrk = true
    } catch (error) {
      // It prints its version and exits with 1.
      wrk = error.status === 1
    }
  }
  return wrk
}

let scripts = 0

/** Answers a second from `connections` connections: by wrk, which takes least of the machine, where it is installed. */
export async function throughput(target, { connections, seconds = 1, folder }) {
  if (!hasWrk()) return (await load(target, { connections, milliseconds: seconds * 1000 })).rate
  const { place, method, path, body, headers } = target
  const script = join(folder, `wrk${++scripts}.lua`)
  const more = body === undefined ? {} : { 'Content-Type': 'application/json' }
  const lines = [`wrk.method = ${JSON.stringify(method)}`]
  for (const [name, value] of Object.entries({ ...headers, ...more })) {
    lines.push(`wrk.headers[${JSON.stringify(name)}] = ${JSON.stringify(value)}`)
  }
  if (body !== undefined) lines.push(`wrk.body = ${JSON.stringify(body)}`)
  writeFileSync(script, lines.join('\n'))
  const args = ['-t1', `-c${connections}`, `-d${seconds}s`, '-s', script, `http://${place.host}:${place.port}${path}`]
  const child = spawn('wrk', args, { stdio: ['ignore', 'pipe', 'inherit'] })
  let text = ''
  for await (const chunk of child.stdout) text += chunk
  const rate = /Requests\/sec: +([\d.]+)/.exec(text)?.[1]
  if (rate === undefined || /Non-2xx|Socket errors/.test(text)) throw new Error(`${method} ${path}: ${text}`)
  return Number(rate)
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
