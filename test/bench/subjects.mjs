// What the bench measures: the server as a process of its own, and what it is compared with.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, httpClient, shot } from './measure.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
/** The server to measure, and options for its Node.js, such as `--cpu-prof --cpu-prof-dir=DIR`. */
const bin = process.env.BENCH_BIN ?? join(root, 'bin', 'openwhisk-standalone.cjs')
const nodeArgs = process.env.BENCH_NODE_ARGS?.split(' ') ?? []
const runtime = join(bin, '..', '..', 'dist', 'runtime', 'nodejs.cjs')
export const folder = mkdtempSync(join(tmpdir(), 'ow-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

export const NODE_IMAGE = 'openwhisk/action-nodejs-v20:nightly'
const GUEST = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
export const authorization = { authorization: `Basic ${Buffer.from(GUEST).toString('base64')}` }
const NAMESPACE = '/api/v1/namespaces/_'

/** Lines of a child's output until `pattern` is there; fails when it ends first. */
function said(child, pattern) {
  let [output, errors] = ['', '']
  child.stderr.on('data', chunk => {
    errors = `${errors}${chunk}`.slice(-4000)
  })
  return new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`${child.spawnargs.join(' ')} ended with ${code}: ${errors}`)))
    child.stdout.on('data', chunk => {
      output = `${output}${chunk}`.slice(-4000)
      const found = pattern.exec(output)?.[1]
      if (found) resolve(found)
    })
  })
}

/** Starts a server; resolves when it has said that it is ready, with the time that took. */
export async function startServer(...args) {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [...nodeArgs, bin, '--port', '0', ...args], {
    cwd: folder,
    env: { ...process.env, OPENWHISK_RUN_DIR: join(folder, 'run') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const url = new URL(await said(child, /is ready at (\S+)\n/))
  const readyMs = performance.now() - startedAt
  const place = { host: '127.0.0.1', port: Number(url.port) }
  return {
    readyMs,
    place,
    /** MB of resident memory. */
    memory: () => residentMb(child.pid),
    async stop() {
      child.removeAllListeners('exit')
      child.kill('SIGTERM')
      await once(child, 'exit')
      process.removeListener('exit', kill)
    },
    ...requests(place),
  }
}

/** What is asked of a server: calls for single requests, shots for many. */
function requests(place) {
  const client = httpClient(place)
  const send = async (method, path, body, headers) => {
    const answer = await client.send(method, path, body, { ...authorization, ...headers })
    if (answer.status >= 300) throw new Error(`${method} ${path}: ${answer.status} ${answer.text}`)
    return answer.text
  }
  const action = name => `${NAMESPACE}/actions/${name}`
  return {
    /** Creates an action; `limits` and `annotations` as in the API. */
    put: (name, more = {}) =>
      send(
        'PUT',
        `${action(name)}?overwrite=true`,
        JSON.stringify({ exec: { kind: 'nodejs:20', code: CODE }, ...more }),
      ),
    get: path => send('GET', path),
    invoke: name => send('POST', `${action(name)}?blocking=true`, ARGUMENTS),
    /** The value of a gauge of `/metrics`. */
    async gauge(name) {
      return Number(new RegExp(`^${name}(?:{[^}]*})? (\\S+)$`, 'm').exec(await send('GET', '/metrics'))?.[1])
    },
    shots: {
      blocking: name => shot(place, 'POST', `${action(name)}?blocking=true`, ARGUMENTS, authorization),
      accept: name => shot(place, 'POST', action(name), ARGUMENTS, authorization, [202]),
      get: name => shot(place, 'GET', action(name), undefined, authorization),
      web: name => shot(place, 'POST', `/api/v1/web/guest/default/${name}.json`, ARGUMENTS),
      list: query => shot(place, 'GET', `${NAMESPACE}/activations?${query}`, undefined, authorization),
    },
  }
}

/** Resolves when nothing is queued or runs any more. */
export async function drained(server) {
  await eventually(async () => {
    if ((await server.gauge('gauge_loadbalancer_activationsInflight_counter')) === 0) return true
    await new Promise(resolve => setTimeout(resolve, 20))
    return undefined
  }, 120_000)
}

function residentMb(pid) {
  if (process.platform !== 'linux') return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1024
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

export const CODE = 'function main(args) { return { greeting: "hi " + args.name } }'
export const ARGUMENTS = '{"name":"x"}'
const INIT = JSON.stringify({ value: { name: 'hello', code: CODE, main: 'main', binary: false, env: {} } })
const RUN = JSON.stringify({
  value: { name: 'x' },
  namespace: 'guest',
  action_name: '/guest/hello',
  action_version: '0.0.1',
  activation_id: 'a'.repeat(32),
  transaction_id: 'b'.repeat(32),
  deadline: String(Date.now() + 3_600_000),
})

/** What the server gives every container too. */
const CONTAINER_FLAGS = {
  CpuShares: 128,
  PidsLimit: 1024,
  CapDrop: ['NET_RAW', 'NET_ADMIN'],
  Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 1024 }],
}

let made = 0

/** The bare steps of each driver: a runtime that is up, without code. */
export const bareRuntimes = {
  async process() {
    const socketPath = join(folder, `s${++made}`)
    const child = spawn(process.execPath, ['--expose-gc', runtime, socketPath], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
      env: { PATH: process.env.PATH, __OW_ALLOW_CONCURRENT: 'true' },
    })
    child.stdout.resume()
    child.stderr.resume()
    await once(child.stdio[3], 'data')
    return withClient({ socketPath }, async () => {
      process.kill(-child.pid, 'SIGKILL')
      await once(child, 'exit')
    })
  },
  async docker() {
    const { default: Docker } = await import('dockerode')
    const container = await new Docker().createContainer({
      Image: NODE_IMAGE,
      Env: ['__OW_ALLOW_CONCURRENT=true'],
      HostConfig: { Memory: 268435456, MemorySwap: 268435456, ...CONTAINER_FLAGS },
    })
    await container.start()
    const { NetworkSettings } = await container.inspect()
    const host = NetworkSettings.IPAddress || Object.values(NetworkSettings.Networks)[0].IPAddress
    return withClient({ host, port: 8080 }, () => container.remove({ force: true, v: true }))
  },
}

