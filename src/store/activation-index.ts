// Which records a query means: the index of activations, in segments.
//
// A segment is a run of 2 ** SEGMENT_BITS sequence numbers. The last one is open: its entries are in memory (read from
// the records when a query first needs them), so that storing a record touches no index. When it is full its entries
// are written, sorted, behind those of the segments before it, and counted by namespace and name: inserting costs the
// same however many records and names there are.
//
// Counting a range of time adds up segments that lie inside it and walks the few that straddle its ends; listing
// visits segments from the latest `start` backwards and stops at the first that cannot hold anything newer than what
// it has. Nothing demands that records come in the order of `start`: segments may overlap, clocks may go backwards.

import { indexStatements, type Range, type Run } from './activation-index-sql.ts'
import type { FilterNames } from './activation-text.ts'
import type { Connection } from './connection.ts'
import type { ActivationQuery } from './store.ts'

/** 2 to the power of this many records make a segment. */
const SEGMENT_BITS = 12

/** One entry: where the record is, and what it is sorted by. */
export interface Hit {
  readonly start: number
  readonly seq: number
}

export interface ActivationIndex {
  /** The sequence number of the next record. */
  next(): number
  /** To be called when the record of `next()` has been inserted. */
  added(seq: number, namespace: string, names: FilterNames, start: number): void
  /** To be called when a record, or all of a segment up to one, have been deleted. */
  removed(seq: number): void
  removedUpTo(seq: number): void
  /** To be called when all records of a namespace have been deleted. */
  dropped(namespace: string): void
  /** The last sequence number of the segment that this one is in. */
  endOf(seq: number): number
  /** Newest first. */
  find(query: ActivationQuery): Hit[]
  count(query: ActivationQuery): number
  /** All records of all namespaces. */
  total(): number
}

