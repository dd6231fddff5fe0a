// The process driver: action containers as child processes of this server, for machines without Docker.
// No sandbox: an action may do what the user who started the server may do.

import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { realClock } from '../clock.ts'
import { messages } from '../messages.ts'
import {
  type Container,
  ContainerError,
  type ContainerFactory,
  type ContainerRequest,
  type FactoryOptions,
} from './container.ts'
import { createMemoryWatch } from './memory-watch.ts'
import { startProcessContainer } from './process-container.ts'
import { newContainerId, openRunFolder, type RunFolder, removeLeftovers } from './run-folder.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

export interface ProcessFactoryOptions extends FactoryOptions {
  /** The Node.js to run a kind on, e.g. `{ 'nodejs:18': '/opt/node18/bin/node' }`; this one unless told. */
  nodePaths?: Readonly<Record<string, string>>
  /** The Python 3 of all Python kinds: a command or a path; `python3` unless told. */
  python?: string
  /** Where the folders of containers are made; the system's place for temporary files unless told. */
  tmpDir?: string
  /** What actions see as `__OW_API_HOST`. */
  apiHost: () => string
  /** For every container. */
  containerEnv?: Readonly<Record<string, string>>
  /** Where the runtime proxies are, and in `node_modules` what the reference's image preinstalls. */
  runtimeDir?: string
}

/** The server's own variables that containers get: those that say where programs and texts are. */
const INHERITED = /^(PATH|HOME|LANG|LC_[A-Z]+)$/
const NODE_KIND = /^nodejs:/
const PYTHON_KIND = /^python:3/
/** OpenWhisk: what the ActionLoop proxy answers when the kernel killed its child. */
const PYTHON_EXHAUSTED = { status: 400, body: '{"error":"command exited"}\n' }

const here = dirname(fileURLToPath(import.meta.url))

/** `runtime/` lies beside the bundle, and beside this file's folder in the sources. */
const findRuntimeDir = () =>
  [join(here, 'runtime'), join(here, '..', 'runtime')].find(path => existsSync(join(path, 'nodejs.cjs'))) ?? here

/** The node_modules that actions see: the runtimes' own, or in the sources the nearest that has the client. */
const findModules = (runtimeDir: string): string | undefined => {
  for (let folder = runtimeDir; ; folder = dirname(folder)) {
    const modules = join(folder, 'node_modules')
    if (existsSync(join(modules, 'openwhisk'))) return modules
    if (folder === dirname(folder)) return undefined
  }
}

const executable = (path: string): boolean => {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}

const onPath = (command: string): boolean =>
  isAbsolute(command)
    ? executable(command)
    : (process.env.PATH ?? '').split(delimiter).some(folder => executable(join(folder, command)))

/** The interpreter itself: a version manager's shim would cost its own start every time. */
const resolvePython = async (command: string): Promise<string> => {
  try {
    const { stdout } = await promisify(execFile)(command, ['-c', 'import sys; print(sys.executable)'])
    return stdout.trim() || command
  } catch (error) {
    throw new ContainerError('provision', `Python could not be started: ${command}`, { cause: error })
  }
}

const inheritedEnv = (): Record<string, string> => {
  const env: Record<string, string> = {}
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined && INHERITED.test(key)) env[key] = value
  }
  return env
}

/**
 * Makes containers of child processes. Kinds nodejs:* run on this Node.js or the one configured for the kind,
 * python:* on `python3`. They end with the server, however that ends.
 */
export const processFactory = (options: ProcessFactoryOptions): ContainerFactory => {
  const { log } = options
  const clock = options.clock ?? realClock
  const python = options.python ?? 'python3'
  const tmpDir = options.tmpDir ?? tmpdir()
  const runtimeDir = options.runtimeDir ?? findRuntimeDir()
  const memory = createMemoryWatch()
  const containers = new Set<Container>()
  const starting = new Set<Promise<unknown>>()
  let opened: { folder: RunFolder; watchdog: Watchdog; modules: string | undefined } | undefined
  let interpreter: Promise<string> | undefined
  let hasPython: boolean | undefined
  let closed = false

  // Nothing is made or started before the first container is wanted.
  const open = () => {
    if (!opened) {
      const folder = openRunFolder(tmpDir)
      opened = { folder, watchdog: startWatchdog(folder.path), modules: findModules(runtimeDir) }
    }
    return opened
  }

  const supports = (kind: string): boolean => {
    if (process.platform === 'win32') return false
    if (NODE_KIND.test(kind)) return true
    if (!PYTHON_KIND.test(kind)) return false
    hasPython ??= onPath(python)
    return hasPython
  }

  const commandFor = async (kind: string): Promise<string[]> => {
    if (NODE_KIND.test(kind)) {
      const node = options.nodePaths?.[kind] ?? process.execPath
      return [node, '--expose-gc', join(runtimeDir, 'nodejs.cjs')]
    }
    interpreter ??= resolvePython(python)
    return [await interpreter, join(runtimeDir, 'python.py')]
  }

  const start = async (request: ContainerRequest): Promise<Container> => {
    if (request.userImage) throw new ContainerError('pull', messages.imagePullError(request.image))
    if (!supports(request.kind)) {
      throw new ContainerError('provision', `The process driver cannot run ${request.kind}: that needs Docker.`)
    }
    const command = await commandFor(request.kind)
    if (closed) throw new ContainerError('provision', 'The server is stopping.')
    const { folder, watchdog, modules } = open()
    const place = folder.add(NODE_KIND.test(request.kind) ? modules : undefined)
    const container = await startProcessContainer({
      id: newContainerId(),
      name: `ow-${options.instanceId}-${request.name}`,
      command,
      moreArguments: NODE_KIND.test(request.kind) ? [] : [join(folder.path, 'python-cache')],
      memoryMb: request.memoryMb,
      folder: place,
      clock,
      memory,
      exhaustedAnswer: NODE_KIND.test(request.kind) ? undefined : PYTHON_EXHAUSTED,
      env: {
        ...inheritedEnv(),
        // Images run in UTC, so dates look as they will there.
        TZ: 'UTC',
        PWD: place.work,
        TMPDIR: place.tmp,
        __OW_API_HOST: options.apiHost(),
        ...options.containerEnv,
        ...request.env,
      },
      onStarted(group) {
        watchdog.add(group)
        folder.record(place, group)
      },
      onEnded: group => watchdog.remove(group),
      removeFolder: () => folder.remove(place),
    })
    const { destroy } = container
    const tracked: Container = {
      ...container,
      destroy() {
        containers.delete(tracked)
        return destroy()
      },
    }
    containers.add(tracked)
    return tracked
  }

  return {
    driver: 'process',
    supports,
    async create(request) {
      const creation = start(request)
      starting.add(creation)
      try {
        const container = await creation
        if (closed) {
          await container.destroy()
          throw new ContainerError('provision', 'The server is stopping.')
        }
        return container
      } finally {
        starting.delete(creation)
      }
    },
    async cleanup() {
      const count = await removeLeftovers(tmpDir)
      if (count > 0) log.info(`Removed ${count} leftovers of servers that are no more`)
      return count
    },
    healthy: () => !closed,
    async close() {
      closed = true
      await Promise.allSettled(starting)
      await Promise.all([...containers].map(container => container.destroy()))
      memory.close()
      await opened?.watchdog.close()
      await opened?.folder.close()
    },
  }
}
