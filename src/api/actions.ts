// `…/actions/[PACKAGE/]NAME`: create, update, get, delete. Invoking is in invoke.ts.

import type { Context } from 'hono'
import type { ResolvedAction } from '../engine/invoker.ts'
import { getEntity, resolveAction } from '../engine/resolve.ts'
import { actionJson, createAction, decodeActionPut, updateAction } from '../entity/action.ts'
import { isSequence, resolveExec } from '../entity/exec.ts'
import { checkActionLimits, checkInstances, namespaceLimits, standardActionLimits } from '../entity/limits.ts'
import { packageOf } from '../entity/names.ts'
import type { Exec, WhiskAction } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import { booleanParameter } from './listing.ts'
import { writable } from './lookup.ts'
import { readPut } from './requests.ts'
import { json, textOf } from './respond.ts'
import { checkSequence } from './sequences.ts'
import type { ApiServices } from './services.ts'
import type { EntityRequest } from './target.ts'
import { deleteEntities, putEntities } from './write.ts'

const shown = textOf<WhiskAction>(action => actionJson(action))

/** By what was resolved: the same object while neither the action nor its packages change. */
const shownResolved = textOf<ResolvedAction>(({ action, parameters }) => actionJson(action, { parameters }))
const shownWithoutCode = textOf<ResolvedAction>(({ action, parameters, binding }) =>
  actionJson(action, { code: false, parameters, binding }),
)

/** The package that a packaged action is to be in. Fails with WhiskError `notFound`, `conflict`, `badRequest`. */
function checkPackage(services: ApiServices, namespace: string): void {
  if (packageOf(namespace) === undefined) return
  const package_ = getEntity(services.store, namespace, 'package')
  if (package_.binding !== undefined) throw new WhiskError('badRequest', messages.notPermittedOnBinding)
}

/** Fails with WhiskError `badRequest` for a kind whose runtime is deprecated. */
function checkSupported({ manifest }: ApiServices, exec: Exec): void {
  if (manifest.resolveKind(exec.kind)?.deprecated) {
    throw new WhiskError('badRequest', messages.runtimeDeprecated(exec.kind))
  }
}

/** Fails with WhiskError `tooLarge`, `unsupportedMediaType`, `badRequest`, `forbidden`, `notFound`, `conflict`. */
export async function putAction(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const { identity, id, namespace, name } = request
  const { store, entitlement, limits, clock } = services
  checkPackage(services, namespace)
  const sized = await readPut(c, services, identity)
  const overwrite = booleanParameter(request.query, 'overwrite')
  const decoded = decodeActionPut(sized)
  // OpenWhisk: `_` in components is the caller's namespace, wherever the sequence is.
  const exec = decoded.exec && resolveExec(decoded.exec, identity.namespace.name)
  const put = { ...decoded, exec }
  const allowed = namespaceLimits(limits, identity.limits)
  if (put.limits !== undefined) checkActionLimits(put.limits, allowed)
  if (exec !== undefined) {
    if (isSequence(exec)) entitlement.checkComponents(identity, 'READ', exec.components)
    entitlement.checkKind(identity, exec.kind)
  }
  const stored = writable(store.entities.get(id), 'action', overwrite)
  checkInstances(put.limits?.instances, allowed)
  const effective = exec ?? stored?.exec
  if (effective === undefined) throw new WhiskError('badRequest', messages.execUndefined)
  if (exec !== undefined && isSequence(exec)) checkSequence(store, id, exec.components, limits.sequenceMaxLength)
  else checkSupported(services, effective)
  const now = clock.now()
  const action =
    stored === undefined
      ? createAction({ namespace, name, now }, put, standardActionLimits(limits))
      : updateAction(stored, put, now)
  // The package may be gone by now: reading the body took its time.
  checkPackage(services, namespace)
  await putEntities(services, action)
  return json(c, shown(action))
}

/** With the parameters of its package and binding. Fails with WhiskError `notFound`, `conflict`, `badRequest`. */
export function getAction(c: Context<Env>, { store }: ApiServices, { id, query }: EntityRequest): Response {
  const code = booleanParameter(query, 'code', true)
  const resolved = resolveAction(store, id)
  return json(c, code ? shownResolved(resolved) : shownWithoutCode(resolved))
}

/** Fails with WhiskError `notFound`, `conflict`, `badRequest` through a binding. */
export async function deleteAction(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  checkPackage(services, request.namespace)
  const action = getEntity(services.store, request.id, 'action')
  await deleteEntities(services, [action])
  return json(c, shown(action))
}
