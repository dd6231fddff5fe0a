// Namespaces made for one test, and their snapshots.

import { randomBytes, randomUUID } from 'node:crypto'
import { SYSTEM_NAMESPACE } from '../entity/identity.ts'
import { isEntityName } from '../entity/names.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import type { ControlDependencies } from './dependencies.ts'

export interface CreatedNamespace {
  namespace: string
  subject: string
  /** `uuid:key`, as clients take it. */
  auth: string
}

const KEY_ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'

/** 64 characters; the slight bias of the modulo does not matter for a key of this length. */
const createKey = () => Array.from(randomBytes(64), byte => KEY_ALPHABET.charAt(byte % KEY_ALPHABET.length)).join('')

/** A subject with a namespace of the same name. Fails with `conflict` when there is one. */
export function createNamespace(store: Pick<Store, 'subjects'>, name?: string): CreatedNamespace {
  const namespace = name ?? `test-${randomBytes(8).toString('hex')}`
  if (!isEntityName(namespace)) throw new WhiskError('badRequest', messages.control.badNamespace(namespace))
  if (store.subjects.get(namespace) || store.subjects.identityByNamespace(namespace)) {
    throw new WhiskError('conflict', messages.control.namespaceExists(namespace))
  }
  const uuid = randomUUID()
  const key = createKey()
  store.subjects.put({ subject: namespace, blocked: false, namespaces: [{ name: namespace, uuid, key }] })
  return { namespace, subject: namespace, auth: `${uuid}:${key}` }
}

/** One namespace, or all that users have. */
export interface NamespaceScope {
  all: boolean
  namespace: string | undefined
}

/**
 * Checkpoint, rollback, reset and drop. Each waits until nothing of the namespace runs, and tells the parts that keep
 * state (containers, schedules) what changed. They answer the namespaces they touched.
 */
export function snapshots({ store, idle, restored }: ControlDependencies) {
  const known = (namespace: string) => store.subjects.list(namespace).length > 0

  function resolve({ all, namespace }: NamespaceScope): string[] {
    if (all) {
      const names = store.subjects.list().flatMap(({ namespaces }) => namespaces.map(({ name }) => name))
      // The system's packages are not a test's to reset.
      return [...new Set(names)].filter(name => name !== SYSTEM_NAMESPACE)
    }
    const name = namespace ?? 'guest'
    if (!known(name)) throw new WhiskError('notFound', messages.control.noNamespace(name))
    return [name]
  }

  /** Of all namespaces, those that were there when the checkpoint was made. */
  function withCheckpoint(scope: NamespaceScope, name: string): string[] {
    const namespaces = resolve(scope)
    if (!scope.all) return namespaces
    const found = namespaces.filter(namespace => store.checkpoints.has(name, namespace))
    if (found.length === 0) throw new WhiskError('notFound', messages.control.noCheckpointAtAll(name))
    return found
  }

  /** `change` answers the entities it changed; undefined when it changed nothing, feeds and schedules included. */
  async function forEach(namespaces: string[], change: (namespace: string) => string[] | undefined): Promise<string[]> {
    for (const namespace of namespaces) {
      await idle(namespace)
      const ids = change(namespace)
      // First: where the disk is full, nothing changed, and containers, timers and watchers stay as they are.
      await store.committed()
      if (ids) await restored(namespace, ids)
    }
    return namespaces
  }

  return {
    checkpoint: (scope: NamespaceScope, name: string) =>
      forEach(resolve(scope), namespace => {
        store.checkpoints.create(name, namespace)
        return undefined
      }),
    rollback: (scope: NamespaceScope, name: string) =>
      forEach(withCheckpoint(scope, name), namespace => store.checkpoints.rollback(name, namespace)),
    reset: (scope: NamespaceScope, _name: string) =>
      forEach(resolve(scope), namespace => store.checkpoints.reset(namespace)),
    /** Removes the namespace and everything in it. */
    async drop(namespace: string): Promise<void> {
      if (!known(namespace)) throw new WhiskError('notFound', messages.control.noNamespace(namespace))
      await idle(namespace)
      const ids = store.checkpoints.reset(namespace)
      store.checkpoints.drop(namespace)
      for (const subject of store.subjects.list(namespace)) {
        const namespaces = subject.namespaces.filter(({ name }) => name !== namespace)
        if (namespaces.length === subject.namespaces.length) continue
        if (namespaces.length) store.subjects.put({ ...subject, namespaces })
        else store.subjects.delete(subject.subject)
      }
      store.subjects.deleteLimits(namespace)
      await store.committed()
      await restored(namespace, ids)
    },
  }
}
