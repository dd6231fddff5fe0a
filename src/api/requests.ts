// Bodies of the REST API: of a PUT, of an invoke or a fire; sizes come before everything that is wrong inside.

import type { Context } from 'hono'
import type { Identity } from '../entity/identity.ts'
import { isJsonObject, type JsonObject } from '../entity/json.ts'
import { checkSize, namespaceLimits, parseByteSize } from '../entity/limits.ts'
import { malformedContent } from '../entity/malformed.ts'
import { decodeSizedPut, type SizedPut } from '../entity/put.ts'
import { contentLength, readJson, readOptionalJson } from '../http/body.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import type { ApiServices } from './services.ts'

/** The body of a PUT after its first pass. Fails with WhiskError `unsupportedMediaType`, `badRequest`, `tooLarge`. */
export async function readPut(
  c: Context<Env>,
  { manifest, limits }: Pick<ApiServices, 'manifest' | 'limits'>,
  identity: Identity,
): Promise<SizedPut> {
  return decodeSizedPut(await readJson(c), manifest, namespaceLimits(limits, identity.limits))
}

/** Fails with WhiskError `tooLarge` when the body announces more than the namespace may send. */
export function checkPayloadSize(c: Context<Env>, { limits }: Pick<ApiServices, 'limits'>, identity: Identity): void {
  const length = contentLength(c)
  if (length === undefined) return
  const own = identity.limits.maxPayloadSize
  const allowed = own === undefined ? undefined : parseByteSize(own)
  checkSize('Request', length, Math.min(allowed ?? limits.maxPayload, limits.maxPayload))
}

/** The arguments of an invoke or a fire; undefined when there is no body. Fails with WhiskError `badRequest` … */
export async function readPayload(c: Context<Env>): Promise<JsonObject | undefined> {
  const payload = await readOptionalJson(c)
  if (payload === undefined || isJsonObject(payload)) return payload
  throw malformedContent(messages.jsonObjectExpected)
}
