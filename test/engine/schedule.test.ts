import { describe, expect, it } from 'vitest'
import type { ExecutableAction } from '../../src/engine/profile.ts'
import { isExecutable } from '../../src/engine/profile.ts'
import { type Demand, type PoolLimits, type Slot, sameAction, schedule } from '../../src/engine/schedule.ts'
import type { ActionLimits, WhiskAction } from '../../src/entity/whisk-entity.ts'
import { anAction } from '../builders.ts'

const executable = (action: WhiskAction): ExecutableAction => {
  if (!isExecutable(action)) throw new Error('a sequence')
  return action
}
const hello = (limits: Partial<ActionLimits> = {}, name = 'hello') => executable(anAction({ name, limits }))

const aSlot = (overrides: Partial<Slot> = {}): Slot => ({
  state: 'ready',
  kind: 'nodejs:20',
  memoryMb: 256,
  action: hello(),
  namespace: 'guest',
  active: 0,
  collecting: 0,
  trailing: 0,
  held: 0,
  retired: false,
  fromStemCell: false,
  lastUsed: 0,
  ...overrides,
})
const aStemCell = (overrides: Partial<Slot> = {}) =>
  aSlot({ state: 'prewarmed', action: undefined, namespace: undefined, fromStemCell: true, ...overrides })

const decide = (slots: Slot[], demand: Partial<Demand> = {}, limits: Partial<PoolLimits> = {}) => {
  const decision = schedule({ action: hello(), namespace: 'guest', lingered: false, ...demand }, slots, {
    userMemoryMb: 1024,
    alwaysCold: false,
    ...limits,
  })
  if (decision.type === 'create') {
    return `create(${decision.label})${decision.evict.map(slot => ` -${slots.indexOf(slot)}`).join('')}`
  }
  if ('slot' in decision) {
    return `${decision.type}${decision.type === 'reuse' ? `(${decision.label})` : ''} ${slots.indexOf(decision.slot)}`
  }
  return decision.type
}
const busy = (overrides: Partial<Slot> = {}) => aSlot({ state: 'running', active: 1, ...overrides })
const other = hello({}, 'other')
const shared = hello({ concurrency: 2 })

