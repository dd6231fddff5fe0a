// The folders of the process driver: one a server, in it one a container, each with the record that tells a later
// server whom it belonged to.

import { randomBytes } from 'node:crypto'
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { kill, processesWithEnvironment, startedAt } from './process-table.ts'

export interface ContainerFolder {
  path: string
  /** The working directory. */
  work: string
  tmp: string
  socket: string
}

export interface RunFolder {
  readonly path: string
  /** Makes the folder of one container. `modules` is what its code finds as node_modules. */
  add(modules: string | undefined): ContainerFolder
  /** Notes which process leads the container, for a server that finds the folder later. */
  record(folder: ContainerFolder, pid: number): void
  /** Settles when the folder is gone, whatever was in it. */
  remove(folder: ContainerFolder): Promise<void>
  close(): Promise<void>
}

/** Who owns a folder: the number and the start of a process. */
interface Owner {
  pid: number
  started: string
}

const PREFIX = 'ow-run-'
const OWNER = 'owner.json'
/** A socket's path may have about a hundred bytes; what follows the folder's own is short. */
const MAX_PATH_BYTES = 84

/** The variable that marks the processes of a container, with the folder as its value. */
export const markOf = (path: string): string => `TMPDIR=${path}`

const ownerOf = (folder: string): Owner | undefined => {
  try {
    const { pid, started } = JSON.parse(readFileSync(join(folder, OWNER), 'utf8')) as Partial<Owner>
    return pid !== undefined && started !== undefined ? { pid, started } : undefined
  } catch {
    return undefined
  }
}

const writeOwner = (folder: string, pid: number) => {
  const owner: Owner = { pid, started: startedAt(pid) ?? '' }
  writeFileSync(join(folder, OWNER), JSON.stringify(owner))
}

/** A server that was killed before it wrote its record is known by the folder's name. */
const ownerByName = (folder: string): number | undefined => {
  const pid = Number(new RegExp(`${PREFIX}(\\d+)-[^/]*$`).exec(folder)?.[1])
  return pid > 0 ? pid : undefined
}

const isLeftover = (folder: string): boolean => {
  const owner = ownerOf(folder)
  if (owner) return !alive(owner)
  const pid = ownerByName(folder)
  return pid !== undefined && startedAt(pid) === undefined
}

const alive = (owner: Owner | undefined) => owner !== undefined && startedAt(owner.pid) === owner.started

const removeTree = (path: string) => rm(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })

const foldersIn = (path: string): string[] => {
  try {
    return readdirSync(path, { withFileTypes: true })
      .filter(entry => entry.isDirectory())
      .map(entry => join(path, entry.name))
  } catch {
    return []
  }
}

/** Where a server's folder may be: `tmpDir`, or the system's where that makes the paths of sockets too long. */
const placesFor = (tmpDir: string): string[] => [tmpDir, tmpdir(), '/tmp']

/** Makes this server's folder below `tmpDir`. */
export const openRunFolder = (tmpDir: string): RunFolder => {
  const prefix = `${PREFIX}${process.pid}-`
  const place = placesFor(tmpDir).find(path => Buffer.byteLength(path) <= MAX_PATH_BYTES - prefix.length) ?? '/tmp'
  mkdirSync(place, { recursive: true })
  const path = mkdtempSync(join(place, prefix))
  writeOwner(path, process.pid)
  let made = 0
  return {
    path,
    add(modules) {
      made += 1
      const folder = join(path, made.toString(36))
      const work = join(folder, 'action')
      const tmp = join(folder, 'tmp')
      mkdirSync(work, { recursive: true })
      mkdirSync(tmp)
      if (modules !== undefined) symlinkSync(modules, join(folder, 'node_modules'))
      return { path: folder, work, tmp, socket: join(folder, 's') }
    },
    record: (folder, pid) => writeOwner(folder.path, pid),
    remove: folder => removeTree(folder.path),
    close: () => removeTree(path),
  }
}

/** Ends the processes that a dead server's containers left, then removes its folder. */
const removeServer = async (path: string): Promise<number> => {
  let count = 0
  for (const folder of foldersIn(path)) {
    const owner = ownerOf(folder)
    if (owner && alive(owner) && kill(-owner.pid)) count += 1
  }
  for (const pid of await processesWithEnvironment(`${markOf(path)}/`)) if (kill(pid)) count += 1
  rmSync(path, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
  return count + 1
}

/** Removes the folders and processes of servers that are no more; returns how many there were of both. */
export const removeLeftovers = async (tmpDir: string): Promise<number> => {
  let count = 0
  for (const place of new Set(placesFor(tmpDir))) {
    for (const path of foldersIn(place)) {
      if (!path.slice(place.length + 1).startsWith(PREFIX)) continue
      if (isLeftover(path)) count += await removeServer(path)
    }
  }
  return count
}

/** A name that no other container of this machine has. */
export const newContainerId = (): string => randomBytes(16).toString('hex')
