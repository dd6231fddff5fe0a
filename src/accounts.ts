// The accounts that every server has, and those its configuration adds.

import { SYSTEM_NAMESPACE } from './entity/identity.ts'
import type { Store } from './store/store.ts'

/** OpenWhisk: keys of the two accounts, the same everywhere and known to everyone. */
export const GUEST =
  '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
export const SYSTEM =
  '789c46b1-71f6-4ed5-8c54-816aa4f8c502:abczO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'

export interface Account {
  readonly namespace: string
  /** `uuid:key` */
  readonly auth: string
}

/**
 * Sees to it that the two built-in accounts exist and that `users` have the keys they were given; whatever else an
 * administrator changed (a blocked subject, further namespaces, another key of guest) stays. Returns all of them.
 */
export function installAccounts(subjects: Store['subjects'], users: Readonly<Record<string, string>>): Account[] {
  for (const [namespace, auth] of Object.entries({ guest: GUEST, [SYSTEM_NAMESPACE]: SYSTEM })) {
    if (!subjects.get(namespace)) give(subjects, namespace, auth)
  }
  for (const [namespace, auth] of Object.entries(users)) give(subjects, namespace, auth)
  const names = new Set(['guest', SYSTEM_NAMESPACE, ...Object.keys(users)])
  return [...names].flatMap(namespace => {
    const identity = subjects.identityByNamespace(namespace)
    return identity ? [{ namespace, auth: `${identity.authkey.uuid}:${identity.authkey.key}` }] : []
  })
}

function give(subjects: Store['subjects'], namespace: string, auth: string): void {
  const [uuid = '', key = ''] = auth.split(':', 2)
  const existing = subjects.get(namespace)
  const others = existing?.namespaces.filter(({ name }) => name !== namespace) ?? []
  const own = existing?.namespaces.find(({ name }) => name === namespace)
  if (own?.uuid === uuid && own.key === key) return
  const namespaces = [{ name: namespace, uuid, key }, ...others]
  subjects.put({ subject: namespace, blocked: existing?.blocked ?? false, namespaces })
}
