// `…/rules/NAME`: create, update, get, delete, change of status. A rule's status lives in its trigger.

import type { Context } from 'hono'
import { getEntity, isOfType, realName } from '../engine/resolve.ts'
import type { Resource } from '../entitlement/entitlement.ts'
import { stringify } from '../entity/json.ts'
import { rootNamespace, toId } from '../entity/names.ts'
import { createRule, decodeRulePut, decodeRuleStatus, ruleJson, updateRule } from '../entity/rule.ts'
import { attachRule, detachRule, ruleOf } from '../entity/trigger.ts'
import type { EntityReference, RuleStatus, WhiskEntity, WhiskRule, WhiskTrigger } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import { readJson } from '../http/body.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { booleanParameter } from './listing.ts'
import { writable } from './lookup.ts'
import { checkPayloadSize, readPut } from './requests.ts'
import { json, ok } from './respond.ts'
import type { ApiServices } from './services.ts'
import type { EntityRequest } from './target.ts'
import { deleteEntities, idOf, putEntities } from './write.ts'

/** How the reference's implementation calls the types, in a sentence that clients see. */
const DOCUMENT_CLASS = { action: 'WhiskAction', package: 'WhiskPackage', trigger: 'WhiskTrigger', rule: 'WhiskRule' }

/** The trigger of a rule; undefined when it is missing, or when something else has its name by now. */
function triggerOf(store: Pick<Store, 'entities'>, rule: WhiskRule): WhiskTrigger | undefined {
  const found = store.entities.get(toId(rule.trigger))
  return found !== undefined && isOfType(found, 'trigger') ? found : undefined
}

function statusIn(trigger: WhiskTrigger | undefined, ruleId: string): RuleStatus {
  return ruleOf(trigger, ruleId)?.status ?? 'inactive'
}

/** OpenWhisk: a link that is set again goes to the end. */
function withLink(trigger: WhiskTrigger, rule: WhiskRule, status: RuleStatus): WhiskTrigger {
  const id = idOf(rule)
  return attachRule(detachRule(trigger, id), id, { action: rule.action, status })
}

function show(c: Context<Env>, rule: WhiskRule, status: RuleStatus): Response {
  return json(c, stringify(ruleJson(rule, status)))
}

/** A reference of a rule must be of its type, and readable. OpenWhisk: all that is wrong with one is the rule's fault. */
function existing<T>(fn: () => T, missing: string): T {
  try {
    return fn()
  } catch (error) {
    if (!(error instanceof WhiskError)) throw error
    const sentence = error.code === 'notFound' ? missing : error.message
    throw new WhiskError('badRequest', sentence, { cause: error })
  }
}

function ofDocumentType(found: WhiskEntity | undefined, type: 'action' | 'trigger'): WhiskEntity {
  if (found === undefined) throw new WhiskError('notFound', messages.resourceDoesNotExist)
  if (found.entityType === type) return found
  throw new WhiskError('conflict', messages.wrongDocumentType(DOCUMENT_CLASS[found.entityType], DOCUMENT_CLASS[type]))
}

/** The trigger, after both references were found to exist. Fails with WhiskError `badRequest`; the trigger comes first. */
function checkReferences(store: Pick<Store, 'entities'>, trigger: EntityReference, action: EntityReference) {
  const triggerId = toId(trigger)
  const found = existing(
    () => ofDocumentType(store.entities.get(triggerId), 'trigger'),
    messages.triggerDoesNotExist(triggerId),
  )
  const actionId = toId(action)
  existing(
    () => ofDocumentType(store.entities.get(realName(store, actionId)), 'action'),
    messages.actionDoesNotExist(actionId),
  )
  if (!isOfType(found, 'trigger')) throw new WhiskError('badRequest', messages.triggerDoesNotExist(triggerId))
  return found
}

function resourceOf(collection: 'triggers' | 'actions', { path, name }: EntityReference): Resource {
  return { collection, namespace: path, entity: name }
}

/** Fails with WhiskError `tooLarge`, `unsupportedMediaType`, `badRequest`, `forbidden`, `notFound`, `conflict`. */
export async function putRule(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const { identity, id, namespace, name } = request
  const { store, entitlement, clock } = services
  const sized = await readPut(c, services, identity)
  const overwrite = booleanParameter(request.query, 'overwrite')
  const put = decodeRulePut(sized, rootNamespace(namespace))
  entitlement.check(identity, 'READ', [
    ...(put.trigger === undefined ? [] : [resourceOf('triggers', put.trigger)]),
    ...(put.action === undefined ? [] : [resourceOf('actions', put.action)]),
  ])
  const stored = writable(store.entities.get(id), 'rule', overwrite)
  const trigger = put.trigger ?? stored?.trigger
  const action = put.action ?? stored?.action
  if (trigger === undefined || action === undefined) {
    throw new WhiskError('badRequest', messages.ruleNeedsTriggerAndAction)
  }
  const newTrigger = checkReferences(store, trigger, action)
  if (stored === undefined) {
    const rule = createRule({ namespace, name, now: clock.now() }, put)
    await putEntities(services, rule, withLink(newTrigger, rule, 'active'))
    return show(c, rule, 'active')
  }
  const oldTrigger = triggerOf(store, stored)
  const status = statusIn(oldTrigger, id)
  const rule = updateRule(stored, put, clock.now())
  const moved = oldTrigger !== undefined && idOf(oldTrigger) !== idOf(newTrigger)
  await putEntities(services, rule, ...(moved ? [detachRule(oldTrigger, id)] : []), withLink(newTrigger, rule, status))
  return show(c, rule, status)
}

/** Fails with WhiskError `notFound`, `conflict`. */
export function getRule(c: Context<Env>, { store }: ApiServices, { id }: EntityRequest): Response {
  const rule = getEntity(store, id, 'rule')
  return show(c, rule, statusIn(triggerOf(store, rule), id))
}

/** Fails with WhiskError `notFound`, `conflict`. */
export async function deleteRule(c: Context<Env>, services: ApiServices, { id }: EntityRequest): Promise<Response> {
  const rule = getEntity(services.store, id, 'rule')
  const trigger = triggerOf(services.store, rule)
  const linked = trigger !== undefined && ruleOf(trigger, id) !== undefined
  await deleteEntities(services, [rule], linked ? [detachRule(trigger, id)] : [])
  return show(c, rule, 'inactive')
}

/** Fails with WhiskError `badRequest`, `notFound`, `conflict`. */
export async function postRule(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const { store } = services
  checkPayloadSize(c, services, request.identity)
  const status = decodeRuleStatus(await readJson(c))
  const rule = getEntity(store, request.id, 'rule')
  const trigger = triggerOf(store, rule)
  if (statusIn(trigger, request.id) === status) return ok(c)
  if (trigger === undefined) throw new WhiskError('notFound', messages.ruleTriggerMissing)
  await putEntities(services, withLink(trigger, rule, status))
  return ok(c)
}
