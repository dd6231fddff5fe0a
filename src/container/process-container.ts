// One action container as a child process: a runtime proxy in a process group and a folder of its own.

import { type ChildProcess, spawn } from 'node:child_process'
import { getPriority, setPriority } from 'node:os'
import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'
import { createClient, type RuntimeClient } from './client.ts'
import { type CallOptions, type Container, ContainerError, type RuntimeAnswer } from './container.ts'
import { LogCollector } from './logs.ts'
import { exceededMeanwhile, type MemoryWatch, type Watched } from './memory-watch.ts'
import type { RuntimeCommand } from './process-runtimes.ts'
import { groupMembers, kill, processesWithEnvironment } from './process-table.ts'
import { type ContainerFolder, markOf } from './run-folder.ts'
import { hasShell, SHELL } from './shell.ts'

export interface ProcessSpec {
  id: string
  name: string
  runtime: RuntimeCommand
  env: Readonly<Record<string, string>>
  memoryMb: number
  folder: ContainerFolder
  clock: Clock
  memory: MemoryWatch
  /** The process group exists. */
  onStarted(group: number): void
  /** The process group does not exist any more. */
  onEnded(group: number): void
  removeFolder(): Promise<void>
}

const MEGABYTE = 1024 * 1024
const READY_MS = 60_000
const LIFELINE = 3
/**
 * How much below the server's the priority of actions is. OpenWhisk: containers have a small share of the CPU; the same
 * here keeps a busy action from slowing down the server that is to stop it, and the machine it runs on.
 */
const NICENESS = 5
const LOWEST_PRIORITY = 19
const EXIT_NOT_FOUND = 127
const GROUP_POLL_MS = 5
/** Where nobody reaps orphans, their zombies would keep a group in existence for good. */
const GROUP_WAIT_MS = 250
// OpenWhisk: containers run with `--ulimit nofile=1024:1024`. Node.js raises its soft limit to the hard one, so both.
// Without a shell they go without: Node.js itself cannot set limits.
const LIMITED = [SHELL, '-c', 'ulimit -c 0; ulimit -n 1024 2>/dev/null; exec "$@"', 'sh'] as const

interface Started {
  child: ChildProcess
  group: number
  lifeline: Readable
}

const spawnRuntime = (spec: ProcessSpec): Started => {
  const { command, moreArguments } = spec.runtime
  const [program = '', ...args] = [...(hasShell() ? LIMITED : []), ...command]
  const child = spawn(program, [...args, spec.folder.socket, ...moreArguments], {
    cwd: spec.folder.work,
    env: spec.env,
    // A group of its own, which can be killed as a whole and does not see the terminal's Ctrl-C.
    detached: true,
    stdio: ['ignore', 'pipe', 'pipe', 'pipe'],
  })
  child.on('error', () => undefined)
  const lifeline = child.stdio[LIFELINE] as Readable | null | undefined
  if (child.pid === undefined || !lifeline) {
    throw new ContainerError('provision', `The runtime process could not be started: ${command[0]}`)
  }
  lifeline.on('error', () => undefined)
  lowerPriority(child.pid)
  return { child, group: child.pid, lifeline }
}

/** Gives a process that was just started its priority, which all that it starts inherits. */
const lowerPriority = (pid: number): void => {
  try {
    setPriority(pid, Math.min(LOWEST_PRIORITY, getPriority() + NICENESS))
  } catch {
    // It has ended already, or the system keeps priorities to itself: it runs as it is.
  }
}

/** Settles when the runtime says that it listens; fails when it ends first. `onPid` hears of processes it reports. */
const ready = (spec: ProcessSpec, { child, group, lifeline }: Started, onPid: (pid: number) => void): Promise<void> =>
  new Promise((resolve, reject) => {
    let said = ''
    let pending = ''
    const note = (chunk: Buffer) => {
      said = (said + chunk.toString()).slice(-2000)
    }
    const fail = (reason: ContainerError['reason'], detail: string) => {
      kill(-group)
      reject(
        new ContainerError(reason, `The runtime ${spec.runtime.command[0]} ${detail}${said && `: ${said.trim()}`}`),
      )
    }
    const timer = setTimeout(() => fail('provision', 'did not start in time'), READY_MS)
    const onExit = (code: number | null) => {
      clearTimeout(timer)
      fail(code === EXIT_NOT_FOUND ? 'command' : 'provision', 'ended before it was ready')
    }
    child.stderr?.on('data', note)
    child.once('exit', onExit)
    lifeline.on('data', (chunk: Buffer) => {
      pending += chunk.toString()
      const lines = pending.split('\n')
      pending = lines.pop() ?? ''
      for (const line of lines) {
        const [word, pid] = line.split(' ')
        if (word === 'child') onPid(Number(pid))
        if (word !== 'ready') continue
        clearTimeout(timer)
        child.off('exit', onExit)
        child.stderr?.off('data', note)
        resolve()
      }
    })
  })

