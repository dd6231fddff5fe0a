// NAME
//   soak.mjs - whether a server stays as it is under hours of mixed use, in minutes
//
// USAGE
//   npm run soak [-- --minutes N] [--rate N] [--driver process,docker] [--json FILE]
//
//   --minutes N     how long (10)
//   --rate N        requests a second to each server (10)
//   --driver NAMES  process, docker; both unless said, docker when an engine with the image is there
//   --json FILE     write the samples there
//
// One server for each driver gets blocking and non-blocking invokes, sequences, compositions, triggers, web actions,
// updates, reads, and actions that fail in every way. Each answer is checked. Every few seconds a sample is taken; in the
// end memory, open files and containers must be what they were after the first quarter, and nothing may be left.
// Exits 0 when all of that is so.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { httpClient, median } from './measure.mjs'

const { values: options } = parseArgs({
  options: {
    minutes: { type: 'string', default: '10' },
    rate: { type: 'string', default: '10' },
    driver: { type: 'string', default: 'process,docker' },
    json: { type: 'string' },
  },
})
const runMs = Number(options.minutes) * 60_000
const pauseMs = 1000 / Number(options.rate)
const SAMPLES = 60

/** What the last samples may have more than the first ones after the warm-up. */
const ALLOWED = {
  // The heap of a server that is a few minutes old still settles.
  rssMb: first => first * 0.15 + (runMs < 5 * 60_000 ? 40 : 20),
  // Each container on its way or on its way out has some, and each request under way one.
  fds: () => 24,
  threads: () => 4,
  containers: () => 6,
  queued: () => 32,
}

const bin = fileURLToPath(new URL('../../bin/openwhisk-standalone.cjs', import.meta.url))
const folder = mkdtempSync(join(tmpdir(), 'ow-soak-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

const IMAGES = ['openwhisk/action-nodejs-v20:nightly', 'openwhisk/action-python-v3.10:nightly']
const GUEST = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
const authorization = { authorization: `Basic ${Buffer.from(GUEST).toString('base64')}` }
const NAMESPACE = '/api/v1/namespaces/_'
const sleep = ms => new Promise(resolve => setTimeout(resolve, ms))

const js = (code, limits, annotations) => ({ exec: { kind: 'nodejs:20', code }, limits, annotations })
const ACTIONS = {
  echo: js('function main(args) { console.log("echo", Object.keys(args)); return args }'),
  shared: js('function main() { return new Promise(done => setTimeout(done, 30, {})) }', { concurrency: 5, logs: 0 }),
  python: { exec: { kind: 'python:3', code: 'def main(args):\n  print("hi")\n  return {"n": args.get("n", 0)}' } },
  refuses: js('function main() { return { error: "no" } }'),
  throws: js('function main() { throw new Error("thrown") }'),
  sleeps: js('function main() { return new Promise(() => {}) }', { timeout: 300 }),
  exits: js('function main() { process.exit(1) }'),
  broken: js('function main( {'),
  large: js('function main() { return { text: "x".repeat(2 * 1024 * 1024) } }'),
  talks: js('function main() { for (let n = 0; n < 20000; n++) console.log("x".repeat(100)); return {} }', { logs: 1 }),
  late: js('function main() { setTimeout(() => console.log("late"), 20); return {} }'),
  page: js('function main(args) { return { body: "hi " + args.n } }', undefined, [
    { key: 'web-export', value: true },
    { key: 'final', value: true },
  ]),
  twice: { exec: { kind: 'sequence', components: ['/_/echo', '/_/echo'] } },
  fails: { exec: { kind: 'sequence', components: ['/_/echo', '/_/throws', '/_/echo'] } },
  composed: js('function main(args) { return args.done ? args : { action: "echo", params: { done: 1 } } }', undefined, [
    { key: 'conductor', value: true },
  ]),
}

/** An action's blocking invoke, and what it is answered with. */
const blocking = (name, status) => ({ method: 'POST', path: `/actions/${name}?blocking=true`, status })
const accepted = name => ({ method: 'POST', path: `/actions/${name}`, status: 202 })

/** How often, and what. */
const OPERATIONS = [
  [20, blocking('echo', 200)],
  [15, accepted('echo')],
  [6, blocking('shared', 200)],
  [4, accepted('shared')],
  [4, blocking('python', 200)],
  [4, blocking('refuses', 502)],
  [2, blocking('throws', 502)],
  [1, blocking('sleeps', 502)],
  [1, blocking('exits', 502)],
  [1, accepted('exits')],
  [1, blocking('broken', 502)],
  [1, blocking('large', 502)],
  [1, blocking('talks', 200)],
  [3, blocking('late', 200)],
  [4, blocking('twice', 200)],
  [1, blocking('fails', 502)],
  [3, blocking('composed', 200)],
  [4, { method: 'POST', path: '/triggers/bell', status: 202 }],
  [6, { method: 'GET', path: '/activations?limit=20&docs=true', status: 200 }],
  [4, { method: 'GET', path: '/activations?name=echo', status: 200 }],
  [4, { method: 'GET', path: '/actions/echo', status: 200 }],
  [2, { method: 'GET', path: '/actions/none', status: 404 }],
  [1, { method: 'PUT', path: '/actions/echo?overwrite=true', body: ACTIONS.echo, status: 200 }],
  [1, { method: 'POST', path: '/actions/echo?blocking=x', status: 400 }],
  [4, { method: 'GET', path: '/api/v1/web/guest/default/page.http?n=1', status: 200, whole: true }],
]
const weights = OPERATIONS.reduce((sum, [weight]) => sum + weight, 0)

function anyOperation() {
  let at = Math.random() * weights
  for (const [weight, operation] of OPERATIONS) {
    at -= weight
    if (at < 0) return operation
  }
  return OPERATIONS[0][1]
}

/** A server with a temporary folder of its own; resolves when it is ready. */
async function startServer(driver, tmp) {
  // Records are forgotten as fast as they come, as in a server that has run for long.
  const args = ['--port', '0', '--data-dir', `soak-${driver}`, '--driver', driver, '--pull', 'never']
  const child = spawn(process.execPath, [bin, ...args, '--user-memory', '2g', '--retention-count', '1000'], {
    cwd: folder,
    env: { ...process.env, TMPDIR: tmp, OPENWHISK_RUN_DIR: join(folder, 'run'), NO_COLOR: '1' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stderr.on('data', chunk => {
    errors = (errors + chunk).slice(-10_000)
  })
  const url = await new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`the server ended with ${code}: ${errors}`)))
    child.stdout.on('data', chunk => {
      output += chunk
      const found = /is ready at (\S+)\n/.exec(output)?.[1]
      if (found) resolve(new URL(found))
    })
  })
  child.removeAllListeners('exit')
  process.on('exit', () => child.kill('SIGKILL'))
  return {
    pid: child.pid,
    place: { host: '127.0.0.1', port: Number(url.port) },
    async stop() {
      if (child.exitCode !== null || child.signalCode !== null)
        return `${child.exitCode ?? child.signalCode}: ${errors}`
      child.kill('SIGTERM')
      const [code] = await once(child, 'exit')
      return code
    },
  }
}

