// Runs a project of examples/ in a folder of its own, with the checkout as its `openwhisk-standalone`.

import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, existsSync, mkdirSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { expect } from 'vitest'
import { processesWithEnvironment } from '../../src/container/process-table.ts'
import { linkedFolder, ROOT } from '../linked.ts'

export interface Example {
  readonly path: string
  /** What its commands get beside what the machine has. */
  readonly env: NodeJS.ProcessEnv
  start(command: string, ...args: string[]): ChildProcess
  /** Runs a command to its end; `output` is both of its streams. */
  run(command: string, ...args: string[]): Promise<{ code: number | null; output: string }>
  /** No containers, processes, temporary files of the server, run files or data. */
  expectNothingLeft(): Promise<void>
  remove(): void
}

/** A copy of the example; `packages` of the checkout are installed in it. */
export function exampleFolder(name: string, packages: readonly string[] = []): Example {
  const { path, remove } = linkedFolder(packages)
  cpSync(join(ROOT, 'examples', name), path, { recursive: true })
  const temporary = join(path, 'tmp')
  const runDirectory = join(path, 'run')
  mkdirSync(temporary)
  // What this test runner says about itself is not for the one of the example.
  const own = Object.entries(process.env).filter(
    ([name]) => !/^(VITEST|TEST$|NODE_ENV|NODE_OPTIONS|OPENWHISK_)/.test(name),
  )
  const env: NodeJS.ProcessEnv = {
    ...Object.fromEntries(own),
    HOME: path,
    TMPDIR: temporary,
    NO_COLOR: '1',
    FORCE_COLOR: undefined,
    OPENWHISK_DRIVER: 'process',
    OPENWHISK_RUN_DIR: runDirectory,
  }
  const start = (command: string, ...args: string[]) =>
    spawn(command, args, { cwd: path, env, stdio: ['ignore', 'pipe', 'pipe'] })
  return {
    path,
    env,
    start,
    async run(command, ...args) {
      const child = start(command, ...args)
      let output = ''
      for (const stream of [child.stdout, child.stderr]) stream?.on('data', chunk => (output += chunk))
      const [code] = (await once(child, 'close')) as [number | null]
      return { code, output }
    },
    async expectNothingLeft() {
      expect(existsSync(runDirectory) ? readdirSync(runDirectory) : []).toEqual([])
      expect(readdirSync(temporary).filter(name => name.startsWith('ow-'))).toEqual([])
      expect(existsSync(join(path, '.openwhisk', 'standalone'))).toBe(false)
      expect(await processesWithEnvironment(`TMPDIR=${temporary}/ow-`)).toEqual([])
    },
    remove,
  }
}
