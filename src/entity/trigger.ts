// Triggers: from a PUT body to a document, and from a document to what the REST API shows.

import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts'
import { malformedContent, optionalField } from './malformed.ts'
import { isPath } from './names.ts'
import { findParameter, NO_PARAMETERS, parametersJson } from './parameters.ts'
import {
  type CommonPut,
  decodeCommonPut,
  newEntityFields,
  type PutContext,
  type SizedPut,
  updatedEntityFields,
} from './put.ts'
import type { ReducedRule, WhiskTrigger } from './whisk-entity.ts'

export type TriggerPut = CommonPut

/** The second pass over the body of a PUT. Fails with `badRequest`. */
export function decodeTriggerPut(sized: SizedPut): TriggerPut {
  const limits = optionalField(sized.body, 'limits')
  // OpenWhisk: triggers have no limits, but a body may hold an object of them.
  if (limits !== undefined && !isJsonObject(limits)) throw malformedContent(messages.objectExpected)
  return decodeCommonPut(sized)
}

/** A new trigger. Fails with `badRequest` when its annotation `feed` is no path; updates are not checked for that. */
export function createTrigger(context: PutContext, put: TriggerPut): WhiskTrigger {
  const feed = findParameter(put.annotations ?? NO_PARAMETERS, 'feed')
  if (feed !== undefined && !(typeof feed === 'string' && isPath(feed))) {
    throw new WhiskError('badRequest', messages.feedNameInvalid)
  }
  return {
    entityType: 'trigger',
    ...newEntityFields(context, put),
    parameters: put.parameters ?? NO_PARAMETERS,
  }
}

/** The stored trigger with what the body changes; its rules stay. */
export function updateTrigger(stored: WhiskTrigger, put: TriggerPut, now: number): WhiskTrigger {
  return {
    ...stored,
    ...updatedEntityFields(stored, put, now),
    parameters: put.parameters ?? stored.parameters,
  }
}

/** With a rule attached or replaced; neither version nor `updated` changes. `ruleId` is `ns/ruleName`. */
export function attachRule(trigger: WhiskTrigger, ruleId: string, rule: ReducedRule): WhiskTrigger {
  return { ...trigger, rules: { ...trigger.rules, [ruleId]: rule } }
}

/** Without a rule; the trigger itself when it has no such rule. */
export function detachRule(trigger: WhiskTrigger, ruleId: string): WhiskTrigger {
  if (trigger.rules === undefined || !Object.hasOwn(trigger.rules, ruleId)) return trigger
  const { [ruleId]: _, ...rules } = trigger.rules
  return { ...trigger, rules }
}

/** The rule's entry in the trigger, if it has one. */
export function ruleOf(trigger: WhiskTrigger | undefined, ruleId: string): ReducedRule | undefined {
  const rules = trigger?.rules
  return rules !== undefined && Object.hasOwn(rules, ruleId) ? rules[ruleId] : undefined
}

export function triggerJson(trigger: WhiskTrigger): JsonObject {
  const shown: Record<string, JsonValue> = {
    annotations: parametersJson(trigger.annotations),
    limits: {},
    name: trigger.name,
    namespace: trigger.namespace,
    parameters: parametersJson(trigger.parameters),
    publish: trigger.publish,
  }
  if (trigger.rules !== undefined) {
    shown.rules = Object.fromEntries(
      Object.entries(trigger.rules).map(([id, { action, status }]) => [
        id,
        { action: { name: action.name, path: action.path }, status },
      ]),
    )
  }
  shown.updated = trigger.updated
  shown.version = trigger.version
  return shown
}

/** An item of a list. */
export function triggerSummary(trigger: WhiskTrigger): JsonObject {
  return {
    annotations: parametersJson(trigger.annotations),
    name: trigger.name,
    namespace: trigger.namespace,
    publish: trigger.publish,
    updated: trigger.updated,
    version: trigger.version,
  }
}
