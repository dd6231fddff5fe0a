// Many invokes at once, through the sockets of a server with processes.

import { readFileSync, writeFileSync } from 'node:fs'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eachOf, idIn, metric, putAction, type Requests, requestsTo } from './requests.ts'
import { aFolder, build, eventually, type ServerProcess, startProcess } from './server.ts'

const MANY = 5000
const CONNECTIONS = 64
const MB = 1024 * 1024
/** What a burst of small requests may add to the server's resident memory, the queue's own limit aside. */
const ALLOWED_MB = 256
const QUEUED = 'gauge_containerPool_runBufferCount_counter'

const folder = aFolder()
/** One container at a time, so that the order of runs is the order in which they came out of the queue. */
const ARGS = ['--driver', 'process', '--no-prewarm', '--user-memory', '256m']
const ORDERED = 'let turn = 0; function main(args) { return { turn: turn++, n: args.n, worker: args.worker } }'
const GATED = `
const { existsSync } = require("fs")
async function main({ gate }) { while (!existsSync(gate)) await new Promise(next => setTimeout(next, 10)); return {} }`
const SLOW = 'function main({ ms }) { return new Promise(done => setTimeout(done, ms, { ms })) }'

afterAll(folder.remove)

interface Activation {
  readonly activationId: string
  readonly start: number
  readonly response: { readonly status: string; readonly result: { turn: number; n: number; worker: number } }
}

describe(`${MANY} non-blocking invokes from ${CONNECTIONS} connections`, () => {
  let server: ServerProcess
  let requests: Requests

  beforeAll(async () => {
    build()
    server = await startProcess({ cwd: folder.path, args: [...ARGS, '-d', 'many'] })
    requests = requestsTo(server.url, CONNECTIONS)
    await putAction(requests, 'ordered', ORDERED, { limits: { logs: 0 } })
  })
  afterAll(async () => {
    requests.close()
    await server.end()
  })

  it('are all accepted, shown in /metrics while they wait, and recorded once each, in order', async () => {
    const before = residentBytes(server.pid)
    let [most, peak] = [0, 0]
    let watching = true
    const watch = async () => {
      while (watching) {
        most = Math.max(most, await metric(requests, QUEUED))
        peak = Math.max(peak, residentBytes(server.pid))
        await new Promise(resolve => setTimeout(resolve, 50))
      }
    }
    const watched = watch()
    const accepted: string[] = []
    await Promise.all(
      Array.from({ length: CONNECTIONS }, async (_, worker) => {
        for (let n = worker; n < MANY; n += CONNECTIONS) {
          accepted.push(idIn(await requests.send('POST', '/actions/ordered', { worker, n })))
        }
      }),
    )
    expect(new Set(accepted).size).toBe(MANY)
    await eventually(async () => ((await recordCount(requests)) === MANY ? true : undefined), 90_000)
    watching = false
    await watched
    expect(most).toBeGreaterThan(0)
    expect(await metric(requests, QUEUED)).toBe(0)
    if (before > 0) expect((peak - before) / MB).toBeLessThan(ALLOWED_MB)

    const records = await allRecords(requests)
    expect(new Set(records.map(({ activationId }) => activationId))).toEqual(new Set(accepted))
    expect(records.filter(({ response }) => response.status !== 'success')).toEqual([])
    // One container ran them all: its turns are the order of the queue.
    const inTurn = records.map(({ response }) => response.result).sort((a, b) => a.turn - b.turn)
    expect(inTurn.map(({ turn }) => turn)).toEqual(Array.from({ length: MANY }, (_, turn) => turn))
    // What a client sent after it had the answer to another ran after that other.
    const last = new Map<number, number>()
    const overtaken = inTurn.filter(({ worker, n }) => {
      const before = last.get(worker) ?? -1
      last.set(worker, n)
      return n < before
    })
    expect(overtaken).toEqual([])
  }, 150_000)
})

