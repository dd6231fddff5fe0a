// The end of every change of an entity: stored, told to who must know, durable before it is acknowledged.

import { packageOf, rootNamespace } from '../entity/names.ts'
import type { WhiskEntity } from '../entity/whisk-entity.ts'
import type { ApiServices } from './services.ts'

type Services = Pick<ApiServices, 'store' | 'invoker' | 'events' | 'clock'>

export function idOf(entity: Pick<WhiskEntity, 'namespace' | 'name'>): string {
  return `${entity.namespace}/${entity.name}`
}

function announce({ invoker, events, clock }: Services, change: 'put' | 'delete', entities: readonly WhiskEntity[]) {
  invoker.entitiesChanged(entities.map(idOf))
  if (!events.active) return
  for (const entity of entities) {
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
}

/** Stores entities, all or none; settles when they are durable. */
export async function putEntities(services: Services, ...entities: WhiskEntity[]): Promise<void> {
  const { store } = services
  if (entities.length === 1) for (const entity of entities) store.entities.put(entity)
  else store.transaction(() => entities.forEach(entity => void store.entities.put(entity)))
  announce(services, 'put', entities)
  await store.committed()
}

/** Deletes entities, and stores others that the deletion changes; settles when that is durable. */
export async function deleteEntities(
  services: Services,
  entities: readonly WhiskEntity[],
  changed: readonly WhiskEntity[] = [],
): Promise<void> {
  const { store } = services
  store.transaction(() => {
    for (const entity of entities) store.entities.delete(idOf(entity))
    for (const entity of changed) store.entities.put(entity)
  })
  announce(services, 'delete', entities)
  if (changed.length > 0) announce(services, 'put', changed)
  await store.committed()
}
