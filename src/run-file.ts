// ~/.openwhisk/run/<port>.json: how commands and tools find the servers of this user that run, and their tokens.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir, hostname } from 'node:os'
import { join } from 'node:path'
import { startedAt } from './container/process-table.ts'

export interface RunFile {
  readonly pid: number
  /** The machine that the process id belongs to. */
  readonly machine?: string
  /** What tells the process from a later one with its id, where the system tells. */
  readonly process?: string
  /** `http://localhost:3233` */
  readonly url: string
  /** Where actions reach the API. */
  readonly apihost: string
  /** Base URL of the gateway's own port. */
  readonly gateway?: string
  /** Bearer token of the control interface. */
  readonly token: string
  /** Absent when nothing is on disk. */
  readonly dataDir?: string
  readonly version: string
  /** Epoch milliseconds. */
  readonly startedAt: number
}

export function runDirectory(env: NodeJS.ProcessEnv = process.env): string {
  return env.OPENWHISK_RUN_DIR || join(homedir(), '.openwhisk', 'run')
}

/** The files of this process's servers. */
const written = new Map<string, RunFile>()
let watching = false

/** However the process ends: a file that names no living server would only be in the way. One hook for all servers. */
function removeAtExit(path: string, content: RunFile): void {
  written.set(path, content)
  if (watching) return
  watching = true
  process.on('exit', () => {
    for (const [path, { token }] of written) remove(path, token)
  })
}

/** Unless it is another server's by now. */
function remove(path: string, token: string): void {
  if (read(path)?.token === token) rmSync(path, { force: true })
}

/**
 * Writes the file, for its owner's eyes only, and removes those of servers that were killed; returns the function that
 * removes it. It goes with the process anyway. Throws the file system's error where it cannot be written.
 */
export function writeRunFile(port: number, content: RunFile, directory = runDirectory()): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  for (const file of filesIn(directory)) {
    const other = read(file)
    if (other?.machine === hostname() && !isRunning(other)) rmSync(file, { force: true })
  }
  const path = join(directory, `${port}.json`)
  // Removed first: the mode of an existing file would stay what it was.
  rmSync(path, { force: true })
  const whole: RunFile = { ...content, machine: hostname(), process: startedAt(content.pid) }
  writeFileSync(path, `${JSON.stringify(whole, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
  removeAtExit(path, content)
  return () => {
    written.delete(path)
    remove(path, content.token)
  }
}

/** The servers that run, newest first. Files of dead ones are ignored. */
export function runningServers(directory = runDirectory()): RunFile[] {
  return filesIn(directory)
    .map(read)
    .filter(file => file !== undefined)
    .filter(isRunning)
    .sort((a, b) => b.startedAt - a.startedAt)
}

function filesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
      .filter(name => /^\d+\.json$/.test(name))
      .map(name => join(directory, name))
  } catch {
    return []
  }
}

function read(path: string): RunFile | undefined {
  try {
    const parsed: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return typeof parsed === 'object' && parsed !== null && 'pid' in parsed && 'token' in parsed
      ? (parsed as RunFile)
      : undefined
  } catch {
    return undefined
  }
}

/** Whether the process that wrote the file is still there; its id may be another one's by now. */
function isRunning(file: RunFile): boolean {
  if (!isAlive(file.pid)) return false
  const systemTells = startedAt(process.pid) !== undefined
  return !systemTells || startedAt(file.pid) === file.process
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
