// Which records a query means: the index of activations, in segments.
//
// A segment is a run of 2 ** SEGMENT_BITS sequence numbers. New index entries all fall into the last segment, a range
// of a few hundred pages, so that inserting costs the same however many records there are. When a segment is full its
// entries are counted once by namespace and name. Counting a range of time then adds up segments that lie inside it
// and walks the few that straddle its ends; listing visits segments from the latest `start` backwards and stops at
// the first that cannot hold anything newer than what it has. Nothing demands that records come in the order of
// `start`: segments may overlap, clocks may go backwards.

import type { Connection } from './connection.ts'
import type { ActivationQuery } from './store.ts'

/** 2 to the power of this many records make a segment. */
const SEGMENT_BITS = 13

/** One entry: where the record is, and what it is sorted by. */
export interface Hit {
  readonly start: number
  readonly seq: number
}

export interface ActivationIndex {
  /** The sequence number of the next record. */
  next(): number
  /** Enters the record of `next()`; closes the segment before it when it is the first of a new one. */
  add(seq: number, namespace: string, names: readonly string[], start: number): void
  remove(seq: number, namespace: string, names: readonly string[], start: number): void
  /** Newest first. */
  find(query: ActivationQuery): Hit[]
  count(query: ActivationQuery): number
  /** All records of all namespaces. */
  total(): number
}

interface Name {
  namespace: string
  name: string
}

interface Range extends Name {
  since: number
  upto: number
}

interface Entry extends Name {
  segment: number
  start: number
  seq: number
}

/** A closed segment's share of a name. */
interface Run {
  segment: number
  entries: number
  first: number
  last: number
}

const IN_SEGMENT = `FROM activation_index WHERE segment = :segment AND namespace = :namespace AND name = :name
  AND start BETWEEN :since AND :upto`

const statements = ({ db }: Connection) => ({
  open: db.prepare<[], { segment: number }>('SELECT segment FROM activation_open_segment'),
  setOpen: db.prepare<{ segment: number }>('UPDATE activation_open_segment SET segment = :segment'),
  last: db.prepare<[], { seq: number | null }>('SELECT max(seq) AS seq FROM activations'),
  add: db.prepare<Entry>(
    `INSERT INTO activation_index VALUES
     (:segment, :namespace, '', :start, :seq), (:segment, :namespace, :name, :start, :seq)`,
  ),
  addName: db.prepare<Entry>('INSERT INTO activation_index VALUES (:segment, :namespace, :name, :start, :seq)'),
  remove: db.prepare<Entry>(
    `DELETE FROM activation_index
     WHERE segment = :segment AND namespace = :namespace AND name = :name AND start = :start AND seq = :seq`,
  ),
  close: db.prepare<{ segment: number }>(
    `INSERT INTO activation_counts SELECT namespace, name, segment, count(*), min(start), max(start)
     FROM activation_index WHERE segment = :segment GROUP BY namespace, name`,
  ),
  uncount: db.prepare<Name & { segment: number }, { entries: number }>(
    `UPDATE activation_counts SET entries = entries - 1
     WHERE namespace = :namespace AND name = :name AND segment = :segment RETURNING entries`,
  ),
  forget: db.prepare<Name & { segment: number }>(
    'DELETE FROM activation_counts WHERE namespace = :namespace AND name = :name AND segment = :segment',
  ),
  runs: db.prepare<Range, Run>(
    `SELECT segment, entries, first_start AS first, last_start AS last FROM activation_counts
     WHERE namespace = :namespace AND name = :name AND last_start >= :since AND first_start <= :upto`,
  ),
  find: db.prepare<Range & { segment: number; limit: number }, Hit>(
    `SELECT start, seq ${IN_SEGMENT} ORDER BY start DESC, seq DESC LIMIT :limit`,
  ),
  count: db.prepare<Range & { segment: number }, { n: number }>(`SELECT count(*) AS n ${IN_SEGMENT}`),
  closedTotal: db.prepare<[], { n: number | null }>("SELECT sum(entries) AS n FROM activation_counts WHERE name = ''"),
  openTotal: db.prepare<{ segment: number }, { n: number }>(
    "SELECT count(*) AS n FROM activation_index WHERE segment = :segment AND name = ''",
  ),
})

