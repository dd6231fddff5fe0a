// What every container driver must do, whatever it runs containers on: THE driver suite.
// What the runtimes answer to which code is in runtime-nodejs.ts and runtime-python.ts; here is the life of a container around that.

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import type { Container, ContainerFactory, ContainerRequest, LogLine } from '../../src/container/container.ts'
import { ContainerError } from '../../src/container/container.ts'
import {
  aContainerRequest,
  CALL,
  eventually,
  initialize,
  LOGS,
  logsOf,
  outcome,
  run,
  runBody,
  texts,
} from './driving.ts'
import { testNodeRuntime } from './runtime-nodejs.ts'
import { testPythonRuntime } from './runtime-python.ts'

export interface ConformanceOptions {
  /** False for the fake, which runs no processes: what needs one is left out. */
  runsProcesses?: boolean
  /** Requests for containers of a kind, where the driver needs an image of its own for it. */
  request?(kind: string): Partial<ContainerRequest>
  /** Whether the driver notices that the memory limit ended a container. */
  noticesMemory?: boolean
  /** False where the runtimes are the programs that another driver's suite puts through all they can do. */
  testsRuntimes?: boolean
  /** Kinds of which nothing can be run here. */
  without?: readonly string[]
}

const ECHO = 'function main(args) { return args }'
const CHATTY = 'function main(args) { console.log("out " + args.n); console.error("err " + args.n); return args }'

/** Makes containers for tests and removes them after each. */
export type Create = (overrides?: Partial<ContainerRequest>) => Promise<Container>

/** Runs the suite against the factories that `make` gives; each is closed at the end. */
export const testContainerFactory = (
  name: string,
  make: () => ContainerFactory | Promise<ContainerFactory>,
  options: ConformanceOptions = {},
): void => {
  describe(`container driver: ${name}`, () => {
    let factory: ContainerFactory
    const made: Container[] = []
    const create: Create = async overrides => {
      const kind = overrides?.kind ?? 'nodejs:20'
      const container = await factory.create(aContainerRequest({ kind, ...options.request?.(kind), ...overrides }))
      made.push(container)
      return container
    }

    beforeAll(async () => {
      factory = await make()
    })
    afterEach(async () => {
      await Promise.all(made.splice(0).map(container => container.destroy()))
    })
    afterAll(() => factory.close())

    testLife(create, () => factory)
    testLogs(create)
    if (options.runsProcesses === false) return
    testFailures(create, options)
    testWarmUp(create, options)
    if (options.testsRuntimes === false) return
    testNodeRuntime(create)
    if (!options.without?.includes('python:3.11')) testPythonRuntime(create)
  })
}

