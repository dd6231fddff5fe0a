// ~/.openwhisk/run/<port>.json: how commands and tools find the servers of this user that run, and their tokens.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'

export interface RunFile {
  readonly pid: number
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

/** Writes the file, for its owner's eyes only; returns the function that removes it. */
export function writeRunFile(port: number, content: RunFile, directory = runDirectory()): () => void {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  const path = join(directory, `${port}.json`)
  // Removed first: the mode of an existing file would stay what it was.
  rmSync(path, { force: true })
  writeFileSync(path, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600, flag: 'wx' })
  return () => {
    if (read(path)?.pid === content.pid) rmSync(path, { force: true })
  }
}

/** The servers that run, newest first. Files of dead ones are ignored. */
export function runningServers(directory = runDirectory()): RunFile[] {
  let names: string[]
  try {
    names = readdirSync(directory)
  } catch {
    return []
  }
  return names
    .filter(name => /^\d+\.json$/.test(name))
    .map(name => read(join(directory, name)))
    .filter(file => file !== undefined && isAlive(file.pid))
    .filter(file => file !== undefined)
    .sort((a, b) => b.startedAt - a.startedAt)
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

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // EPERM: it lives, but belongs to somebody else.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}
