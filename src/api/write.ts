// The end of every change of an entity: stored, told to who must know, durable before it is acknowledged.

import { packageOf, rootNamespace } from '../entity/names.ts'
import type { WhiskEntity } from '../entity/whisk-entity.ts'
import type { ApiServices } from './services.ts'

type Services = Pick<ApiServices, 'store' | 'invoker' | 'events' | 'clock'>

export function idOf(entity: Pick<WhiskEntity, 'namespace' | 'name'>): string {
  return `${entity.namespace}/${entity.name}`
}

/** Settles when what was written is durable; then those who listen hear of it. Containers must know at once. */
async function settle(services: Services, deleted: readonly WhiskEntity[], stored: readonly WhiskEntity[]) {
  const { store, invoker, events, clock } = services
  invoker.entitiesChanged([...deleted, ...stored].map(idOf))
  await store.committed()
  if (!events.active) return
  const tell = (change: 'put' | 'delete', entity: WhiskEntity) => {
    const package_ = packageOf(entity.namespace)
    events.emit({
      type: 'entity.changed',
      at: clock.now(),
      namespace: rootNamespace(entity.namespace),
      entity: idOf(entity),
      entityType: entity.entityType,
      name: package_ === undefined ? entity.name : `${package_}/${entity.name}`,
      version: entity.version,
      change,
    })
  }
  for (const entity of deleted) tell('delete', entity)
  for (const entity of stored) tell('put', entity)
}

/** Stores entities, all or none; settles when they are durable. Fails with WhiskError when they could not be stored. */
export async function putEntities(services: Services, ...entities: WhiskEntity[]): Promise<void> {
  await deleteEntities(services, [], entities)
}

/** Deletes entities, and stores others that the deletion changes; settles and fails as `putEntities` does. */
export async function deleteEntities(
  services: Services,
  deleted: readonly WhiskEntity[],
  stored: readonly WhiskEntity[] = [],
): Promise<void> {
  const { entities } = services.store
  services.store.transaction(() => {
    for (const entity of deleted) entities.delete(idOf(entity))
    for (const entity of stored) entities.put(entity)
  })
  await settle(services, deleted, stored)
}