const testLife = (create: Create, factory: () => ContainerFactory) => {
  test('runs an action', async () => {
    const container = await create()
    expect(container.driver).toBe(factory().driver)
    expect(container.name).toMatch(/^ow-.*1_guest_hello$/)
    expect(container.id).not.toBe('')
    expect(outcome(await initialize(container, { code: ECHO }))).toBe('200 {"OK":true}')
    expect(outcome(await run(container, { a: [1, null] }))).toBe('200 {"a":[1,null]}')
  })

  test('says when a call started and ended', async () => {
    const container = await create()
    const before = Date.now()
    await initialize(container, { code: 'const main = () => new Promise(r => setTimeout(() => r({}), 30))' })
    const answer = await run(container)
    expect(answer.startedAt).toBeGreaterThanOrEqual(before)
    expect(answer.endedAt - answer.startedAt).toBeGreaterThanOrEqual(29)
    expect(answer.endedAt).toBeLessThanOrEqual(Date.now())
  })

  test('keeps its state from run to run', async () => {
    const container = await create()
    await initialize(container, { code: 'let n = 0; function main() { return { n: ++n } }' })
    await run(container)
    expect(outcome(await run(container))).toBe('200 {"n":2}')
  })

  test('takes payloads and gives results of nearly a megabyte', async () => {
    const container = await create()
    await initialize(container, { code: ECHO })
    const answer = await run(container, { x: 'ż'.repeat(500_000) })
    expect(outcome(answer)).toBe(`200 {"x":"${'ż'.repeat(500_000)}"}`)
  })

  test('cuts a result that is larger than allowed, and says how long it was', async () => {
    const container = await create()
    await initialize(container, { code: 'function main(p) { return { x: "y".repeat(p.n) } }' })
    const answer = await run(container, { n: 300 }, { maxResponseBytes: 200, truncationBytes: 100 })
    expect(answer).toMatchObject({ type: 'response', status: 200, truncatedFrom: 308 })
    expect(outcome(answer)).toBe(`200 {"x":"${'y'.repeat(94)}`)
    expect(outcome(await run(container, { n: 1 }))).toBe('200 {"x":"y"}')
    expect(outcome(await run(container, { n: 192 }, { maxResponseBytes: 200 }))).toBe(`200 {"x":"${'y'.repeat(192)}"}`)
  })

  test('gives up on a run when its time is over', async () => {
    const container = await create()
    await initialize(container, { code: 'const main = () => new Promise(() => {})' })
    const answer = await run(container, {}, { timeoutMs: 150 })
    expect(answer.type).toBe('timeout')
    expect(answer.endedAt - answer.startedAt).toBeGreaterThanOrEqual(150)
  })

  test('ends a run in progress, and `exited`, when it is destroyed; twice does no harm', async () => {
    const container = await create()
    await initialize(container, { code: 'const main = () => new Promise(() => {})' })
    const running = run(container)
    await Promise.all([container.destroy(), container.destroy()])
    await container.exited
    expect(await running).toMatchObject({ type: 'connectionError', outOfMemory: false })
    expect(await run(container)).toMatchObject({ type: 'connectionError', beforeResponse: true })
  })

  test('refuses a kind that it cannot run', async () => {
    expect(factory().supports('nodejs:20')).toBe(true)
    // One that runs users' images can run whatever there is an image for.
    if (factory().supports('blackbox')) return
    expect(factory().supports('nonsense:1')).toBe(false)
    await expect(create({ kind: 'nonsense:1' })).rejects.toBeInstanceOf(ContainerError)
  })

  test('is healthy', () => {
    expect(factory().healthy()).toBe(true)
  })
}

const testLogs = (create: Create) => {
  test('gives each activation its own lines', async () => {
    const container = await create()
    await initialize(container, { code: CHATTY })
    for (const n of [1, 2, 3]) {
      await run(container, { n })
      expect((await logsOf(container)).sort()).toEqual([`stderr: err ${n}`, `stdout: out ${n}`])
    }
  })

  test('gives no lines where there are none', async () => {
    const container = await create()
    await initialize(container, { code: ECHO })
    await run(container)
    expect(await container.logs(LOGS)).toEqual({ lines: [], failed: false })
  })

  test('leaves what is written after the end to the next activation', async () => {
    const container = await create()
    const code = 'function main(p) { console.log(p.n); setTimeout(() => console.log("late " + p.n), 20); return {} }'
    await initialize(container, { code })
    const lines: string[] = []
    container.onLogLine(({ line }) => lines.push(line))
    await run(container, { n: 1 })
    expect(await logsOf(container)).toEqual(['stdout: 1'])
    await eventually('the late line', () => lines.includes('late 1'))
    await run(container, { n: 2 })
    expect(await logsOf(container)).toEqual(['stdout: late 1', 'stdout: 2'])
  })

  test('shows lines as they are written, without the sentinels', async () => {
    const container = await create()
    await initialize(container, { code: CHATTY })
    const lines: LogLine[] = []
    container.onLogLine(line => lines.push(line))
    await run(container, { n: 1 })
    await container.logs(LOGS)
    container.onLogLine(undefined)
    await run(container, { n: 2 })
    await container.logs(LOGS)
    expect(lines.sort((a, b) => a.stream.localeCompare(b.stream))).toEqual([
      { stream: 'stderr', line: 'err 1' },
      { stream: 'stdout', line: 'out 1' },
    ])
  })

  test('runs an action without logs', async () => {
    const container = await create({ keepsLogs: false })
    await initialize(container, { code: CHATTY })
    for (const n of [1, 2]) {
      expect(outcome(await run(container, { n }))).toBe(`200 {"n":${n}}`)
      expect(await container.logs({ ...LOGS, limitBytes: 0 })).toEqual({ lines: [], failed: false })
    }
  })

  test('collects nothing for a log limit of 0', async () => {
    const container = await create()
    await initialize(container, { code: CHATTY })
    for (const n of [1, 2]) {
      await run(container, { n })
      expect(await container.logs({ ...LOGS, limitBytes: 0 })).toEqual({ lines: [], failed: false })
    }
  })

  test('cuts what exceeds the log limit', async () => {
    const container = await create()
    await initialize(container, {
      code: 'function main() { for (let i = 0; i < 9; i++) console.log("x".repeat(100)); return {} }',
    })
    await run(container)
    const collected = await container.logs({ ...LOGS, limitBytes: 1000 })
    expect(collected.failed).toBe(true)
    expect(texts(collected)).toEqual([
      ...Array.from({ length: 5 }, () => `stdout: ${'x'.repeat(100)}`),
      'stderr: Logs were truncated because the total bytes size exceeds the limit of 1000 bytes.',
    ])
  })

  test('adds a line to the logs of a developer error', async () => {
    const container = await create()
    await initialize(container, { code: 'function main() { console.log("before"); throw "bad" }' })
    const seen: string[] = []
    container.onLogLine(({ line }) => seen.push(line))
    expect(outcome(await run(container))).toBe('502 {"error":"An error has occurred: bad"}')
    // An engine passes output on by another way than the answer.
    await eventually('the line', () => seen.includes('before'))
    const lines = await logsOf(container, { waitForSentinel: false, developerError: true })
    // The streams are two pipes: which of them the engine reads first is not said.
    expect(lines).toContain('stdout: before')
    expect(lines.at(-1)).toBe('stderr: The action did not initialize or run as expected. Log data might be missing.')
  })
}