describe('500 blocking invokes at once', () => {
  it('end with their results, or with 202 when their wait is over, and a record later', async () => {
    build()
    const server = await startProcess({ cwd: folder.path, args: [...ARGS, '--ephemeral'] })
    const requests = requestsTo(server.url, 500)
    await putAction(requests, 'slow', SLOW)
    // Compiled and warm: what follows is about the queue.
    await requests.send('POST', '/actions/slow?blocking=true', { ms: 0 })
    const replies = await Promise.all(
      Array.from({ length: 500 }, (_, n) =>
        requests.send('POST', `/actions/slow?blocking=true&result=true${n % 2 ? '&timeout=200' : ''}`, { ms: 5 }),
      ),
    )
    const patient = replies.filter((_, n) => n % 2 === 0)
    expect(patient.filter(({ status, text }) => status !== 200 || text !== '{"ms":5}')).toEqual([])
    const late = replies.filter(({ status }) => status === 202)
    expect(late.length).toBeGreaterThan(0)
    expect(replies.filter(({ status }) => status !== 200 && status !== 202)).toEqual([])
    await eachOf(late, 16, async reply => {
      const record = await eventually(async () => {
        const { status, text } = await requests.send('GET', `/activations/${idIn(reply)}`)
        return status === 200 ? JSON.parse(text) : undefined
      })
      expect(record.response.result).toEqual({ ms: 5 })
    })
    requests.close()
    await server.end()
  }, 120_000)
})

describe('a queue that is full', () => {
  it('answers 503, keeps what it accepted, and takes more when there is room again', async () => {
    build()
    const gate = `${folder.path}/gate`
    const server = await startProcess({
      cwd: folder.path,
      args: [...ARGS, '-d', 'full', '--queue-memory', '100k'],
    })
    const requests = requestsTo(server.url, 8)
    await putAction(requests, 'gated', GATED)
    const padding = 'x'.repeat(10_000)
    const replies = await Promise.all(
      Array.from({ length: 40 }, () => requests.send('POST', '/actions/gated', { gate, padding })),
    )
    const [accepted, refused] = [202, 503].map(wanted => replies.filter(({ status }) => status === wanted))
    expect(accepted?.length).toBeGreaterThanOrEqual(9)
    expect(accepted?.length).toBeLessThanOrEqual(11)
    expect(refused).toHaveLength(40 - (accepted?.length ?? 0))
    expect(JSON.parse(refused?.[0]?.text ?? '')).toEqual({
      code: expect.any(String),
      error: 'The server is currently unavailable (because it is overloaded or down for maintenance).',
    })
    expect((await requests.send('POST', '/actions/gated?blocking=true', { gate, padding })).status).toBe(503)
    expect((await requests.send('GET', '/actions/gated')).status).toBe(200)

    writeFileSync(gate, '')
    for (const reply of accepted ?? []) {
      const record = await eventually(async () => {
        const { status, text } = await requests.send('GET', `/activations/${idIn(reply)}`)
        return status === 200 ? JSON.parse(text) : undefined
      })
      expect(record.response.status).toBe('success')
    }
    expect(await recordCount(requests)).toBe(accepted?.length)
    expect((await requests.send('POST', '/actions/gated?blocking=true', { gate, padding })).status).toBe(200)
    requests.close()
    await server.end()
  }, 60_000)
})

function residentBytes(pid: number): number {
  if (process.platform !== 'linux') return 0
  return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1] ?? 0) * 1024
}

async function recordCount(requests: Requests): Promise<number> {
  const { text } = await requests.send('GET', '/activations?count=true')
  return JSON.parse(text).activations
}

async function allRecords(requests: Requests): Promise<Activation[]> {
  const pages = Array.from({ length: Math.ceil(MANY / 200) }, (_, page) => page * 200)
  const records: Activation[] = []
  await eachOf(pages, 4, async skip => {
    const { text } = await requests.send('GET', `/activations?docs=true&limit=200&skip=${skip}`)
    records.push(...JSON.parse(text))
  })
  return records
}
