// `…/actions`, `…/triggers`, `…/rules`, `…/packages` and `…/actions/PACKAGE/`: lists of summaries.

import type { Context } from 'hono'
import { packageChain } from '../engine/resolve.ts'
import { actionSummary } from '../entity/action.ts'
import { packageSummary } from '../entity/package.ts'
import { ruleJson } from '../entity/rule.ts'
import { triggerSummary } from '../entity/trigger.ts'
import type { EntityType, WhiskEntity } from '../entity/whisk-entity.ts'
import type { Env } from '../http/env.ts'
import type { EntityQuery } from '../store/store.ts'
import { countText, listOptions, type Query } from './listing.ts'
import { json, textOf } from './respond.ts'
import type { ApiServices } from './services.ts'

type Services = Pick<ApiServices, 'store'>

export type EntityCollection = 'actions' | 'triggers' | 'rules' | 'packages'

const TYPES: Record<EntityCollection, EntityType> = {
  actions: 'action',
  triggers: 'trigger',
  rules: 'rule',
  packages: 'package',
}

const summaryText = textOf<WhiskEntity>(entity => {
  switch (entity.entityType) {
    case 'action':
      return actionSummary(entity)
    case 'trigger':
      return triggerSummary(entity)
    case 'rule':
      return ruleJson(entity)
    case 'package':
      return packageSummary(entity)
  }
})

function answer(
  c: Context<Env>,
  { store }: Services,
  collection: EntityCollection,
  filter: Omit<EntityQuery, 'type' | 'limit' | 'skip'>,
  query: Query | undefined,
): Response {
  const { skip, limit, count } = listOptions(query, collection)
  const wanted = { ...filter, type: TYPES[collection] }
  if (count) return json(c, countText(collection, store.entities.count(wanted), skip))
  const found = store.entities.list({ ...wanted, skip, limit })
  return json(c, `[${found.map(summaryText).join(',')}]`)
}

/**
 * A collection whose READ right was checked; of the packages of a foreign namespace, the published ones that are no
 * bindings. Fails with WhiskError `badRequest`.
 */
export function listEntities(
  c: Context<Env>,
  services: Services,
  collection: EntityCollection,
  namespace: string,
  query: Query | undefined,
): Response {
  const publicOnly = namespace !== c.get('identity').namespace.name
  return answer(c, services, collection, publicOnly ? { namespace, publicOnly } : { namespace }, query)
}

/** The actions of a package; for a binding, of the package it refers to. Fails with WhiskError `badRequest`. */
export function listPackageActions(
  c: Context<Env>,
  services: Services,
  packageId: string,
  query: Query | undefined,
): Response {
  const chain = packageChain(services.store, packageId)
  const { namespace, name } = chain[chain.length - 1] ?? chain[0]
  return answer(c, services, 'actions', { namespace, package: name }, query)
}
