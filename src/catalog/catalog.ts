// The system packages that a new server has: what they are, how they are stored, how they run.

import { createHash } from 'node:crypto'
import { SYSTEM_NAMESPACE } from '../entity/identity.ts'
import type { JsonObject } from '../entity/json.ts'
import type { Store } from '../store/store.ts'
import { alarms, alarmsWeb } from './alarms.ts'
import { type CatalogPackage, toEntities } from './catalog-package.ts'
import { type CompiledAction, compileAction } from './compile.ts'
import { local } from './local.ts'
import { github, slack, websocket } from './outside.ts'
import { samples } from './samples.ts'
import { utils } from './utils.ts'

export const catalog: readonly CatalogPackage[] = [alarms, alarmsWeb, github, local, samples, slack, utils, websocket]

/** Where the store remembers which catalog it holds. */
const SETTINGS = 'settings'

/**
 * Puts the system packages into the store, unless it holds just these already. Entities of `whisk.system` that are not
 * of the catalog are left alone.
 */
export function installCatalog(
  store: Pick<Store, 'entities' | 'documents' | 'transaction'>,
  kind: string,
  now: number,
): void {
  const entities = catalog.flatMap(pack => toEntities(pack, kind, now))
  const content = JSON.stringify(entities.map(entity => ({ ...entity, updated: 0 })))
  const fingerprint = createHash('sha1').update(content).digest('hex')
  const installed = store.documents.get(SETTINGS, 'catalog') as JsonObject | undefined
  if (installed?.fingerprint === fingerprint) return
  store.transaction(() => {
    for (const entity of entities) store.entities.put(entity)
    store.documents.put(SETTINGS, 'catalog', SYSTEM_NAMESPACE, { fingerprint })
  })
}

/** The actions that the server runs itself, by fully qualified name; those with handlers of their own are not here. */
export function catalogActions(): Map<string, CompiledAction> {
  const actions = catalog.flatMap(pack =>
    pack.actions
      .filter(action => !action.container && !action.native)
      .map(action => [`${SYSTEM_NAMESPACE}/${pack.name}/${action.name}`, compileAction(action.source)] as const),
  )
  return new Map(actions)
}
