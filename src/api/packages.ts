// `…/packages/NAME`: create, bind, update, get with what it holds, delete.

import type { Context } from 'hono'
import { chainParameters, getEntity, isOfType, packageChain } from '../engine/resolve.ts'
import { packagedActionSummary } from '../entity/action.ts'
import type { Identity } from '../entity/identity.ts'
import { type JsonValue, stringify } from '../entity/json.ts'
import { type Binding, createPackage, decodePackagePut, packageJson, updatePackage } from '../entity/package.ts'
import { findParameter } from '../entity/parameters.ts'
import type { WhiskAction, WhiskPackage } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { booleanParameter } from './listing.ts'
import { writable } from './lookup.ts'
import { readPut } from './requests.ts'
import { json, textOf } from './respond.ts'
import type { ApiServices } from './services.ts'
import type { EntityRequest } from './target.ts'
import { deleteEntities, putEntities } from './write.ts'

const RESERVED_NAME = 'default'

const shown = textOf<WhiskPackage>(package_ => packageJson(package_))

/** Newest first, all of them. */
export function actionsOf({ entities }: Pick<Store, 'entities'>, package_: WhiskPackage): WhiskAction[] {
  const found = entities.list({ type: 'action', namespace: package_.namespace, package: package_.name })
  return found.filter(entity => isOfType(entity, 'action'))
}

/** OpenWhisk: what reading the bound package fails with is the fault of the body that names it. */
function checkBindingReadable(services: ApiServices, identity: Identity, { namespace, name }: Binding): void {
  try {
    services.entitlement.check(identity, 'READ', { collection: 'packages', namespace, entity: name })
  } catch (error) {
    if (error instanceof WhiskError && error.code === 'notFound') {
      throw new WhiskError('badRequest', messages.bindingTargetMissing, { cause: error })
    }
    if (error instanceof WhiskError && error.code === 'conflict') {
      throw new WhiskError('conflict', messages.bindingTargetNotPackage, { cause: error })
    }
    throw error
  }
}

/** Fails with WhiskError `badRequest` when the target is a binding itself, or is gone. */
function checkBindingTarget({ entities }: Pick<Store, 'entities'>, { namespace, name }: Binding): void {
  const target = entities.get(`${namespace}/${name}`)
  if (target === undefined) throw new WhiskError('badRequest', messages.bindingTargetMissing)
  if (!isOfType(target, 'package')) throw new WhiskError('conflict', messages.bindingTargetNotPackage)
  if (target.binding !== undefined) throw new WhiskError('badRequest', messages.bindingTargetIsBinding)
}

/** Fails with WhiskError `tooLarge`, `unsupportedMediaType`, `badRequest`, `forbidden`, `conflict`. */
export async function putPackage(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const { identity, id, namespace, name } = request
  const { store, clock } = services
  const sized = await readPut(c, services, identity)
  const overwrite = booleanParameter(request.query, 'overwrite')
  if (name === RESERVED_NAME) throw new WhiskError('badRequest', messages.packageNameReserved)
  const put = decodePackagePut(sized, namespace)
  if (put.binding !== undefined) checkBindingReadable(services, identity, put.binding)
  const stored = writable(store.entities.get(id), 'package', overwrite)
  if (put.binding !== undefined) {
    if (stored !== undefined && stored.binding === undefined) {
      throw new WhiskError('conflict', messages.packageCannotBecomeBinding)
    }
    checkBindingTarget(store, put.binding)
  }
  const now = clock.now()
  const package_ = stored === undefined ? createPackage({ namespace, name, now }, put) : updatePackage(stored, put, now)
  await putEntities(services, package_)
  return json(c, shown(package_))
}

/** OpenWhisk: here alone the 404 of a missing package, or of what a binding refers to, names what was asked for. */
function checkReadable(services: ApiServices, { identity, namespace, name, id }: EntityRequest): void {
  try {
    services.entitlement.check(identity, 'READ', { collection: 'packages', namespace, entity: name })
  } catch (error) {
    if (error instanceof WhiskError && error.code === 'notFound') {
      throw new WhiskError('notFound', messages.namedResourceDoesNotExist(id), { cause: error })
    }
    throw error
  }
}

/** With actions and feeds; a binding shows those of its package, and the parameters of both. */
export function getPackage(c: Context<Env>, services: ApiServices, request: EntityRequest): Response {
  checkReadable(services, request)
  const chain = packageChain(services.store, request.id)
  const provider = chain[chain.length - 1] ?? chain[0]
  const actions: JsonValue[] = []
  const feeds: JsonValue[] = []
  for (const action of actionsOf(services.store, provider)) {
    // OpenWhisk: any annotation `feed` makes a feed, whatever its value.
    const isFeed = findParameter(action.annotations, 'feed') !== undefined
    const items = isFeed ? feeds : actions
    items.push(packagedActionSummary(action))
  }
  const record = packageJson(chain[0], { parameters: chainParameters(chain) })
  return json(c, stringify({ ...record, actions, feeds }))
}

/** With `force` its actions go first. Fails with WhiskError `notFound`, `conflict`, `badRequest`. */
export async function deletePackage(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const force = booleanParameter(request.query, 'force')
  const package_ = getEntity(services.store, request.id, 'package')
  const actions = package_.binding === undefined ? actionsOf(services.store, package_) : []
  if (actions.length > 0 && !force) throw new WhiskError('conflict', messages.packageNotEmpty(actions.length))
  await deleteEntities(services, [...actions, package_])
  return json(c, shown(package_))
}
