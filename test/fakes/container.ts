// A driver without containers: runs JavaScript actions in this process, and what a test wants to go wrong goes wrong.

import { type Clock, realClock } from '../../src/clock.ts'
import {
  type CallOptions,
  type Container,
  ContainerError,
  type ContainerFactory,
  type ContainerRequest,
  type DriverName,
  type RuntimeAnswer,
} from '../../src/container/container.ts'
import { SENTINEL } from '../../src/container/log-format.ts'
import { LogCollector } from '../../src/container/logs.ts'

/** What a call of the runtime comes to. */
export type FakeReply =
  | { status: number; body: string }
  | 'timeout'
  | { connectionError: { outOfMemory?: boolean; beforeResponse?: boolean } }

export interface FakeContainer extends Container {
  readonly request: ContainerRequest
  /** The bodies of its calls, parsed, in their order. */
  readonly inits: unknown[]
  readonly runs: unknown[]
  readonly destroyed: boolean
  readonly suspended: boolean
  readonly warmedUp: boolean
  /** Writes to one of its outputs, as if the action did; a newline is added. */
  write(stream: 'stdout' | 'stderr', line: string): void
  /** What is written from now on to one of its outputs, or to both, arrives after that, in its order. */
  delayOutput(until: Promise<unknown>, stream?: 'stdout' | 'stderr'): void
  /** Ends as if it had crashed: calls in progress and later ones fail. */
  crash(reason?: { outOfMemory?: boolean }): void
}

export interface FakeFactory extends ContainerFactory {
  /** All it ever made, and those not destroyed yet. */
  readonly made: FakeContainer[]
  readonly alive: FakeContainer[]
  /** Called before a container is made: may wait, may throw ContainerError. */
  onCreate: ((request: ContainerRequest) => void | Promise<void>) | undefined
  /** Answers instead of the code; undefined leaves it to the code. */
  onInit:
    | ((body: unknown, container: FakeContainer) => FakeReply | undefined | Promise<FakeReply | undefined>)
    | undefined
  onRun:
    | ((body: unknown, container: FakeContainer) => FakeReply | undefined | Promise<FakeReply | undefined>)
    | undefined
  /** What `healthy()` says. */
  working: boolean
}

export interface FakeFactoryOptions {
  /** Stamps answers and logs, and measures time limits. */
  clock?: Clock
  driver?: DriverName
  kinds?: RegExp | undefined
}

interface InitBody {
  value?: { main?: string; code?: string; binary?: boolean; env?: Record<string, string> }
}

type Main = (args: unknown) => unknown

const reply = (status: number, body: unknown): FakeReply => ({ status, body: JSON.stringify(body) ?? '' })

/** A console that writes to the container's outputs. */
const consoleOf = (container: FakeContainer) => ({
  log: (...words: unknown[]) => container.write('stdout', words.map(String).join(' ')),
  error: (...words: unknown[]) => container.write('stderr', words.map(String).join(' ')),
})

const load = ({ value }: InitBody, container: FakeContainer): Main | string => {
  if (!value?.code || !value.main) return 'Missing main/no code to execute.'
  try {
    const wrapper = new Function('console', 'process', `${value.code}\nreturn ${value.main}`)
    const process = { env: { ...container.request.env, ...value.env }, exit: () => container.crash() }
    return wrapper(consoleOf(container), process)
  } catch (error) {
    return `Initialization has failed due to: ${error}`
  }
}

const settle = async (main: Main, args: unknown): Promise<FakeReply> => {
  let result: unknown
  try {
    result = main(args)
  } catch (error) {
    return reply(502, { error: `An error has occurred: ${error}` })
  }
  try {
    const value = await result
    if (value !== undefined && typeof value !== 'object')
      return reply(502, { error: 'The action did not return a dictionary.' })
    return reply(200, value === undefined ? {} : value)
  } catch (error) {
    return reply(200, { error: error || {} })
  }
}

const toAnswer = (startedAt: number, now: number, given: FakeReply, call: CallOptions): RuntimeAnswer => {
  const times = { startedAt, endedAt: now }
  if (given === 'timeout') return { type: 'timeout', startedAt, endedAt: Math.max(now, startedAt + call.timeoutMs) }
  if ('connectionError' in given) {
    const { outOfMemory = false, beforeResponse = true } = given.connectionError
    return { type: 'connectionError', ...times, outOfMemory, beforeResponse, detail: 'the connection was closed' }
  }
  const { status, body } = given
  const length = Buffer.byteLength(body)
  if (length <= call.maxResponseBytes) return { type: 'response', ...times, status, body }
  const cut = Buffer.from(body).toString('utf8', 0, call.truncationBytes)
  return { type: 'response', ...times, status, body: cut, truncatedFrom: length }
}

