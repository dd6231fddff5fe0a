// A server that is killed again and again while it works, and what must be true when it is there again.

import { mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDocker } from './docker.ts'
import { containersOf, filesIn, processesOf } from './leftovers.ts'
import { eachOf, idIn, putAction, type Requests, requestsTo } from './requests.ts'
import { aFolder, build, eventually, type ServerProcess, startProcess } from './server.ts'

const WORKERS = 6
/** A server is killed when it has given so many answers, at most, and a moment later. */
const MOST_ANSWERS = 60
const MOMENT_MS = 30
const RULES = 2
const WORK = 'function main(args) { return new Promise(done => setTimeout(done, 5, { n: args.n })) }'

/** What has been promised: ids of activations and fires; what the names of each worker may hold by now. */
interface Promises {
  readonly activations: Set<string>
  readonly fires: Set<string>
  /** By name, each content that the last requests allow; undefined: there is no such action. */
  readonly actions: Map<string, readonly (number | undefined)[]>
}

describe('a server with processes that is killed 50 times', () => killed('process', 50))
describeDocker('a server with Docker that is killed 6 times', () => killed('docker', 6))

function killed(driver: 'process' | 'docker', times: number): void {
  let folder: ReturnType<typeof aFolder>
  let tmp: string
  const pids: number[] = []
  const promises: Promises = { activations: new Set(), fires: new Set(), actions: new Map() }
  let server: ServerProcess

  const start = async () => {
    server = await startProcess({
      cwd: folder.path,
      args: ['--driver', driver, '--pull', 'never', '-d', 'state', '--user-memory', '1024m', '--no-prewarm'],
      env: { TMPDIR: tmp },
    })
    pids.push(server.pid)
  }

  beforeAll(async () => {
    build()
    folder = aFolder()
    tmp = join(folder.path, 'tmp')
    mkdirSync(tmp)
    await start()
    const requests = requestsTo(server.url)
    await putAction(requests, 'work', WORK)
    await requests.send('PUT', '/actions/both', { exec: { kind: 'sequence', components: ['/_/work', '/_/work'] } })
    await requests.send('PUT', '/triggers/bell', {})
    for (let n = 0; n < RULES; n++) {
      await requests.send('PUT', `/rules/rings${n}`, { trigger: '/_/bell', action: n === 0 ? '/_/work' : '/_/both' })
    }
    requests.close()
  })
  afterAll(async () => {
    await server.end()
    folder.remove()
  })

  it('leaves no process and no temporary file behind, however it was killed', async () => {
    for (let n = 0; n < times; n++) {
      if (n > 0) await start()
      const answers = new AnswerCount(Math.floor(Math.random() * MOST_ANSWERS))
      const load = workUntilKilled(server, n, promises, answers)
      await answers.reached
      await new Promise(resolve => setTimeout(resolve, Math.random() * MOMENT_MS))
      expect(await server.end('SIGKILL')).toBe('SIGKILL')
      await load
      await expectNone(() => processesOf(tmp))
    }
    await start()
    // Where it was killed while it made its folder, the next one removes that.
    await expectNone(() => filesIn(tmp).filter(name => !name.startsWith(`ow-run-${server.pid}-`)))
    // A file for each of the killed servers would be one more with every crash.
    expect(readdirSync(join(folder.path, 'run'))).toHaveLength(1)
  }, 600_000)

  it('has a record of each acknowledged activation, and of what each acknowledged fire started', async () => {
    const requests = requestsTo(server.url, 8)
    expect(promises.activations.size).toBeGreaterThan(times)
    expect(promises.fires.size).toBeGreaterThan(times / 2)
    const ids = new Set(promises.activations)
    await eachOf(promises.fires, 8, async fire => {
      const { logs } = await recordOf(requests, fire)
      const lines = logs.map(line => JSON.parse(line))
      expect(lines).toHaveLength(RULES)
      for (const { success, activationId } of lines) {
        expect(success).toBe(true)
        ids.add(activationId)
      }
    })
    const statuses = new Map<string, number>()
    await eachOf(ids, 8, async id => {
      const { response } = await recordOf(requests, id)
      statuses.set(response.status, (statuses.get(response.status) ?? 0) + 1)
    })
    expect([...statuses.keys()].filter(status => status !== 'success' && status !== 'whisk internal error')).toEqual([])
    expect(statuses.get('success')).toBeGreaterThan(0)
    requests.close()
  }, 60_000)

  it('has each acknowledged PUT, and nothing of an acknowledged DELETE', async () => {
    const requests = requestsTo(server.url, 8)
    const wrong: unknown[] = []
    await eachOf(promises.actions, 8, async ([name, allowed]) => {
      const { status, text } = await requests.send('GET', `/actions/${name}`)
      const found = status === 404 ? undefined : contentOf(text)
      if (!allowed.includes(found)) wrong.push({ name, allowed, found })
    })
    expect(promises.actions.size).toBeGreaterThan(WORKERS)
    expect(wrong).toEqual([])
    requests.close()
  })

  it('leaves nothing when it is stopped in the end', async () => {
    // What the engine was still making when a server died appears after that server's successor has looked.
    if (driver === 'docker') {
      await server.end()
      await start()
      await eventually(() => (containersOf(pids.slice(0, -1)).length === 0 ? true : undefined))
    }
    expect(await server.end('SIGTERM')).toBe(0)
    expect([...processesOf(tmp), ...filesIn(tmp)]).toEqual([])
    expect(readdirSync(join(folder.path, 'run'))).toEqual([])
    if (driver === 'docker') expect(containersOf(pids)).toEqual([])
  }, 60_000)
}

