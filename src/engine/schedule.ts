// The policy of the container pool: where a run goes. Pure; pool.ts obeys.

import { isDeepStrictEqual } from 'node:util'
import type { WhiskAction } from '../entity/whisk-entity.ts'
import type { StartDemand } from './invoker.ts'
import type { ExecutableAction } from './profile.ts'

/**
 * - `creating`: the container is being made, for a run or as a stem cell
 * - `prewarmed`: a stem cell: its runtime is up, it has no code
 * - `initializing`: `/init` is on its way
 * - `running`: at least one run has it, be it that only its logs are awaited
 * - `ready`: idle, has its code
 * - `pausing`, `paused`, `resuming`: idle and frozen, on the way there, on the way back with a run waiting
 * - `removing`, `removed`: given up; counts no more
 */
export type SlotState =
  | 'creating'
  | 'prewarmed'
  | 'initializing'
  | 'running'
  | 'ready'
  | 'pausing'
  | 'paused'
  | 'resuming'
  | 'removing'
  | 'removed'

/** One container, as the policy sees it. */
export interface Slot {
  readonly state: SlotState
  readonly kind: string
  readonly memoryMb: number
  /** Whose code it has or is about to get; absent for a stem cell. */
  readonly action?: ExecutableAction
  /** The invoking namespace it belongs to from its first run on. */
  readonly namespace?: string
  /** Runs that have it, up to and including their log collection. */
  readonly active: number
  /** Those of them that only wait for their logs. */
  readonly collecting: number
  /** Those of these whose logs no later run can get into: they are in nobody's way. */
  readonly trailing: number
  /** Runs that wait for one of these. */
  readonly held: number
  /** Takes no more runs, and goes when its last one has ended. */
  readonly retired: boolean
  /** True when it was a stem cell. */
  readonly fromStemCell: boolean
  /** Epoch milliseconds of the end of its last run. */
  readonly lastUsed: number
  /** When a stem cell is renewed; absent for those that stay. */
  readonly expiresAt?: number
}

/** What the policy needs to know of a run. */
export interface Demand {
  readonly action: ExecutableAction
  /** Name of the invoking namespace. */
  readonly namespace: string
  readonly start?: StartDemand
  /** It has waited for a log collection to end already, in vain. */
  readonly lingered: boolean
}

export interface PoolLimits {
  readonly userMemoryMb: number
  readonly alwaysCold: boolean
}

/** Values of the metric's label `containerState`. */
export type ContainerStart = 'warmed' | 'warming' | 'warmingCold' | 'prewarmed' | 'cold' | 'recreated'

export type Decision<S extends Slot> =
  /** An initialized container, or one about to be, that has room for this run. */
  | { readonly type: 'reuse'; readonly slot: S; readonly label: ContainerStart }
  /** Its container is all but free: hold the run for it a moment rather than making another. */
  | { readonly type: 'linger'; readonly slot: S }
  /** A stem cell, perhaps one that is still being made. */
  | { readonly type: 'promote'; readonly slot: S }
  | { readonly type: 'create'; readonly evict: readonly S[]; readonly label: ContainerStart }
  /** Into the run buffer, until a container is free or gone. */
  | { readonly type: 'wait' }
  /** It does not fit even into the empty pool. */
  | { readonly type: 'impossible' }

/** Decides for the next run in line. `slots` are those whose memory counts. */
export function schedule<S extends Slot>(demand: Demand, slots: Iterable<S>, limits: PoolLimits): Decision<S> {
  const start = limits.alwaysCold ? 'cold' : demand.start
  if (start === undefined || start === 'warm') {
    const shared = findShared(demand, slots)
    if (shared !== undefined) return shared
  }
  if (start === undefined || start === 'prewarmed') {
    const stemCell = findStemCell(demand.action, slots)
    if (stemCell !== undefined) return { type: 'promote', slot: stemCell }
  }
  return place(demand.action.limits.memory, slots, limits.userMemoryMb)
}