async function soak(driver) {
  const tmp = join(folder, `tmp-${driver}`)
  mkdirSync(tmp)
  const server = await startServer(driver, tmp)
  const client = httpClient(server.place, 16)
  const call = ({ method, path, body, whole }) => {
    const text = body === undefined ? undefined : JSON.stringify(body)
    const sent = method === 'POST' ? `{"n":${Math.floor(Math.random() * 1000)}}` : text
    return client.send(method, whole ? path : NAMESPACE + path, sent, authorization)
  }
  for (const [name, body] of Object.entries(ACTIONS)) await must(call, 'PUT', `/actions/${name}`, body)
  await must(call, 'PUT', '/triggers/bell', {})
  for (const action of ['echo', 'twice']) {
    await must(call, 'PUT', `/rules/rings-${action}`, { trigger: '/_/bell', action: `/_/${action}` })
  }

  const wrong = []
  const samples = []
  const endsAt = Date.now() + runMs
  let [requests, pending, queued, late] = [0, 0, 0, 0]
  const send = async operation => {
    pending++
    try {
      const { status, text } = await call(operation)
      // Its wait was over before its turn came: the machine is busy with something else.
      if (status === 202 && operation.path.includes('blocking=true')) late++
      else if (status !== operation.status)
        wrong.push(`${operation.method} ${operation.path}: ${status} ${text.slice(0, 300)}`)
    } catch (error) {
      wrong.push(`${operation.method} ${operation.path}: ${error}`)
    }
    pending--
  }
  const load = async () => {
    while (Date.now() < endsAt) {
      await sleep(pauseMs)
      // A machine that is busy with something else gets less, not a heap of requests.
      if (pending >= 16 || queued > 16) continue
      requests++
      void send(anyOperation())
    }
    while (pending > 0) await sleep(20)
  }
  const watch = async () => {
    for (let at = Date.now(); Date.now() < endsAt; await sleep(250)) {
      const pool = poolOf((await client.send('GET', '/metrics')).text)
      queued = pool.queued
      if (Date.now() < at) continue
      samples.push({ at: Date.now(), ...sampleOf(server.pid), ...pool })
      at += runMs / SAMPLES
    }
  }
  await Promise.all([load(), watch()])
  client.close()
  const code = await server.stop()
  const left = [...readdirSync(tmp), ...processesBelow(tmp), ...(driver === 'docker' ? containersOf(server.pid) : [])]
  return { driver, requests, late, wrong, samples, code, left }
}

