// Which kinds can run as processes here, and by what command.

import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { delimiter, dirname, isAbsolute, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { ContainerError } from './container.ts'
import type { WatchdogProgram } from './watchdog.ts'

export interface RuntimeOptions {
  /** The Node.js to run a kind on, e.g. `{ 'nodejs:18': '/opt/node18/bin/node' }`; this one unless told. */
  nodePaths?: Readonly<Record<string, string>>
  /** The Python 3 of all Python kinds: a command or a path; `python3` unless told. */
  python?: string
  /** Where the runtime proxies are, and in `node_modules` what the reference's image preinstalls; a function is asked once. */
  runtimeDir?: string | (() => string)
  /** What `process.execPath` needs in its environment to be a Node.js, where it is another program. */
  nodeEnv?: Readonly<Record<string, string>>
}

/** What starts a runtime proxy. */
export interface RuntimeCommand {
  /** The command line up to the socket that the proxy is to listen on, and what follows that. */
  command: readonly string[]
  moreArguments: readonly string[]
  env: Readonly<Record<string, string>>
  /** The node_modules that the code finds. */
  modules: string | undefined
  /** What the runtime answers when the memory limit ended the action but not the runtime itself. */
  exhaustedAnswer: { status: number; body: string } | undefined
}

export interface ProcessRuntimes {
  supports(kind: string): boolean
  /** `cacheDir` may hold what speeds up later starts. Fails with ContainerError. */
  commandFor(kind: string, cacheDir: () => string): Promise<RuntimeCommand>
  /** What the watchdog is where there is no shell. */
  watchdogProgram(): WatchdogProgram
}

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

/** Looks for programs only when they are asked for. */
export const createRuntimes = (options: RuntimeOptions): ProcessRuntimes => {
  const python = options.python ?? 'python3'
  const { nodePaths = {}, nodeEnv = {}, runtimeDir: given = findRuntimeDir } = options
  let found: string | undefined
  const runtimeDir = () => (found ??= typeof given === 'string' ? given : given())
  let modules: { path: string | undefined } | undefined
  let hasPython: boolean | undefined
  let interpreter: Promise<string> | undefined

  return {
    supports(kind) {
      if (process.platform === 'win32') return false
      if (NODE_KIND.test(kind)) return true
      if (!PYTHON_KIND.test(kind)) return false
      hasPython ??= onPath(python)
      return hasPython
    },
    async commandFor(kind, cacheDir) {
      if (NODE_KIND.test(kind)) {
        modules ??= { path: findModules(runtimeDir()) }
        const command = [nodePaths[kind] ?? process.execPath, '--expose-gc', join(runtimeDir(), 'nodejs.cjs')]
        const env = kind in nodePaths ? {} : nodeEnv
        return { command, moreArguments: [], env, modules: modules.path, exhaustedAnswer: undefined }
      }
      interpreter ??= resolvePython(python)
      return {
        command: [await interpreter, join(runtimeDir(), 'python.py')],
        moreArguments: [cacheDir()],
        env: {},
        modules: undefined,
        exhaustedAnswer: PYTHON_EXHAUSTED,
      }
    },
    watchdogProgram: () => ({ command: [process.execPath, join(runtimeDir(), 'watchdog.cjs')], env: nodeEnv }),
  }
}