/** A container of this action and namespace with room, idle ones first; else one that is about to have room. */
function findShared<S extends Slot>(demand: Demand, slots: Iterable<S>): Decision<S> | undefined {
  const { concurrency } = demand.action.limits
  let starting: S | undefined
  let finishing: S | undefined
  for (const slot of slots) {
    if (slot.action === undefined || slot.retired || slot.namespace !== demand.namespace) continue
    if (!sameAction(slot.action, demand.action)) continue
    if (hasRoom(slot, concurrency)) {
      if (isInitialized(slot.state)) return { type: 'reuse', slot, label: 'warmed' }
      starting ??= slot
    } else if (aboutToHaveRoom(slot, concurrency) > slot.held) {
      finishing ??= slot
    }
  }
  if (starting !== undefined) {
    return { type: 'reuse', slot: starting, label: starting.fromStemCell ? 'warming' : 'warmingCold' }
  }
  // Differs from OpenWhisk: there a caller that comes back within the log collection of its own last call gets
  // another container; here the run has the same one at once when the logs are trailing, else it waits for that
  // collection, which takes a millisecond as a rule.
  return finishing !== undefined && !demand.lingered ? { type: 'linger', slot: finishing } : undefined
}

/** Whether another run may have it. No more than a run's worth of logs may trail behind each that it can have. */
export function hasRoom(slot: Pick<Slot, 'active' | 'trailing'>, concurrency: number): boolean {
  return slot.active - slot.trailing < concurrency && slot.trailing <= concurrency
}

/** For how many runs there will be room when the logs are read that are being read. */
function aboutToHaveRoom({ active, collecting, trailing }: Slot, concurrency: number): number {
  const free = concurrency - (active - trailing)
  return free > 0 ? Math.min(free, trailing) : collecting - trailing
}

function isInitialized(state: SlotState): boolean {
  return state === 'ready' || state === 'running' || state === 'paused' || state === 'pausing' || state === 'resuming'
}

/**
 * OpenWhisk: only a stem cell of exactly this kind and memory will do, the one that expires first.
 * Differs from OpenWhisk: one that is still being made will do where there is no other. It is ready before a container
 * that would be begun only now, which a later run could otherwise overtake with this very stem cell.
 * Differs from OpenWhisk: none for actions that share containers, since Node.js runtimes must be told of that when
 * their container is made.
 */
function findStemCell<S extends Slot>(action: ExecutableAction, slots: Iterable<S>): S | undefined {
  const { memory, concurrency } = action.limits
  if (concurrency > 1) return undefined
  let found: S | undefined
  let coming: S | undefined
  for (const slot of slots) {
    if (slot.action !== undefined || slot.retired) continue
    if (slot.kind !== action.exec.kind || slot.memoryMb !== memory) continue
    if (slot.state === 'creating') coming ??= slot
    else if (slot.state === 'prewarmed' && (found === undefined || expiry(slot) < expiry(found))) found = slot
  }
  return found ?? coming
}

const expiry = (slot: Slot): number => slot.expiresAt ?? Number.POSITIVE_INFINITY

/** Makes room for a new container: free memory first, then idle containers, the longest unused ones first. */
function place<S extends Slot>(neededMb: number, slots: Iterable<S>, userMemoryMb: number): Decision<S> {
  if (neededMb > userMemoryMb) return { type: 'impossible' }
  let missing = neededMb - userMemoryMb
  const idle: S[] = []
  const stemCells: S[] = []
  for (const slot of slots) {
    missing += slot.memoryMb
    if (isEvictable(slot)) idle.push(slot)
    else if (slot.state === 'prewarmed') stemCells.push(slot)
  }
  if (missing <= 0) return { type: 'create', evict: [], label: 'cold' }
  // Differs from OpenWhisk: it never gives up a stem cell, so that a run of another kind may wait for ever; and it may
  // promise more memory than there is. Here stem cells go last, and only when that makes enough room.
  const candidates = [...idle.sort((a, b) => a.lastUsed - b.lastUsed), ...stemCells]
  const evict: S[] = []
  for (const slot of candidates) {
    evict.push(slot)
    missing -= slot.memoryMb
    if (missing <= 0) return { type: 'create', evict, label: 'recreated' }
  }
  return { type: 'wait' }
}

function isEvictable(slot: Slot): boolean {
  return slot.active === 0 && slot.held === 0 && (slot.state === 'ready' || slot.state === 'paused')
}

/**
 * OpenWhisk: two actions are one when everything but revision and time of update is equal, so that an action which was
 * deleted and made again finds its containers warm.
 */
export function sameAction(a: WhiskAction, b: WhiskAction): boolean {
  if (a === b) return true
  return (
    a.name === b.name &&
    a.version === b.version &&
    a.namespace === b.namespace &&
    a.publish === b.publish &&
    isDeepStrictEqual(a.exec, b.exec) &&
    isDeepStrictEqual(a.limits, b.limits) &&
    isDeepStrictEqual(a.parameters, b.parameters) &&
    isDeepStrictEqual(a.annotations, b.annotations)
  )
}
