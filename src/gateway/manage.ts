// The actions of /whisk.system/apimgmt: createApi, getApi and deleteApi, as entities and as handlers.

import { type Identity, SYSTEM_NAMESPACE } from '../entity/identity.ts'
import { type JsonObject, type JsonValue, numberOf } from '../entity/json.ts'
import type { Parameters, WhiskAction, WhiskPackage } from '../entity/whisk-entity.ts'
import type { Store } from '../store/store.ts'
import { type Apis, basePathOf, type StoredApi } from './apis.ts'
import { type CreateRequest, decodeCreateRequest, RequestRefused } from './create-request.ts'
import {
  checkPathParameters,
  DocumentRefused,
  emptyDocument,
  textAt,
  withOperation,
  withoutOperation,
} from './document.ts'
import { gatewayMessages as say } from './gateway-messages.ts'
import { GatewayRefusal } from './swagger.ts'

export interface ManageDeps {
  readonly apis: Apis
  readonly store: Pick<Store, 'subjects'>
  /** Where the APIs are called: `http://localhost:3234`, without a final slash. */
  readonly gatewayUrl: () => string
}

type Handler = (args: JsonObject, context: { identity: Identity }) => Promise<JsonValue>

const PACKAGE = 'apimgmt'

/** Handlers by fully qualified name, for the built-in container factory. */
export function routeManagementHandlers(deps: ManageDeps): Map<string, Handler> {
  return new Map([
    [`${SYSTEM_NAMESPACE}/${PACKAGE}/createApi`, answering(args => createApi(deps, args))],
    [`${SYSTEM_NAMESPACE}/${PACKAGE}/getApi`, answering(args => getApi(deps, args))],
    [`${SYSTEM_NAMESPACE}/${PACKAGE}/deleteApi`, answering(args => deleteApi(deps, args))],
  ])
}

/** Refusals of all kinds become the 502 of the reference: as a web action a whole answer, else the bare text. */
function answering(run: (args: JsonObject) => Promise<JsonValue>): Handler {
  return async (args): Promise<JsonValue> => {
    const web = args.__ow_method !== undefined
    const headers = { 'Content-Type': 'application/json' }
    try {
      const body = await run(args)
      return web ? { statusCode: 200, headers, body } : body
    } catch (error) {
      if (!(error instanceof RequestRefused)) throw error
      const body = { error: error.message }
      return web ? { error: { statusCode: 502, headers, body } } : body
    }
  }
}

/** The caller's namespace; fails where there is none. */
function userOf(args: JsonObject, refusal: string): string {
  const user = textAt(args, '__ow_user')
  if (!user) throw new RequestRefused(refusal)
  return user
}

/**
 * Whose APIs are meant. Differs from OpenWhisk: without `spaceguid` and `accesstoken` the caller's own, where the
 * reference tries an older gateway that is not there.
 */
function tenantOf({ store }: ManageDeps, args: JsonObject, user: string): string {
  const given = textAt(args, 'spaceguid')
  return given || (store.subjects.identityByNamespace(user)?.authkey.uuid ?? user)
}

const refusalOf = (error: unknown): string | undefined => {
  if (error instanceof DocumentRefused) return error.message
  return error instanceof GatewayRefusal ? say.gatewayRefused(error.status, error.message) : undefined
}

/** Runs a step whose refusals get a prefix. */
async function within<T>(prefix: (detail: string) => string, run: () => Promise<T>): Promise<T> {
  try {
    return await run()
  } catch (error) {
    const message = refusalOf(error)
    if (message === undefined) throw error
    throw new RequestRefused(prefix(message), { cause: error })
  }
}

/** The public address of an API, and what else the reference says of it. */
function describe({ gatewayUrl }: ManageDeps, api: StoredApi): JsonObject {
  const basePath = basePathOf(api)
  return {
    namespace: 'Not Used',
    gwApiActivated: true,
    tenantId: 'Not Used',
    gwApiUrl: `${gatewayUrl()}/api/${api.tenant}${basePath === '/' ? '' : basePath}`,
    apidoc: api.document,
  }
}

async function createApi(deps: ManageDeps, args: JsonObject): Promise<JsonValue> {
  const user = userOf(args, say.authKeyRequired)
  const request = decodeCreateRequest(args, user)
  const tenant = tenantOf(deps, args, user)
  return within(say.creationFailure, async () => {
    const key = keyOf(request)
    // Differs from OpenWhisk: a base path that ends in a slash finds its API too, instead of clashing with it.
    const existing = deps.apis.find(tenant, key, { loosely: true })
    const document = documentOf(request, existing)
    checkPathParameters(document)
    return describe(deps, await deps.apis.save(tenant, user, document, existing))
  })
}

const keyOf = (request: CreateRequest): string =>
  request.type === 'swagger' ? (textAt(request.document, 'basePath') ?? '') : request.operation.basePath

function documentOf(request: CreateRequest, existing: StoredApi | undefined): JsonObject {
  if (request.type === 'swagger') return request.document
  const { operation } = request
  const base = existing?.document ?? emptyDocument(operation.basePath, operation.apiName ?? operation.basePath)
  return withOperation(base, operation)
}

