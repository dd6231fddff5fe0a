// Firing a trigger: every rule of it leaves a line in the log of the trigger's record, every active one an activation.
//
// All of it happens within one turn: the queue entries of the actions and the trigger's record are written together and
// committed together, so that an accepted fire has started its rules, whatever happens to the server next.
// Differs from OpenWhisk: there the record appears some time later.

import type { Clock } from '../clock.ts'
import type { Entitlement } from '../entitlement/entitlement.ts'
import type { Throttler } from '../entitlement/throttler.ts'
import type { ActivationId } from '../entity/activation.ts'
import type { JsonObject, JsonValue } from '../entity/json.ts'
import type { ReducedRule } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { triggerRecord } from './activation-record.ts'
import type { FireRequest, Invocation, InvokeRequest } from './invoker.ts'
import type { Observer } from './observer.ts'
import type { Records } from './records.ts'
import { resolveAction } from './resolve.ts'

export interface TriggerServices {
  readonly store: Store
  readonly entitlement: Entitlement
  readonly throttler: Throttler
  readonly clock: Clock
  readonly log: Logger
  readonly records: Records
  readonly observer: Observer
  activationId(): ActivationId
  invoke(request: InvokeRequest): Invocation
  /** Is told of each fire and when everything that it started has ended; the promise never rejects. */
  onFired?(activationId: ActivationId, done: Promise<unknown>): void
}

/** As `Invoker.fire` says. */
export function fireTrigger(
  request: FireRequest,
  services: TriggerServices,
): { activationId: ActivationId; accepted(): Promise<void> } | undefined {
  const { trigger, identity } = request
  const rules = Object.entries(trigger.rules ?? {})
  if (!rules.some(([, { status }]) => status === 'active')) return undefined
  const activationId = services.activationId()
  const start = services.clock.now()
  const args = triggerArguments(request)
  const started: Invocation[] = []
  const logs = rules.map(([name, rule]) => activateRule(name, rule, args, request, services, started))
  services.onFired?.(activationId, Promise.allSettled(started.map(({ done }) => done)))
  const record = triggerRecord({ activationId, identity, trigger }, request.payload, logs, start)
  const committed = services.records.putOnce(record, identity)
  committed.catch(() => {})
  services.observer.ended(record, identity, request.transid)
  return { activationId, accepted: () => committed }
}

/** Trigger parameters < `__ow_headers` < payload. */
function triggerArguments({ trigger, headers, payload }: FireRequest): JsonObject {
  const parameters: Record<string, JsonValue> = Object.fromEntries(
    trigger.parameters.map(({ key, value }) => [key, value]),
  )
  return { ...parameters, __ow_headers: headers, ...payload }
}

/** Does what the reference's HTTP request to itself does, and gives the line for the trigger's log. */
function activateRule(
  name: string,
  rule: ReducedRule,
  args: JsonObject,
  request: FireRequest,
  services: TriggerServices,
  started: Invocation[],
): string {
  const action = `${rule.action.path}/${rule.action.name}`
  if (rule.status !== 'active') return failed(name, action, 1, messages.triggerWithInactiveRule(name, action))
  const { identity, transid } = request
  try {
    services.throttler.checkInvoke(identity)
    services.entitlement.check(identity, 'ACTIVATE', {
      collection: 'actions',
      namespace: rule.action.path,
      entity: rule.action.name,
    })
    const invocation = services.invoke({
      identity,
      action: resolveAction(services.store, action),
      payload: args,
      blocking: false,
      watched: services.onFired !== undefined,
      transid,
      startedAt: services.clock.now(),
    })
    started.push(invocation)
    // The order of the keys is part of the text.
    return JSON.stringify({ statusCode: 0, success: true, activationId: invocation.activationId, rule: name, action })
  } catch (error) {
    if (error instanceof WhiskError) return failed(name, action, error.status < 500 ? 1 : 3, error.message)
    services.log.error(`rule ${name} could not start ${action}`, { transid, error })
    return failed(name, action, 3, messages.internalError)
  }
}

function failed(rule: string, action: string, statusCode: 1 | 3, error: string): string {
  return JSON.stringify({ statusCode, success: false, rule, error, action })
}
