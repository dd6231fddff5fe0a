// `…/activations`: list, record, result, logs. A record is there before its logs: what shows the record waits for them.

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
  const { activations } = services.store
  const filter = { namespace, name, since, upto }
  const page = () => activations.list({ ...filter, limit, skip })
  // Only those that are shown: an activation whose logs take their time holds up nobody else's list.
  if (!count && services.invoker.awaitsLogs) await services.invoker.settled(page().map(record => record.activationId))
  await services.store.readable()
  if (count) return json(c, countText('activations', activations.count(filter), skip))
  if (docs) return json(c, stringify(page().map(activationRecord)))
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