/** The calls of one container: each ends with its work, its time limit or the container, whichever comes first. */
class Calls {
  readonly #clock: Clock
  readonly #endings = new Set<() => void>()
  #ended: { outOfMemory: boolean } | undefined

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Returns whether it was the first time. */
  end(outOfMemory: boolean): boolean {
    if (this.#ended) return false
    this.#ended = { outOfMemory }
    for (const ending of [...this.#endings]) ending()
    return true
  }

  start(call: CallOptions, work: () => Promise<FakeReply>): Promise<RuntimeAnswer> {
    const startedAt = this.#clock.now()
    return new Promise(resolve => {
      const settleWith = (given: FakeReply) => {
        timer.cancel()
        this.#endings.delete(ending)
        resolve(toAnswer(startedAt, this.#clock.now(), given, call))
      }
      const ending = () => settleWith({ connectionError: { outOfMemory: this.#ended?.outOfMemory ?? false } })
      const timer = this.#clock.setTimeout(() => settleWith('timeout'), call.timeoutMs)
      if (this.#ended) return ending()
      this.#endings.add(ending)
      work().then(given => {
        if (this.#endings.has(ending)) settleWith(given)
      }, ending)
    })
  }
}

interface Settings {
  clock: Clock
  driver: DriverName
  hooks: Pick<FakeFactory, 'onInit' | 'onRun'>
}

/** What the code in a container answers, with the sentinels that go with it. */
const createRuntime = (container: () => FakeContainer, hooks: Settings['hooks']) => {
  let main: Main | undefined
  const endLogs = () => {
    container().write('stdout', SENTINEL)
    container().write('stderr', SENTINEL)
  }
  return {
    async init(body: InitBody): Promise<FakeReply> {
      const told = await hooks.onInit?.(body, container())
      if (main) return reply(403, { error: 'Cannot initialize the action more than once.' })
      const loaded = told ?? load(body, container())
      if (typeof loaded === 'function') {
        main = loaded
        return reply(200, { OK: true })
      }
      if (typeof loaded !== 'object' || !('status' in loaded) || loaded.status !== 200) endLogs()
      if (told) return told
      return reply(502, { error: typeof loaded === 'string' ? loaded : "Action entrypoint 'main' is not a function." })
    },
    async run(body: { value?: unknown }): Promise<FakeReply> {
      const told = await hooks.onRun?.(body, container())
      const idle = reply(403, { error: 'System not initialized.' })
      const given = told ?? (main ? await settle(main, body.value ?? {}) : idle)
      endLogs()
      return given
    },
  }
}

const openContainer = (request: ContainerRequest, number: number, settings: Settings): FakeContainer => {
  const { clock, driver, hooks } = settings
  const collector = new LogCollector({ clock, timers: clock })
  const calls = new Calls(clock)
  const runtime = createRuntime(() => container, hooks)
  const inits: unknown[] = []
  const runs: unknown[] = []
  let destroyed = false
  let suspended = false
  let warmedUp = false
  let settleExited = () => {}
  const exited = new Promise<void>(resolve => {
    settleExited = resolve
  })

  /** Present while output is on its way. */
  const arriving: { stdout?: Promise<unknown>; stderr?: Promise<unknown> } = {}

  const arrive = (stream: 'stdout' | 'stderr', act: () => void) => {
    const earlier = arriving[stream]
    if (earlier) arriving[stream] = earlier.then(act)
    else act()
  }
  const end = (outOfMemory: boolean) => {
    if (!calls.end(outOfMemory)) return
    arrive('stdout', () => collector.end('stdout'))
    arrive('stderr', () => collector.end('stderr'))
    settleExited()
  }

  const container: FakeContainer = {
    id: `fake${number}`,
    name: `ow-fake-${request.name}`,
    driver,
    request,
    inits,
    runs,
    exited,
    get destroyed() {
      return destroyed
    },
    get suspended() {
      return suspended
    },
    get warmedUp() {
      return warmedUp
    },
    async warmUp() {
      warmedUp = true
    },
    initialize(body, call) {
      const parsed = JSON.parse(body) as InitBody
      inits.push(parsed)
      return calls.start(call, () => runtime.init(parsed))
    },
    run(body, call) {
      const parsed = JSON.parse(body) as { value?: unknown }
      runs.push(parsed)
      return calls.start(call, () => runtime.run(parsed))
    },
    logs: asked => collector.collect(asked),
    onLogLine: listener => collector.onLine(listener),
    async suspend() {
      suspended = true
    },
    async resume() {
      suspended = false
    },
    async destroy() {
      destroyed = true
      end(false)
    },
    write: (stream, line) => arrive(stream, () => collector.feed(stream, Buffer.from(`${line}\n`))),
    delayOutput(until, stream) {
      for (const name of stream ? [stream] : (['stdout', 'stderr'] as const)) {
        arriving[name] = Promise.all([arriving[name], until])
      }
    },
    crash: (reason = {}) => end(reason.outOfMemory ?? false),
  }
  return container
}

/** Makes containers whose code runs here, by the rules of the Node.js runtime as far as the engine sees them. */
export const fakeFactory = (options: FakeFactoryOptions = {}): FakeFactory => {
  const clock = options.clock ?? realClock
  const driver = options.driver ?? 'process'
  const kinds = options.kinds ?? /^(nodejs|python):/
  const made: FakeContainer[] = []

  const factory: FakeFactory = {
    driver,
    made,
    get alive() {
      return made.filter(container => !container.destroyed)
    },
    onCreate: undefined,
    onInit: undefined,
    onRun: undefined,
    working: true,
    supports: kind => kinds.test(kind),
    async create(request) {
      await factory.onCreate?.(request)
      if (request.userImage || !kinds.test(request.kind))
        throw new ContainerError('provision', `no ${request.kind} here`)
      const container = openContainer(request, made.length + 1, { clock, driver, hooks: factory })
      made.push(container)
      return container
    },
    async cleanup() {
      return 0
    },
    healthy: () => factory.working,
    async close() {
      await Promise.all(factory.alive.map(container => container.destroy()))
    },
  }
  return factory
}