/** What its code says of the runtime that it finds, by kind. */
const WARMED_UP = {
  'nodejs:20':
    'function main() { return { module: typeof module, initialized: this.initialized, own: Object.keys(process.env).filter(key => /WARM/.test(key)) } }',
  'python:3.11':
    'import os\ndef main(args):\n    return {"module": "object", "initialized": True, "own": [key for key in os.environ if "WARM" in key]}\n',
}

const testWarmUp = (create: Create, { without = [] }: ConformanceOptions) => {
  test.each(Object.entries(WARMED_UP).filter(([kind]) => !without.includes(kind)))(
    'of %s takes its action as if nothing had been there after it was warmed up',
    async (kind, code) => {
      const container = await create({ kind })
      await container.warmUp?.()
      await container.warmUp?.()
      expect(await initialize(container, { code })).toMatchObject({ type: 'response', status: 200 })
      const answer = await run(container)
      const seen: unknown = answer.type === 'response' && JSON.parse(answer.body)
      expect(seen).toEqual({ module: 'object', initialized: true, own: [] })
      expect(await logsOf(container)).toEqual([])
      // Too late: it changes nothing.
      await container.warmUp?.()
      expect(await run(container)).toMatchObject({ type: 'response', status: 200 })
      expect(await logsOf(container)).toEqual([])
    },
  )

  test('takes its action while it is warmed up', async () => {
    const container = await create()
    const warmedUp = container.warmUp?.()
    expect(await initialize(container, { code: ECHO })).toMatchObject({ type: 'response', status: 200 })
    expect(outcome(await run(container, { n: 1 }))).toBe('200 {"n":1}')
    expect(await logsOf(container)).toEqual([])
    expect(await warmedUp).toBeUndefined()
  })

  test('ends its warming up when it goes meanwhile', async () => {
    const container = await create()
    const warmedUp = container.warmUp?.()
    await container.destroy()
    expect(await warmedUp).toBeUndefined()
    expect(await container.warmUp?.()).toBeUndefined()
  })
}

