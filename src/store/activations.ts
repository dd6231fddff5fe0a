// Activation records: putting, completing, reading, listing, and what retention does with them.

import type { Clock } from '../clock.ts'
import type { WhiskActivation } from '../entity/activation.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { activationIndex } from './activation-index.ts'
import {
  type ActivationText,
  decodeActivation,
  encodeActivation,
  type FilterNames,
  filterNames,
} from './activation-text.ts'
import type { Connection } from './connection.ts'
import type { Queue } from './queue.ts'
import type { ActivationQuery, ActivationStore } from './store.ts'

/** How many records one call of `prune` deletes at most: a few milliseconds. */
const PRUNE_SLICE = 512

/** What forgetting a namespace needs. */
export interface Activations extends ActivationStore {
  drop(namespace: string): void
}

interface Key {
  seq: number
  start: number
}

/** Sequence numbers, both inclusive. */
interface Span {
  from: number
  to: number
}

interface Row extends Key, FilterNames, Omit<ActivationText, 'logs'> {
  id: string
  namespace: string
}

/** Sequence numbers as a JSON array; rows come in its order, because CROSS JOIN keeps that of the loops. */
interface Listed {
  seqs: string
}

const TEXT = 'a.summary, a.details, l.logs'
const LISTED = 'json_each(:seqs) s CROSS JOIN activations a ON a.seq = s.value'
const LOGS = 'LEFT JOIN activation_logs l ON l.seq = a.seq'

const statements = ({ db }: Connection) => ({
  put: db.prepare<Row>(
    `INSERT INTO activations (seq, id, namespace, start, name, bound_name, summary, details)
     VALUES (:seq, :id, :namespace, :start, :name, :boundName, :summary, :details) ON CONFLICT (id) DO NOTHING`,
  ),
  putLogs: db.prepare<{ seq: number; logs: string }>('INSERT OR REPLACE INTO activation_logs VALUES (:seq, :logs)'),
  deleteLogs: db.prepare<Span>('DELETE FROM activation_logs WHERE seq BETWEEN :from AND :to'),
  delete: db.prepare<Span>('DELETE FROM activations WHERE seq BETWEEN :from AND :to'),
  key: db.prepare<{ id: string }, Key>('SELECT seq, start FROM activations WHERE id = :id'),
  byId: db.prepare<{ id: string }, ActivationText & { namespace: string }>(
    `SELECT a.namespace, ${TEXT} FROM activations a ${LOGS} WHERE a.id = :id`,
  ),
  list: db.prepare<Listed, ActivationText>(`SELECT ${TEXT} FROM ${LISTED} ${LOGS}`),
  summaries: db.prepare<Listed, string>(`SELECT a.summary FROM ${LISTED}`).pluck(),
  oldest: db.prepare<{ limit: number }, Key>('SELECT seq, start FROM activations ORDER BY seq LIMIT :limit'),
})

export function activationStore(
  connection: Connection,
  { clock, queue, segmentBits }: { clock: Pick<Clock, 'now'>; queue: Pick<Queue, 'remove'>; segmentBits?: number },
): Activations {
  const sql = statements(connection)
  const index = activationIndex(connection, segmentBits)
  /** Records whose logs are on the way: where they are. */
  const pending = new Map<string, number>()
  connection.onRollback(() => pending.clear())

  const insert = (record: WhiskActivation, { logs, ...text }: ActivationText): number => {
    const { activationId: id, namespace, start } = record
    const names = filterNames(record)
    const row = { seq: index.next(), id, namespace, start, ...names, ...text }
    if (sql.put.run(row).changes === 0) {
      const old = sql.key.get({ id })
      if (old) remove(old)
      sql.put.run(row)
    }
    index.added(row.seq, namespace, names, start)
    if (logs !== null) sql.putLogs.run({ seq: row.seq, logs })
    return row.seq
  }
  const remove = ({ seq }: Key): void => {
    sql.deleteLogs.run({ from: seq, to: seq })
    sql.delete.run({ from: seq, to: seq })
    index.removed(seq)
  }
  const find = (query: ActivationQuery): Listed => ({ seqs: JSON.stringify(index.find(query).map(hit => hit.seq)) })

  return {
    put(record, options) {
      const text = encodeActivation(record)
      const seq = connection.write(() => insert(record, text))
      if (options?.logsPending) pending.set(record.activationId, seq)
      queue.remove(record.activationId)
    },
    setLogs(id, logs) {
      const known = pending.get(id)
      pending.delete(id)
      // Stored without logs, complete without logs.
      if (known !== undefined && logs.length === 0) return
      const seq = known ?? sql.key.get({ id })?.seq
      if (seq !== undefined) connection.write(() => sql.putLogs.run({ seq, logs: JSON.stringify(logs) }))
    },
    get(namespace, id) {
      const row = sql.byId.get({ id })
      return row?.namespace === namespace ? decode(row) : undefined
    },
    list: query => sql.list.all(find(query)).map(decode),
    listSummaries: query => sql.summaries.all(find(query)),
    count: query => index.count(query),
    prune({ ageMs, count }) {
      // Records are stored when they end, so the first ones are the oldest but for what ran long.
      const [first] = sql.oldest.all({ limit: 1 })
      if (!first) return 0
      const before = ageMs > 0 ? clock.now() - ageMs : Number.MIN_SAFE_INTEGER
      const surplus = count > 0 ? index.total() - count : 0
      if (first.start >= before && surplus <= 0) return 0
      const end = index.endOf(first.seq)
      const keys = sql.oldest.all({ limit: PRUNE_SLICE })
      const kept = keys.findIndex(({ seq, start }, at) => seq > end || (at >= surplus && start >= before))
      const gone = kept < 0 ? keys : keys.slice(0, kept)
      const to = gone.at(-1)?.seq ?? first.seq
      connection.write(() => {
        sql.deleteLogs.run({ from: first.seq, to })
        sql.delete.run({ from: first.seq, to })
        index.removedUpTo(to)
      })
      return gone.length
    },
    drop(namespace) {
      const hits = index.find({ namespace })
      connection.write(() => {
        for (const { seq } of hits) {
          sql.deleteLogs.run({ from: seq, to: seq })
          sql.delete.run({ from: seq, to: seq })
        }
        index.dropped(namespace)
      })
    },
  }
}

function decode(text: ActivationText): WhiskActivation {
  try {
    return decodeActivation(text)
  } catch (error) {
    throw new WhiskError('internal', messages.corrupted, { cause: error })
  }
}
