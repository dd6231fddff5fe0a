// `exec`: the built command line, a server of its own, and a command in it.

import { once } from 'node:events'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { createRequire } from 'node:module'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { processesWithEnvironment } from '../../src/container/process-table.ts'
import { aFolder, build, command, eventually, spawnCommand } from '../e2e/server.ts'

const folder = aFolder()
const temporary = join(folder.path, 'tmp')
const env = { TMPDIR: temporary, NODE_PATH: join(createRequire(import.meta.url).resolve('openwhisk'), '../../..') }
const SERVER = ['exec', '--driver', 'process', '--no-prewarm']

/** A script that uses the server as the variables say, prints what it got, and ends with the code it is told. */
const SCRIPT = `
const openwhisk = require('openwhisk')
const { readFileSync } = require('node:fs')
async function main() {
  const ow = openwhisk()
  const code = "function main({ n }) { console.log('n is', n); return { n: n + 1 } }"
  await ow.actions.create({ name: 'inc', action: code, kind: 'nodejs:20' })
  const result = await ow.actions.invoke({ name: 'inc', params: { n: 41 }, blocking: true, result: true })
  const names = /^(__OW_|OW_|WSK_|OPENWHISK_(CONTROL|GATEWAY))/
  const env = Object.fromEntries(Object.entries(process.env).filter(([name]) => names.test(name)))
  const status = await fetch(env.OPENWHISK_CONTROL_URL + '/status', {
    headers: { authorization: 'Bearer ' + env.OPENWHISK_CONTROL_TOKEN },
  }).then(answer => answer.json())
  console.log(JSON.stringify({ result, env, properties: readFileSync(env.WSK_CONFIG_FILE, 'utf8'), status }))
  process.exitCode = Number(process.argv[2])
}
main()
`
const exec = (...args: string[]) => command({ cwd: folder.path, args: [...SERVER, ...args], env })

/** Processes of actions whose folders were in the temporary one. */
const strays = () => processesWithEnvironment(`TMPDIR=${temporary}/`)

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

beforeAll(() => {
  build()
  writeFileSync(join(folder.path, 'script.cjs'), SCRIPT)
})
beforeEach(() => mkdirSync(temporary, { recursive: true }))
afterAll(folder.remove)

async function expectNothingLeft(): Promise<void> {
  expect(readdirSync(temporary)).toEqual([])
  expect(readdirSync(join(folder.path, 'run'))).toEqual([])
  expect(existsSync(join(folder.path, '.openwhisk'))).toBe(false)
  expect(await strays()).toEqual([])
}