describe('schedule', () => {
  it.each<[string, Slot[], Partial<Demand>, Partial<PoolLimits>, string]>([
    ['creates in an empty pool', [], {}, {}, 'create(cold)'],
    ['reuses an idle container of the action', [aSlot()], {}, {}, 'reuse(warmed) 0'],
    ['reuses one that is paused', [aSlot({ state: 'paused' })], {}, {}, 'reuse(warmed) 0'],
    ['reuses one that is being paused', [aSlot({ state: 'pausing' })], {}, {}, 'reuse(warmed) 0'],
    ['does not reuse a busy one', [busy()], {}, {}, 'create(cold)'],
    ['does not reuse one of another action', [aSlot({ action: other })], {}, {}, 'create(cold)'],
    ['does not reuse one of another namespace', [aSlot({ namespace: 'other' })], {}, {}, 'create(cold)'],
    ['does not reuse a retired one', [busy({ action: shared, retired: true })], { action: shared }, {}, 'create(cold)'],
    ['shares a busy one below the concurrency', [busy({ action: shared })], { action: shared }, {}, 'reuse(warmed) 0'],
    [
      'does not share at the concurrency',
      [busy({ action: shared, active: 2 })],
      { action: shared },
      {},
      'create(cold)',
    ],
    [
      'shares one that is still created',
      [busy({ state: 'creating', action: shared })],
      { action: shared },
      {},
      'reuse(warmingCold) 0',
    ],
    [
      'shares a stem cell that is still initialized',
      [busy({ state: 'initializing', action: shared, fromStemCell: true })],
      { action: shared },
      {},
      'reuse(warming) 0',
    ],
    [
      'prefers the initialized one to one that starts',
      [busy({ state: 'initializing', action: shared }), busy({ action: shared })],
      { action: shared },
      {},
      'reuse(warmed) 1',
    ],
    ['promotes a stem cell', [aStemCell()], {}, {}, 'promote 0'],
    ['prefers a warm container to a stem cell', [aStemCell(), aSlot()], {}, {}, 'reuse(warmed) 1'],
    ['takes no stem cell of another kind', [aStemCell({ kind: 'python:3.11' })], {}, {}, 'create(cold)'],
    ['takes no bigger stem cell', [aStemCell({ memoryMb: 512 })], {}, {}, 'create(cold)'],
    ['takes a stem cell that is still created', [aStemCell({ state: 'creating' })], {}, {}, 'promote 0'],
    ['prefers a stem cell that is ready', [aStemCell({ state: 'creating' }), aStemCell()], {}, {}, 'promote 1'],
    [
      'takes no container that is created for another',
      [busy({ state: 'creating', action: other })],
      {},
      {},
      'create(cold)',
    ],
    ['takes no stem cell for a shared container', [aStemCell()], { action: shared }, {}, 'create(cold)'],
    ['takes the stem cell that expires first', [aStemCell(), aStemCell({ expiresAt: 5 })], {}, {}, 'promote 1'],
    ['promotes although the pool is full', [aStemCell(), busy(), busy(), busy()], {}, {}, 'promote 0'],
    ['waits when all is busy', [busy(), busy(), busy(), busy()], {}, {}, 'wait'],
    [
      'evicts the longest unused first',
      [aSlot({ action: other, lastUsed: 2 }), aSlot({ action: other, lastUsed: 1 }), busy(), busy()],
      {},
      {},
      'create(recreated) -1',
    ],
    [
      'evicts as many as it takes',
      [128, 128, 128].map((memoryMb, lastUsed) => aSlot({ action: other, memoryMb, lastUsed })),
      {},
      { userMemoryMb: 384 },
      'create(recreated) -0 -1',
    ],
    [
      'evicts nothing where that would not be enough',
      [aSlot({ action: other }), busy(), busy(), busy()],
      { action: hello({ memory: 512 }) },
      {},
      'wait',
    ],
    [
      'does not evict one that another run waits for',
      [aSlot({ action: other, held: 1 }), busy(), busy(), busy()],
      {},
      {},
      'wait',
    ],
    [
      'gives up stem cells last',
      [aStemCell({ kind: 'python:3.11' }), aSlot({ action: other }), busy(), busy()],
      {},
      {},
      'create(recreated) -1',
    ],
    [
      'gives up stem cells when nothing else is left',
      [aStemCell({ kind: 'python:3.11' }), busy(), busy(), busy()],
      {},
      {},
      'create(recreated) -0',
    ],
    ['says what can never fit', [], { action: hello({ memory: 2048 }) }, {}, 'impossible'],
    ['waits for a container that only has logs to read', [busy({ collecting: 1 })], {}, {}, 'linger 0'],
    ['lets one run wait for one log collection', [busy({ collecting: 1, held: 1 })], {}, {}, 'create(cold)'],
    ['does not wait for logs twice', [busy({ collecting: 1 })], { lingered: true }, {}, 'create(cold)'],
    [
      'does not wait for logs where another container is idle',
      [busy({ collecting: 1 }), aSlot()],
      {},
      {},
      'reuse(warmed) 1',
    ],
    [
      'does not wait for logs that no other run can get into',
      [busy({ collecting: 1, trailing: 1 })],
      {},
      {},
      'reuse(warmed) 0',
    ],
    [
      'lets no container run more than one run ahead of its logs',
      [busy({ active: 2, collecting: 2, trailing: 2 })],
      {},
      {},
      'linger 0',
    ],
    [
      'lets one run wait where there will be room for one',
      [busy({ active: 2, collecting: 2, trailing: 2, held: 1 })],
      {},
      {},
      'create(cold)',
    ],
    [
      'does not wait for the logs of a run where another one runs',
      [busy({ active: 2, collecting: 1, trailing: 1 })],
      {},
      {},
      'create(cold)',
    ],
    ['starts cold on demand', [aSlot(), aStemCell()], { start: 'cold' }, {}, 'create(cold)'],
    ['starts prewarmed on demand', [aSlot(), aStemCell()], { start: 'prewarmed' }, {}, 'promote 1'],
    ['starts warm on demand', [aStemCell(), aSlot()], { start: 'warm' }, {}, 'reuse(warmed) 1'],
    ['makes a container for a warm start without one', [aStemCell()], { start: 'warm' }, {}, 'create(cold)'],
    ['always starts cold when told so', [aSlot(), aStemCell()], {}, { alwaysCold: true }, 'create(cold)'],
  ])('%s', (_, slots, demand, limits, expected) => {
    expect(decide(slots, demand, limits)).toBe(expected)
  })
})

describe('sameAction', () => {
  it('is true for an action that was deleted and made again alike', () => {
    expect(sameAction(anAction({ updated: 1 }), anAction({ updated: 2 }))).toBe(true)
  })

  it.each<[string, Partial<Parameters<typeof anAction>[0]>]>([
    ['version', { version: '0.0.2' }],
    ['code', { exec: { kind: 'nodejs:20', code: 'other', binary: false } }],
    ['limits', { limits: { memory: 128 } }],
    ['parameters', { parameters: [{ key: 'a', value: 1 }] }],
    ['annotations', { annotations: [{ key: 'a', value: 1 }] }],
    ['name', { name: 'other' }],
    ['package', { namespace: 'guest/p' }],
  ])('is false when the %s differs', (_, overrides) => {
    expect(sameAction(anAction(), anAction(overrides))).toBe(false)
  })
})