function withClient(place, remove) {
  const client = httpClient(place)
  return {
    place,
    init: () => eventually(async () => ((await client.send('POST', '/init', INIT)).status === 200 ? true : undefined)),
    /** Resolves when it takes connections, without a request. */
    ready: () => eventually(async () => ((await client.send('GET', '/')).status > 0 ? true : undefined)),
    run: () => client.send('POST', '/run', RUN),
    shot: shot(place, 'POST', '/run', RUN),
    async remove() {
      client.close()
      await remove()
    },
  }
}

/** Bare Hono routes in a process of their own, `/proxy` before a runtime. */
export async function startBare(runtime) {
  const { socketPath, host, port } = runtime?.place ?? {}
  const behind = socketPath ?? (host === undefined ? '' : `${host}:${port}`)
  const child = spawn(process.execPath, [fileURLToPath(new URL('bare.mjs', import.meta.url)), behind], {
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  const kill = () => child.kill('SIGKILL')
  process.once('exit', kill)
  const place = { host: '127.0.0.1', port: Number(await said(child, /^(\d+)\n/)) }
  const client = httpClient(place)
  return {
    parse: shot(place, 'POST', '/parse', ARGUMENTS, authorization, [202]),
    proxy: shot(place, 'POST', '/proxy', ARGUMENTS, authorization),
    bytes: shot(place, 'GET', '/bytes', undefined, authorization),
    setBytes: text => client.send('PUT', '/bytes', text),
    stop() {
      client.close()
      child.removeAllListeners('exit')
      kill()
      process.removeListener('exit', kill)
    },
  }
}

export function dockerUnavailable() {
  try {
    execFileSync('docker', ['image', 'inspect', NODE_IMAGE], { stdio: 'pipe' })
    return undefined
  } catch {
    return `no Docker engine with ${NODE_IMAGE}`
  }
}
