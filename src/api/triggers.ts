// `…/triggers/NAME`: create, update, get, delete, fire.

import type { Context } from 'hono'
import { getEntity } from '../engine/resolve.ts'
import { createTrigger, decodeTriggerPut, triggerJson, updateTrigger } from '../entity/trigger.ts'
import type { WhiskTrigger } from '../entity/whisk-entity.ts'
import type { Env } from '../http/env.ts'
import { booleanParameter } from './listing.ts'
import { writable } from './lookup.ts'
import { checkPayloadSize, readPayload, readPut } from './requests.ts'
import { json, nothing, textOf } from './respond.ts'
import type { ApiServices } from './services.ts'
import type { EntityRequest } from './target.ts'
import { deleteEntities, putEntities } from './write.ts'

const shown = textOf<WhiskTrigger>(triggerJson)

/** Fails with WhiskError `tooLarge`, `unsupportedMediaType`, `badRequest`, `conflict`. */
export async function putTrigger(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const { identity, id, namespace, name } = request
  const sized = await readPut(c, services, identity)
  const overwrite = booleanParameter(request.query, 'overwrite')
  const put = decodeTriggerPut(sized)
  const stored = writable(services.store.entities.get(id), 'trigger', overwrite)
  const now = services.clock.now()
  const trigger = stored === undefined ? createTrigger({ namespace, name, now }, put) : updateTrigger(stored, put, now)
  await putEntities(services, trigger)
  return json(c, shown(trigger))
}

/** Fails with WhiskError `notFound`, `conflict`. */
export function getTrigger(c: Context<Env>, { store }: ApiServices, { id }: EntityRequest): Response {
  return json(c, shown(getEntity(store, id, 'trigger')))
}

/** Its rules stay, and become inactive. Fails with WhiskError `notFound`, `conflict`. */
export async function deleteTrigger(c: Context<Env>, services: ApiServices, { id }: EntityRequest): Promise<Response> {
  const trigger = getEntity(services.store, id, 'trigger')
  await deleteEntities(services, [trigger])
  return json(c, shown(trigger))
}

/** Headers of the request as rules see them: lower-cased, without those that describe the body. */
function firedHeaders(c: Context<Env>): Record<string, string> {
  const headers: Record<string, string> = {}
  c.req.raw.headers.forEach((value, name) => {
    if (name !== 'content-type' && name !== 'content-length' && name !== 'x-ow-extra-logging') headers[name] = value
  })
  return headers
}

/** 202 with an id, or 204 when no rule is active. Fails with WhiskError `tooLarge`, `badRequest`, `notFound` … */
export async function fireTrigger(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const { identity, id } = request
  checkPayloadSize(c, services, identity)
  const payload = await readPayload(c)
  const trigger = getEntity(services.store, id, 'trigger')
  const fired = services.invoker.fire({
    identity,
    trigger,
    payload: payload ?? {},
    headers: firedHeaders(c),
    transid: c.get('transid'),
    startedAt: c.get('startedAt'),
  })
  if (fired === undefined) return nothing(c)
  await fired.accepted()
  return json(c, `{"activationId":"${fired.activationId}"}`, 202, ['x-openwhisk-activation-id', fired.activationId])
}