/** All but the reading ones belong inside `connection.write`. `segmentBits` belongs to the data: only tests differ. */
export function activationIndex(connection: Connection, segmentBits = SEGMENT_BITS): ActivationIndex {
  const sql = statements(connection)
  const segmentRecords = 2 ** segmentBits
  const segmentOf = (seq: number) => Math.floor(seq / segmentRecords)
  let state: { open: number; next: number } | undefined
  let total: number | undefined
  connection.onRollback(() => {
    state = undefined
    total = undefined
  })

  const current = () => {
    if (!state) {
      const open = sql.open.get()?.segment ?? 0
      // The newest records may have been deleted; what follows must not fall into a closed segment.
      const next = Math.max((sql.last.get()?.seq ?? 0) + 1, open * segmentRecords)
      state = { open, next }
    }
    return state
  }
  const countIn = (segment: number, range: Range) => sql.count.get({ ...range, segment })?.n ?? 0
  const count = (range: Range): number => {
    let n = countIn(current().open, range)
    for (const run of sql.runs.all(range)) {
      const inside = run.first >= range.since && run.last <= range.upto
      n += inside ? run.entries : countIn(run.segment, range)
    }
    return n
  }
  /** Adds a segment's entries to the newest `need` so far. */
  const collect = (hits: Hit[], segment: number, range: Range, need: number): Hit[] => {
    const more = sql.find.all({ ...range, segment, limit: need })
    if (hits.length === 0) return more
    return more.length === 0 ? hits : [...hits, ...more].sort(newestFirst).slice(0, need)
  }
  const newest = (range: Range, runs: readonly Run[], need: number): Hit[] => {
    let hits = collect([], current().open, range, need)
    for (const run of runs) {
      const oldest = hits[need - 1]
      if (oldest && oldest.start > run.last) break
      hits = collect(hits, run.segment, range, need)
    }
    return hits
  }

  return {
    next: () => current().next,
    add(seq, namespace, [name = '', ...others], start) {
      const now = current()
      const segment = segmentOf(seq)
      if (segment !== now.open) {
        sql.close.run({ segment: now.open })
        sql.setOpen.run({ segment })
        now.open = segment
      }
      sql.add.run({ segment, namespace, name, start, seq })
      for (const other of others) sql.addName.run({ segment, namespace, name: other, start, seq })
      now.next = seq + 1
      if (total !== undefined) total++
    },
    remove(seq, namespace, names, start) {
      const segment = segmentOf(seq)
      for (const name of ['', ...names]) {
        sql.remove.run({ segment, namespace, name, start, seq })
        if (segment === current().open) continue
        const left = sql.uncount.get({ segment, namespace, name })
        if (left?.entries === 0) sql.forget.run({ segment, namespace, name })
      }
      if (total !== undefined) total--
    },
    find(query) {
      const { limit = Number.MAX_SAFE_INTEGER, skip = 0 } = query
      const range = toRange(query)
      const runs = sql.runs.all(range).sort((a, b) => b.last - a.last)
      const leap = leapOver(runs, skip - segmentRecords)
      if (leap === undefined) return newest(range, runs, skip + limit).slice(skip)
      const left = skip - count({ ...range, since: leap + 1 })
      const shorter = { ...range, upto: Math.min(range.upto, leap) }
      return newest(shorter, runs, left + limit).slice(left)
    },
    count: query => count(toRange(query)),
    total() {
      total ??= (sql.closedTotal.get()?.n ?? 0) + (sql.openTotal.get({ segment: current().open })?.n ?? 0)
      return total
    },
  }
}

/**
 * For a long skip: a `start` so late that no more than `skip` entries of closed segments come after it. Everything
 * later need not be listed, only counted.
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
  return skip > 0 ? leap : undefined
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
