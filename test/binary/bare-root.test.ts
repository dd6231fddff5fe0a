// The single executable where there is nothing else: no node, no npm, no shell.

import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdirSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, afterEach, beforeAll, expect, it, vi } from 'vitest'
import { eventually } from '../e2e/server.ts'
import { api, type BareRoot, describeBinary, invokeNew, makeBareRoot, run, textOf } from './binary.ts'

const env = { HOME: '/tmp/home', PATH: '/usr/bin:/bin', NO_COLOR: '1' }
const OPTIONS = ['start', '--port', '0', '--data-dir', '/tmp/data', '--driver', 'process']

vi.setConfig({ testTimeout: 60_000 })

describeBinary('in a root file system with nothing but the executable', () => {
  let bare: BareRoot
  beforeAll(() => {
    bare = makeBareRoot()
  })
  afterEach(() => {
    for (const pid of bare.processes()) {
      try {
        process.kill(pid, 'SIGKILL')
      } catch {
        // It ended by itself meanwhile.
      }
    }
  })
  afterAll(() => bare.remove())

  const runIn = (...args: string[]) => run([...bare.command, ...args], { env })

  /** Resolves when it answers. */
  const start = async () => {
    const [program = '', ...args] = bare.command
    const child = spawn(program, [...args, ...OPTIONS], { env, stdio: ['ignore', 'pipe', 'pipe'] })
    const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)]
    const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
    const ended = exited.then(code => Promise.reject(new Error(`ended with ${code}: ${stdout()}${stderr()}`)))
    const url = await Promise.race([eventually(() => /is ready at (\S+)\n/.exec(stdout())?.[1]), ended])
    ended.catch(() => undefined)
    return { child, url, exited, pid: child.pid ?? 0, stderr }
  }

  const runFolders = () => readdirSync(join(bare.path, 'tmp')).filter(name => name.startsWith('ow-run-'))

  it('there is no shell, no node and no npm', () => {
    const files = readdirSync(bare.path, { recursive: true, encoding: 'utf8' })
    expect(files.filter(file => /(^|\/)(sh|bash|busybox|node|nodejs|npm)$/.test(file))).toEqual([])
  })

  it('says its version', async () => {
    const { code, stdout, stderr } = await runIn('--version')
    expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
    expect(stdout).toMatch(/^\d+\.\d+\.\d+\S*\n$/)
  })

  it('finds nothing that keeps a server from starting', async () => {
    const { code, stdout } = await runIn('doctor', '--json')
    const { findings } = JSON.parse(stdout) as { findings: { check: string; outcome: string }[] }
    expect(code).toBe(0)
    expect(findings).toContainEqual(expect.objectContaining({ check: 'SQLite', outcome: 'ok' }))
    expect(findings).toContainEqual(expect.objectContaining({ check: 'Python', outcome: 'note' }))
  })

  it('serves the API, runs Node.js actions as its own runtime, and leaves nothing', async () => {
    const server = await start()
    const { response, logs } = await invokeNew(
      server.url,
      'hello',
      'nodejs:20',
      `const { tmpdir } = require('node:os')
       exports.main = async args => {
         console.log('hello from inside')
         console.error('and aside')
         const { version } = await import('node:process')
         return { ...args, version, gc: typeof gc, client: typeof require('openwhisk'), tmp: tmpdir() }
       }`,
      { name: 'bare' },
    )
    expect(response).toMatchObject({
      success: true,
      result: { name: 'bare', version: process.version, gc: 'function', client: 'function' },
    })
    expect(logs.map(line => line.replace(/^\S+ +/, '')).sort()).toEqual([
      'stderr: and aside',
      'stdout: hello from inside',
    ])
    expect((await api(server.url, 'GET', '/actions')).body).toEqual([expect.objectContaining({ name: 'hello' })])
    // The server, its watchdog, and what runs actions.
    expect(bare.processes().length).toBeGreaterThanOrEqual(3)
    process.kill(server.pid, 'SIGTERM')
    expect(await server.exited).toBe(0)
    expect({ processes: bare.processes(), folders: runFolders() }).toEqual({ processes: [], folders: [] })
  })

  it('keeps its state, and unpacks once', async () => {
    const unpacked = () =>
      readdirSync(join(bare.path, env.HOME, '.cache/openwhisk-standalone')).map(
        name => `${name} ${statSync(join(bare.path, env.HOME, '.cache/openwhisk-standalone', name)).ino}`,
      )
    const before = unpacked()
    expect(before.map(name => name.split('-')[0]).sort()).toEqual(['runtime', 'sqlite'])
    const server = await start()
    const { body } = await api(server.url, 'POST', '/actions/hello?blocking=true&result=true', { again: true })
    expect(body).toMatchObject({ again: true })
    process.kill(server.pid, 'SIGTERM')
    expect(await server.exited).toBe(0)
    expect(unpacked()).toEqual(before)
  })

  it('starts what actions start with process.execPath, fork and workers', async () => {
    const server = await start()
    const { response } = await invokeNew(
      server.url,
      'family',
      'nodejs:20',
      `const { execFileSync, fork } = require('node:child_process')
       const { writeFileSync } = require('node:fs')
       const { Worker } = require('node:worker_threads')
       const next = emitter => new Promise(resolve => emitter.once('message', resolve))
       exports.main = async () => {
         writeFileSync('child.cjs', 'process.send([require.main === module, ...process.argv.slice(2)])')
         writeFileSync('child.mjs', 'console.log(import.meta.url.endsWith("/child.mjs"))')
         writeFileSync('worker.cjs', 'require("node:worker_threads").parentPort.postMessage("worked")')
         const text = (...args) => execFileSync(process.execPath, args, { encoding: 'utf8' }).trim()
         return {
           forked: await next(fork('child.cjs', ['an', 'argument'])),
           module: text('child.mjs'),
           printed: text('-p', '6 * 7'),
           evaluated: text('-e', 'console.log(require("node:path").sep)'),
           version: text('--version'),
           worker: await next(new Worker('./worker.cjs')),
         }
       }`,
      {},
    )
    expect(response.result).toEqual({
      forked: [true, 'an', 'argument'],
      module: 'true',
      printed: '42',
      evaluated: '/',
      version: process.version,
      worker: 'worked',
    })
    process.kill(server.pid, 'SIGTERM')
    expect(await server.exited).toBe(0)
  })

  it('leaves nothing when it is killed, though an action works', async () => {
    const server = await start()
    await api(server.url, 'PUT', '/actions/busy', {
      exec: { kind: 'nodejs:20', code: 'function main() { for (;;); }' },
    })
    await api(server.url, 'POST', '/actions/busy')
    await eventually(async () => (bare.processes().length > 2 && runFolders().length === 1 ? true : undefined))
    process.kill(server.pid, 'SIGKILL')
    expect(await server.exited).toBe('SIGKILL')
    await eventually(() => (bare.processes().length === 0 && runFolders().length === 0 ? true : undefined))
  })

  it('runs a command beside a server of its own', async () => {
    const { code, stdout } = await runIn(
      'exec',
      '--ephemeral',
      '--driver',
      'process',
      '--',
      '/openwhisk-standalone',
      'wait',
    )
    expect({ code, stdout }).toEqual({ code: 0, stdout: expect.stringMatching(/^http:\/\/localhost:\d+\n$/) })
    expect(bare.processes()).toEqual([])
  })
})
