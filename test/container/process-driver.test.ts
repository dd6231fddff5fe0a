// The process driver alone: what it leaves behind, which is nothing however the server ends, and what actions see of it.

import { type ChildProcess, fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { getPriority, tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Container } from '../../src/container/container.ts'
import { processFactory } from '../../src/container/process.ts'
import { kill, processesWithEnvironment } from '../../src/container/process-table.ts'
import { silentLogger } from '../../src/log.ts'
import { zipOf } from './archives.ts'
import { aContainerRequest, CALL, eventually, initialize, logsOf, outcome, run } from './driving.ts'

const runtimeDir = fileURLToPath(new URL('../../src/runtime', import.meta.url))

let folder = ''
let program = ''

/** A server with one container that does what `code` says; forgets about the run that it starts. */
const SERVER = `
import { processFactory } from '${fileURLToPath(new URL('../../src/container/process.ts', import.meta.url))}'
const [tmpDir, runtimeDir, kind, code] = process.argv.slice(2)
const log = { debug() {}, info() {}, warn() {}, error() {}, enabled: () => false }
const factory = processFactory({ instanceId: 'dying', log, tmpDir, runtimeDir, apiHost: () => 'http://localhost' })
const call = { timeoutMs: 60000, maxResponseBytes: 1000, truncationBytes: 1000 }
const request = { name: 'a', kind, image: '', userImage: false, memoryMb: 256, cpuShares: 1, env: {}, transid: 't' }
factory.create(request).then(async container => {
  if (code === 'none') return process.send('idle')
  await container.initialize(JSON.stringify({ value: { name: 'a', main: 'main', code } }), call)
  let said = false
  container.onLogLine(() => {
    if (!said) process.send('busy')
    said = true
  })
  container.run('{"value":{}}', call)
})
setInterval(() => {}, 1000)
`

const newTmpDir = () => mkdtempSync(join(folder, 't'))

/** Starts a server whose container is at work, or idle for the code `none`. */
const startServer = async (tmpDir: string, kind: string, code: string): Promise<ChildProcess> => {
  const server = fork(program, [tmpDir, runtimeDir, kind, code], { stdio: 'ignore' })
  await once(server, 'message')
  return server
}

const processesBelow = (tmpDir: string) => processesWithEnvironment(`TMPDIR=${tmpDir}/`)

const nothingLeft = (tmpDir: string) =>
  eventually(`nothing is left in ${tmpDir}`, async () => {
    return readdirSync(tmpDir).length === 0 && (await processesBelow(tmpDir)).length === 0
  })

const factoryIn = (tmpDir: string) =>
  processFactory({ instanceId: 'test', log: silentLogger, tmpDir, runtimeDir, apiHost: () => 'http://localhost' })

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'ow-test-'))
  program = join(folder, 'server.cjs')
  const source = join(folder, 'server.ts')
  writeFileSync(source, SERVER)
  await build({
    entryPoints: [source],
    bundle: true,
    platform: 'node',
    outfile: program,
    logLevel: 'error',
    define: { 'import.meta.url': '"file:///nowhere/server.cjs"' },
  })
})
afterAll(() => rmSync(folder, { recursive: true, force: true }))

const BUSY_NODE = 'function main() { console.log("busy"); for (;;); }'
const BUSY_PYTHON = 'def main(args):\n    print("busy", flush=True)\n    while True: pass\n'
/** For an `/init` that runs pip. */
const PIP = { timeoutMs: 100_000 }
const STRAYS =
  'function main() { const { spawn } = require("child_process"); for (const detached of [true, false]) spawn("sleep", ["1000"], { detached }); console.log("busy"); for (;;); }'

// Elsewhere the process table does not show whose a process is.
describe.skipIf(process.platform !== 'linux')('when the server is killed with SIGKILL', () => {
  test.each([
    ['a busy loop of Node.js', 'nodejs:20', BUSY_NODE],
    ['a busy loop of Python', 'python:3.11', BUSY_PYTHON],
    ['an idle Node.js', 'nodejs:20', 'none'],
    ['an idle Python', 'python:3.11', 'none'],
    ['children of an action, also those in groups of their own,', 'nodejs:20', STRAYS],
  ])('%s ends, and the folders are removed', async (_, kind, code) => {
    const tmpDir = newTmpDir()
    const server = await startServer(tmpDir, kind, code)
    expect((await processesBelow(tmpDir)).length).toBeGreaterThan(0)
    server.kill('SIGKILL')
    await nothingLeft(tmpDir)
  })

  test('the next server removes what even the watchdog left, and nothing of living servers', async () => {
    const tmpDir = newTmpDir()
    const dying = await startServer(tmpDir, 'nodejs:20', BUSY_NODE)
    const [dead = ''] = readdirSync(tmpDir)
    const living = await startServer(tmpDir, 'nodejs:20', BUSY_NODE)
    const [alive] = readdirSync(tmpDir).filter(name => name !== dead)
    const doomed = await processesWithEnvironment(`TMPDIR=${join(tmpDir, dead)}/`)
    const watchdog = watchdogOf(join(tmpDir, dead))
    kill(watchdog, 'SIGSTOP')
    dying.kill('SIGKILL')
    await once(dying, 'exit')
    expect(await factoryIn(tmpDir).cleanup()).toBeGreaterThan(0)
    expect(readdirSync(tmpDir)).toEqual([alive])
    await eventually('the containers of the dead server end', () => doomed.every(pid => !kill(pid, 0)))
    expect(living.exitCode).toBeNull()
    kill(watchdog)
    living.kill('SIGKILL')
    await nothingLeft(tmpDir)
  })
})

