// Every way in which an action can fail, through the API: the record that it leaves, and that the next one works.

import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDocker } from './docker.ts'
import { containersOf, filesIn, processesOf } from './leftovers.ts'
import { putAction, type Requests, requestsTo } from './requests.ts'
import { aFolder, build, eventually, type ServerProcess, startProcess } from './server.ts'

interface Failure {
  readonly code: string
  readonly kind?: string
  readonly limits?: object
  readonly httpStatus?: number
  readonly status?: string
  /** What `response.result.error` is. */
  readonly error?: unknown
  /** What the record's logs end with, if that matters. */
  readonly lastLog?: RegExp
  /** Whether the time limit is reached, a short one then; it is not unless said. */
  readonly timeout?: true
  /** Containers have no such failure: there the code is the first process, which nothing kills. */
  readonly processOnly?: true
}

/** A container under load may take a second to listen. */
const TIME_LIMIT = { process: 2000, docker: 3000 }
/** What each action does when it is asked to behave. */
const OK = 'if (args.ok) return { ok: true };'
const DATA_MISSING = /stderr: The action did not initialize or run as expected\. Log data might be missing\.$/
const EXITED = 'The action did not produce a valid response and exited unexpectedly.'
const INIT_TIMEOUT = expect.stringMatching(
  /^The action exceeded its time limits of (2000|3000) milliseconds during initialization\.$/,
)
const RUN_TIMEOUT = expect.stringMatching(/^The action exceeded its time limits of (2000|3000) milliseconds\.$/)

const AT_LOAD: Record<string, Failure> = {
  'an endless loop': { code: 'for (;;);', error: INIT_TIMEOUT, timeout: true },
  'an exit': { code: 'process.exit(3)', error: INIT_TIMEOUT, timeout: true },
  'an exception': {
    code: 'throw new Error("no good")',
    error: expect.stringMatching(/^Initialization has failed due to: Error: no good/),
    lastLog: DATA_MISSING,
  },
  'no main': {
    code: 'const one = 1',
    error: expect.stringMatching(/^Initialization has failed due to: /),
    lastLog: DATA_MISSING,
  },
}

