import Database from 'better-sqlite3'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { WhiskActivation } from '../../src/entity/activation.ts'
import { silentLogger } from '../../src/log.ts'
import { activationStore } from '../../src/store/activations.ts'
import { Connection } from '../../src/store/connection.ts'
import { migrate } from '../../src/store/migrate.ts'
import type { ActivationQuery } from '../../src/store/store.ts'
import { anActivation } from '../builders.ts'
import { EPOCH, fakeClock } from '../fakes/clock.ts'

/** Segments of 8 records, so that a few dozen fill several. */
const SEGMENT_BITS = 3

const makeStore = () => {
  const db = new Database(':memory:')
  migrate(db)
  const clock = fakeClock()
  const connection = new Connection(db, { clock, log: silentLogger })
  const open = () => activationStore(connection, { clock, queue: { remove() {} }, segmentBits: SEGMENT_BITS })
  return { connection, open }
}

const namespace = fc.constantFrom('guest', 'other')
const name = fc.constantFrom('a', 'b', 'pkg/c')
/** Mostly in order, as clocks and short runs give it; sometimes far off. */
const jitter = fc.oneof(
  { weight: 5, arbitrary: fc.nat(3) },
  { weight: 1, arbitrary: fc.integer({ min: -50, max: 50 }) },
)
const record = fc.record({ namespace, name, jitter })
const bound = fc.option(fc.nat(120), { nil: undefined })
const query = fc.record({
  namespace,
  name: fc.option(name, { nil: undefined }),
  since: bound,
  upto: bound,
  limit: fc.option(fc.nat(20), { nil: undefined }),
  skip: fc.option(fc.nat(100), { nil: undefined }),
})
const step = fc.oneof(
  { weight: 8, arbitrary: record.map(add => ({ add })) },
  { weight: 1, arbitrary: fc.nat(60).map(prune => ({ prune })) },
  { weight: 1, arbitrary: fc.constant({ rollback: true }) },
  { weight: 1, arbitrary: fc.constant({ reopen: true }) },
  { weight: 1, arbitrary: namespace.map(drop => ({ drop })) },
)

const keyOf = ({ name, annotations }: WhiskActivation) => (annotations.length > 0 ? `pkg/${name}` : name)

const expected = (model: readonly WhiskActivation[], query: ActivationQuery) => {
  const { since = Number.NEGATIVE_INFINITY, upto = Number.POSITIVE_INFINITY } = query
  return model
    .map((record, stored) => ({ record, stored }))
    .filter(({ record }) => record.namespace === query.namespace)
    .filter(({ record }) => query.name === undefined || keyOf(record) === query.name)
    .filter(({ record }) => record.start >= since && record.start <= upto)
    .sort((a, b) => b.record.start - a.record.start || b.stored - a.stored)
    .map(({ record }) => record.activationId)
}

const toRecord = (add: { namespace: string; name: string; jitter: number }, at: number) => {
  const [first = '', second] = add.name.split('/')
  const path = { key: 'path', value: `${add.namespace}/${add.name}` }
  return anActivation({
    namespace: add.namespace,
    name: second ?? first,
    start: EPOCH + at + add.jitter,
    annotations: second ? [path] : [],
  })
}

describe('the index of activations', () => {
  it('answers as a plain filter and sort would, whatever was stored, pruned, dropped and rolled back', () => {
    fc.assert(
      fc.property(
        fc.array(step, { minLength: 20, maxLength: 150 }),
        fc.array(query, { minLength: 10 }),
        (steps, queries) => {
          const { connection, open } = makeStore()
          let store = open()
          let model: WhiskActivation[] = []
          steps.forEach((step, at) => {
            if ('add' in step) {
              const record = toRecord(step.add, at)
              store.put(record)
              model.push(record)
            } else if ('prune' in step) {
              let pruned = 0
              for (let n = -1; n !== 0; pruned += n) n = store.prune({ ageMs: 0, count: step.prune })
              expect(pruned).toBe(step.prune === 0 ? 0 : Math.max(0, model.length - step.prune))
              model = model.slice(pruned)
            } else if ('drop' in step) {
              store.drop(step.drop)
              model = model.filter(record => record.namespace !== step.drop)
            } else if ('rollback' in step) {
              const lost = () => {
                store.put(toRecord({ namespace: 'guest', name: 'a', jitter: 0 }, at))
                for (let n = 0; n < 12; n++) store.put(toRecord({ namespace: 'other', name: 'b', jitter: n }, at))
                throw new Error('undo')
              }
              expect(() => connection.transaction(lost)).toThrow('undo')
            } else store = open()
          })
          for (const { since, upto, ...rest } of queries) {
            const query = {
              ...rest,
              since: since === undefined ? undefined : EPOCH + since,
              upto: upto === undefined ? undefined : EPOCH + upto,
            }
            const all = expected(model, query)
            const { skip = 0, limit = all.length } = query
            expect(store.count(query)).toBe(all.length)
            expect(store.list(query).map(record => record.activationId)).toEqual(all.slice(skip, skip + limit))
          }
          connection.close()
        },
      ),
      { numRuns: 60 },
    )
  })
})
