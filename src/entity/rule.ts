// Rules: from PUT and POST bodies to a document, and from a document to what the REST API shows.

import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, numberOf, stringify } from './json.ts'
import { malformedContent, optionalField } from './malformed.ts'
import { decodeReference, resolveReference } from './names.ts'
import { parametersJson } from './parameters.ts'
import {
  type CommonPut,
  decodeCommonPut,
  newEntityFields,
  type PutContext,
  type SizedPut,
  updatedEntityFields,
} from './put.ts'
import type { EntityReference, RuleStatus, WhiskRule } from './whisk-entity.ts'

export interface RulePut extends CommonPut {
  /** With `_` resolved. */
  readonly trigger?: EntityReference
  readonly action?: EntityReference
}

/** The second pass over the body of a PUT; `namespace` is what `_` stands for. Fails with `badRequest`. */
export function decodeRulePut(sized: SizedPut, namespace: string): RulePut {
  const reference = (field: string) => {
    const value = optionalField(sized.body, field)
    return value === undefined ? undefined : resolveReference(decodeReference(value), namespace)
  }
  return { trigger: reference('trigger'), action: reference('action'), ...decodeCommonPut(sized) }
}

/** A new rule. Fails with `badRequest` when its trigger or its action is not named. */
export function createRule(context: PutContext, put: RulePut): WhiskRule {
  const { trigger, action } = put
  if (trigger === undefined || action === undefined) {
    throw new WhiskError('badRequest', messages.ruleNeedsTriggerAndAction)
  }
  return { entityType: 'rule', ...newEntityFields(context, put), trigger, action }
}

export function updateRule(stored: WhiskRule, put: RulePut, now: number): WhiskRule {
  return {
    ...stored,
    ...updatedEntityFields(stored, put, now),
    trigger: put.trigger ?? stored.trigger,
    action: put.action ?? stored.action,
  }
}

/** The status that the body of a POST asks for. Fails with `badRequest`. */
export function decodeRuleStatus(body: JsonValue): RuleStatus {
  if (!isJsonObject(body)) throw unexpected(body)
  const { status } = body
  if (status === undefined) throw malformedContent(messages.statusMissing)
  if (typeof status !== 'string') throw unexpected(status)
  const word = status.trim()
  if (word === 'active' || word === 'inactive') return word
  throw malformedContent(word === '' ? messages.statusEmpty : messages.statusUnknown(word))
}

/** OpenWhisk: the value and the class of its JSON library. */
function unexpected(value: JsonValue): WhiskError {
  return malformedContent(messages.unexpectedJson(stringify(value), jsonClass(value)))
}

function jsonClass(value: JsonValue): string {
  if (value === null) return 'JsNull$'
  if (typeof value === 'boolean') return value ? 'JsTrue$' : 'JsFalse$'
  if (typeof value === 'string') return 'JsString'
  if (numberOf(value) !== undefined) return 'JsNumber'
  return isJsonArray(value) ? 'JsArray' : 'JsObject'
}

/** The rule as GET, PUT and DELETE show it; without a status, an item of a list. */
export function ruleJson(rule: WhiskRule, status?: RuleStatus): JsonObject {
  const shown: Record<string, JsonValue> = {
    action: referenceJson(rule.action),
    annotations: parametersJson(rule.annotations),
    name: rule.name,
    namespace: rule.namespace,
    publish: rule.publish,
  }
  if (status !== undefined) shown.status = status
  shown.trigger = referenceJson(rule.trigger)
  shown.updated = rule.updated
  shown.version = rule.version
  return shown
}

function referenceJson(reference: EntityReference): JsonObject {
  const { name, path, version } = reference
  return version === undefined ? { name, path } : { name, path, version }
}
