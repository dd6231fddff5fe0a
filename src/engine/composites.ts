// The sequences and compositions on their way: starts them, stores what they come to, ends them when the server stops.

import type { Clock } from '../clock.ts'
import type { Entitlement } from '../entitlement/entitlement.ts'
import type { ActivationId, WhiskActivation } from '../entity/activation.ts'
import type { WhiskAction } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { fallbackRecord } from './activation-record.ts'
import type { ComponentRequest, Composite, CompositeServices, StartedComponent } from './composite.ts'
import { runComposition } from './conductor.ts'
import type { Invocation, InvokeRequest } from './invoker.ts'
import { MirrorEntry, type MirrorFacts } from './mirror.ts'
import type { Observer } from './observer.ts'
import { whiskError } from './outcome.ts'
import { isExecutable, profileOf } from './profile.ts'
import { Quiet } from './quiet.ts'
import type { Records } from './records.ts'
import { resolveAction } from './resolve.ts'
import { runSequence } from './sequence.ts'

export interface CompositesServices {
  readonly store: Store
  readonly entitlement: Entitlement
  readonly clock: Clock
  readonly log: Logger
  readonly records: Records
  readonly observer: Observer
  /** The limit on components. */
  readonly maxLength: number
  activationId(): ActivationId
  /** A transaction id for a component: 32 characters. */
  transid(): string
  /** Runs a component in a container. */
  startAction(request: ComponentRequest): StartedComponent
}

interface InFlight {
  readonly composite: Composite
  finish(record: WhiskActivation): void
}

/** What sequences and compositions show as their kind. */
const SEQUENCE = 'sequence'

export class Composites {
  readonly #services: CompositesServices
  readonly #engine: CompositeServices
  readonly #inFlight = new Map<ActivationId, InFlight>()
  readonly #quiet = new Quiet(() => this.#inFlight.size === 0)

  constructor(services: CompositesServices) {
    const { store, entitlement, clock, maxLength } = services
    this.#services = services
    this.#engine = {
      clock,
      maxLength,
      resolve: fqn => resolveAction(store, fqn),
      checkActivate: (identity, path, name) =>
        entitlement.check(identity, 'ACTIVATE', { collection: 'actions', namespace: path, entity: name }),
      startAction: request => services.startAction(this.#going(request)),
      startSequence: (request, budget) =>
        this.#nested(this.#going(request), composite =>
          runSequence(composite, componentsOf(request.action.action), request.payload, budget, this.#engine),
        ),
      startComposition: (request, budget) =>
        this.#nested(this.#going(request), composite =>
          runComposition(composite, request.action, request.payload, budget, this.#engine),
        ),
    }
  }

  get size(): number {
    return this.#inFlight.size
  }

  /** Settles when none is on its way. */
  quiet(): Promise<void> {
    return this.#quiet.wait()
  }

  /** Starts a topmost one. */
  invoke(request: InvokeRequest): Invocation {
    const { store } = this.#services
    const { action, binding } = request.action
    const composite: Composite = {
      activationId: this.#services.activationId(),
      identity: request.identity,
      action,
      binding,
      cause: request.cause,
      transactionStart: request.startedAt,
    }
    let mirror: MirrorEntry | undefined
    const accepted = (): Promise<void> => {
      if (!this.#inFlight.has(composite.activationId)) return store.committed()
      mirror ??= new MirrorEntry(store, this.#mirrorFacts(composite, request.transid))
      return mirror.started()
    }
    const work = async () => {
      // A crash from here on ends an accepted composition: nothing of it may run before its acceptance is durable.
      if (!request.blocking) await accepted()
      return isExecutable(action)
        ? runComposition(composite, request.action, request.payload, { components: 0, conductors: 0 }, this.#engine)
        : runSequence(composite, componentsOf(action), request.payload, { atomic: 0 }, this.#engine)
    }
    const { done } = this.#start(composite, request.transid, work)
    return { activationId: composite.activationId, done, accepted }
  }

  /** Ends all that are on their way; returns how many. */
  interrupt(): number {
    const all = [...this.#inFlight.values()]
    for (const { composite, finish } of all) finish(this.#failed(composite, messages.activationInterrupted))
    return all.length
  }

  /** Fails with WhiskError `unavailable` where the one that asks has been ended: it starts nothing more. */
  #going(request: ComponentRequest): ComponentRequest {
    if (!this.#inFlight.has(request.cause)) throw new WhiskError('unavailable', messages.unavailable)
    return request
  }

  #failed(composite: Composite, reason: string): WhiskActivation {
    const { action } = composite
    const facts = { ...composite, path: profileOf(action).id, version: action.version, kind: SEQUENCE }
    return fallbackRecord(facts, whiskError(reason), this.#services.clock.now())
  }

  #nested(
    { identity, action, cause }: ComponentRequest,
    work: (composite: Composite) => Promise<WhiskActivation>,
  ): StartedComponent {
    const composite: Composite = {
      activationId: this.#services.activationId(),
      identity,
      action: action.action,
      binding: action.binding,
      cause,
      transactionStart: this.#services.clock.now(),
    }
    return this.#start(composite, this.#services.transid(), () => work(composite))
  }

  #start(composite: Composite, transid: string, work: () => Promise<WhiskActivation>): StartedComponent {
    const { activationId, identity } = composite
    const { records, observer, log, store } = this.#services
    const done = new Promise<WhiskActivation>((resolve, reject) => {
      const finish = (record: WhiskActivation) => {
        if (!this.#inFlight.delete(activationId)) return
        // The composition that this is a component of goes on: a record that must wait for the disk will be written.
        const refuse = composite.cause === undefined ? reject : () => resolve(record)
        records.put(record, identity).then(() => resolve(record), refuse)
        observer.ended(record, identity, transid)
        this.#quiet.check()
      }
      this.#inFlight.set(activationId, { composite, finish })
      work().then(finish, error => {
        log.error(`composition ${activationId} could not be carried out`, { transid, error })
        // One that was accepted ends with a record whatever happens.
        if (store.queue.has(activationId)) return finish(this.#failed(composite, messages.abnormalRun))
        this.#inFlight.delete(activationId)
        this.#quiet.check()
        reject(error)
      })
    })
    // Nobody waits for a non-blocking one; whoever does sees the failure on the same promise.
    done.catch(() => {})
    return { activationId, done }
  }

  #mirrorFacts({ activationId, identity, action, binding, cause }: Composite, transid: string): MirrorFacts {
    return {
      activationId,
      identity,
      transid,
      version: action.version,
      acceptedAt: this.#services.clock.now(),
      message: {
        action: profileOf(action).id,
        kind: SEQUENCE,
        ...(binding === undefined ? {} : { binding }),
        ...(cause === undefined ? {} : { cause }),
      },
    }
  }
}

function componentsOf({ exec }: WhiskAction): readonly string[] {
  return 'components' in exec ? exec.components : []
}