/** The watchdog has its folder among its arguments. */
const watchdogOf = (path: string): number => {
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name) || !existsSync(`/proc/${name}/cmdline`)) continue
    const words = readFileSync(`/proc/${name}/cmdline`, 'utf8').split('\0')
    if (words.includes('openwhisk-watchdog') && words.includes(path)) return Number(name)
  }
  throw new Error('no watchdog')
}

describe.skipIf(process.platform !== 'linux')('a container that is destroyed', () => {
  test('takes its children with it, also those that left its group', async () => {
    const tmpDir = newTmpDir()
    const factory = factoryIn(tmpDir)
    const container = await factory.create(aContainerRequest())
    await initialize(container, { code: STRAYS })
    // It speaks when it has started the others, and never answers.
    const started = new Promise<void>(resolve => container.onLogLine(() => resolve()))
    const running = run(container)
    await started
    expect((await processesBelow(tmpDir)).length).toBe(3)
    await container.destroy()
    await running
    expect(await processesBelow(tmpDir)).toEqual([])
    await factory.close()
    expect(readdirSync(tmpDir)).toEqual([])
  })

  test('may be starting when the factory is closed', async () => {
    const tmpDir = newTmpDir()
    const factory = factoryIn(tmpDir)
    const creating = factory.create(aContainerRequest())
    const settled = creating.then(
      () => 'made',
      () => 'refused',
    )
    await factory.close()
    expect(await settled).toBe('refused')
    expect(readdirSync(tmpDir)).toEqual([])
    expect(await processesBelow(tmpDir)).toEqual([])
  })
})