const IN_A_RUN: Record<string, Failure> = {
  'an endless loop': {
    code: `function main(args) { ${OK} for (;;); }`,
    error: RUN_TIMEOUT,
    timeout: true,
    lastLog: DATA_MISSING,
  },
  'no answer': {
    code: `function main(args) { ${OK} return new Promise(() => {}) }`,
    error: RUN_TIMEOUT,
    timeout: true,
  },
  'an exit': { code: `function main(args) { ${OK} process.exit(0) }`, error: EXITED, lastLog: DATA_MISSING },
  'a signal': {
    code: `function main(args) { ${OK} process.kill(process.pid, "SIGKILL") }`,
    error: EXITED,
    processOnly: true,
  },
  'an exception': {
    code: `function main(args) { ${OK} throw new Error("thrown") }`,
    error: 'An error has occurred: Error: thrown',
  },
  'an error as result': {
    code: `function main(args) { ${OK} return { error: { why: "so" }, more: 1 } }`,
    status: 'application error',
    error: { why: 'so' },
  },
  'a scalar as result': {
    code: `function main(args) { ${OK} return "text" }`,
    error: 'The action did not return a dictionary.',
  },
  'a result of 2 MB': {
    code: `function main(args) { ${OK} return { text: "x".repeat(2097152) } }`,
    status: 'application error',
    error: expect.stringMatching(
      /^The action produced a response that exceeded the allowed length: 2097163 > 1048576 bytes\. The truncated response was: \{"text":"x{1048567}$/,
    ),
  },
  'more memory than it may have': {
    code: `function main(args) { ${OK} const all = []; for (;;) all.push(Buffer.alloc(8 * 1024 * 1024, 1)) }`,
    limits: { memory: 128, timeout: 20_000 },
    error: 'The action exhausted its memory and was aborted.',
  },
  'more logs than it may write': {
    code: `function main(args) { ${OK} console.log("x".repeat(1000).concat("\\n").repeat(2000)); return {} }`,
    limits: { logs: 1 },
    httpStatus: 200,
    status: 'success',
    lastLog: /stderr: Logs were truncated because the total bytes size exceeds the limit of 1048576 bytes\.$/,
  },
  'no sentinel in its logs': {
    code: `function main(args) { ${OK} require("fs").closeSync(1); return {} }`,
    httpStatus: 200,
    status: 'success',
    lastLog: /stderr: There was an issue while collecting your logs\. Data might be missing\.$/,
  },
  'children that outlive it': {
    code: `function main(args) { ${OK}
      const { spawn } = require("child_process")
      spawn("sleep", ["300"], { detached: true, stdio: "ignore" }).unref()
      const child = spawn("sh", ["-c", "sleep 0.01 & exec sleep 300"], { stdio: "ignore" })
      process.exit(1) }`,
    error: EXITED,
  },
  'an exit of Python': {
    kind: 'python:3',
    code: 'import sys\ndef main(args):\n  if args.get("ok"): return {"ok": True}\n  sys.exit(1)',
    error: 'command exited',
    lastLog: DATA_MISSING,
  },
  'an exception of Python': {
    kind: 'python:3',
    code: 'def main(args):\n  if args.get("ok"): return {"ok": True}\n  raise ValueError("bad")',
    status: 'application error',
    error: 'bad',
  },
}

describe('with processes', () => failures('process'))
describeDocker('with Docker', () => failures('docker'))

function failures(driver: 'process' | 'docker'): void {
  let folder: ReturnType<typeof aFolder>
  let tmp: string
  let server: ServerProcess
  let requests: Requests
  let made = 0

  beforeAll(async () => {
    build()
    folder = aFolder()
    tmp = join(folder.path, 'tmp')
    mkdirSync(tmp)
    const args = ['--driver', driver, '--pull', 'never', '--ephemeral', '--no-prewarm', '--user-memory', '1024m']
    server = await startProcess({ cwd: folder.path, args, env: { TMPDIR: tmp } })
    requests = requestsTo(server.url)
  })
  afterAll(async () => {
    requests.close()
    await server.end()
    folder.remove()
  })

  const limitsOf = ({ limits, timeout }: Failure) => (timeout ? { timeout: TIME_LIMIT[driver] } : limits)
  const newName = () => `action${made++}`
  const invoke = async (name: string, body: object) => {
    const { status, text } = await requests.send('POST', `/actions/${name}?blocking=true`, body)
    return { status, record: JSON.parse(text) }
  }
  /** Invokes, and compares with what is expected: the answer, and the record once its logs are there. */
  const fail = async (name: string, { httpStatus = 502, status, error, lastLog, timeout }: Failure) => {
    const answer = await invoke(name, {})
    const { response, activationId, annotations } = answer.record
    expect([answer.status, response.status]).toEqual([httpStatus, status ?? 'action developer error'])
    if (error !== undefined) expect(response.result).toEqual({ error })
    expect(annotations).toContainEqual({ key: 'timeout', value: timeout ?? false })
    const stored = JSON.parse((await requests.send('GET', `/activations/${activationId}`)).text)
    expect(stored.response).toEqual(response)
    if (lastLog !== undefined) expect(stored.logs.at(-1)).toMatch(lastLog)
  }
  const works = async (name: string) => {
    const { status, record } = await invoke(name, { ok: true })
    expect([status, record.response.result]).toEqual([200, { ok: true }])
  }

  describe('an action that fails when it is loaded', () => {
    it.each(Object.keys(AT_LOAD))(
      'leaves its record, and works when it was mended: %s',
      async title => {
        const failure = AT_LOAD[title] ?? { code: '' }
        const name = newName()
        await putAction(requests, name, failure.code, { limits: limitsOf(failure) })
        await fail(name, failure)
        await putAction(requests, name, 'function main() { return { ok: true } }', { limits: { timeout: 60_000 } })
        await works(name)
      },
      30_000,
    )
  })

  describe('an action that fails in a run', () => {
    const titles = Object.keys(IN_A_RUN).filter(title => driver === 'process' || !IN_A_RUN[title]?.processOnly)
    it.each(titles)(
      'leaves its record, and the next run works: %s',
      async title => {
        const failure = IN_A_RUN[title] ?? { code: '' }
        const name = newName()
        await putAction(requests, name, failure.code, { kind: failure.kind, limits: limitsOf(failure) })
        await fail(name, failure)
        await works(name)
        // In a container that is warm, too.
        await fail(name, failure)
      },
      60_000,
    )
  })

  it('gives a run another container where its own ended between the runs', async () => {
    const name = newName()
    const code = 'function main() { setTimeout(() => process.exit(1), 20); return { pid: process.pid } }'
    await putAction(requests, name, code)
    for (let n = 0; n < 4; n++) {
      const { status, record } = await invoke(name, {})
      expect([status, record.annotations.some(({ key }: { key: string }) => key === 'initTime')]).toEqual([200, true])
      const isThere =
        driver === 'process'
          ? () => isAlive(record.response.result.pid)
          : () => containersOf([server.pid]).some(container => container.endsWith(name))
      await eventually(() => (isThere() ? undefined : true))
    }
  }, 60_000)

  it('shows what is written after the end in the next run', async () => {
    const name = newName()
    const code = `function main() {
      if (!global.before) setTimeout(() => console.log("late"), 50)
      global.before = true
      return { ok: true } }`
    await putAction(requests, name, code)
    await works(name)
    await eventually(async () => {
      await works(name)
      const { text } = await requests.send('GET', `/activations?docs=true&limit=1&name=${name}`)
      return /stdout: late"/.test(text) ? true : undefined
    })
  }, 30_000)

  it('leaves nothing when it is stopped', async () => {
    expect(await server.end('SIGTERM')).toBe(0)
    expect([...processesOf(tmp), ...filesIn(tmp)]).toEqual([])
    if (driver === 'docker') expect(containersOf([server.pid])).toEqual([])
  }, 30_000)
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}
