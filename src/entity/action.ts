// Actions: from a PUT body to a document, and from a document to what the REST API shows.

import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { execJson, isSequence } from './exec.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { type ActionLimitsOption, actionLimitsJson, decodeActionLimits, mergeActionLimits } from './limits.ts'
import { decodeOptionalBoolean, decodeOptionalStrings, optionalField } from './malformed.ts'
import { findParameter, mergeParameters, NO_PARAMETERS, parametersJson, withParameter } from './parameters.ts'
import { type CommonPut, newEntityFields, type PutContext, type SizedPut, updatedEntityFields } from './put.ts'
import { decodeVersion } from './semver.ts'
import type { ActionLimits, Exec, Parameters, WhiskAction } from './whisk-entity.ts'

export interface ActionPut extends CommonPut {
  readonly exec?: Exec
  readonly limits?: ActionLimitsOption
  /** Keys of annotations that an update removes. */
  readonly delAnnotations?: readonly string[]
}

/** The second pass over the body of a PUT. Fails with `badRequest`; ranges of limits are `checkActionLimits`'. */
export function decodeActionPut(sized: SizedPut): ActionPut {
  const { body, exec, parameters, annotations } = sized
  const limits = decodeActionLimits(optionalField(body, 'limits'))
  const version = decodeVersion(optionalField(body, 'version'))
  const publish = decodeOptionalBoolean(optionalField(body, 'publish'))
  const delAnnotations = decodeOptionalStrings(optionalField(body, 'delAnnotations'))
  return { exec, parameters, annotations, limits, version, publish, delAnnotations }
}

/**
 * A new action. `put.exec` has its components resolved; `standard` are the limits of an action that asks for none. Fails
 * with `badRequest` when there is no exec.
 */
export function createAction(context: PutContext, put: ActionPut, standard: ActionLimits): WhiskAction {
  const { exec } = put
  if (exec === undefined) throw new WhiskError('badRequest', messages.execUndefined)
  const given = put.annotations ?? NO_PARAMETERS
  // OpenWhisk: new actions do not get the key of their caller unless they ask for it.
  const guarded =
    findParameter(given, 'provide-api-key') === undefined ? withParameter(given, 'provide-api-key', false) : given
  return {
    entityType: 'action',
    ...newEntityFields(context, put),
    annotations: withParameter(guarded, 'exec', exec.kind),
    exec,
    parameters: isSequence(exec) ? componentParameters(exec.components) : (put.parameters ?? NO_PARAMETERS),
    limits: mergeActionLimits(standard, put.limits),
  }
}

/** The stored action with what the body changes. `put.exec` has its components resolved. */
export function updateAction(stored: WhiskAction, put: ActionPut, now: number): WhiskAction {
  const exec = put.exec ?? stored.exec
  return {
    ...stored,
    ...updatedEntityFields(stored, put, now),
    annotations: withParameter(updatedAnnotations(stored, put), 'exec', exec.kind),
    exec,
    parameters: updatedParameters(stored, put),
    limits: mergeActionLimits(stored.limits, put.limits),
  }
}

function updatedAnnotations(stored: WhiskAction, put: ActionPut): Parameters {
  // OpenWhisk: `delAnnotations` counts for nothing beside the exec of a sequence.
  const removed = put.exec !== undefined && isSequence(put.exec) ? [] : (put.delAnnotations ?? [])
  const kept =
    removed.length === 0 ? stored.annotations : stored.annotations.filter(({ key }) => !removed.includes(key))
  return mergeParameters(kept, put.annotations ?? NO_PARAMETERS)
}

function updatedParameters(stored: WhiskAction, put: ActionPut): Parameters {
  if (put.exec === undefined) return isSequence(stored.exec) ? stored.parameters : (put.parameters ?? stored.parameters)
  if (isSequence(put.exec)) return componentParameters(put.exec.components)
  return put.parameters ?? (isSequence(stored.exec) ? NO_PARAMETERS : stored.parameters)
}

/** OpenWhisk: a sequence has its components as its one parameter. */
function componentParameters(components: readonly string[]): Parameters {
  return [{ key: '_actions', value: components }]
}

/**
 * The action as the REST API shows it. `parameters` replace its own where it is seen through its package; `binding` is
 * shown where the code is left out.
 */
export function actionJson(
  action: WhiskAction,
  options: { code?: boolean; parameters?: Parameters; binding?: string } = {},
): JsonObject {
  const withCode = options.code ?? true
  const shown: Record<string, JsonValue> = { annotations: parametersJson(action.annotations) }
  if (!withCode && options.binding !== undefined) shown.binding = options.binding
  shown.exec = execJson(action.exec, withCode)
  shown.limits = actionLimitsJson(action.limits)
  shown.name = action.name
  shown.namespace = action.namespace
  shown.parameters = parametersJson(options.parameters ?? action.parameters)
  shown.publish = action.publish
  shown.updated = action.updated
  shown.version = action.version
  return shown
}

/** An item of a list. */
export function actionSummary(action: WhiskAction): JsonObject {
  return {
    annotations: parametersJson(action.annotations),
    exec: { binary: isSequence(action.exec) ? false : action.exec.binary },
    limits: actionLimitsJson(action.limits),
    name: action.name,
    namespace: action.namespace,
    publish: action.publish,
    updated: action.updated,
    version: action.version,
  }
}

/** An item of `actions` or `feeds` of a package. */
export function packagedActionSummary(action: WhiskAction): JsonObject {
  return { annotations: parametersJson(action.annotations), name: action.name, version: action.version }
}