async function getApi(deps: ManageDeps, args: JsonObject): Promise<JsonValue> {
  const user = userOf(args, say.invalidAuthentication)
  const format = args.outputFormat
  if (format && !['apigw', 'swagger'].includes(String(format).toLowerCase())) {
    throw new RequestRefused(say.outputFormat)
  }
  const tenant = tenantOf(deps, args, user)
  const key = textAt(args, 'basepath')
  const all = deps.apis.list(tenant)
  const chosen = key ? all.filter(api => (key.startsWith('/') ? basePathOf(api) === key : titled(api, key))) : all
  return {
    apis: paged(chosen, args).map(api => ({ id: 'Not Used', key: 'Not Used', value: describe(deps, api) })),
  }
}

const titled = ({ document }: StoredApi, title: string): boolean => textAt(document.info, 'title') === title

/** OpenWhisk: as soon as one of the two is given both count, and what is no number is none. */
function paged(apis: StoredApi[], { limit, skip }: JsonObject): StoredApi[] {
  if (limit === undefined && skip === undefined) return apis
  const offset = Math.max(integer(skip) ?? 0, 0)
  const count = integer(limit) ?? 0
  return count < 1 ? [] : apis.slice(offset, offset + count)
}

function integer(value: JsonValue | undefined): number | undefined {
  const number = typeof value === 'string' ? Number.parseInt(value, 10) : numberOf(value)
  return number !== undefined && Number.isFinite(number) ? Math.trunc(number) : undefined
}

async function deleteApi(deps: ManageDeps, args: JsonObject): Promise<JsonValue> {
  const user = userOf(args, say.invalidAuthentication)
  const key = textAt(args, 'basepath')
  if (!key) throw new RequestRefused(say.basepathRequired)
  const path = textAt(args, 'relpath')
  const verb = textAt(args, 'operation')
  if (verb && !path) throw new RequestRefused(say.pathRequired)
  const tenant = tenantOf(deps, args, user)
  return within(say.deletionFailure, async () => {
    const api = deps.apis.find(tenant, key)
    if (!api) throw new DocumentRefused(say.noSuchApi(key))
    const left = path ? withoutOperation(api.document, path, verb || undefined) : undefined
    if (left) await deps.apis.save(tenant, user, left, api)
    else await deps.apis.remove(api)
    return {}
  })
}

const parametersOf = (values: JsonObject): Parameters => Object.entries(values).map(([key, value]) => ({ key, value }))

/** What `action get` shows as code: a copy of these actions elsewhere says where the real ones are. */
const sourceOf = (name: string): string =>
  `// /${SYSTEM_NAMESPACE}/${PACKAGE}/${name} runs inside the server; this text is not what it runs.\n` +
  `function main() {\n  return { error: 'Invoke /${SYSTEM_NAMESPACE}/${PACKAGE}/${name} itself.' }\n}\n`

/** The package and its actions as they are stored. `kind` is the manifest's default nodejs kind. */
export function routeManagementEntities(
  kind: string,
  managementUrl: string,
  updated: number,
): (WhiskPackage | WhiskAction)[] {
  const whiskPackage: WhiskPackage = {
    entityType: 'package',
    namespace: SYSTEM_NAMESPACE,
    name: PACKAGE,
    version: '0.0.1',
    publish: false,
    annotations: parametersOf({ description: 'This package manages the gateway API configuration.' }),
    parameters: parametersOf({ gwUrlV2: managementUrl }),
    updated,
  }
  const descriptions = {
    createApi: 'Create an API',
    deleteApi: 'Delete the API',
    getApi: 'Retrieve the specified API configuration (in JSON format)',
  }
  const actions = Object.entries(descriptions).map(
    ([name, description]): WhiskAction => ({
      entityType: 'action',
      namespace: `${SYSTEM_NAMESPACE}/${PACKAGE}`,
      name,
      version: '0.0.1',
      publish: false,
      annotations: parametersOf({
        'web-export': true,
        final: true,
        description,
        'raw-http': false,
        'provide-api-key': false,
        exec: kind,
      }),
      parameters: [],
      limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
      exec: { kind, code: sourceOf(name), binary: false },
      updated,
    }),
  )
  return [whiskPackage, ...actions]
}

/** Where the store remembers what it holds of this package. */
const SETTINGS = 'settings'

/** Puts them into the store, unless it holds just these already. */
export function installRouteManagement(
  store: Pick<Store, 'entities' | 'documents' | 'transaction'>,
  kind: string,
  managementUrl: string,
  now: number,
): void {
  const entities = routeManagementEntities(kind, managementUrl, now)
  const content = JSON.stringify(entities.map(entity => ({ ...entity, updated: 0 })))
  if (textAt(store.documents.get(SETTINGS, PACKAGE), 'content') === content) return
  store.transaction(() => {
    for (const entity of entities) store.entities.put(entity)
    store.documents.put(SETTINGS, PACKAGE, SYSTEM_NAMESPACE, { content })
  })
}
