// Invoking: checks what may be refused, chooses the path by the kind of action, and keeps track of what is on its way.

import type { Clock } from '../clock.ts'
import type { Builtins } from '../container/builtin.ts'
import type { Entitlement } from '../entitlement/entitlement.ts'
import type { Throttler } from '../entitlement/throttler.ts'
import type { ActivationId, ActivationResponse, WhiskActivation } from '../entity/activation.ts'
import { checkActionLimits, namespaceLimits, type SystemLimits } from '../entity/limits.ts'
import type { WhiskAction } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { actionRecord, fallbackRecord } from './activation-record.ts'
import { isArray, mergeArguments, refuseOverrides } from './arguments.ts'
import type {
  ComponentRequest,
  Composite,
  CompositeServices,
  CompositionBudget,
  SequenceBudget,
  StartedComponent,
} from './composite.ts'
import { runComposition } from './conductor.ts'
import type { Runtimes } from './drivers.ts'
import type { Invocation, InvokeRequest } from './invoker.ts'
import { MirrorEntry, type MirrorFacts } from './mirror.ts'
import type { Observer } from './observer.ts'
import { applicationError, runOutcome, whiskError } from './outcome.ts'
import type { ContainerPool } from './pool.ts'
import { isExecutable, profileOf } from './profile.ts'
import type { Records } from './records.ts'
import { resolveAction } from './resolve.ts'
import { Run } from './run.ts'
import { runSequence } from './sequence.ts'

export interface InvocationServices {
  readonly store: Store
  readonly entitlement: Entitlement
  readonly throttler: Throttler
  readonly runtimes: Runtimes
  readonly builtins: Builtins | undefined
  readonly limits: SystemLimits
  readonly clock: Clock
  readonly log: Logger
  readonly records: Records
  readonly observer: Observer
  readonly pool: ContainerPool
  activationId(): ActivationId
  /** A transaction id for a component: 32 characters. */
  transid(): string
}

/** A sequence or composition on its way, or a system action. */
interface InFlight {
  readonly composite: Composite
  readonly transid: string
  readonly kind: string
  finish(record: WhiskActivation): void
}

const SEQUENCE = 'sequence'

export class Invocations {
  readonly #services: InvocationServices
  readonly #composites: CompositeServices
  readonly #inFlight = new Map<ActivationId, InFlight>()
  #closing = false
  #onQuiet: (() => void)[] = []