/** All but the reading ones belong inside `connection.write`. `segmentBits` belongs to the data: only tests differ. */
export function activationIndex(connection: Connection, segmentBits = SEGMENT_BITS): ActivationIndex {
  const sql = indexStatements(connection)
  const segmentRecords = 2 ** segmentBits
  const segmentOf = (seq: number) => Math.floor(seq / segmentRecords)
  const firstOf = (segment: number) => segment * segmentRecords
  let state: { open: number; next: number } | undefined
  /** The open segment by namespace and name, in the order of sequence; undefined until it is asked for. */
  let entries: Map<string, Hit[]> | undefined
  let total: number | undefined
  const forget = () => {
    state = undefined
    entries = undefined
    total = undefined
  }
  connection.onRollback(forget)

  const current = () => {
    if (!state) {
      const open = sql.open.get()?.segment ?? 0
      // The newest records may have been deleted; what follows must not fall into a closed segment.
      state = { open, next: Math.max((sql.last.get()?.seq ?? 0) + 1, firstOf(open)) }
    }
    return state
  }
  const enter = (into: Map<string, Hit[]>, namespace: string, { name, boundName }: FilterNames, hit: Hit) => {
    for (const entry of boundName === null ? ['', name] : ['', name, boundName]) {
      const key = keyOf(namespace, entry)
      const hits = into.get(key)
      if (hits) hits.push(hit)
      else into.set(key, [hit])
    }
  }
  const openEntries = () => {
    if (!entries) {
      entries = new Map()
      for (const { seq, namespace, start, ...names } of sql.records.all({ from: firstOf(current().open) })) {
        enter(entries, namespace, names, { start, seq })
      }
    }
    return entries
  }
  const findOpen = ({ namespace, name, since, upto }: Range): Hit[] => {
    const hits = openEntries().get(keyOf(namespace, name)) ?? []
    return hits.filter(({ start }) => start >= since && start <= upto)
  }
  const close = (segment: number) => {
    const range = { segment, from: firstOf(segment), to: firstOf(segment + 1) }
    sql.close.run(range)
    recount(segment)
  }
  const recount = (segment: number) => {
    sql.uncount.run({ segment })
    sql.count.run({ segment })
    sql.uncountSegment.run({ segment })
    sql.countSegment.run({ segment })
  }
  const removed = (segment: number, remove: () => void) => {
    total = undefined
    if (segment === current().open) {
      entries = undefined
      return
    }
    remove()
    recount(segment)
  }

  const countIn = (segment: number, range: Range) => sql.countIn.get({ ...range, segment })?.n ?? 0
  const count = (range: Range, runs: readonly Run[]): number => {
    let n = findOpen(range).length
    for (const run of runs) {
      if (run.last < range.since) continue
      const inside = run.first >= range.since && run.last <= range.upto
      n += inside ? run.entries : countIn(run.segment, range)
    }
    return n
  }
  const newest = (range: Range, runs: readonly Run[], need: number): Hit[] => {
    let hits = findOpen(range)
    for (const run of runs) {
      if (hits.length >= need) {
        hits = hits.sort(newestFirst).slice(0, need)
        const oldest = hits.at(-1)
        if (!oldest || oldest.start > run.last) return hits
      }
      hits = hits.concat(sql.find.all({ ...range, segment: run.segment, limit: need }))
    }
    return hits.sort(newestFirst).slice(0, need)
  }

  return {
    next: () => current().next,
    added(seq, namespace, names, start) {
      const now = current()
      const segment = segmentOf(seq)
      if (segment !== now.open) {
        close(now.open)
        sql.setOpen.run({ segment })
        now.open = segment
        entries = new Map()
      }
      now.next = seq + 1
      if (entries) enter(entries, namespace, names, { start, seq })
      if (total !== undefined) total++
    },
    removed(seq) {
      const segment = segmentOf(seq)
      removed(segment, () => sql.remove.run({ segment, from: seq, to: seq }))
    },
    removedUpTo(seq) {
      const segment = segmentOf(seq)
      removed(segment, () => sql.remove.run({ segment, from: 0, to: seq }))
    },
    dropped(namespace) {
      sql.dropFromSegments.run({ namespace })
      sql.dropCounts.run({ namespace })
      sql.dropEntries.run({ namespace })
      total = undefined
      entries = undefined
    },
    endOf: seq => firstOf(segmentOf(seq) + 1) - 1,
    find(query) {
      const { limit = Number.MAX_SAFE_INTEGER, skip = 0 } = query
      const range = toRange(query)
      const runs = sql.runs.all(range).sort((a, b) => b.last - a.last)
      const leap = skip > 0 ? leapOver(runs, skip - findOpen(range).length) : undefined
      if (leap === undefined) return newest(range, runs, skip + limit).slice(skip)
      const left = skip - count({ ...range, since: leap + 1 }, runs)
      const shorter = { ...range, upto: leap }
      const rest = runs.filter(run => run.first <= leap)
      return newest(shorter, rest, left + limit).slice(left)
    },
    count(query) {
      const range = toRange(query)
      return count(range, sql.runs.all(range))
    },
    total() {
      if (total === undefined) {
        total = sql.closedTotal.get()?.n ?? 0
        for (const [key, hits] of openEntries()) if (key.endsWith('\n')) total += hits.length
      }
      return total
    },
  }
}

/**
 * For skipping: a `start` so late that no more than `skip` entries of closed segments come after it. Everything later
 * need not be listed, only counted. Runs come in the order of their last entries, the latest first.
 */
function leapOver(runs: readonly Run[], skip: number): number | undefined {
  let leap: number | undefined
  let passed = 0
  for (const run of runs) {
    // What comes after this run's last entry lies in the runs before it.
    if (passed > 0) leap = run.last
    passed += run.entries
    if (passed > skip) break
  }
  return leap
}

function keyOf(namespace: string, name: string): string {
  return `${namespace}\n${name}`
}

function toRange({ namespace, name = '', since, upto }: ActivationQuery): Range {
  return {
    namespace,
    name,
    since: since ?? Number.MIN_SAFE_INTEGER,
    upto: upto ?? Number.MAX_SAFE_INTEGER,
  }
}

function newestFirst(a: Hit, b: Hit): number {
  return b.start - a.start || b.seq - a.seq
}
