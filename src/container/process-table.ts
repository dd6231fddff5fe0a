// What runs on this machine, as the process driver needs to know it: from /proc on Linux, from `ps` elsewhere.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'

export interface ProcessRow {
  pid: number
  /** The process group. */
  group: number
  /** Resident memory that is the process's own, in bytes (`ps`: all of it). */
  ownBytes: number
}

const onLinux = process.platform === 'linux'

const readText = (path: string): string | undefined => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return undefined
  }
}

const ps = (...args: string[]): string => {
  try {
    // Times are compared with those that other processes were told: in one language and one time zone.
    const env = { ...process.env, LC_ALL: 'C', TZ: 'UTC' }
    return execFileSync('ps', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'], env })
  } catch {
    return ''
  }
}

/** The fields of /proc/PID/stat from the state on: the name before may hold anything. */
const statFields = (pid: number): string[] | undefined => {
  const text = readText(`/proc/${pid}/stat`)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')
}

const STAT_STATE = 0
const STAT_GROUP = 2
const STAT_STARTED = 19

/** What tells a process from a later one with the same number; undefined when there is none. */
export const startedAt = (pid: number): string | undefined => {
  if (!onLinux) return ps('-o', 'lstart=', '-p', String(pid)).trim() || undefined
  const fields = statFields(pid)
  return fields && fields[STAT_STATE] !== 'Z' ? fields[STAT_STARTED] : undefined
}

let pageBytes = 0

/** The kernel counts in pages, whose size it does not say: this process's own figures tell. */
const pageSize = (): number => {
  if (pageBytes === 0) {
    const pages = Number(readText('/proc/self/statm')?.split(' ')[1] ?? 0)
    pageBytes = pages > 0 ? 2 ** Math.round(Math.log2(process.memoryUsage.rss() / pages)) : 4096
  }
  return pageBytes
}

/** Resident memory of one process without its file pages, which a container is not charged for; Linux only. */
export const ownBytes = (pid: number): number => {
  const fields = readText(`/proc/${pid}/statm`)?.split(' ')
  return fields ? (Number(fields[1]) - Number(fields[2])) * pageSize() : 0
}

/** The most that `ownBytes` has ever been, as near as the kernel tells; Linux only. */
export const peakOwnBytes = (pid: number): number => {
  const status = readText(`/proc/${pid}/status`) ?? ''
  const kilobytes = (name: string) => Number(new RegExp(`${name}:\\s+(\\d+)`).exec(status)?.[1] ?? 0)
  return (kilobytes('VmHWM') - kilobytes('RssFile')) * 1024
}

const processIds = (): number[] => {
  const ids: number[] = []
  for (const name of readdirSync('/proc')) {
    const pid = Number(name)
    if (pid > 0) ids.push(pid)
  }
  return ids
}

/**
 * Changes whenever a process is made anywhere on this machine; undefined where that cannot be told. (The last number
 * given to a process or thread.)
 */
export const newestProcess = (): string | undefined =>
  onLinux ? readText('/proc/loadavg')?.trim().split(' ').at(-1) : undefined

/** Whether the process is still one of the group: its number may be another's by now. Not known where there is no /proc. */
export const isMember = (pid: number, group: number): boolean =>
  !onLinux || Number(statFields(pid)?.[STAT_GROUP]) === group

/** The processes whose group is one of `groups`. */
export const groupMembers = (groups: ReadonlySet<number>): ProcessRow[] => {
  if (onLinux) {
    return processIds().flatMap(pid => {
      const fields = statFields(pid)
      const group = Number(fields?.[STAT_GROUP])
      return fields?.[STAT_STATE] !== 'Z' && groups.has(group) ? [{ pid, group, ownBytes: ownBytes(pid) }] : []
    })
  }
  return ps('-axo', 'pid=,pgid=,rss=')
    .split('\n')
    .map(line => line.trim().split(/\s+/).map(Number))
    .flatMap(([pid = 0, group = 0, rss = 0]) => (groups.has(group) ? [{ pid, group, ownBytes: rss * 1024 }] : []))
}

const SCAN_AT_ONCE = 16

interface Search {
  text: string
  found: number[]
  resolve: (pids: number[]) => void
}

/** Searches that wait for the next scan: many containers may end at once, and one scan serves them all. */
let searches: Search[] = []
let scanning = false

const scanEnvironments = async (batch: readonly Search[]): Promise<void> => {
  const ids = processIds()
  const scan = async () => {
    for (let pid = ids.pop(); pid !== undefined; pid = ids.pop()) {
      const environment = await readFile(`/proc/${pid}/environ`, 'latin1').catch(() => '')
      for (const search of batch) if (environment.includes(search.text)) search.found.push(pid)
    }
  }
  await Promise.all(Array.from({ length: SCAN_AT_ONCE }, scan))
}

const serveSearches = async (): Promise<void> => {
  scanning = true
  while (searches.length > 0) {
    const batch = searches
    searches = []
    await scanEnvironments(batch)
    for (const search of batch) search.resolve(search.found)
  }
  scanning = false
}

/**
 * The processes that carry `text` in the environment they were started with: descendants that left their group.
 * Empty where there is no /proc.
 */
export const processesWithEnvironment = (text: string): Promise<number[]> => {
  if (!onLinux) return Promise.resolve([])
  return new Promise(resolve => {
    searches.push({ text, found: [], resolve })
    if (!scanning) serveSearches()
  })
}

/** Kills a process, or with a negative number a process group; true when there was one. */
export const kill = (pid: number, signal: NodeJS.Signals | 0 = 'SIGKILL'): boolean => {
  try {
    process.kill(pid, signal)
    return true
  } catch {
    return false
  }
}
