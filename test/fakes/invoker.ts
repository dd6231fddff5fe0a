// An invoker without containers: answers what it is told, remembers what it was asked.

import type { Clock } from '../../src/clock.ts'
import type { FireRequest, InvokeRequest, Invoker, StartDemand } from '../../src/engine/invoker.ts'
import type { ActivationId, ActivationResponse, WhiskActivation } from '../../src/entity/activation.ts'
import type { Store } from '../../src/store/store.ts'

export interface FakeInvoker extends Invoker {
  readonly invoked: InvokeRequest[]
  readonly fired: FireRequest[]
  /** Ids of `entitiesChanged`, in the order of the calls. */
  readonly changed: string[]
  /** What the next runs answer; a function sees the request, and may throw what `invoke` throws. */
  answer: ActivationResponse | ((request: InvokeRequest) => ActivationResponse)
  /** While set, records stay on the way until it settles. */
  hold: Promise<void> | undefined
  /** What `startKind` says. */
  startKind: StartDemand
  /** While set, `settled` waits for it; the ids it was asked for are in `asked`. */
  settling: Promise<void> | undefined
  readonly asked: string[]
}

const SUCCESS: ActivationResponse = { statusCode: 0, result: { ok: true }, size: 11 }

/** Stores the records it makes; ids count from 1. */
export function fakeInvoker(store: Pick<Store, 'activations'>, clock: Pick<Clock, 'now'>): FakeInvoker {
  let ids = 0
  const nextId = (): ActivationId => (++ids).toString(16).padStart(32, '0')

  const recordOf = (request: InvokeRequest, id: ActivationId, response: ActivationResponse): WhiskActivation => {
    const { action, binding } = request.action
    return {
      activationId: id,
      namespace: request.identity.namespace.name,
      name: action.name,
      subject: request.identity.subject,
      version: action.version,
      start: clock.now(),
      end: clock.now() + 5,
      duration: 5,
      response,
      logs: [],
      annotations: [
        ...(binding === undefined ? [] : [{ key: 'binding', value: binding }]),
        { key: 'path', value: `${action.namespace}/${action.name}` },
        { key: 'kind', value: action.exec.kind },
      ],
      publish: false,
    }
  }

  const invoker: FakeInvoker = {
    invoked: [],
    fired: [],
    changed: [],
    asked: [],
    answer: SUCCESS,
    hold: undefined,
    settling: undefined,
    startKind: 'cold',

    invoke(request) {
      const response = typeof invoker.answer === 'function' ? invoker.answer(request) : invoker.answer
      invoker.invoked.push(request)
      const activationId = nextId()
      const record = recordOf(request, activationId, response)
      const done = (invoker.hold ?? Promise.resolve()).then(() => {
        if (request.identity.limits.storeActivations !== false) store.activations.put(record)
        return record
      })
      return { activationId, accepted: () => Promise.resolve(), done, startKind: () => invoker.startKind }
    },

    fire(request) {
      const rules = Object.values(request.trigger.rules ?? {})
      if (!rules.some(rule => rule.status === 'active')) return undefined
      invoker.fired.push(request)
      return { activationId: nextId(), accepted: () => Promise.resolve() }
    },

    settled(asked) {
      invoker.asked.push(...asked)
      return asked.length === 0 ? undefined : invoker.settling
    },

    get awaitsLogs() {
      return invoker.settling !== undefined
    },

    recover() {},

    entitiesChanged(changed) {
      invoker.changed.push(...changed)
    },
  }
  return invoker
}
