// Wires the engine: the one Invoker of the server, and what the server asks of it beside invoking.

import { randomUUID } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Builtins } from '../container/builtin.ts'
import type { ContainerFactory } from '../container/container.ts'
import type { Entitlement } from '../entitlement/entitlement.ts'
import type { Throttler } from '../entitlement/throttler.ts'
import type { ActivationId } from '../entity/activation.ts'
import type { Identity, UserLimits } from '../entity/identity.ts'
import { namespaceLimits, type SystemLimits, standardActionLimits } from '../entity/limits.ts'
import type { ExecManifest } from '../entity/manifest.ts'
import type { EventBus } from '../events.ts'
import type { Logger } from '../log.ts'
import type { Store } from '../store/store.ts'
import { withRealTimers } from '../virtual-clock.ts'
import { type CloseReport, closeEngine } from './close.ts'
import { Composites } from './composites.ts'
import { Drivers } from './drivers.ts'
import type { EngineMetrics } from './engine-metrics.ts'
import { execute } from './execute.ts'
import { Invocations } from './invoke.ts'
import type { Invoker } from './invoker.ts'
import { Observer } from './observer.ts'
import { ContainerPool } from './pool.ts'
import { Records } from './records.ts'
import { recoverQueue } from './recover.ts'
import { stemCellConfigs } from './stem-cells.ts'
import { SystemActions } from './system-actions.ts'
import { fireTrigger } from './trigger.ts'

export interface InvokerDeps {
  readonly store: Store
  readonly entitlement: Entitlement
  readonly throttler: Throttler
  /** In order of preference; asked for at each creation, so that drivers may come later. */
  readonly factories: () => readonly ContainerFactory[]
  /** System actions that are functions of this server. */
  readonly builtins?: Builtins
  readonly manifest: ExecManifest
  readonly limits: SystemLimits
  readonly clock: Clock
  readonly log: Logger
  readonly events: EventBus
  readonly metrics: EngineMetrics
  readonly activationIds: () => ActivationId
  /** Is told of each trigger that is fired, and when everything that it started has ended. */
  onFired?(activationId: ActivationId, done: Promise<unknown>): void
}

export interface InvokerOptions {
  /** What all action containers together may use, in MB. */
  readonly userMemoryMb: number
  /** Bytes of arguments that may wait. */
  readonly queueMemoryBytes: number
  readonly idleTimeoutMs: number
  /** Absent: idle containers are not frozen. */
  readonly pauseGraceMs?: number
  readonly alwaysCold?: boolean
  /** Kind → count instead of the manifest's stem cells; false: none. */
  readonly prewarm?: Readonly<Record<string, number>> | false
  /** For every action container. */
  readonly containerEnv?: Readonly<Record<string, string>>
  /** How long `close` lets run what runs. */
  readonly stopTimeoutMs: number
  /** Nothing outlives this server: queued work ends with a record when it closes. */
  readonly ephemeral?: boolean
}

/** What there is right now: for `status`, `/metrics` and tests. */
export interface EngineStatus {
  readonly containers: readonly {
    readonly name: string
    readonly state: string
    readonly kind: string
    readonly memoryMb: number
    readonly action?: string
    readonly namespace?: string
    readonly active: number
    readonly driver?: string
  }[]
  readonly userMemoryMb: number
  readonly usedMemoryMb: number
  readonly queue: { readonly activations: number; readonly bytes: number; readonly memoryMb: number }
  /** Activations that have a container, and sequences and compositions on their way. */
  readonly running: number
  readonly composites: number
}

export interface Engine extends Invoker {
  /** Begins to keep stem cells, and continues what a former server left unless `recover` did. */
  start(): void
  /** Retires the containers of an action (`ns/[pkg/]name`), or all of them; returns how many. */
  recycle(fqn?: string): Promise<number>
  status(): EngineStatus
  /** Stops: what runs may finish within the stop timeout, what waits stays in the store. Removes all containers. */
  close(): Promise<CloseReport>
}

