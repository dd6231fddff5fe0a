// The statements of the index of activations.

import type { FilterNames } from './activation-text.ts'
import type { Connection } from './connection.ts'

/** What a query means: records of a namespace with a name (empty: all) that started in a span of time. */
export interface Range {
  namespace: string
  name: string
  since: number
  upto: number
}

/** A closed segment's share of a name. */
export interface Run {
  segment: number
  entries: number
  first: number
  last: number
}

interface Segment {
  segment: number
}

interface Namespace {
  namespace: string
}

const IN_SEGMENT = `FROM activation_index WHERE segment = :segment AND namespace = :namespace AND name = :name
  AND start BETWEEN :since AND :upto`

export const indexStatements = ({ db }: Connection) => ({
  open: db.prepare<[], Segment>('SELECT segment FROM activation_open_segment'),
  setOpen: db.prepare<Segment>('UPDATE activation_open_segment SET segment = :segment'),
  last: db.prepare<[], { seq: number | null }>('SELECT max(seq) AS seq FROM activations'),
  records: db.prepare<{ from: number }, Namespace & FilterNames & { seq: number; start: number }>(
    `SELECT seq, namespace, name, bound_name AS boundName, start FROM activations WHERE seq >= :from ORDER BY seq`,
  ),
  close: db.prepare<Segment & { from: number; to: number }>(
    `INSERT INTO activation_index
     SELECT :segment, namespace, CASE which WHEN 0 THEN '' WHEN 1 THEN name ELSE bound_name END AS entry, start, seq
     FROM activations CROSS JOIN (SELECT 0 AS which UNION ALL SELECT 1 UNION ALL SELECT 2)
     WHERE seq >= :from AND seq < :to AND entry IS NOT NULL ORDER BY namespace, entry, start, seq`,
  ),
  remove: db.prepare<Segment & { from: number; to: number }>(
    'DELETE FROM activation_index WHERE segment = :segment AND seq BETWEEN :from AND :to',
  ),
  uncount: db.prepare<Segment>('DELETE FROM activation_counts WHERE segment = :segment'),
  count: db.prepare<Segment>(
    `INSERT INTO activation_counts SELECT segment, namespace, name, count(*), min(start), max(start)
     FROM activation_index WHERE segment = :segment GROUP BY namespace, name`,
  ),
  uncountSegment: db.prepare<Segment>('DELETE FROM activation_segments WHERE segment = :segment'),
  countSegment: db.prepare<Segment>(
    `INSERT INTO activation_segments SELECT segment, sum(entries), min(first_start), max(last_start)
     FROM activation_counts WHERE segment = :segment AND name = '' GROUP BY segment`,
  ),
  dropFromSegments: db.prepare<Namespace>(
    `UPDATE activation_segments AS s SET entries = s.entries - c.entries
     FROM activation_counts c WHERE c.segment = s.segment AND c.namespace = :namespace AND c.name = ''`,
  ),
  dropCounts: db.prepare<Namespace>(
    `DELETE FROM activation_counts WHERE namespace = :namespace
     AND segment IN (SELECT segment FROM activation_segments)`,
  ),
  dropEntries: db.prepare<Namespace>(
    `DELETE FROM activation_index WHERE namespace = :namespace
     AND segment IN (SELECT segment FROM activation_segments)`,
  ),
  // CROSS JOIN keeps the order of lookups: one in each segment.
  runs: db.prepare<Range, Run>(
    `SELECT s.segment, c.entries, c.first_start AS first, c.last_start AS last
     FROM activation_segments s CROSS JOIN activation_counts c
     ON c.segment = s.segment AND c.namespace = :namespace AND c.name = :name
     WHERE s.last_start >= :since AND s.first_start <= :upto AND c.last_start >= :since AND c.first_start <= :upto`,
  ),
  find: db.prepare<Range & Segment & { limit: number }, { start: number; seq: number }>(
    `SELECT start, seq ${IN_SEGMENT} ORDER BY start DESC, seq DESC LIMIT :limit`,
  ),
  countIn: db.prepare<Range & Segment, { n: number }>(`SELECT count(*) AS n ${IN_SEGMENT}`),
  closedTotal: db.prepare<[], { n: number | null }>('SELECT sum(entries) AS n FROM activation_segments'),
})