/** Settles `reached` with the answer of this number. */
class AnswerCount {
  readonly reached: Promise<void>
  #left: number
  #reach = () => {}

  constructor(goal: number) {
    this.#left = goal
    this.reached = new Promise(resolve => {
      this.#reach = resolve
    })
    if (goal === 0) this.#reach()
  }

  add(): void {
    this.#left -= 1
    if (this.#left <= 0) this.#reach()
  }
}

async function expectNone(find: () => string[]): Promise<void> {
  await eventually(() => (find().length === 0 ? true : undefined), 10_000).catch(() => expect(find()).toEqual([]))
}

/** Settles when no request is answered any more. */
async function workUntilKilled(
  server: ServerProcess,
  round: number,
  promises: Promises,
  answers: AnswerCount,
): Promise<void> {
  const requests = requestsTo(server.url, WORKERS)
  const worker = async (id: number) => {
    for (let n = 0; ; n++, answers.add()) {
      const name = `mine-${id}-${n % 7}`
      switch (Math.floor(Math.random() * 6)) {
        case 0:
          await put(requests, name, round * 100_000 + n, promises)
          break
        case 1:
          await remove(requests, name, promises)
          break
        case 2:
          promises.fires.add(idIn(await requests.send('POST', '/triggers/bell', { n })))
          break
        case 3:
          promises.activations.add(idIn(await requests.send('POST', '/actions/both', { n })))
          break
        case 4: {
          const { status, text } = await requests.send('POST', '/actions/work?blocking=true', { n })
          if (status === 200) promises.activations.add(JSON.parse(text).activationId)
          break
        }
        default:
          promises.activations.add(idIn(await requests.send('POST', '/actions/work', { n })))
      }
    }
  }
  const results = await Promise.allSettled(Array.from({ length: WORKERS }, (_, id) => worker(id)))
  requests.close()
  // The connection broke; anything else is a wrong answer.
  for (const result of results) {
    const code = result.status === 'rejected' && 'code' in Object(result.reason) ? result.reason.code : result
    expect(['ECONNRESET', 'ECONNREFUSED', 'EPIPE']).toContain(code)
  }
}

/** An action that tells which request made it. Until the answer is there, both may be. */
async function put(requests: Requests, name: string, content: number, { actions }: Promises): Promise<void> {
  actions.set(name, [...(actions.get(name) ?? [undefined]), content])
  const exec = { kind: 'nodejs:20', code: 'function main() {}' }
  const body = { exec, annotations: [{ key: 'content', value: content }] }
  const { status, text } = await requests.send('PUT', `/actions/${name}?overwrite=true`, body)
  if (status !== 200) throw new Error(`${status} ${text}`)
  actions.set(name, [content])
}

async function remove(requests: Requests, name: string, { actions }: Promises): Promise<void> {
  actions.set(name, [...(actions.get(name) ?? [undefined]), undefined])
  const { status, text } = await requests.send('DELETE', `/actions/${name}`)
  if (status !== 200 && status !== 404) throw new Error(`${status} ${text}`)
  actions.set(name, [undefined])
}

function contentOf(text: string): number | undefined {
  const { annotations }: { annotations: { key: string; value: number }[] } = JSON.parse(text)
  return annotations.find(({ key }) => key === 'content')?.value
}

function recordOf(requests: Requests, id: string): Promise<{ logs: string[]; response: { status: string } }> {
  return eventually(async () => {
    const { status, text } = await requests.send('GET', `/activations/${id}`)
    if (status !== 200) throw new Error(`activation ${id}: ${status} ${text}`)
    return JSON.parse(text)
  }, 45_000)
}
