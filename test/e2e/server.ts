// Starts the built server as its users do, as a process of its own, and takes part in nothing else.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'

const root = resolve(import.meta.dirname, '../..')
export const BIN = join(root, 'bin', 'openwhisk-standalone.cjs')
const READY_MS = 30_000

/** Bundles the sources when dist/ is older. */
export function build(): void {
  execFileSync(process.execPath, [join(root, 'build.mjs'), '--if-needed'], { cwd: root })
}

/** A folder that is gone after the tests; `run` in it holds the run files. */
export function aFolder(): { path: string; remove(): void } {
  const path = mkdtempSync(join(tmpdir(), 'ow-e2e-'))
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}

export interface ServerProcess {
  readonly child: ChildProcess
  readonly url: string
  readonly pid: number
  /** What it wrote so far. */
  stdout(): string
  stderr(): string
  /** Sends the signal and gives the exit code, or the signal that ended it. */
  end(signal?: NodeJS.Signals): Promise<number | NodeJS.Signals>
}

export interface SpawnOptions {
  cwd: string
  args?: readonly string[]
  env?: NodeJS.ProcessEnv
  /** For its standard input, which is empty otherwise. */
  input?: string
  /** A file for its standard output, which can be read otherwise. */
  output?: number
}

/** The command line as a process, with run files, home folder and working directory of its own. */
export function spawnCommand({ cwd, args = [], env, input, output }: SpawnOptions): ChildProcess {
  const child = spawn(process.execPath, [BIN, ...args], {
    cwd,
    env: {
      ...process.env,
      HOME: cwd,
      OPENWHISK_RUN_DIR: join(cwd, 'run'),
      NO_COLOR: '1',
      FORCE_COLOR: undefined,
      ...env,
    },
    stdio: [input === undefined ? 'ignore' : 'pipe', output ?? 'pipe', 'pipe'],
  })
  child.stdin?.end(input)
  return child
}

/** Runs a command to its end. */
export async function command(options: SpawnOptions): Promise<{ code: number | null; stdout: string; stderr: string }> {
  const child = spawnCommand(options)
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  const [code] = (await once(child, 'close')) as [number | null]
  return { code, stdout: stdout(), stderr: stderr() }
}

/** Starts a server on a free port; resolves when it says that it is ready. */
export async function startProcess(options: SpawnOptions): Promise<ServerProcess> {
  const child = spawnCommand({ ...options, args: ['--port', '0', ...(options.args ?? [])] })
  const [stdout, stderr] = [collect(child.stdout), collect(child.stderr)]
  const exited = once(child, 'exit').then(([code, signal]) => (code ?? signal) as number | NodeJS.Signals)
  const url = await readyUrl(child, stdout, stderr)
  return {
    child,
    url,
    pid: child.pid ?? 0,
    stdout,
    stderr,
    async end(signal = 'SIGTERM') {
      if (child.exitCode === null && child.signalCode === null) child.kill(signal)
      return exited
    },
  }
}

function readyUrl(child: ChildProcess, stdout: () => string, stderr: () => string): Promise<string> {
  return new Promise((resolve, reject) => {
    const fail = (why: string) => reject(new Error(`${why}\n${stdout()}\n${stderr()}`))
    const timer = setTimeout(() => {
      child.kill('SIGKILL')
      fail(`not ready within ${READY_MS} ms`)
    }, READY_MS)
    child.stdout?.on('data', () => {
      const url = /is ready at (\S+)\n/.exec(stdout())?.[1]
      if (url === undefined) return
      clearTimeout(timer)
      resolve(url)
    })
    child.once('exit', code => {
      clearTimeout(timer)
      fail(`ended with ${code} before it was ready`)
    })
  })
}

function collect(stream: NodeJS.ReadableStream | null): () => string {
  let text = ''
  stream?.on('data', chunk => {
    text += String(chunk)
  })
  return () => text
}

export const GUEST =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'

/** What the tests use of the `openwhisk` package, which has no types. */
export interface OpenWhiskClient {
  actions: Record<'create' | 'update' | 'get' | 'delete' | 'list' | 'invoke', Call>
  activations: Record<'list' | 'get' | 'logs' | 'result', Call>
  packages: Record<'create' | 'get' | 'update' | 'delete' | 'list', Call>
  triggers: Record<'create' | 'get' | 'delete' | 'invoke', Call>
  feeds: Record<'create' | 'get' | 'delete', Call>
  rules: Record<'create' | 'delete' | 'enable' | 'disable', Call>
}
type Call = (options?: object | string) => Promise<Answer>
/** Any field of any answer: tests look at few of each. */
export interface Answer {
  readonly [field: string]: Answer
}

/** The real client, pointed at a server. */
export function clientOf(url: string, auth = GUEST): OpenWhiskClient {
  const openwhisk = createRequire(import.meta.url)('openwhisk') as (options: object) => OpenWhiskClient
  return openwhisk({ apihost: url, api_key: auth, ignore_certs: true })
}

/** Asks until `probe` gives something; fails with its last failure when the time is up. */
export async function eventually<T>(
  probe: () => Promise<T | undefined> | T | undefined,
  timeoutMs = 20_000,
): Promise<T> {
  const deadline = Date.now() + timeoutMs
  for (;;) {
    let failure: unknown = new Error(`nothing within ${timeoutMs} ms`)
    try {
      const found = await probe()
      if (found !== undefined) return found
    } catch (error) {
      failure = error
    }
    if (Date.now() > deadline) throw failure
    await new Promise(resolve => setTimeout(resolve, 25))
  }
}
