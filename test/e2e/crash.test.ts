// What is left when a server is killed: every acknowledged activation gets its record, nothing else survives.

import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDocker } from './docker.ts'
import { aFolder, build, clientOf, eventually, type ServerProcess, startProcess } from './server.ts'

const BURST = 200
const CODE = 'function main(args) { return new Promise(done => setTimeout(done, 20, { n: args.n })) }'

describe('a server with processes that is killed in the middle of work', () => killed('process'))
describeDocker('a server with Docker that is killed in the middle of work', () => killed('docker'))

function killed(driver: 'process' | 'docker'): void {
  const folder = aFolder()
  const args = ['--driver', driver, '--pull', 'never', '-d', 'state', '--user-memory', '1024m', '--no-prewarm']
  const start = () => startProcess({ cwd: folder.path, args })
  let server: ServerProcess

  beforeAll(async () => {
    build()
    server = await start()
  })
  afterAll(async () => {
    await server.end()
    folder.remove()
  })

  it('has a record of each acknowledged activation after its restart, and has left no process and no container behind', async () => {
    const ow = clientOf(server.url)
    await ow.actions.create({ name: 'work', action: CODE, kind: 'nodejs:20' })
    const acknowledged: string[] = []
    const invokes = Array.from({ length: BURST }, async (_, n) => {
      const { activationId } = await ow.actions.invoke({ name: 'work', params: { n } })
      acknowledged.push(String(activationId))
    })
    // At once: many of them break off before anything else looks at them.
    const ended = Promise.allSettled(invokes)
    // In the middle: some are acknowledged, the rest are on their way.
    const made = () => (driver === 'process' ? childrenOf(server.pid) : containersOf(server.pid)).length
    // All of the containers that have room, so that the engine is not at one when the server dies.
    const wanted = driver === 'process' ? 1 : 4
    await eventually(() => (acknowledged.length >= BURST / 4 && made() >= wanted ? true : undefined))
    const children = childrenOf(server.pid)
    const killedPid = server.pid
    expect(await server.end('SIGKILL')).toBe('SIGKILL')
    await ended

    await eventually(() => (children.filter(isAlive).length === 0 ? true : undefined), 10_000)

    server = await start()
    const again = clientOf(server.url)
    const statuses = new Map<string, number>()
    for (const id of acknowledged) {
      const record = await eventually(() => again.activations.get({ name: id }), 60_000)
      const status = String(record.response?.status)
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      expect(record.end).toEqual(expect.any(Number))
    }
    expect([...statuses.keys()].filter(status => !['success', 'whisk internal error'].includes(status))).toEqual([])
    expect(statuses.get('success')).toBeGreaterThan(0)

    if (driver === 'docker') await eventually(() => (containersOf(killedPid).length === 0 ? true : undefined))
    const last = childrenOf(server.pid)
    expect(await server.end('SIGTERM')).toBe(0)
    expect(last.filter(isAlive)).toEqual([])
    if (driver === 'docker') expect([...containersOf(killedPid), ...containersOf(server.pid)]).toEqual([])
  }, 120_000)
}

describe.skipIf(process.platform !== 'linux')('a signal', () => {
  it('stops a server that runs an endless loop within its stop timeout, twice stops it at once', async () => {
    build()
    const folder = aFolder()
    const args = ['--driver', 'process', '--ephemeral', '--stop-timeout', '60s']
    const server = await startProcess({ cwd: folder.path, args })
    const ow = clientOf(server.url)
    await ow.actions.create({ name: 'busy', action: 'function main() { for (;;); }', kind: 'nodejs:20' })
    await ow.actions.invoke({ name: 'busy' })
    const children = await eventually(() => {
      const found = childrenOf(server.pid)
      return found.length > 0 ? found : undefined
    })
    const ended = server.end('SIGTERM')
    await eventually(() => (server.stderr().includes('stopping') ? true : undefined))
    // Sooner, it would be taken for the duplicate that npm sends.
    const secondAt = Date.now() + 400
    await eventually(() => (Date.now() >= secondAt ? true : undefined))
    server.child.kill('SIGTERM')
    expect(await ended).toBe(143)
    await eventually(() => (children.filter(isAlive).length === 0 ? true : undefined), 10_000)
    folder.remove()
  })
})

/** The containers that a server of this process id made. */
function containersOf(pid: number): string[] {
  const filter = `label=org.openwhisk.standalone.server.pid=${pid}`
  const ids = execFileSync('docker', ['ps', '--all', '--quiet', '--filter', filter], { encoding: 'utf8' })
  return ids.split('\n').filter(id => id !== '')
}

/** All processes below one, by their ids. */
function childrenOf(pid: number): number[] {
  const table = execFileSync('ps', ['-A', '-o', 'pid=,ppid='], { encoding: 'utf8' })
  const parents = table
    .trim()
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number))
  const below = (parent: number): number[] =>
    parents.flatMap(([own = 0, of]) => (of === parent ? [own, ...below(own)] : []))
  return below(pid)
}

/** A zombie has ended. */
function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return process.platform !== 'linux' || !/^State:\s+[ZX]/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}