async function must(call, method, path, body) {
  const { status, text } = await call({ method, path, body })
  if (status !== 200) throw new Error(`${method} ${path}: ${status} ${text}`)
}

function sampleOf(pid) {
  if (process.platform !== 'linux') {
    return { rssMb: Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1024, fds: 0, threads: 0 }
  }
  const status = readProc(`/proc/${pid}/status`)
  const field = name => Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1])
  return { rssMb: field('VmRSS') / 1024, fds: readdirSync(`/proc/${pid}/fd`).length, threads: field('Threads') }
}

function poolOf(text) {
  const gauge = name => Number(new RegExp(`^gauge_containerPool_${name}Count_counter (\\d+)`, 'm').exec(text)?.[1] ?? 0)
  return { containers: gauge('active') + gauge('idles') + gauge('prewarm'), queued: gauge('runBuffer') }
}

function readProc(path) {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

/** Processes of containers carry the server's temporary folder. */
function processesBelow(tmp) {
  if (process.platform !== 'linux') return []
  const ids = readdirSync('/proc').filter(name => /^\d+$/.test(name))
  return ids.filter(pid => readProc(`/proc/${pid}/environ`).includes(`TMPDIR=${tmp}/`)).map(pid => `process ${pid}`)
}

function containersOf(pid) {
  const filter = `label=org.openwhisk.standalone.server.pid=${pid}`
  return execFileSync('docker', ['ps', '-aq', '--filter', filter], { encoding: 'utf8' }).split('\n').filter(Boolean)
}

/** Prints one driver's figures; gives what is wrong with them. */
function judge({ driver, requests, late, wrong, samples, code, left }) {
  const steady = samples.slice(Math.floor(samples.length / 4))
  const third = Math.ceil(steady.length / 3)
  const problems = [...new Set(wrong)].slice(0, 10)
  console.log(
    `\n${driver}: ${requests} requests, ${wrong.length} wrong answers, ${late} late ones, ${samples.length} samples`,
  )
  for (const [name, allowed] of Object.entries(ALLOWED)) {
    const values = steady.map(sample => sample[name])
    const [first, last] = [median(values.slice(0, third)), median(values.slice(-third))]
    console.log(
      `  ${name.padEnd(11)} first ${first.toFixed(1)}  last ${last.toFixed(1)}  most ${Math.max(...values).toFixed(1)}`,
    )
    if (last > first + allowed(first)) problems.push(`${name} grew from ${first.toFixed(1)} to ${last.toFixed(1)}`)
  }
  if (code !== 0) problems.push(`the server ended with ${code}`)
  if (left.length > 0) problems.push(`left: ${left.join(', ')}`)
  for (const problem of problems) console.log(`  WRONG: ${problem}`)
  return problems
}

function dockerUnavailable() {
  try {
    execFileSync('docker', ['image', 'inspect', ...IMAGES], { stdio: 'pipe' })
    return undefined
  } catch {
    return `no Docker engine with ${IMAGES.join(' and ')}`
  }
}

const drivers = options.driver.split(',').filter(driver => {
  const why = driver === 'docker' ? dockerUnavailable() : undefined
  if (why !== undefined) console.log(`docker: skipped, ${why}`)
  return why === undefined
})
console.log(
  `Node.js ${process.version}, ${options.minutes} minutes, ${options.rate} requests a second, ${drivers.join(' and ')}`,
)
const results = await Promise.all(drivers.map(soak))
const problems = results.flatMap(judge)
if (options.json) writeFileSync(options.json, `${JSON.stringify(results, undefined, 2)}\n`)
process.exitCode = problems.length === 0 ? 0 : 1
