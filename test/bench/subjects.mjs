// What the bench measures: the server as a process of its own, and the bare runtimes it is compared with.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { eventually, httpClient } from './measure.mjs'

const root = fileURLToPath(new URL('../..', import.meta.url))
const bin = join(root, 'bin', 'openwhisk-standalone.cjs')
export const folder = mkdtempSync(join(tmpdir(), 'ow-bench-'))
process.on('exit', () => rmSync(folder, { recursive: true, force: true }))

export const NODE_IMAGE = 'openwhisk/action-nodejs-v20:nightly'
const GUEST = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
export const authorization = { authorization: `Basic ${Buffer.from(GUEST).toString('base64')}` }
export const ACTIONS = '/api/v1/namespaces/_/actions'

/** Starts a server; resolves when it has said that it is ready, with the time that took. */
export async function startServer(...args) {
  const startedAt = performance.now()
  const child = spawn(process.execPath, [bin, '--port', '0', '--no-prewarm', ...args], {
    cwd: folder,
    env: { ...process.env, OPENWHISK_RUN_DIR: join(folder, 'run') },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let [output, errors] = ['', '']
  child.stderr.on('data', chunk => {
    errors += chunk
  })
  const url = await new Promise((resolve, reject) => {
    child.once('exit', code => reject(new Error(`the server ended with ${code}: ${errors}`)))
    child.stdout.on('data', chunk => {
      output += chunk
      const found = /is ready at (\S+)\n/.exec(output)?.[1]
      if (found) resolve(new URL(found))
    })
  })
  const readyMs = performance.now() - startedAt
  return {
    readyMs,
    place: { host: '127.0.0.1', port: Number(url.port) },
    /** MB of resident memory. */
    memory: () => residentMb(child.pid),
    async stop() {
      child.removeAllListeners('exit')
      child.kill('SIGTERM')
      await once(child, 'exit')
    },
  }
}

function residentMb(pid) {
  if (process.platform !== 'linux') return Number(execFileSync('ps', ['-o', 'rss=', '-p', String(pid)])) / 1024
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))[1]) / 1024
}

export const CODE = 'function main(args) { return { greeting: "hi " + args.name } }'
const INIT = JSON.stringify({ value: { name: 'hello', code: CODE, main: 'main', binary: false, env: {} } })
export const RUN = JSON.stringify({
  value: { name: 'x' },
  namespace: 'guest',
  action_name: '/guest/hello',
  action_version: '0.0.1',
  activation_id: 'a'.repeat(32),
  deadline: String(Date.now() + 3_600_000),
})

let made = 0

/** The bare steps of each driver: a runtime that is up, without code. */
export const bareRuntimes = {
  async process() {
    const socketPath = join(folder, `s${++made}`)
    const child = spawn(process.execPath, ['--expose-gc', join(root, 'dist', 'runtime', 'nodejs.cjs'), socketPath], {
      stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
      detached: true,
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
    const container = await new Docker().createContainer({ Image: NODE_IMAGE, HostConfig: { Memory: 268435456 } })
    await container.start()
    const { NetworkSettings } = await container.inspect()
    const host = NetworkSettings.IPAddress || Object.values(NetworkSettings.Networks)[0].IPAddress
    return withClient({ host, port: 8080 }, () => container.remove({ force: true, v: true }))
  },
}

function withClient(place, remove) {
  const client = httpClient(place)
  return {
    init: () => eventually(async () => ((await client.send('POST', '/init', INIT)).status === 200 ? true : undefined)),
    run: () => client.send('POST', '/run', RUN),
    async remove() {
      client.close()
      await remove()
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
