// Keeps process containers within their memory limits by watching their resident memory while they work.

import { groupMembers, isMember, kill, newestProcess, ownBytes, peakOwnBytes } from './process-table.ts'

/** The processes of one container: what is watched, and who is told. */
export interface Watched {
  /** The process group, and the process that leads it. */
  readonly group: number
  readonly limitBytes: number
  /** How many calls are in progress; only then is it watched. */
  busy: number
  /** The processes known to work for it; refreshed from the process table now and then. */
  pids: number[]
  /** When it is to be looked at next, by the monotonic clock; the sooner the closer to its limit it was. */
  dueAt?: number
  /** What `newestProcess` said before the process table was read for it last. */
  tableOf?: string | undefined
  /** When its peaks were looked at last, by the monotonic clock. */
  peaksAt?: number
  /** A process of it was killed for exceeding the limit. */
  exceeded(pid: number): void
}

export interface MemoryWatch {
  add(watched: Watched): void
  remove(watched: Watched): void
  /** To be called when `busy` has become positive. */
  wake(): void
  close(): void
}

const TICK_MS = 20
/** Every so many ticks the process table is read, for processes that were started since. */
const TABLE_TICKS = 25
/** No process fills memory faster than this: that takes a look off the way of what is far from its limit. */
const BYTES_PER_MS = 4 * 1024 * 1024
/** So many ticks without work and the watch sleeps. */
const IDLE_TICKS = 50
/** A process that worked for less than this cannot have filled any limit. */
const MIN_WORK_MS = 10

const onLinux = process.platform === 'linux'

const judge = (watched: Watched, sizes: readonly { pid: number; ownBytes: number }[]) => {
  let total = 0
  let largest = { pid: watched.group, ownBytes: -1 }
  for (const size of sizes) {
    total += size.ownBytes
    if (size.ownBytes > largest.ownBytes) largest = size
  }
  watched.dueAt = performance.now() + (watched.limitBytes - total) / BYTES_PER_MS
  // As the kernel does with a container: the largest process dies, the others may live on.
  if (total > watched.limitBytes) end(watched, largest.pid)
}

const end = (watched: Watched, pid: number) => {
  if (!isMember(pid, watched.group)) return
  watched.exceeded(pid)
  kill(pid)
}

/** Starts asleep. */
export const createMemoryWatch = (): MemoryWatch => {
  const all = new Set<Watched>()
  let timer: NodeJS.Timeout | undefined
  let ticks = 0
  let idleTicks = 0

  const readTable = (busy: readonly Watched[]) => {
    const newest = newestProcess()
    // No process was made since the last time: there are no others than the known ones.
    if (newest !== undefined && busy.every(watched => watched.tableOf === newest)) return look(busy)
    for (const watched of busy) watched.tableOf = newest
    const byGroup = new Map(busy.map(watched => [watched.group, watched]))
    const rows = groupMembers(new Set(byGroup.keys()))
    for (const [group, watched] of byGroup) {
      const members = rows.filter(row => row.group === group)
      watched.pids = members.map(row => row.pid)
      judge(watched, members)
    }
  }

  const look = (busy: readonly Watched[]) => {
    const now = performance.now()
    for (const watched of busy) {
      if (now < (watched.dueAt ?? 0)) continue
      judge(
        watched,
        watched.pids.map(pid => ({ pid, ownBytes: ownBytes(pid) })),
      )
    }
  }

  const tick = () => {
    ticks += 1
    const busy = [...all].filter(watched => watched.busy > 0)
    idleTicks = busy.length === 0 ? idleTicks + 1 : 0
    if (idleTicks > IDLE_TICKS) {
      clearInterval(timer)
      timer = undefined
    } else if (busy.length > 0 && ticks % TABLE_TICKS === 0) readTable(busy)
    else if (onLinux) look(busy)
  }

  return {
    add(watched) {
      all.add(watched)
    },
    remove(watched) {
      all.delete(watched)
    },
    wake() {
      idleTicks = 0
      if (timer) return
      timer = setInterval(tick, TICK_MS)
      timer.unref()
    },
    close() {
      clearInterval(timer)
      timer = undefined
      all.clear()
    },
  }
}

/**
 * Looks once more after a call of `workedMs`: between two looks a process may have taken too much and given it back,
 * which a container would not have survived. Returns whether it was so; what was too large is dead then.
 */
export const exceededMeanwhile = (watched: Watched, workedMs: number): boolean => {
  if (!onLinux || workedMs < MIN_WORK_MS) return false
  // Of many calls at once each ends soon after another: since that one's look there was no time to fill the limit.
  const now = performance.now()
  if (now - (watched.peaksAt ?? Number.NEGATIVE_INFINITY) < MIN_WORK_MS) return false
  watched.peaksAt = now
  const pid = watched.pids.find(candidate => peakOwnBytes(candidate) > watched.limitBytes)
  if (pid === undefined) return false
  end(watched, pid)
  return true
}
