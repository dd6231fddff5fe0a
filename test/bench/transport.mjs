// NAME
//   transport.mjs - what a POST to a runtime proxy costs with this project's client, undici and node:http
//
// USAGE
//   node test/bench/transport.mjs [seconds per cell]
//
// Prints, for 1 and 32 calls at once, calls per second and the median time of a call, as the median of several rounds
// in turn, and what loading each takes. The runtime is the Node.js proxy itself on a Unix socket, running an echo.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { Agent, request } from 'node:http'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

const ROUNDS = 5
const seconds = Number(process.argv[2] ?? 1)
const root = fileURLToPath(new URL('../..', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ow-bench-'))
const socketPath = join(folder, 's')
const call = { timeoutMs: 10_000, maxResponseBytes: 1_048_576, truncationBytes: 1_048_576 }
const body = JSON.stringify({
  value: { name: 'x' },
  namespace: 'guest',
  action_name: '/guest/hello',
  activation_id: 'a'.repeat(32),
})

const outfile = join(folder, 'client.cjs')
await build({ entryPoints: [join(root, 'src/container/client.ts')], bundle: true, platform: 'node', outfile })

const child = spawn(process.execPath, [join(root, 'src/runtime/nodejs.cjs'), socketPath], {
  stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  detached: true,
  env: { __OW_ALLOW_CONCURRENT: 'true' },
})
child.stdout.resume()
child.stderr.resume()
await once(child.stdio[3], 'data')

const load = name => {
  const startedAt = performance.now()
  const module = createRequire(import.meta.url)(name)
  return { module, ms: performance.now() - startedAt }
}
const own = load(outfile)
const undici = load('undici')
const client = own.module.createClient({ socketPath }, { reuseMs: Number.POSITIVE_INFINITY })
const pool = new undici.module.Pool('http://localhost', { socketPath, pipelining: 1, connections: 32 })
const agent = new Agent({ keepAlive: true, maxSockets: 32 })
const headers = {
  'content-type': 'application/json',
  accept: 'application/json',
  'content-length': Buffer.byteLength(body),
}

const viaHttp = () =>
  new Promise((resolve, reject) => {
    const sent = request({ socketPath, path: '/run', method: 'POST', agent, headers }, response => {
      let text = ''
      response.setEncoding('utf8')
      response.on('data', chunk => {
        text += chunk
      })
      response.on('end', () => resolve(text))
    })
    sent.on('error', reject)
    sent.end(body)
  })

const ways = {
  own: async () => (await client.run(body, call)).body,
  undici: async () => (await pool.request({ path: '/run', method: 'POST', headers, body })).body.text(),
  'node:http': viaHttp,
}

const median = values => values.sort((a, b) => a - b)[Math.floor(values.length / 2)]

const measure = async (way, atOnce) => {
  const times = []
  const end = performance.now() + seconds * 1000
  const worker = async () => {
    while (performance.now() < end) {
      const startedAt = performance.now()
      const text = await way()
      if (text !== '{"name":"x"}') throw new Error(`unexpected answer: ${text}`)
      times.push(performance.now() - startedAt)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, worker))
  return { rate: times.length / seconds, p50: median(times) }
}

const init = { value: { name: 'hello', main: 'main', code: 'function main(p) { return p }' } }
await client.initialize(JSON.stringify(init), call)
for (const way of Object.values(ways)) await measure(way, 8)
console.log(`loading: own ${own.ms.toFixed(1)} ms, undici ${undici.ms.toFixed(1)} ms`)
for (const atOnce of [1, 32]) {
  const cells = Object.fromEntries(Object.keys(ways).map(name => [name, []]))
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, way] of Object.entries(ways)) cells[name].push(await measure(way, atOnce))
  }
  for (const [name, results] of Object.entries(cells)) {
    const rate = Math.round(median(results.map(result => result.rate)))
    const p50 = median(results.map(result => result.p50)).toFixed(3)
    console.log(`${atOnce} at once, ${name}: ${rate} calls/s, p50 ${p50} ms`)
  }
}

client.close()
await pool.close()
agent.destroy()
process.kill(-child.pid, 'SIGKILL')
rmSync(folder, { recursive: true })