describe('a container', () => {
  let container: Container
  const factory = processFactory({
    instanceId: 'me',
    log: silentLogger,
    apiHost: () => 'http://here:1',
    containerEnv: { FOR_ALL: '1' },
  })
  afterAll(() => factory.close())

  test('sees nothing of the environment of the server', async () => {
    process.env.SECRET_OF_THE_SERVER = 'x'
    container = await factory.create(aContainerRequest({ env: { OWN: '2' } }))
    delete process.env.SECRET_OF_THE_SERVER
    await initialize(container, {
      code: 'const main = () => ({ keys: Object.keys(process.env).filter(k => !/^(LANG|LC_)/.test(k)).sort() })',
    })
    const { keys } = JSON.parse(outcome(await run(container)).slice(4))
    const runVariables = ['NAME', 'VERSION'].map(word => `__OW_ACTION_${word}`)
    expect(keys).toEqual(
      ['FOR_ALL', 'HOME', 'OWN', 'PATH', 'PWD', 'TMPDIR', 'TZ', '__OW_API_HOST', ...runVariables]
        .concat(['ACTIVATION_ID', 'DEADLINE', 'NAMESPACE', 'TRANSACTION_ID'].map(word => `__OW_${word}`))
        .sort(),
    )
  })

  test('shows the lines of the source in stacks', async () => {
    container = await factory.create(aContainerRequest())
    await initialize(container, { code: 'function main() {\n  throw new Error("boom")\n}' })
    await run(container)
    const lines = await logsOf(container)
    expect(lines[0]).toBe('stderr: Error: boom')
    expect(lines[1]).toMatch(/stderr: {5}at .*main \(.*runner\.js:2:9\)/)
  })

  test('says where the syntax is wrong, after what is wrong', async () => {
    container = await factory.create(aContainerRequest())
    const answer = await initialize(container, { code: 'function main() {\n  const a b\n}' })
    expect(outcome(answer)).toMatch(
      /^502 {"error":"Initialization has failed due to: SyntaxError: .*?\\n {4}at .*?runner\.js:2\\n/,
    )
  })

  test('has folders that nobody else may look into', async () => {
    container = await factory.create(aContainerRequest())
    const code =
      'const fs = require("fs"); const main = () => ({ mode: fs.statSync(process.cwd() + "/../..").mode & 0o777, tmp: require("os").tmpdir() !== process.cwd() })'
    await initialize(container, { code })
    expect(outcome(await run(container))).toBe('200 {"mode":448,"tmp":true}')
  })

  test('that cannot be started is refused with a reason', async () => {
    const broken = processFactory({
      instanceId: 'me',
      log: silentLogger,
      apiHost: () => '',
      nodePaths: { 'nodejs:18': '/no/such/node' },
      python: '/no/such/python',
    })
    await expect(broken.create(aContainerRequest({ kind: 'nodejs:18' }))).rejects.toMatchObject({ reason: 'command' })
    expect(broken.supports('python:3.11')).toBe(false)
    await expect(broken.create(aContainerRequest({ kind: 'python:3.11' }))).rejects.toMatchObject({
      reason: 'provision',
    })
    await expect(broken.create(aContainerRequest({ userImage: true, image: 'me/mine' }))).rejects.toMatchObject({
      reason: 'pull',
      message: "Failed to pull container image 'me/mine'.",
    })
    await broken.close()
  })

  test('installs the requirements of a Python archive', async () => {
    container = await factory.create(aContainerRequest({ kind: 'python:3.11' }))
    const wheel = zipOf({
      'demo.py': 'answer = 42\n',
      'demo-1.0.dist-info/METADATA': 'Metadata-Version: 2.1\nName: demo\nVersion: 1.0\n',
      'demo-1.0.dist-info/WHEEL': 'Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n',
      'demo-1.0.dist-info/RECORD': '',
    })
    const code = zipOf({
      '__main__.py': 'import demo\ndef main(args):\n    return {"v": demo.answer}\n',
      'requirements.txt': './demo-1.0-py3-none-any.whl\n',
      'demo-1.0-py3-none-any.whl': Buffer.from(wheel, 'base64'),
    })
    expect(outcome(await initialize(container, { code, binary: true }, PIP))).toBe('200 {"ok":true}\n')
    expect(outcome(await run(container))).toBe('200 {"v": 42}\n')
  }, 120_000)

  test('fails to initialize when a requirement cannot be had, and logs why', async () => {
    container = await factory.create(aContainerRequest({ kind: 'python:3.11' }))
    const code = zipOf({ '__main__.py': 'def main(args):\n    return {}\n', 'requirements.txt': './missing.whl\n' })
    expect(outcome(await initialize(container, { code, binary: true }, PIP))).toMatch(
      /^502 {"error":"The action failed to generate/,
    )
    expect((await logsOf(container, { waitForSentinel: false })).join('\n')).toMatch(/missing\.whl/)
  }, 120_000)

  test('of an archive with dependencies ends when they cannot be installed, unless that is turned off', async () => {
    const code = zipOf({ 'package.json': '{"dependencies":{"x":"1"}}', 'index.js': 'exports.main = () => ({ ok: 1 })' })
    container = await factory.create(aContainerRequest({ env: { PATH: '/nowhere' } }))
    expect(outcome(await initialize(container, { code, binary: true }))).toBe('200 {"OK":true}')
    await container.exited
    container = await factory.create(aContainerRequest({ env: { PATH: '/nowhere', OW_ENABLE_INIT_INSTALL: 'false' } }))
    await initialize(container, { code, binary: true })
    expect(outcome(await run(container))).toBe('200 {"ok":1}')
  })

  test('is watched together with the processes it started', async () => {
    container = await factory.create(aContainerRequest({ memoryMb: 128 }))
    const code = `const { spawnSync } = require('child_process')
      function main() {
        const r = spawnSync(process.execPath, ['-e', 'const all = []; setInterval(() => all.push(Buffer.alloc(30e6, 1)), 50)'])
        return { signal: r.signal }
      }`
    await initialize(container, { code })
    expect(outcome(await run(container, {}, CALL))).toBe('200 {"signal":"SIGKILL"}')
    expect(await logsOf(container)).toEqual([])
  })

  test.skipIf(process.platform !== 'linux')('ends when it took too much memory and gave it back at once', async () => {
    container = await factory.create(aContainerRequest({ memoryMb: 128 }))
    const code = 'function main() { let b = Buffer.allocUnsafeSlow(300e6).fill(1); b = null; gc(); return { ok: 1 } }'
    await initialize(container, { code })
    expect(await run(container)).toMatchObject({ type: 'connectionError', outOfMemory: true })
    await container.exited
  })
})

describe('an action', () => {
  test.each([
    ['nodejs:20', 'function main() { return { priority: require("os").getPriority() } }'],
    ['python:3.11', 'import os\ndef main(args):\n    return {"priority": os.getpriority(os.PRIO_PROCESS, 0)}\n'],
  ])('of %s has a lower priority than the server', async (kind, code) => {
    const factory = factoryIn(newTmpDir())
    try {
      const container = await factory.create(aContainerRequest({ kind }))
      await initialize(container, { code })
      expect(outcome(await run(container))).toMatch(
        new RegExp(`^200 {"priority": ?${Math.min(19, getPriority() + 5)}}`),
      )
    } finally {
      await factory.close()
    }
  })
})
