// From an API's swagger document to what the gateway serves: resources, backends, CORS and policies.

import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, numberOf, stringify } from '../entity/json.ts'
import { arrayAt, assemblySteps, caseOf, objectAt, textAt, VERBS } from './document.ts'
import { gatewayMessages as say } from './gateway-messages.ts'

/** The gateway's own refusal of a document: `{ status, message }`. */
export class GatewayRefusal extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** What is put into the request before it goes on: `set-variable`. */
export interface Insert {
  readonly place: 'headers' | 'query' | 'body'
  readonly name: string
  readonly value: JsonValue
}

export interface Backend {
  /** Without `$(request.path)`. */
  readonly url: string
  /** True where the target ended in `$(request.path)`: base path and path of the request follow it. */
  readonly appendPath: boolean
  /** Upper case; undefined keeps the request's. */
  readonly method: string | undefined
}

export interface Operation {
  /** Undefined for operations that are listed but call nothing. */
  readonly backend: Backend | undefined
  readonly inserts: readonly Insert[]
}

/** One segment of a resource's path: literal text, or a pattern with parameters. */
export type Segment = string | RegExp

export interface Resource {
  /** Base path and path, with the final slash that the document has. */
  readonly path: string
  /** Without empty ones at the end. */
  readonly segments: readonly Segment[]
  /** By upper-case verb. */
  readonly operations: ReadonlyMap<string, Operation>
}

export type Security =
  | { readonly type: 'apiKey'; readonly header: string }
  | { readonly type: 'clientSecret'; readonly idField: string; readonly secretField: string }
  | { readonly type: 'oauth2'; readonly provider: string }

export interface ServedApi {
  /** One leading slash, none at the end; `/` for the root. */
  readonly basePath: string
  readonly title: string
  readonly resources: readonly Resource[]
  /** Undefined where the document says nothing: the backend's headers pass. */
  readonly cors: 'enabled' | 'disabled' | undefined
  readonly security: readonly Security[]
  /** Milliseconds between two calls; undefined without a rate limit. */
  readonly spacingMs: number | undefined
}

/** `club/`, `/club/` and `club` are one base path. */
export const normalizeBasePath = (basePath: string): string => `/${basePath.replace(/^\/+|\/+$/g, '')}`

/** Fails with GatewayRefusal 400 for what the gateway does not take, DocumentRefused where the assembly is missing. */
export function serveDocument(document: JsonObject): ServedApi {
  const basePath = normalizeBasePath(textAt(document, 'basePath') ?? '')
  if (basePath.includes("'")) throw new GatewayRefusal(400, say.illegalCharacter('basePath'))
  const paths = objectAt(document, 'paths') ?? {}
  if (Object.keys(paths).length === 0) throw new GatewayRefusal(400, say.emptyResources)
  const steps = assemblySteps(document)
  const common = insertsOf(steps)
  return {
    basePath,
    title: textAt(objectAt(document, 'info'), 'title') ?? basePath,
    resources: Object.entries(paths).map(([path, atPath]) => resource(basePath, path, atPath, steps, common)),
    cors: corsOf(document),
    security: securityOf(document),
    spacingMs: spacingOf(document),
  }
}

function resource(
  basePath: string,
  path: string,
  atPath: JsonValue,
  steps: readonly JsonValue[],
  common: readonly Insert[],
): Resource {
  if (!path.startsWith('/')) throw new GatewayRefusal(400, say.pathBeginning)
  if (path.includes("'")) throw new GatewayRefusal(400, say.illegalCharacter('resource path'))
  const operations = new Map<string, Operation>()
  for (const [key, operation] of Object.entries(isJsonObject(atPath) ? atPath : {})) {
    // Differs from OpenWhisk: parameters of a whole path are no verb.
    if (key === 'parameters' || key.startsWith('x-')) continue
    if (!VERBS.includes(key.toLowerCase())) throw new GatewayRefusal(400, say.verbNotSupported(key))
    const id = textAt(operation, 'operationId') ?? ''
    operations.set(key.toUpperCase(), servedOperation({ id, verb: key, path }, steps, common))
  }
  // OpenWhisk: what a path has beside its verbs counts as content, and stays when its last operation is deleted.
  if (!isJsonObject(atPath) || Object.keys(atPath).length === 0) throw new GatewayRefusal(400, say.emptyOperations)
  const full = basePath === '/' ? path : `${basePath}${path}`
  const segments = full.slice(1).replace(/\/+$/, '').split('/')
  return { path: full, segments: segments[0] === '' ? [] : segments.map(segment), operations }
}

