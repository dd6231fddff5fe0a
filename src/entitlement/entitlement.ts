// Who may do what: rights follow from owning the namespace, and for packages from being published.
// Looks packages up in the store; decides nothing about throttles.

import type { Identity } from '../entity/identity.ts'
import type { WhiskPackage } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'

/** GET → READ, PUT → PUT, DELETE → DELETE, POST → ACTIVATE. */
export type Privilege = 'READ' | 'PUT' | 'DELETE' | 'ACTIVATE'

export type Collection = 'actions' | 'packages' | 'triggers' | 'rules' | 'activations' | 'limits'

export interface Resource {
  readonly collection: Collection
  /** `ns`, or `ns/package` for a packaged action. */
  readonly namespace: string
  /** Absent for the collection as a whole. */
  readonly entity?: string
}

/** All checks return when the right is there, and throw a WhiskError when it is not. */
export interface Entitlement {
  /**
   * Fails with `forbidden` (naming the resources without the right, sorted), and for package lookups of the owner with
   * `notFound`, `conflict`, `unprocessable` or `internal`; such a lookup failure of any resource comes first.
   */
  check(identity: Identity, privilege: Privilege, resources: Resource | readonly Resource[]): void
  /** The same for the components of a sequence, absolute names with a leading slash. */
  checkComponents(identity: Identity, privilege: 'READ' | 'ACTIVATE', components: readonly string[]): void
  /** Fails with `forbidden` when the namespace, or the system, restricts kinds and this is none of them. */
  checkKind(identity: Identity, kind: string): void
}

/** The name that a 403 shows for a resource. */
function resourceName(resource: Resource): string {
  return resource.entity === undefined ? resource.namespace : `${resource.namespace}/${resource.entity}`
}

function forbidden(names: string): WhiskError {
  return new WhiskError('forbidden', messages.notAuthorizedForResource(names))
}

const rootOf = (path: string): string => {
  const slash = path.indexOf('/')
  return slash < 0 ? path : path.slice(0, slash)
}

export function createEntitlement(
  store: Pick<Store, 'entities'>,
  options: { allowedKinds?: readonly string[] } = {},
): Entitlement {
  const systemKinds = options.allowedKinds ?? []

  /** The package, undefined when there is none; fails with `conflict` on another type, `internal` on a corrupt one. */
  function lookUpPackage(id: string): WhiskPackage | undefined {
    const found = store.entities.get(id)
    if (found === undefined || found.entityType === 'package') return found
    throw new WhiskError('conflict', messages.conformance)
  }

  /**
   * OpenWhisk: a failing lookup is told to the owner of the package's namespace only; everybody else gets "no", so that
   * nothing about foreign packages leaks. A binding is readable where what it refers to is, and by its owner alone.
   */
  function mayReadPackage(caller: string, namespace: string, name: string): boolean {
    const owner = namespace === caller
    const id = `${namespace}/${name}`
    try {
      const found = lookUpPackage(id)
      if (found === undefined) {
        if (owner) throw new WhiskError('notFound', messages.resourceDoesNotExist)
        return false
      }
      const binding = found.binding
      if (binding === undefined) return owner || found.publish
      if (!owner) return false
      if (binding.namespace === namespace && binding.name === name) {
        throw new WhiskError('unprocessable', messages.bindingCircular(id))
      }
      return mayReadPackage(caller, binding.namespace, binding.name)
    } catch (error) {
      if (owner) throw error
      return false
    }
  }

  function mayUse(caller: string, privilege: Privilege, resource: Resource): boolean {
    const { collection, namespace, entity } = resource
    if (collection === 'packages' && privilege === 'READ') {
      // Listing packages is free for all; who lists a foreign namespace sees the published ones only.
      return entity === undefined || mayReadPackage(caller, namespace, entity)
    }
    const slash = collection === 'actions' ? namespace.indexOf('/') : -1
    if (slash >= 0 && entity !== undefined && (privilege === 'READ' || privilege === 'ACTIVATE')) {
      const root = namespace.slice(0, slash)
      const name = namespace.slice(slash + 1)
      if (mayReadPackage(caller, root, name)) return true
      // OpenWhisk: the refusal names the package, not the action, and hides other refusals of the same check.
      throw forbidden(namespace)
    }
    return rootOf(namespace) === caller
  }

  function checkAll(identity: Identity, privilege: Privilege, resources: readonly Resource[]): void {
    const caller = identity.namespace.name
    let refused: Set<string> | undefined
    for (const resource of resources) {
      if (!mayUse(caller, privilege, resource)) {
        refused ??= new Set()
        refused.add(resourceName(resource))
      }
    }
    if (refused !== undefined) throw forbidden([...refused].sort().join(', '))
  }

  return {
    check(identity, privilege, resources) {
      if ('collection' in resources) {
        if (!mayUse(identity.namespace.name, privilege, resources)) throw forbidden(resourceName(resources))
      } else {
        checkAll(identity, privilege, resources)
      }
    },

    checkComponents(identity, privilege, components) {
      const unique = new Set(components)
      const resources: Resource[] = []
      for (const component of unique) {
        const start = component.charCodeAt(0) === 47 ? 1 : 0
        const slash = component.lastIndexOf('/')
        resources.push({
          collection: 'actions',
          namespace: component.slice(start, slash),
          entity: component.slice(slash + 1),
        })
      }
      checkAll(identity, privilege, resources)
    },

    checkKind(identity, kind) {
      const own = identity.limits.allowedKinds ?? []
      if (own.length === 0 && systemKinds.length === 0) return
      if (own.includes(kind) || systemKinds.includes(kind)) return
      throw new WhiskError('forbidden', messages.notAuthorizedForKind(kind))
    },
  }
}
