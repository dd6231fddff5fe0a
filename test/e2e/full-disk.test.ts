// A disk that is full: nothing is promised, nothing that was promised is lost, and all goes on when there is room.

import { execFileSync } from 'node:child_process'
import { closeSync, mkdirSync, openSync, rmSync, statfsSync, writeFileSync, writeSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eachOf, idIn, putAction, type Reply, type Requests, requestsTo } from './requests.ts'
import { aFolder, build, eventually, type ServerProcess, startProcess } from './server.ts'

const folder = aFolder()
const disk = join(folder.path, 'disk')
const UNAVAILABLE = 'The server is currently unavailable (because it is overloaded or down for maintenance).'

/** Why there is no small disk to fill; undefined when it is mounted. */
function mountDisk(): string | undefined {
  mkdirSync(disk)
  try {
    execFileSync('mount', ['-t', 'tmpfs', '-o', 'size=4m', 'tmpfs', disk], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `a small tmpfs cannot be mounted: ${error instanceof Error ? error.message.split('\n').join(' ') : error}`
  }
}

const whyNot = mountDisk()
// Where all is skipped, nothing is cleaned up afterwards.
if (whyNot !== undefined) folder.remove()

afterAll(() => {
  if (whyNot === undefined) execFileSync('umount', ['--lazy', disk])
  folder.remove()
})

const title = 'a server whose disk is full'
if (whyNot === undefined) describe(title, tests)
else describe.skip(`${title} (skipped: ${whyNot})`, tests)

function tests(): void {
  const filler = join(disk, 'filler')
  const gate = join(folder.path, 'gate')
  let server: ServerProcess
  let requests: Requests

  const start = async () => {
    const args = ['--driver', 'process', '--no-prewarm', '--user-memory', '256m', '-d', join(disk, 'state')]
    server = await startProcess({ cwd: folder.path, args })
    requests = requestsTo(server.url, 16)
  }
  /** No byte is left afterwards. */
  const fill = () => {
    const file = openSync(filler, 'a')
    try {
      for (;;) writeSync(file, Buffer.alloc(4096))
    } catch {
      closeSync(file)
    }
    expect(statfsSync(disk).bavail).toBe(0)
  }
  const free = () => rmSync(filler)
  const ready = async () => (await requests.raw('GET', '/ready')).status
  /** Writes until one is refused: the database has some pages of its own to fill. */
  const untilRefused = (): Promise<Reply> => {
    let n = 0
    return eventually(async () => {
      const value = 'x'.repeat(20_000)
      const reply = await requests.send('PUT', `/triggers/filling${n++}`, { parameters: [{ key: 'a', value }] })
      return reply.status === 200 ? undefined : reply
    })
  }
  const statusOf = async (id: string) => {
    const { status, text } = await requests.send('GET', `/activations/${id}`)
    return status === 200 ? JSON.parse(text).response.status : undefined
  }

  beforeAll(async () => {
    build()
    await start()
    await putAction(requests, 'hello', 'function main() { return {} }')
    await putAction(
      requests,
      'gated',
      `const { existsSync } = require("fs")
       async function main() {
         while (!existsSync(${JSON.stringify(gate)})) await new Promise(next => setTimeout(next, 10))
         return {}
       }`,
      { limits: { timeout: 60_000 } },
    )
    await requests.send('PUT', '/actions/both', { exec: { kind: 'sequence', components: ['/_/gated', '/_/hello'] } })
    await putAction(requests, 'doomed', 'function main() { return {} }')
    await requests.send('POST', '/actions/hello?blocking=true')
  })
  afterAll(async () => {
    requests.close()
    await server.end()
  })

  it('refuses what it cannot keep, and still answers what it knows', async () => {
    fill()
    const refusal = await untilRefused()
    expect([refusal.status, JSON.parse(refusal.text).error]).toEqual([503, UNAVAILABLE])
    const writes: [string, string, unknown?][] = [
      ['PUT', '/actions/other', { exec: { kind: 'nodejs:20', code: 'function main() {}' } }],
      ['PUT', '/packages/other', {}],
      ['POST', '/actions/hello'],
      ['POST', '/actions/hello?blocking=true'],
    ]
    for (const [method, path, body] of writes) {
      const { status } = await requests.send(method, path, body)
      expect([method, path, status]).toEqual([method, path, 503])
    }
    expect(await ready()).toBe(503)
    expect((await requests.send('GET', '/actions/hello')).status).toBe(200)
    expect((await requests.send('GET', '/actions')).status).toBe(200)
    expect((await requests.send('GET', '/actions/other')).status).toBe(404)
    expect((await requests.send('GET', '/packages/other')).status).toBe(404)
  }, 60_000)

  it('goes on by itself when there is room again', async () => {
    free()
    await eventually(async () => ((await ready()) === 200 ? true : undefined))
    await putAction(requests, 'other', 'function main() { return {} }')
    expect((await requests.send('POST', '/actions/hello?blocking=true')).status).toBe(200)
    const id = idIn(await requests.send('POST', '/actions/other'))
    expect(await eventually(() => statusOf(id))).toBe('success')
  }, 60_000)

  it('carries out what it had accepted before, and keeps its record', async () => {
    const accepted: string[] = []
    // One runs, the others wait behind it.
    for (let n = 0; n < 4; n++) accepted.push(idIn(await requests.send('POST', '/actions/gated')))
    for (let n = 0; n < 4; n++) accepted.push(idIn(await requests.send('POST', '/actions/hello')))
    accepted.push(idIn(await requests.send('POST', '/actions/doomed')))
    accepted.push(idIn(await requests.send('POST', '/actions/both')))
    expect((await requests.send('DELETE', '/actions/doomed')).status).toBe(200)
    fill()
    await untilRefused()
    writeFileSync(gate, '')
    // They end now, one after the other, on a disk that takes no record.
    const failures = () => server.stderr().split('could not write').length
    const before = failures()
    await eventually(() => (failures() > before + 2 ? true : undefined))
    expect((await requests.send('GET', '/actions/hello')).status).toBe(200)
    free()
    await eventually(async () => ((await ready()) === 200 ? true : undefined))
    const missing = new Set<string>()
    await eachOf(accepted, 4, async id => {
      await eventually(() => statusOf(id), 15_000).catch(() => missing.add(id))
    })
    expect([...missing]).toEqual([])
  }, 90_000)

  it('has all of it after a kill and a restart', async () => {
    await server.end('SIGKILL')
    requests.close()
    await start()
    expect((await requests.send('GET', '/actions/other')).status).toBe(200)
    expect((await requests.send('GET', '/actions/doomed')).status).toBe(404)
    expect((await requests.send('POST', '/actions/hello?blocking=true')).status).toBe(200)
  }, 30_000)
}