/** OpenWhisk takes alphanumeric parameter names only; ours may be of any characters. */
function segment(text: string): Segment {
  if (!/\{[^{}]+\}/.test(text)) return text
  const literals = text.split(/\{[^{}]+\}/).map(literal => literal.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${literals.join('(.+)')}$`, 's')
}

function servedOperation(
  { id, verb, path }: { id: string; verb: string; path: string },
  steps: readonly JsonValue[],
  common: readonly Insert[],
): Operation {
  const whole = steps.find(step => isJsonObject(step) && Object.hasOwn(step, 'invoke'))
  if (whole !== undefined) return { backend: backendOf([whole]), inserts: common }
  if (!steps.some(step => isJsonObject(step) && Object.hasOwn(step, 'operation-switch'))) {
    return { backend: undefined, inserts: common }
  }
  const entry = caseOf(steps, id)
  if (!entry) throw new GatewayRefusal(500, say.caseMissing(id, verb, path))
  const own = arrayAt(entry, 'execute') ?? []
  const backend = backendOf(own)
  if (!backend) throw new GatewayRefusal(400, say.backendMethodMissing(verb))
  return { backend, inserts: [...common, ...insertsOf(own)] }
}

const REQUEST_PATH = '$(request.path)'

function backendOf(steps: readonly JsonValue[]): Backend | undefined {
  const invoke = steps.map(step => objectAt(step, 'invoke')).find(found => found !== undefined)
  const target = textAt(invoke, 'target-url')
  if (!invoke || target === undefined) return undefined
  const method = textAt(invoke, 'verb') ?? 'keep'
  if (method !== 'keep' && !VERBS.includes(method.toLowerCase())) {
    throw new GatewayRefusal(400, say.backendMethodNotSupported(method))
  }
  const appendPath = target.endsWith(REQUEST_PATH)
  return {
    url: appendPath ? target.slice(0, -REQUEST_PATH.length) : target,
    appendPath,
    method: method === 'keep' ? undefined : method.toUpperCase(),
  }
}

const VARIABLE = /^message\.(headers|query|body)\.(.+)$/

function insertsOf(steps: readonly JsonValue[]): Insert[] {
  const inserts: Insert[] = []
  for (const step of steps) {
    for (const action of arrayAt(objectAt(step, 'set-variable'), 'actions') ?? []) {
      const match = VARIABLE.exec(textAt(action, 'set') ?? '')
      const value = isJsonObject(action) ? action.value : undefined
      const place = match?.[1]
      if (value === undefined || (place !== 'headers' && place !== 'query' && place !== 'body')) continue
      const name = match?.[2] ?? ''
      // Differs from OpenWhisk, which fails every call then: the secret `true` asks for the caller's own key.
      if (typeof value === 'boolean' && name.toLowerCase() === 'x-require-whisk-auth') continue
      inserts.push({ place, name, value })
    }
  }
  return inserts
}

/** An inserted value as a header or in a query. */
export const insertText = ({ value }: Insert): string => (typeof value === 'string' ? value : stringify(value))

function corsOf(document: JsonObject): ServedApi['cors'] {
  const enabled =
    objectAt(document, 'x-gateway-configuration', 'cors')?.enabled ??
    objectAt(document, 'x-ibm-configuration', 'cors')?.enabled
  return enabled === true || enabled === 'true' ? 'enabled' : enabled === undefined ? undefined : 'disabled'
}

function securityOf(document: JsonObject): Security[] {
  const definitions = objectAt(document, 'securityDefinitions') ?? {}
  const entries = Object.entries(definitions)
  const id = objectAt(definitions, 'client_id')
  const secret = objectAt(definitions, 'client_secret')
  if (entries.length === 2 && id && secret) {
    return [
      {
        type: 'clientSecret',
        idField: textAt(id, 'name') ?? 'X-Client-ID',
        secretField: textAt(secret, 'name') ?? 'X-Client-Secret',
      },
    ]
  }
  return entries.flatMap(([key, definition]): Security[] => {
    const type = textAt(definition, 'type')
    if (type === 'apiKey') return [{ type, header: textAt(definition, 'name') ?? 'X-Api-Key' }]
    return type === 'oauth2' ? [{ type, provider: key }] : []
  })
}

const UNIT_MS: Readonly<Record<string, number>> = { second: 1000, minute: 60_000, hour: 3_600_000, day: 86_400_000 }

/** OpenWhisk: a rate is a distance between calls; 20 a minute are one each three seconds. Only the first entry counts. */
function spacingOf(document: JsonObject): number | undefined {
  const limits = document['x-gateway-rate-limit'] ?? document['x-ibm-rate-limit']
  const first = isJsonArray(limits) ? limits[0] : limits
  if (!isJsonObject(first)) return undefined
  const rate = numberOf(first.rate)
  if (rate === undefined || rate <= 0) return undefined
  const unit = UNIT_MS[textAt(first, 'unit') ?? 'minute'] ?? UNIT_MS.minute ?? 60_000
  return (unit * (numberOf(first.units) ?? 1)) / rate
}