  constructor(services: InvocationServices) {
    this.#services = services
    this.#composites = {
      clock: services.clock,
      maxLength: services.limits.sequenceMaxLength,
      resolve: fqn => resolveAction(services.store, fqn),
      checkActivate: (identity, path, name) =>
        services.entitlement.check(identity, 'ACTIVATE', { collection: 'actions', namespace: path, entity: name }),
      startAction: request => this.#startComponent(request),
      startSequence: (request, budget) => this.#startSequence(request, budget),
      startComposition: (request, budget) => this.#startComposition(request, budget),
    }
  }

  /** As `Invoker.invoke` says. */
  invoke(request: InvokeRequest): Invocation {
    const { action, parameters, binding } = request.action
    const profile = profileOf(action)
    const { exec } = action
    if (this.#closing) throw new WhiskError('unavailable', messages.unavailable)
    if ('components' in exec) this.#services.entitlement.checkComponents(request.identity, 'ACTIVATE', exec.components)
    else if (this.#services.runtimes.resolveKind(exec.kind)?.deprecated === true) {
      throw new WhiskError('badRequest', messages.runtimeDeprecated(exec.kind))
    }
    const { payload } = request
    if (profile.final && payload !== undefined && !isArray(payload)) refuseOverrides(parameters, payload)
    if (!isExecutable(action) || profile.conductor) return this.#invokeComposite(request)
    const run = new Run({
      activationId: this.#services.activationId(),
      identity: request.identity,
      action,
      binding,
      cause: request.cause,
      ...mergeArguments(parameters, payload),
      transid: request.transid,
      startedAt: request.startedAt,
      start: request.start,
    })
    if (!request.blocking) run.mirror = this.#mirrorOf(run)
    this.#submit(run, true)
    run.mirror?.queued()
    return {
      activationId: run.activationId,
      done: run.done,
      startKind: () => run.startKind,
      accepted: () => this.#acceptRun(run),
    }
  }

  /** Takes a run that was accepted before a restart. */
  resubmit(run: Run): void {
    this.#submit(run, false, true)
  }

  /** Gives a run the latest version of its action, or ends it: OpenWhisk reads the action when the message arrives. */
  refresh(run: Run): boolean {
    const problem = this.#update(run)
    if (problem === undefined) return true
    this.fail(run, problem, true)
    return false
  }

  /** Ends a run that got no container. `fallback`: not even its action could be told. */
  fail(run: Run, response: ActivationResponse, fallback = false): void {
    const now = this.#services.clock.now()
    const waitTime = Math.max(0, now - run.startedAt)
    const facts = { ...this.#factsOf(run), path: profileOf(run.action).id, version: run.action.version }
    const record = fallback
      ? fallbackRecord(facts, response, now)
      : actionRecord(run, response, { start: now, end: now, waitTime }, false)
    this.#end(run, record)
  }

  /** Stops taking top-level invocations; components of those on their way still run. */
  close(): void {
    this.#closing = true
  }

  /** Sequences, compositions and system actions on their way. */
  get inFlight(): number {
    return this.#inFlight.size
  }

  quiet(): Promise<void> {
    if (this.#inFlight.size === 0) return Promise.resolve()
    return new Promise(resolve => this.#onQuiet.push(resolve))
  }

  /** Ends a run that the server does not wait for. */
  interrupt(run: Run): void {
    if (run.state === 'ended') return
    run.interrupted = true
    this.fail(run, whiskError(messages.activationInterrupted))
  }

  /** The same for everything that is no run. */
  interruptComposites(): void {
    for (const { composite, kind, finish } of [...this.#inFlight.values()]) {
      const { action } = composite
      const facts = { ...composite, path: profileOf(action).id, version: action.version, kind }
      finish(fallbackRecord(facts, whiskError(messages.activationInterrupted), this.#services.clock.now()))
    }
  }

  #submit(run: Run, bounded: boolean, stale = false): void {
    const { throttler, pool } = this.#services
    throttler.started(run.identity.namespace.uuid)
    try {
      const handler = this.#services.builtins?.get(profileOf(run.action).id)
      if (stale && !this.refresh(run)) this.ended(run)
      else if (handler === undefined) pool.submit(run, bounded)
      else void this.#runBuiltin(run, handler)
    } catch (error) {
      throttler.ended(run.identity.namespace.uuid)
      throw error
    }
  }

  /** A run is over, its logs included. */
  ended(run: Run): void {
    this.#services.throttler.ended(run.identity.namespace.uuid)
  }

  #update(run: Run): ActivationResponse | undefined {
    const { store, limits } = this.#services
    let current: ReturnType<Store['entities']['get']>
    try {
      current = store.entities.get(profileOf(run.action).id)
    } catch {
      return whiskError(messages.actionFetchErrorWhileInvoking)
    }
    if (current === run.action) return undefined
    if (current === undefined) return applicationError(messages.actionRemovedWhileInvoking)
    if (current.entityType !== 'action') return whiskError(messages.actionMismatchWhileInvoking)
    if (!isExecutable(current)) return whiskError(messages.actionFetchErrorWhileInvoking)
    try {
      checkActionLimits(current.limits, namespaceLimits(limits, run.identity.limits))
    } catch (error) {
      return applicationError(error instanceof Error ? error.message : messages.actionFetchErrorWhileInvoking)
    }
    run.action = current
    return undefined
  }

  #factsOf(run: Run) {
    return { activationId: run.activationId, identity: run.identity, cause: run.cause, binding: run.binding }
  }

  /** Stores what became of a run and tells who waits. */
  #end(run: Run, record: WhiskActivation): void {
    run.state = 'ended'
    const { records, observer } = this.#services
    records.put(record, run.identity).then(
      () => run.resolve(record),
      error => run.reject(error),
    )
    observer.ended(record, run.identity, run.transid, run.startKind)
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

  #acceptRun(run: Run): Promise<void> {
    if (run.state !== 'ended') {
      run.mirror ??= this.#mirrorOf(run)
      if (run.state === 'started') return run.mirror.started()
      run.mirror.queued()
    }
    return this.#services.store.committed()
  }

  /** A system action: a function of this server, with an ordinary record. */
  async #runBuiltin(run: Run, handler: NonNullable<ReturnType<Builtins['get']>>): Promise<void> {
    const { builtins, clock, records, observer } = this.#services
    const { action, identity } = run
    run.state = 'started'
    run.label = 'warmed'
    try {
      if (run.mirror !== undefined) await run.mirror.started()
      const args = isArray(run.value) ? {} : run.value
      const context = { identity, activationId: run.activationId, transid: run.transid }
      const timeoutMs = action.limits.timeout
      const called = await builtins?.run(handler, { args, context, timeoutMs, now: () => clock.now() })
      if (called === undefined || isEnded(run)) return
      const { answer, logs } = called
      const runTime = Math.max(0, answer.endedAt - answer.startedAt)
      const limits = { timeoutMs, maxResponseBytes: Number.POSITIVE_INFINITY }
      const { response, timedOut } = runOutcome(answer, runTime, limits)
      const waitTime = Math.max(0, answer.startedAt - run.startedAt)
      const record = actionRecord(run, response, { start: answer.startedAt, end: answer.endedAt, waitTime }, timedOut)
      run.state = 'ended'
      await records.put(action.limits.logs === 0 ? record : { ...record, logs }, identity)
      run.resolve(record)
      observer.ended(record, identity, run.transid, 'warm', { wait: waitTime, run: runTime })
    } catch (error) {
      run.state = 'ended'
      run.reject(error)
    } finally {
      this.ended(run)
    }
  }

  #startComponent(request: ComponentRequest): StartedComponent {
    const { action, parameters, binding } = request.action
    if (!isExecutable(action)) throw new Error(`${profileOf(action).id} is a sequence and needs no container`)
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
    this.#submit(run, false, true)
    return { activationId: run.activationId, done: run.done }
  }

  #startSequence(request: ComponentRequest, budget: SequenceBudget): StartedComponent {
    return this.#runComposite(this.#nested(request), this.#services.transid(), composite =>
      runSequence(composite, componentsOf(request.action.action), request.payload, budget, this.#composites),
    )
  }

  #startComposition(request: ComponentRequest, budget: CompositionBudget): StartedComponent {
    return this.#runComposite(this.#nested(request), this.#services.transid(), composite =>
      runComposition(composite, request.action, request.payload, budget, this.#composites),
    )
  }

  #nested({ identity, action, cause }: ComponentRequest): Composite {
    return {
      activationId: this.#services.activationId(),
      identity,
      action: action.action,
      binding: action.binding,
      cause,
      transactionStart: this.#services.clock.now(),
    }
  }

  #invokeComposite(request: InvokeRequest): Invocation {
    const { store, pool, clock } = this.#services
    const { action, binding } = request.action
    pool.checkRoom(0)
    const composite: Composite = {
      activationId: this.#services.activationId(),
      identity: request.identity,
      action,
      binding,
      cause: request.cause,
      transactionStart: request.startedAt,
    }
    const facts: MirrorFacts = {
      activationId: composite.activationId,
      identity: request.identity,
      transid: request.transid,
      version: action.version,
      acceptedAt: clock.now(),
      message: {
        action: profileOf(action).id,
        kind: SEQUENCE,
        ...(binding === undefined ? {} : { binding }),
        ...(request.cause === undefined ? {} : { cause: request.cause }),
      },
    }
    let mirror: MirrorEntry | undefined
    const accept = (): Promise<void> => {
      if (!this.#inFlight.has(composite.activationId)) return store.committed()
      mirror ??= new MirrorEntry(store, facts)
      return mirror.started()
    }
    const started = this.#runComposite(composite, request.transid, async () => {
      // A crash from here on ends an accepted composition: nothing of it may run before that is known.
      if (!request.blocking) await accept()
      return isExecutable(action)
        ? runComposition(composite, request.action, request.payload, { components: 0, conductors: 0 }, this.#composites)
        : runSequence(composite, componentsOf(action), request.payload, { atomic: 0 }, this.#composites)
    })
    return { activationId: composite.activationId, done: started.done, accepted: accept }
  }

  #runComposite(
    composite: Composite,
    transid: string,
    work: (composite: Composite) => Promise<WhiskActivation>,
  ): StartedComponent {
    const { activationId, identity } = composite
    const { records, observer, log } = this.#services
    const done = new Promise<WhiskActivation>((resolve, reject) => {
      const finish = (record: WhiskActivation) => {
        if (!this.#inFlight.delete(activationId)) return
        records.put(record, identity).then(() => resolve(record), reject)
        observer.ended(record, identity, transid)
        if (this.#inFlight.size === 0) for (const quiet of this.#onQuiet.splice(0)) quiet()
      }
      this.#inFlight.set(activationId, { composite, transid, kind: SEQUENCE, finish })
      work(composite).then(finish, error => {
        log.error(`composition ${activationId} failed`, { transid, error })
        this.#inFlight.delete(activationId)
        reject(error)
      })
    })
    done.catch(() => {})
    return { activationId, done }
  }
}

function componentsOf({ exec }: WhiskAction): readonly string[] {
  return 'components' in exec ? exec.components : []
}

function isEnded(run: Run): boolean {
  return run.state === 'ended'
}
