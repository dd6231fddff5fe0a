// `…/activations`: list, record, result, logs. Records on their way are waited for, not missed.

import type { Context } from 'hono'
import { activationRecord, activationResponse } from '../entity/activation.ts'
import { type JsonValue, stringify } from '../entity/json.ts'
import { isEntityName } from '../entity/names.ts'
import { WhiskError } from '../errors.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import { booleanParameter, countText, listOptions, malformedQuery, type Query } from './listing.ts'
import { noRoute } from './no-route.ts'
import { json } from './respond.ts'
import type { ApiServices } from './services.ts'

type Services = Pick<ApiServices, 'store' | 'invoker'>

const MAX_LONG = 2n ** 63n

/** Epoch milliseconds, though OpenWhisk's sentence says seconds. */
function instantParameter(query: Query, name: string): number | undefined {
  const text = query.get(name)
  if (text === null) return undefined
  const value = /^[+-]?[0-9]+$/.test(text) ? BigInt(text.replace('+', '')) : undefined
  if (value === undefined || value >= MAX_LONG || value < -MAX_LONG) {
    throw malformedQuery(name, messages.epochMalformed(text))
  }
  return Number(value)
}

/** `action` or `package/action`; empty segments do not count. */
function nameParameter(query: Query): string | undefined {
  const text = query.get('name')
  if (text === null || text.trim() === '') return undefined
  const parts = text.split('/').filter(part => part !== '')
  if (parts.length === 0 || parts.length > 2 || !parts.every(isEntityName)) {
    throw malformedQuery('name', messages.activationNameMalformed(text))
  }
  return parts.join('/')
}

/** The list of a namespace that the caller may see. Fails with WhiskError `badRequest`. */
export async function listActivations(
  c: Context<Env>,
  services: Services,
  namespace: string,
  query: Query | undefined,
): Promise<Response> {
  const { skip, limit, count } = listOptions(query, 'activations')
  const docs = query !== undefined && booleanParameter(query, 'docs')
  const name = query && nameParameter(query)
  const since = query && instantParameter(query, 'since')
  const upto = query && instantParameter(query, 'upto')
  if (count && docs) throw new WhiskError('badRequest', messages.docsWithCount)
  const pending = services.invoker.settledNamespace(namespace)
  if (pending !== undefined) await pending
  await services.store.readable()
  const { activations } = services.store
  const filter = { namespace, name, since, upto }
  if (count) return json(c, countText('activations', activations.count(filter), skip))
  if (docs) return json(c, stringify(activations.list({ ...filter, limit, skip }).map(activationRecord)))
  // Stored as they are shown: two hundred records need not be read and printed again.
  return json(c, `[${activations.listSummaries({ ...filter, limit, skip }).join(',')}]`)
}

/** One record or a part of it. Fails with WhiskError `notFound` when there is none, or no such part. */
export async function getActivation(
  c: Context<Env>,
  services: Services,
  namespace: string,
  id: string,
  rest: string,
): Promise<Response> {
  if (rest !== '' && rest !== '/' && rest !== '/result' && rest !== '/logs') throw noRoute()
  const pending = services.invoker.settled([id])
  if (pending !== undefined) await pending
  await services.store.readable()
  const record = services.store.activations.get(namespace, id)
  if (record === undefined) throw new WhiskError('notFound', messages.resourceDoesNotExist)
  let shown: JsonValue
  if (rest === '/logs') shown = { logs: record.logs }
  else if (rest === '/result') shown = activationResponse(record.response)
  else shown = activationRecord(record)
  return json(c, stringify(shown))
}