const delay = (ms: number) =>
  new Promise<void>(resolve => {
    setTimeout(resolve, ms)
  })

/** Waits until the killed group is empty. */
const groupGone = async (group: number): Promise<void> => {
  const deadline = performance.now() + GROUP_WAIT_MS
  while (kill(-group, 0) && performance.now() < deadline) {
    if (groupMembers(new Set([group])).length === 0) return
    kill(-group)
    await delay(GROUP_POLL_MS)
  }
}

/** Kills the processes that were started in the container and left its group. */
const killStrays = async (folder: ContainerFolder): Promise<void> => {
  for (const pid of await processesWithEnvironment(markOf(folder.tmp))) kill(pid)
}

/** Starts the runtime; fails with ContainerError, leaving nothing. */
export const startProcessContainer = async (spec: ProcessSpec): Promise<Container> => {
  let started: Started
  try {
    started = spawnRuntime(spec)
  } catch (error) {
    await spec.removeFolder()
    throw error
  }
  const { child, group } = started
  const exited = new Promise<void>(resolve => {
    child.once('exit', () => resolve())
  })
  spec.onStarted(group)
  const watched: Watched = {
    group,
    limitBytes: spec.memoryMb * MEGABYTE,
    busy: 0,
    pids: [group],
    exceeded(pid) {
      if (pid === group) exhausted = true
    },
  }
  let exhausted = false
  let gone = false
  exited.then(() => {
    gone = true
    spec.memory.remove(watched)
  })

  const collector = new LogCollector({ clock: spec.clock })
  for (const stream of ['stdout', 'stderr'] as const) {
    child[stream]?.on('data', (chunk: Buffer) => collector.feed(stream, chunk))
    child[stream]?.on('close', () => collector.end(stream))
    child[stream]?.on('error', () => undefined)
  }

  const destroy = async () => {
    kill(-group)
    client.close()
    await exited
    await Promise.all([groupGone(group), killStrays(spec.folder)])
    spec.onEnded(group)
    for (const stream of child.stdio) stream?.destroy()
    await spec.removeFolder()
  }
  let destroying: Promise<void> | undefined
  const client = createClient(
    { socketPath: spec.folder.socket },
    { clock: spec.clock, reuseMs: Number.POSITIVE_INFINITY, gone: () => gone, outOfMemory: () => exhausted },
  )

  try {
    await ready(spec, started, pid => watched.pids.push(pid))
  } catch (error) {
    await destroy()
    throw error
  }
  spec.memory.add(watched)
  const call = guardedCalls(spec, { watched, wasKilled: () => exhausted }, collector, client)
  return {
    id: spec.id,
    name: spec.name,
    driver: 'process',
    exited,
    initialize: (body, options) => call('initialize', body, options),
    run: (body, options) => call('run', body, options),
    logs: request => collector.collect(request),
    onLogLine: listener => collector.onLine(listener),
    warmUp: () => client.warmUp(),
    async suspend() {
      kill(-group, 'SIGSTOP')
    },
    async resume() {
      kill(-group, 'SIGCONT')
    },
    destroy() {
      destroying ??= destroy()
      return destroying
    },
  }
}

/** `wasKilled` tells that the runtime itself was ended for its memory, perhaps just after it had answered. */
interface Memory {
  watched: Watched
  wasKilled: () => boolean
}

/** Calls of the runtime during which its memory is watched. */
const guardedCalls = (
  spec: ProcessSpec,
  { watched, wasKilled }: Memory,
  collector: LogCollector,
  client: RuntimeClient,
) => {
  const ended = (answer: RuntimeAnswer): RuntimeAnswer => {
    const { startedAt, endedAt } = answer
    if (answer.type !== 'response') return answer
    if (!wasKilled() && !exceededMeanwhile(watched, endedAt - startedAt)) return answer
    if (spec.runtime.exhaustedAnswer) return { type: 'response', startedAt, endedAt, ...spec.runtime.exhaustedAnswer }
    const detail = 'the memory limit was exceeded'
    return { type: 'connectionError', startedAt, endedAt, outOfMemory: true, beforeResponse: true, detail }
  }
  return async (method: 'initialize' | 'run', body: string, options: CallOptions): Promise<RuntimeAnswer> => {
    if (options.logLimitBytes !== undefined) collector.expect(options.logLimitBytes)
    watched.busy += 1
    spec.memory.wake()
    try {
      return ended(await client[method](body, options))
    } finally {
      watched.busy -= 1
    }
  }
}