const testFailures = (create: Create, options: ConformanceOptions) => {
  test('is a connection error when the action exits in a run, and `exited` settles', async () => {
    const container = await create()
    await initialize(container, { code: 'function main() { console.log("last words"); process.exit(1) }' })
    expect(await run(container)).toMatchObject({ type: 'connectionError', outOfMemory: false, beforeResponse: true })
    await container.exited
    expect(await logsOf(container, { waitForSentinel: false, developerError: true })).toEqual([
      'stdout: last words',
      'stderr: The action did not initialize or run as expected. Log data might be missing.',
    ])
    expect(await run(container)).toMatchObject({ type: 'connectionError', beforeResponse: true })
  })

  test('times out, as the reference does, when the action exits at load', async () => {
    const container = await create()
    const answer = await initialize(container, { code: 'process.exit(0); function main() {}' }, { timeoutMs: 300 })
    expect(answer.type).toBe('timeout')
    expect(answer.endedAt - answer.startedAt).toBeGreaterThanOrEqual(300)
  })

  test('times out in a busy loop, at load and in a run, and can be destroyed then', async () => {
    const atLoad = await create()
    expect((await initialize(atLoad, { code: 'for (;;);' }, { timeoutMs: 300 })).type).toBe('timeout')
    await atLoad.destroy()
    await atLoad.exited
    const inRun = await create()
    await initialize(inRun, { code: 'function main() { for (;;); }' })
    expect((await run(inRun, {}, { timeoutMs: 300 })).type).toBe('timeout')
    await inRun.destroy()
    await inRun.exited
  })

  test('allows what the memory limit allows', async () => {
    const container = await create({ memoryMb: 512 })
    await initialize(container, { code: 'function main() { return { n: Buffer.alloc(300 * 1048576, 1).length } }' })
    expect(outcome(await run(container))).toBe('200 {"n":314572800}')
  })

  test('ends an action that exceeds its memory limit', async () => {
    const container = await create({ memoryMb: 128 })
    const code =
      'function main() { const all = []; for (let i = 0; i < 8; i++) all.push(Buffer.alloc(64 * 1048576, 1)); return { n: 1 } }'
    await initialize(container, { code })
    const outOfMemory = options.noticesMemory !== false
    expect(await run(container)).toMatchObject({ type: 'connectionError', outOfMemory })
    await container.exited
  })

  test('allows 1024 open files', async () => {
    const container = await create()
    const code = `const fs = require('fs')
      function main({ n }) {
        const open = []
        try { for (let i = 0; i < n; i++) open.push(fs.openSync('/dev/null')) }
        finally { for (const fd of open) fs.closeSync(fd) }
        return { n }
      }`
    await initialize(container, { code: code.replace('function main', 'async function main') })
    expect(outcome(await run(container, { n: 994 }))).toBe('200 {"n":994}')
    const answer = await run(container, { n: 1025 })
    expect(outcome(answer)).toMatch(/^200 \{"error":/)
    expect(outcome(answer)).toContain('"errno":-24')
    expect(outcome(answer)).toContain('"code":"EMFILE"')
  })

  test('runs several calls at once when the runtime is told to', async () => {
    const container = await create({ env: { __OW_ALLOW_CONCURRENT: 'true' } })
    await initialize(container, {
      code: 'let waiting = []; const main = p => new Promise(r => { waiting.push([r, p]); if (waiting.length === 4) for (const [f, q] of waiting) f(q) })',
    })
    const answers = await Promise.all([1, 2, 3, 4].map(n => run(container, { n })))
    expect(answers.map(outcome)).toEqual([1, 2, 3, 4].map(n => `200 {"n":${n}}`))
  })

  test('goes on after it was suspended', async () => {
    const container = await create()
    if (!container.suspend || !container.resume) return
    await initialize(container, { code: ECHO })
    await run(container, { n: 1 })
    await container.suspend()
    await container.resume()
    expect(outcome(await run(container, { n: 2 }))).toBe('200 {"n":2}')
  })

  test('is not mixed up by large output', async () => {
    const container = await create()
    const code =
      'function main(p) { process.stdout.write("x".repeat(40000) + "\\n"); for (let i = 0; i < 2000; i++) console.log(i); return {} }'
    await initialize(container, { code })
    for (const _ of [1, 2]) {
      await run(container)
      const lines = await logsOf(container)
      expect(lines.slice(0, 3).map(line => line.length - 8)).toEqual([16_384, 16_384, 7232])
      expect(lines.slice(3)).toEqual(Array.from({ length: 2000 }, (_, i) => `stdout: ${i}`))
    }
  })

  test('refuses a body that is no JSON', async () => {
    const container = await create()
    await initialize(container, { code: ECHO })
    expect(outcome(await container.run('{', CALL))).toBe('500 {"error":"Bad request."}')
    expect(outcome(await container.run(runBody({ a: 1 }), CALL))).toBe('200 {"a":1}')
  })
}
