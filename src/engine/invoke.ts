// Invoking: refuses what may be refused, and sends what is left on its path: container, system action, composition.

import type { Clock } from '../clock.ts'
import type { Entitlement } from '../entitlement/entitlement.ts'
import type { Throttler } from '../entitlement/throttler.ts'
import type { ActivationId, ActivationResponse, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import { checkActionLimits, type SystemLimits } from '../entity/limits.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { actionRecord, fallbackRecord } from './activation-record.ts'
import { isArray, mergeArguments, refuseOverrides } from './arguments.ts'
import type { ComponentRequest, StartedComponent } from './composite.ts'
import type { Composites } from './composites.ts'
import type { Runtimes } from './drivers.ts'
import type { Invocation, InvokeRequest } from './invoker.ts'
import { latestAction } from './latest.ts'
import { MirrorEntry } from './mirror.ts'
import type { Observer } from './observer.ts'
import { applicationError, whiskError } from './outcome.ts'
import type { ContainerPool } from './pool.ts'
import { type ExecutableAction, isExecutable, profileOf } from './profile.ts'
import type { Records } from './records.ts'
import { Run, settle } from './run.ts'
import type { SystemActions } from './system-actions.ts'

export interface InvocationServices {
  readonly store: Store
  readonly entitlement: Entitlement
  readonly throttler: Throttler
  readonly runtimes: Runtimes
  readonly clock: Clock
  readonly records: Records
  readonly observer: Observer
  readonly pool: ContainerPool
  readonly systemActions: SystemActions
  readonly composites: Composites
  /** What a namespace may have. */
  limitsOf(identity: Identity): SystemLimits
  activationId(): ActivationId
  /** A transaction id for a component: 32 characters. */
  transid(): string
}

export class Invocations {
  readonly #services: InvocationServices
  #closing = false

  constructor(services: InvocationServices) {
    this.#services = services
  }

  /** As `Invoker.invoke` says. */
  invoke(request: InvokeRequest): Invocation {
    // What cannot be recorded must not run.
    if (this.#closing || !this.#services.store.healthy) throw new WhiskError('unavailable', messages.unavailable)
    this.#check(request)
    const { action, parameters, binding } = request.action
    if (!isExecutable(action) || profileOf(action).conductor) {
      this.#services.pool.checkRoom(0)
      return this.#services.composites.invoke(request)
    }
    const run = new Run({
      activationId: this.#services.activationId(),
      identity: request.identity,
      action,
      binding,
      cause: request.cause,
      ...mergeArguments(parameters, request.payload),
      transid: request.transid,
      startedAt: request.startedAt,
      start: request.start,
      awaited: request.blocking || request.watched === true,
    })
    const excess = this.#excess(run.action, run.identity)
    if (excess !== undefined) this.fail(run, excess, 'fallback')
    else {
      if (!request.blocking) run.mirror = this.#mirrorOf(run)
      this.#submit(run, true)
      run.mirror?.queued()
    }
    return {
      activationId: run.activationId,
      done: run.done,
      startKind: () => run.startKind,
      accepted: () => this.#accept(run),
    }
  }

  /** Runs a component of a sequence or composition. Fails with WhiskError. */
  startComponent(request: ComponentRequest): StartedComponent {
    const { action, parameters, binding } = request.action
    if (!isExecutable(action)) throw new Error(`${profileOf(action).id} is a sequence and has no container`)
    const run = new Run({
      activationId: this.#services.activationId(),
      identity: request.identity,
      action,
      binding,
      cause: request.cause,
      ...mergeArguments(parameters, request.payload),
      transid: this.#services.transid(),
      startedAt: this.#services.clock.now(),
    })
    // OpenWhisk: its parameters are those of the sequence's start, its code is that of its turn.
    this.#submitLatest(run)
    return { activationId: run.activationId, done: run.done }
  }

  /** Takes a run that was accepted before a restart. */
  resubmit(run: Run): void {
    this.#submitLatest(run)
  }

  /** Gives a run the latest version of its action, or ends it: OpenWhisk reads the action when the message arrives. */
  refresh(run: Run): boolean {
    const problem = this.#update(run)
    if (problem === undefined) return true
    this.fail(run, problem, 'fallback')
    return false
  }

  /** Ends a run that got no container. `fallback`: not even its action could be told. */
  fail(run: Run, response: ActivationResponse, form: 'action' | 'fallback' = 'action'): void {
    const now = this.#services.clock.now()
    const facts = {
      activationId: run.activationId,
      identity: run.identity,
      cause: run.cause,
      path: profileOf(run.action).id,
      version: run.action.version,
    }
    const record =
      form === 'fallback'
        ? fallbackRecord(facts, response, now)
        : actionRecord(run, response, { start: now, end: now, waitTime: Math.max(0, now - run.startedAt) }, false)
    this.#end(run, record)
  }

  /** A run is over, its logs included. */
  ended(run: Run): void {
    this.#services.throttler.ended(run.identity.namespace.uuid)
  }

  /** Stops taking invocations; components of those on their way still run. */
  close(): void {
    this.#closing = true
  }

  /** Ends a run that the server does not wait for. */
  interrupt(run: Run): void {
    if (!run.isEnded) this.fail(run, whiskError(messages.activationInterrupted))
  }

  #check({ identity, action: { action, parameters }, payload }: InvokeRequest): void {
    const { exec } = action
    if ('components' in exec) this.#services.entitlement.checkComponents(identity, 'ACTIVATE', exec.components)
    else if (this.#services.runtimes.resolveKind(exec.kind)?.deprecated === true) {
      throw new WhiskError('badRequest', messages.runtimeDeprecated(exec.kind))
    }
    if (profileOf(action).final && payload !== undefined && !isArray(payload)) refuseOverrides(parameters, payload)
  }

  #submit(run: Run, bounded: boolean): void {
    const { throttler, pool, systemActions } = this.#services
    throttler.started(run.identity.namespace.uuid)
    if (systemActions.take(run)) return
    try {
      pool.submit(run, bounded)
    } catch (error) {
      throttler.ended(run.identity.namespace.uuid)
      throw error
    }
  }

  #submitLatest(run: Run): void {
    if (this.refresh(run)) this.#submit(run, false)
  }

  #update(run: Run): ActivationResponse | undefined {
    const current = latestAction(this.#services.store, profileOf(run.action).id)
    if (!('exec' in current)) return current
    const excess = this.#excess(current, run.identity)
    if (excess === undefined) run.action = current
    return excess
  }

  /** OpenWhisk: what an action asks for is checked when it is to run too, for the limits may have changed since its PUT. */
  #excess(action: ExecutableAction, identity: Identity): ActivationResponse | undefined {
    const { limitsOf, systemActions } = this.#services
    try {
      checkActionLimits(action.limits, limitsOf(identity))
      return undefined
    } catch (error) {
      if (!(error instanceof WhiskError)) throw error
      // Functions of this server take nothing of what is limited.
      return systemActions.owns(action) ? undefined : applicationError(error.message)
    }
  }

  /** Stores what became of a run and tells who waits. */
  #end(run: Run, record: WhiskActivation): void {
    run.state = 'ended'
    const { records, observer } = this.#services
    settle(run, record, records.put(record, run.identity, run.awaited))
    observer.ended(record, run.identity, run.transid, run.startKind)
  }

  #accept(run: Run): Promise<void> {
    if (!run.isEnded) {
      run.mirror ??= this.#mirrorOf(run)
      if (run.state === 'started') return run.mirror.started()
      run.mirror.queued()
    }
    return this.#services.store.committed()
  }

  #mirrorOf(run: Run): MirrorEntry {
    const { store, clock } = this.#services
    return new MirrorEntry(store, {
      activationId: run.activationId,
      identity: run.identity,
      transid: run.transid,
      version: run.action.version,
      acceptedAt: clock.now(),
      message: {
        action: profileOf(run.action).id,
        kind: run.action.exec.kind,
        ...(run.binding === undefined ? {} : { binding: run.binding }),
        ...(run.cause === undefined ? {} : { cause: run.cause }),
        value: run.value,
        init: run.init,
      },
    })
  }
}