describe('exec', () => {
  it('runs the command with a ready server and everything that finds it', async () => {
    const { code, stdout, stderr } = await exec('--', 'node', 'script.cjs', '0')
    expect(stderr).toBe('')
    const { result, env, properties, status } = JSON.parse(stdout)
    expect(result).toEqual({ n: 42 })
    const url = env.__OW_API_HOST
    expect(url).toMatch(/^http:\/\/localhost:\d+$/)
    expect(url).not.toBe('http://localhost:3233')
    expect(env).toEqual({
      __OW_API_HOST: url,
      __OW_API_KEY: expect.stringMatching(/^[0-9a-f-]{36}:\w{64}$/),
      OW_APIHOST: url,
      OW_AUTH: env.__OW_API_KEY,
      WSK_CONFIG_FILE: expect.any(String),
      OPENWHISK_CONTROL_URL: `${url}/_control/v1`,
      OPENWHISK_CONTROL_TOKEN: expect.any(String),
      OPENWHISK_GATEWAY: expect.stringMatching(/^http:\/\/localhost:\d+$/),
    })
    expect(properties).toBe(`APIHOST=${url}\nAUTH=${env.OW_AUTH}\n`)
    expect(status).toMatchObject({ url, driver: 'process' })
    expect(code).toBe(0)
    await expectNothingLeft()
  })

  it('ends with the command’s exit code, or 128 and the signal that ended it', async () => {
    expect((await exec('--', 'node', '-e', 'process.exit(7)')).code).toBe(7)
    expect((await exec('--', 'sh', '-c', 'kill -9 $$')).code).toBe(137)
    await expectNothingLeft()
  })

  it('leaves the command its own options, without `--` too', async () => {
    const { stdout } = await exec('node', '-p', 'process.argv.slice(1).join()', '--', '--port', '1', '-v')
    expect(stdout).toBe('--port,1,-v\n')
    expect((await exec('--', 'echo', '-ns', 'x')).stdout).toBe('-ns x\n')
  })

  it('lets the command trust the certificate it made, beside others', async () => {
    const home = join(folder.path, 'home')
    const ping = ['node', '-e', "fetch(process.env.__OW_API_HOST + '/ping').then(r => r.text()).then(console.log)"]
    const https = (given: NodeJS.ProcessEnv, ...args: string[]) =>
      command({ cwd: folder.path, args: [...SERVER, '--https', '--', ...args], env: { ...env, HOME: home, ...given } })
    const alone = await https({ NODE_EXTRA_CA_CERTS: undefined }, ...ping)
    expect(alone).toEqual({ code: 0, stdout: 'pong\n', stderr: '' })
    const other = join(folder.path, 'other.pem')
    writeFileSync(other, '# another authority')
    const show = ['sh', '-c', '"$0" "$@" && cat $NODE_EXTRA_CA_CERTS', ...ping]
    const both = await https({ NODE_EXTRA_CA_CERTS: other }, ...show)
    expect(both.stdout).toMatch(/^pong\n# another authority\n-----BEGIN CERTIFICATE-----\n/)
    const untouched = await exec('--', 'sh', '-c', 'echo "$NODE_EXTRA_CA_CERTS"')
    expect(untouched.stdout).toBe(`${process.env.NODE_EXTRA_CA_CERTS ?? ''}\n`)
    await expectNothingLeft()
  })

  it('says which command it cannot run', async () => {
    const { code, stderr } = await exec('--', 'no-such-command')
    expect([code, stderr]).toEqual([1, expect.stringContaining('cannot run no-such-command: ')])
    await expectNothingLeft()
  })

  it('does not run the command when the server cannot start', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, stdout, stderr } = await exec('--port', String(port), '--', 'echo', 'ran')
    expect([code, stdout, stderr]).toEqual([4, '', expect.stringContaining(String(port))])
    other.close()
    await expectNothingLeft()
  })

  it('refuses a log file that cannot be opened', async () => {
    const { code, stderr } = await exec('--log-file', '/dev/null/x.log', '--', 'echo', 'ran')
    expect([code, stderr]).toEqual([2, expect.stringMatching(/^openwhisk-standalone: --log-file: .*x\.log'\n$/)])
    await expectNothingLeft()
  })

  it('keeps records, logs and the server’s log of a command that fails', async () => {
    const dump = join(folder.path, 'dump', 'deep')
    const passed = await exec('--dump-on-failure', dump, '--', 'node', 'script.cjs', '0')
    expect([passed.code, existsSync(dump)]).toEqual([0, false])
    const { code, stderr } = await exec('--dump-on-failure', dump, '--', 'node', 'script.cjs', '3')
    expect([code, stderr]).toEqual([3, expect.stringContaining(dump)])
    const records = readFileSync(join(dump, 'activations.ndjson'), 'utf8').trim().split('\n')
    expect(records.map(line => JSON.parse(line))).toMatchObject([
      { name: 'inc', response: { result: { n: 42 } }, logs: [expect.stringMatching(/stdout: n is 41$/)] },
    ])
    expect(readFileSync(join(dump, 'server.log'), 'utf8')).toContain('guest/inc: success')
    await expectNothingLeft()
  })

  it('ends with the command’s exit code also when nothing can be kept of it', async () => {
    const { code, stderr } = await exec('--dump-on-failure', '/dev/null/x', '--', 'sh', '-c', 'exit 7')
    expect([code, stderr]).toEqual([7, expect.stringMatching(/^openwhisk-standalone: --dump-on-failure: .*\n$/)])
    await expectNothingLeft()
  })

  it('keeps its state where it is told to', async () => {
    const keep = (...args: string[]) => exec('-d', 'state', '--', 'node', ...args)
    expect((await keep('script.cjs', '0')).code).toBe(0)
    const look = "require('openwhisk')().actions.list().then(([{ name }]) => console.log(name))"
    expect((await keep('-e', look)).stdout).toBe('inc\n')
    await expectNothingLeft()
  })

  it.each(['SIGTERM', 'SIGINT'] as const)('hands %s to the command, and stops after it', async signal => {
    const wait = `process.on('${signal}', () => { console.log('got it'); process.exit(5) }); console.log('up'); setInterval(() => {}, 1000)`
    const child = spawnCommand({ cwd: folder.path, args: [...SERVER, '--', 'node', '-e', wait], env })
    let output = ''
    child.stdout?.on('data', chunk => {
      output += chunk
    })
    await eventually(() => output.includes('up') || undefined)
    child.kill(signal)
    expect(await once(child, 'exit')).toEqual([5, null])
    expect(output).toBe('up\ngot it\n')
    await expectNothingLeft()
  })

  it.each([
    ['SIGTERM', 143],
    ['SIGINT', 130],
  ] as const)('ends at once with %s while the server stops', async (signal, code) => {
    const slow = `
      const { actions } = require('openwhisk')()
      actions.create({ name: 'slow', kind: 'nodejs:20', action: 'const main = () => new Promise(() => {})' })
        .then(() => actions.invoke({ name: 'slow' }))
        .then(() => console.log(process.pid))`
    const args = [...SERVER, '--stop-timeout', '60s', '--', 'node', '-e', slow]
    const child = spawnCommand({ cwd: folder.path, args, env })
    let output = ''
    child.stdout?.on('data', chunk => {
      output += chunk
    })
    const pid = await eventually(() => Number(output) || undefined)
    await eventually(() => !isAlive(pid) || undefined)
    const asked = performance.now()
    child.kill(signal)
    expect(await once(child, 'exit')).toEqual([code, null])
    expect(performance.now() - asked).toBeLessThan(10_000)
    // What ran ends with the server, a moment later.
    await eventually(() => expectNothingLeft().then(() => true))
  })

  it('ends without the command when a signal comes while the server starts', async () => {
    // Quick servers may be ready before the signal comes: then the command, which takes its time, gets it.
    const slow = ['node', '-e', 'setTimeout(() => console.log("ran"), 5000)']
    const child = spawnCommand({ cwd: folder.path, args: [...SERVER, '--', ...slow], env })
    let output = ''
    child.stdout?.on('data', chunk => {
      output += chunk
    })
    // Its folder is made just before it starts the server, and after its handlers are set.
    await eventually(() => readdirSync(temporary).length > 0 || undefined)
    child.kill('SIGTERM')
    const [code] = await once(child, 'close')
    expect([code, output]).toEqual([143, ''])
    await expectNothingLeft()
  })

  it('asks for a command', async () => {
    const { code, stderr } = await command({ cwd: folder.path, args: ['exec'], env })
    expect([code, stderr]).toEqual([2, expect.stringContaining('missing required argument')])
  })
})
