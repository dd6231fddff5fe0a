// From an action's name to the action: through its package, perhaps through a binding, with all parameters merged.

import { mergeParameters } from '../entity/parameters.ts'
import type { EntityType, Parameters, WhiskAction, WhiskEntity, WhiskPackage } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import type { ResolvedAction } from './invoker.ts'

type Entities = Pick<Store, 'entities'>

/** What an action resolved to last time, and the packages that decided it; the store's objects tell whether it holds. */
interface Resolution {
  readonly packages: readonly WhiskPackage[]
  readonly resolved: ResolvedAction
}

/** By action, then by the package path it was reached through (`''` for the default package). */
const resolutions = new WeakMap<WhiskAction, Map<string, Resolution>>()

export type EntityOf<T extends EntityType> = Extract<WhiskEntity, { entityType: T }>

export function isOfType<T extends EntityType>(entity: WhiskEntity, type: T): entity is EntityOf<T> {
  return entity.entityType === type
}

/** Fails with WhiskError `notFound`, with `conflict` when the id is another type's, `internal` when it is corrupt. */
export function getEntity<T extends EntityType>(store: Entities, id: string, type: T): EntityOf<T> {
  const found = store.entities.get(id)
  if (found === undefined) throw new WhiskError('notFound', messages.resourceDoesNotExist)
  if (!isOfType(found, type)) throw new WhiskError('conflict', messages.conformance)
  return found
}

/**
 * The packages from the one that is named to the one that holds the actions (the last, which is no binding). Fails with
 * WhiskError `notFound` when one on the way is missing, `conflict` when it is no package, `unprocessable` when bindings
 * go in a circle, `internal` when one is corrupt.
 */
export function packageChain(store: Entities, id: string): readonly [WhiskPackage, ...WhiskPackage[]] {
  const first = getEntity(store, id, 'package')
  const chain: [WhiskPackage, ...WhiskPackage[]] = [first]
  let current = first
  while (current.binding !== undefined) {
    current = getEntity(store, `${current.binding.namespace}/${current.binding.name}`, 'package')
    if (chain.includes(current)) throw new WhiskError('unprocessable', messages.bindingCircular(id))
    chain.push(current)
  }
  return chain
}

/** Provider < binding. */
export function chainParameters(chain: readonly WhiskPackage[]): Parameters {
  let parameters: Parameters = []
  for (let i = chain.length - 1; i >= 0; i--) parameters = mergeParameters(parameters, chain[i]?.parameters ?? [])
  return parameters
}

function cached(action: WhiskAction, path: string): Resolution | undefined {
  return resolutions.get(action)?.get(path)
}

function remember(action: WhiskAction, path: string, resolution: Resolution): ResolvedAction {
  const known = resolutions.get(action)
  if (known === undefined) resolutions.set(action, new Map([[path, resolution]]))
  else known.set(path, resolution)
  return resolution.resolved
}

function samePackages(a: readonly WhiskPackage[], b: readonly WhiskPackage[]): boolean {
  return a.length === b.length && a.every((entry, i) => entry === b[i])
}

/**
 * The name that an action has where it is stored: without the bindings on the way to it. The action itself need not
 * exist; fails as `packageChain` does.
 */
export function realName(store: Entities, fqn: string): string {
  const slash = fqn.lastIndexOf('/')
  const path = fqn.slice(0, slash)
  if (!path.includes('/')) return fqn
  const chain = packageChain(store, path)
  const provider = chain[chain.length - 1] ?? chain[0]
  return `${provider.namespace}/${provider.name}${fqn.slice(slash)}`
}

/**
 * Resolves `ns/name` or `ns/package/name` (no leading slash, `_` already replaced). Fails with WhiskError `notFound`
 * when the action or a package on the way is missing, `conflict` when something of another type has that name,
 * `internal` when a document is corrupt.
 */
export function resolveAction(store: Entities, fqn: string): ResolvedAction {
  const slash = fqn.lastIndexOf('/')
  const path = fqn.slice(0, slash)
  if (!path.includes('/')) {
    const action = getEntity(store, fqn, 'action')
    return (
      cached(action, '')?.resolved ??
      remember(action, '', { packages: [], resolved: { action, parameters: action.parameters } })
    )
  }
  const chain = packageChain(store, path)
  const provider = chain[chain.length - 1] ?? chain[0]
  const name = fqn.slice(slash + 1)
  const action = getEntity(store, `${provider.namespace}/${provider.name}/${name}`, 'action')
  const known = cached(action, path)
  if (known !== undefined && samePackages(known.packages, chain)) return known.resolved
  const resolved = {
    action,
    parameters: mergeParameters(chainParameters(chain), action.parameters),
    ...(chain.length > 1 ? { binding: path } : {}),
  }
  return remember(action, path, { packages: chain, resolved })
}
