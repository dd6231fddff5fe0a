// What createApi is asked for: the `apidoc` argument, checked in the reference's order.

import { isJsonObject, type JsonObject, type JsonValue, parseJson } from '../entity/json.ts'
import { type OperationRequest, textAt } from './document.ts'
import { gatewayMessages as say } from './gateway-messages.ts'

/** A request that is refused before anything is looked up; the text goes out as it is. */
export class RequestRefused extends Error {}

export type CreateRequest =
  | { readonly type: 'swagger'; readonly document: JsonObject }
  | { readonly type: 'operation'; readonly operation: OperationRequest }

/** What JavaScript calls false: absent as far as the reference's checks go. */
const missing = (value: JsonValue | undefined): boolean => !value

function parsed(value: JsonValue, refusal: string): JsonValue {
  if (typeof value !== 'string') return value
  try {
    return parseJson(value)
  } catch {
    throw new RequestRefused(refusal)
  }
}

function decodeApidoc(given: JsonValue | undefined): JsonObject {
  if (given === undefined || missing(given)) throw new RequestRefused(say.apidocRequired)
  const value = parsed(given, say.apidocUnparsable)
  if (typeof value !== 'object') throw new RequestRefused(say.apidocType(typeof value))
  // An array has no fields: the first one that is needed is missing.
  return isJsonObject(value) ? value : {}
}

function decodeSwagger(given: JsonValue): JsonObject {
  const value = parsed(given, say.swaggerUnparsable)
  if (typeof value !== 'object' || value === null) {
    throw new RequestRefused(typeof given === 'string' ? say.swaggerMissing('basePath') : say.swaggerType(typeof given))
  }
  const document = isJsonObject(value) ? value : {}
  for (const field of ['basePath', 'paths', 'info']) {
    if (missing(document[field])) throw new RequestRefused(say.swaggerMissing(field))
  }
  return document
}

/** Fails with RequestRefused. `user` is the caller's namespace. */
export function decodeCreateRequest(args: JsonObject, user: string): CreateRequest {
  const given = args.apidoc
  const apidoc = decodeApidoc(given)
  if (missing(apidoc.namespace)) throw new RequestRefused(say.apidocMissing('namespace'))
  const swagger = apidoc.swagger
  if (swagger !== undefined && !missing(swagger)) {
    if (!missing(apidoc.gatewayBasePath)) throw new RequestRefused(say.swaggerExclusive)
    return { type: 'swagger', document: decodeSwagger(swagger) }
  }
  for (const field of ['gatewayBasePath', 'gatewayPath', 'gatewayMethod', 'action']) {
    if (missing(apidoc[field])) throw new RequestRefused(say.apidocMissing(field))
  }
  const action = isJsonObject(apidoc.action) ? apidoc.action : {}
  for (const field of ['backendMethod', 'backendUrl', 'namespace', 'name', 'authkey']) {
    if (missing(action[field])) throw new RequestRefused(say.actionMissing(field))
  }
  // OpenWhisk: `_` is the caller's namespace, unless the apidoc came as a text.
  const own = typeof given !== 'string' && action.namespace === '_'
  return { type: 'operation', operation: decodeOperation(args, apidoc, action, own ? user : undefined) }
}

const text = (value: JsonValue | undefined): string =>
  typeof value === 'string' ? value : JSON.stringify(value ?? null)

function decodeOperation(
  args: JsonObject,
  apidoc: JsonObject,
  action: JsonObject,
  user: string | undefined,
): OperationRequest {
  const apiName = textAt(apidoc, 'apiName')
  const { secureKey } = action
  const { pathParameters } = apidoc
  return {
    basePath: text(apidoc.gatewayBasePath),
    path: text(apidoc.gatewayPath),
    verb: text(apidoc.gatewayMethod),
    action: text(action.name),
    namespace: user ?? text(action.namespace),
    backendUrl: text(action.backendUrl),
    responseType: missing(args.responsetype) ? 'json' : text(args.responsetype),
    ...(apiName === undefined ? {} : { apiName }),
    ...(secureKey === undefined || missing(secureKey) ? {} : { secureKey }),
    ...(pathParameters === undefined || pathParameters === null ? {} : { pathParameters }),
  }
}
