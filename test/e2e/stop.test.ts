// What a stop leaves for the next start, and what a second signal does.

import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { filesIn, processesOf } from './leftovers.ts'
import { idIn, metric, putAction, type Requests, requestsTo } from './requests.ts'
import { aFolder, build, command, eventually, type ServerProcess, startProcess } from './server.ts'

const ARGS = ['--driver', 'process', '--no-prewarm', '--user-memory', '256m', '-d', 'state']
const QUEUED = 'gauge_containerPool_runBufferCount_counter'

const folders: (() => void)[] = []
let cwd: string
let tmp: string

beforeAll(build)
beforeEach(() => {
  const folder = aFolder()
  cwd = folder.path
  tmp = join(cwd, 'tmp')
  mkdirSync(tmp)
  folders.push(folder.remove)
})
afterAll(() => {
  for (const remove of folders) remove()
})

const start = (...more: string[]) => startProcess({ cwd, args: [...ARGS, ...more], env: { TMPDIR: tmp } })

/** One that never ends runs, five others wait. */
async function keepBusy(server: ServerProcess): Promise<{ requests: Requests; endless: string; waiting: string[] }> {
  const requests = requestsTo(server.url, 8)
  await putAction(requests, 'endless', 'function main() { for (;;); }', { limits: { timeout: 120_000 } })
  await putAction(requests, 'hello', 'function main(args) { return args }')
  const endless = idIn(await requests.send('POST', '/actions/endless'))
  const waiting: string[] = []
  for (let n = 0; n < 5; n++) waiting.push(idIn(await requests.send('POST', '/actions/hello', { n })))
  await eventually(async () => ((await metric(requests, QUEUED)) === 5 ? true : undefined))
  return { requests, endless, waiting }
}

async function responseOf(requests: Requests, id: string): Promise<unknown> {
  const { status, text } = await requests.send('GET', `/activations/${id}`)
  return status === 200 ? JSON.parse(text).response : undefined
}

describe('a server that is stopped while work waits', () => {
  it('leaves it queued for the next start, in its order, and ends what runs with a record', async () => {
    const server = await start('--stop-timeout', '500ms')
    const { requests, endless, waiting } = await keepBusy(server)
    const blocked = requests.send('POST', '/actions/hello?blocking=true')
    await eventually(async () => ((await metric(requests, QUEUED)) === 6 ? true : undefined))
    const ended = server.end('SIGTERM')
    // Nobody was promised anything of this one.
    expect((await blocked).status).toBe(503)
    expect(await ended).toBe(0)
    expect(server.stderr()).toContain('1 interrupted, 5 wait for the next start')
    expect([...processesOf(tmp), ...filesIn(tmp)]).toEqual([])
    requests.close()

    const next = await start()
    const again = requestsTo(next.url)
    for (const [n, id] of waiting.entries()) {
      const response = await eventually(() => responseOf(again, id))
      expect(response).toMatchObject({ status: 'success', result: { n } })
    }
    expect(await responseOf(again, endless)).toMatchObject({
      status: 'whisk internal error',
      result: { error: 'The activation was interrupted because the server stopped.' },
    })
    const { text } = await again.send('GET', '/activations?name=hello&docs=true')
    const ids: string[] = JSON.parse(text).map(({ activationId }: { activationId: string }) => activationId)
    expect(ids).toEqual([...waiting].reverse())
    again.close()
    expect(await next.end()).toBe(0)
  }, 60_000)

  it('stops at once on a second signal, leaves no process, and loses nothing', async () => {
    const server = await start('--stop-timeout', '60s')
    const { requests, endless, waiting } = await keepBusy(server)
    requests.close()
    server.child.kill('SIGINT')
    await eventually(() => (server.stderr().includes('stopping') ? true : undefined))
    // Sooner, it would be taken for the duplicate that npm sends.
    const secondAt = Date.now() + 400
    await eventually(() => (Date.now() >= secondAt ? true : undefined))
    const exited = once(server.child, 'exit')
    server.child.kill('SIGINT')
    expect((await exited)[0]).toBe(130)
    await eventually(() => (processesOf(tmp).length + filesIn(tmp).length === 0 ? true : undefined))

    const next = await start()
    const again = requestsTo(next.url)
    for (const id of waiting) {
      expect(await eventually(() => responseOf(again, id))).toMatchObject({ status: 'success' })
    }
    expect(await responseOf(again, endless)).toMatchObject({ status: 'whisk internal error' })
    again.close()
    expect(await next.end()).toBe(0)
  }, 60_000)
})

describe('a data directory of a newer version', () => {
  it('is refused with exit code 3, and left as it is', async () => {
    const server = await start()
    await server.end()
    const path = join(cwd, 'state', 'openwhisk.db')
    const newer = new Database(path)
    newer.pragma('user_version = 999')
    newer.close()
    const { code, stdout, stderr } = await command({ cwd, args: ['--port', '0', ...ARGS] })
    expect([code, stdout]).toEqual([3, ''])
    expect(stderr).toContain('has schema version 999')
    const after = new Database(path, { readonly: true })
    expect(after.pragma('user_version', { simple: true })).toBe(999)
    after.close()
  }, 30_000)
})
