// The commands beside `start`: with a running server, and without one.

import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aFolder, build, clientOf, command, type ServerProcess, startProcess } from '../e2e/server.ts'

beforeAll(build)

const KEY = 'k'.repeat(64)
const UUID = 'cafebabe-cafe-babe-cafe-babecafebabe'

describe('user and limits', () => {
  const folder = aFolder()
  let server: ServerProcess | undefined
  const run = async (...args: string[]) => {
    const { code, stdout, stderr } = await command({ cwd: folder.path, args })
    return [code, (stdout + stderr).trimEnd()]
  }
  afterAll(async () => {
    await server?.end()
    folder.remove()
  })

  it('work on the store when no server runs, with wskadmin’s sentences', async () => {
    expect(await run('user', 'create', 'alice', '-u', `${UUID}:${KEY}`)).toEqual([0, `${UUID}:${KEY}`])
    expect(await run('user', 'create', 'alice')).toEqual([1, 'Namespace already exists'])
    expect(await run('user', 'create', 'bob')).toEqual([2, 'Subject name must be at least 5 characters'])
    expect(await run('user', 'create', 'alice', '-ns', 'second', '-s')).toEqual([0, ''])
    expect(await run('user', 'get', 'alice')).toEqual([0, `${UUID}:${KEY}`])
    expect(await run('user', 'whois', `${UUID}:${KEY}`)).toEqual([0, 'subject: alice\nnamespace: alice'])
    expect(await run('limits', 'set', 'alice', '--invocationsPerMinute', '1')).toEqual([
      0,
      'Limits successfully set for "alice"',
    ])
    expect(await run('limits', 'get', 'alice')).toEqual([0, 'invocationsPerMinute = 1'])
  })

  it('refuse what is no port', async () => {
    const sentence = "openwhisk-standalone: --port: 'abc' is not a port"
    expect(await run('user', 'create', 'somebody', '--port', 'abc')).toEqual([2, sentence])
  })

  it('work on the running server, at once', async () => {
    server = await startProcess({ cwd: folder.path, args: ['--driver', 'process', '--no-prewarm'] })
    const alice = clientOf(server.url, `${UUID}:${KEY}`)
    expect(await alice.actions.list()).toEqual([])
    expect(await run('user', 'block', 'alice', 'nobody')).toEqual([
      1,
      '"alice" blocked successfully\nFailed to block "nobody" ({"error":"not_found","reason":"missing"})',
    ])
    await expect(alice.actions.list()).rejects.toMatchObject({ statusCode: 401 })
    expect(await run('user', 'unblock', 'alice')).toEqual([0, '"alice" unblocked successfully'])
    expect(await alice.actions.list()).toEqual([])

    await alice.actions.create({ name: 'a', action: 'function main() {}', kind: 'nodejs:20' })
    await alice.actions.invoke({ name: 'a' })
    // The next minute may begin once between them, but not twice.
    const more = await Promise.allSettled([1, 2].map(() => alice.actions.invoke({ name: 'a' })))
    expect(more).toContainEqual({ status: 'rejected', reason: expect.objectContaining({ statusCode: 429 }) })
    expect(await run('limits', 'delete', 'alice')).toEqual([0, 'Limits deleted'])
    expect(await run('limits', 'get', 'alice')).toEqual([0, 'No limits found, default system limits apply'])
    await alice.actions.invoke({ name: 'a' })
    expect(await run('user', 'delete', 'alice')).toEqual([0, 'Subject deleted'])
    await expect(alice.actions.list()).rejects.toMatchObject({ statusCode: 401 })
  })
})

describe('status, wait and doctor', () => {
  const folder = aFolder()
  const run = (...args: string[]) => command({ cwd: folder.path, args })
  afterAll(folder.remove)

  it('say that no server runs', async () => {
    expect(await run('status')).toMatchObject({ code: 1, stderr: expect.stringContaining('no server runs') })
    expect(await run('wait', '--timeout', '0.2')).toMatchObject({
      code: 1,
      stderr: expect.stringContaining('not ready within 0.2'),
    })
  })

  it('find the server by its data directory, by its port, and as the only one', async () => {
    const waiting = run('wait')
    const args = ['--driver', 'process', '--no-prewarm', '-d', 'one']
    const first = await startProcess({ cwd: folder.path, args })
    expect(await waiting).toMatchObject({ code: 0, stdout: `${first.url}\n` })
    expect(JSON.parse((await run('status', '--json')).stdout)).toMatchObject({
      url: first.url,
      pid: first.pid,
      ready: true,
      driver: 'process',
      dataDir: join(folder.path, 'one'),
    })
    const second = await startProcess({ cwd: folder.path, args: [...args, '-d', 'two'] })
    expect(await run('status')).toMatchObject({ code: 2, stderr: expect.stringContaining('say which with --port') })
    const { port } = new URL(second.url)
    expect((await run('status', '--port', port)).stdout).toContain(second.url)
    expect((await run('status', '-d', 'two')).stdout).toContain(second.url)
    expect((await run('status', '-d', 'three')).code).toBe(1)
    await Promise.all([first.end(), second.end()])
  })

  it('examine the machine', async () => {
    const env = { DOCKER_HOST: `unix://${join(folder.path, 'none.sock')}` }
    const { code, stdout } = await command({ cwd: folder.path, args: ['doctor', '--json'], env })
    expect(code).toBe(0)
    const { findings } = JSON.parse(stdout) as { findings: { check: string; outcome: string }[] }
    const outcomes = Object.fromEntries(findings.map(({ check, outcome }) => [check, outcome]))
    expect(outcomes).toMatchObject({ 'Node.js': 'ok', SQLite: 'ok', Docker: 'note', 'data directory': 'ok' })
  })
})