export function createInvoker(deps: InvokerDeps, options: InvokerOptions): Engine {
  const { store, clock, log, metrics, limits, manifest } = deps
  // Containers age, and stem cells expire, by the server's clock; whoever waits for a run waits in real time.
  const waits = withRealTimers(clock)
  const records = new Records(store, waits)
  const observer = new Observer({ clock, log, events: deps.events, metrics })
  const drivers = new Drivers({
    factories: deps.factories,
    runtimes: manifest,
    userMemoryMb: options.userMemoryMb,
    containerEnv: options.containerEnv ?? {},
    log,
  })
  const limitsOf = namespaceLimitsOf(limits)
  const pool: ContainerPool = new ContainerPool(
    {
      userMemoryMb: options.userMemoryMb,
      queueMemoryBytes: options.queueMemoryBytes,
      idleTimeoutMs: options.idleTimeoutMs,
      pauseGraceMs: options.pauseGraceMs,
      alwaysCold: options.alwaysCold ?? false,
      stemCells: stemCellConfigs(manifest.runtimes, options.prewarm, standardActionLimits(limits).memory),
    },
    {
      clock,
      log,
      observer,
      metrics,
      execute: (proxy, run, idle) => execute(proxy, run, idle, execution),
      createStemCell: proxy => drivers.createStemCell(proxy),
      refresh: run => invocations.refresh(run),
      fail: (run, response) => invocations.fail(run, response),
      ended: run => invocations.ended(run),
    },
  )
  const execution = {
    clock,
    log,
    records,
    observer,
    limitsOf,
    createContainer: (run: Parameters<typeof execute>[1], proxy: Parameters<typeof execute>[0]) =>
      drivers.create(proxy, run.action, run.namespace, run.transid),
    imageOf: (run: Parameters<typeof execute>[1]) => drivers.imageOf(run.action),
    sentinelled: (run: Parameters<typeof execute>[1]) => drivers.sentinelled(run.action),
    sentinelsFirst: (run: Parameters<typeof execute>[1]) => drivers.sentinelsFirst(run.action),
  }
  const shared = { ...deps, clock: waits, records, observer, activationId: deps.activationIds, transid: childTransid }
  const systemActions = new SystemActions({
    builtins: deps.builtins,
    clock,
    records,
    observer,
    limitsOf,
    ended: run => invocations.ended(run),
  })
  const composites = new Composites({
    ...shared,
    maxLength: limits.sequenceMaxLength,
    startAction: request => invocations.startComponent(request),
  })
  const invocations: Invocations = new Invocations({
    ...shared,
    limitsOf,
    runtimes: manifest,
    pool,
    systemActions,
    composites,
  })
  const triggers = { ...shared, invoke: invocations.invoke.bind(invocations) }
  let recovered = false
  /** Once: what it takes up is in the queue mirror still. */
  const recover = () => {
    if (recovered) return
    recovered = true
    recoverQueue({ store, clock, log, records, resubmit: run => invocations.resubmit(run) })
  }

  return {
    invoke: request => invocations.invoke(request),
    fire: request => fireTrigger(request, triggers),
    settled: ids => records.settled(ids),
    get awaitsLogs() {
      return records.awaitsLogs
    },
    recover,
    entitiesChanged(ids) {
      pool.retireChanged(new Set(ids), id => {
        const entity = store.entities.get(id)
        return entity?.entityType === 'action' ? entity : undefined
      })
    },
    start() {
      recover()
      pool.start()
    },
    recycle: async fqn => pool.recycle(fqn),
    status: () => statusOf(pool, composites, options.userMemoryMb),
    close: () =>
      closeEngine({ pool, invocations, composites, systemActions }, { clock: waits, log, store, ...options }),
  }
}

/** For a component: OpenWhisk gives each a transaction of its own. */
function childTransid(): string {
  return randomUUID().replaceAll('-', '')
}

/** What a namespace may have; worked out once for each set of limits. */
function namespaceLimitsOf(system: SystemLimits) {
  const known = new WeakMap<UserLimits, SystemLimits>()
  return ({ limits }: Identity): SystemLimits => {
    const found = known.get(limits)
    if (found !== undefined) return found
    const made = namespaceLimits(system, limits)
    known.set(limits, made)
    return made
  }
}

function statusOf(pool: ContainerPool, composites: Composites, userMemoryMb: number): EngineStatus {
  return {
    containers: [...pool.slots].map(slot => ({
      name: slot.container?.name ?? `${slot.number}`,
      state: slot.state,
      kind: slot.kind,
      memoryMb: slot.memoryMb,
      active: slot.active - slot.trailing,
      ...(slot.action === undefined ? {} : { action: `${slot.action.namespace}/${slot.action.name}` }),
      ...(slot.namespace === undefined ? {} : { namespace: slot.namespace }),
      ...(slot.container === undefined ? {} : { driver: slot.container.driver }),
    })),
    userMemoryMb,
    usedMemoryMb: pool.usedMb,
    queue: { activations: pool.buffer.size, bytes: pool.buffer.bytes, memoryMb: pool.buffer.memoryMb },
    running: pool.running.size,
    composites: composites.size,
  }
}
