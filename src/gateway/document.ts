// Swagger documents of APIs as `wsk api` makes and edits them: an operation in, an operation out, and what is checked.
// All functions leave their argument alone and hand back a new document.

import { isJsonArray, isJsonObject, type JsonObject, type JsonValue } from '../entity/json.ts'
import { gatewayMessages as say } from './gateway-messages.ts'

/** What is wrong with a document; the text goes behind `API creation failure: `. */
export class DocumentRefused extends Error {}

/** What `wsk api create PATH VERB ACTION` sends, checked. */
export interface OperationRequest {
  readonly basePath: string
  readonly path: string
  readonly verb: string
  readonly apiName?: string
  /** `action`, `package/action` or `/namespace/package/action`. */
  readonly action: string
  readonly namespace: string
  readonly backendUrl: string
  readonly secureKey?: JsonValue
  readonly pathParameters?: JsonValue
  /** `json` unless given. */
  readonly responseType: string
}

export const objectAt = (value: JsonValue | undefined, ...keys: readonly string[]): JsonObject | undefined => {
  let current: JsonValue | undefined = value
  for (const key of keys) {
    if (!isJsonObject(current) || !Object.hasOwn(current, key)) return undefined
    current = current[key]
  }
  return isJsonObject(current) ? current : undefined
}

export const arrayAt = (value: JsonValue | undefined, key: string): readonly JsonValue[] | undefined => {
  const member = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return isJsonArray(member) ? member : undefined
}

export const textAt = (value: JsonValue | undefined, key: string): string | undefined => {
  const member = isJsonObject(value) && Object.hasOwn(value, key) ? value[key] : undefined
  return typeof member === 'string' ? member : undefined
}

const without = (object: JsonObject, key: string): JsonObject =>
  Object.fromEntries(Object.entries(object).filter(([name]) => name !== key))

/** `get` + `/path/with/sub_paths/in/it` → `getPathWithSub_pathsInIt`. Two paths may share one. */
export function operationId(verb: string, path: string): string {
  return `${verb.toLowerCase()}${path}`
    .replace(/[^0-9A-Za-z_-]/g, ' ')
    .split(' ')
    .map((word, index) => (index === 0 ? word : word.charAt(0).toUpperCase() + word.slice(1).toLowerCase()))
    .join('')
}

/** The document of a new API without operations. */
export const emptyDocument = (basePath: string, title: string): JsonObject => ({
  swagger: '2.0',
  basePath,
  info: { title, version: '1.0.0' },
  paths: {},
  'x-ibm-configuration': { assembly: {}, cors: { enabled: true } },
})

// Differs from OpenWhisk: `https://http://…`, which `wsk project deploy` makes of an API host with a scheme, is taken for
// what was meant.
const BACKEND_URL = /^(?:https:\/\/(?=https?:\/\/))?([a-z]+):\/\/([^/]+)\/api\/v\d\/web\/[^/]+\/([^/]+)\/(.+)\.\w+$/i

/** Where the operation's action is served, whatever suffix the client's URL had. */
function actionUrl(request: OperationRequest): string {
  const match = BACKEND_URL.exec(request.backendUrl)
  if (!match) throw new DocumentRefused(say.generationError(say.noWebActionUrl(request.backendUrl)))
  const [, scheme, host] = match
  const { packageName, name } = actionName(request.action)
  return `${scheme}://${host}/api/v1/web/${request.namespace}/${packageName || 'default'}/${name}.${request.responseType}`
}

function actionName(given: string): { packageName: string; name: string } {
  const parts = (given.startsWith('/') ? given.slice(1).split('/').slice(1) : given.split('/')).filter(p => p !== '')
  const name = parts.pop() ?? ''
  return { packageName: parts.pop() ?? '', name }
}

/** The document with the operation added, or replaced where path and verb are there already. */
export function withOperation(document: JsonObject, request: OperationRequest): JsonObject {
  const verb = request.verb.toLowerCase()
  const id = operationId(verb, request.path)
  const url = actionUrl(request)
  const { packageName, name } = actionName(request.action)
  const paths = objectAt(document, 'paths') ?? {}
  const operation: JsonObject = {
    operationId: id,
    ...(request.pathParameters === undefined ? {} : { parameters: request.pathParameters }),
    'x-openwhisk': { url, namespace: request.namespace, package: packageName, action: name },
    responses: { default: { description: 'Default response' } },
  }
  const target = request.responseType === 'http' ? `${url}$(request.path)` : url
  return withCase(
    { ...document, paths: { ...paths, [request.path]: { ...objectAt(paths, request.path), [verb]: operation } } },
    id,
    old => caseEntry(id, target, request.secureKey, old),
  )
}

/** OpenWhisk: a secret that an earlier create brought stays when the new one brings none. */
function caseEntry(
  id: string,
  target: string,
  secureKey: JsonValue | undefined,
  old: JsonValue | undefined,
): JsonObject {
  const execute: JsonValue[] = [...(arrayAt(old, 'execute') ?? [])]
  execute[0] = { ...objectAt(execute[0]), invoke: { 'target-url': target, verb: 'keep' } }
  if (secureKey !== undefined) {
    const set = { set: 'message.headers.X-Require-Whisk-Auth', value: secureKey }
    execute[1] = { 'set-variable': { actions: [set] } }
  }
  return { operations: [id], execute }
}

const firstOperation = (entry: JsonValue): JsonValue | undefined => arrayAt(entry, 'operations')?.[0]

/** The name of the configuration whose assembly the gateway follows. */
const servedConfiguration = (document: JsonObject): string =>
  arrayAt(objectAt(document, 'x-gateway-configuration', 'assembly'), 'execute')
    ? 'x-gateway-configuration'
    : 'x-ibm-configuration'

/** Replaces the case entry of an operation in the first step of the assembly, or appends it. */
function withCase(document: JsonObject, id: string, make: (old: JsonValue | undefined) => JsonValue): JsonObject {
  const key = servedConfiguration(document)
  const configuration = objectAt(document, key) ?? {}
  const assembly = objectAt(configuration, 'assembly') ?? {}
  const execute = [...(arrayAt(assembly, 'execute') ?? [])]
  const step = objectAt(execute[0]) ?? {}
  const operationSwitch = objectAt(step, 'operation-switch') ?? {}
  const cases = [...(arrayAt(operationSwitch, 'case') ?? [])]
  const index = cases.findIndex(entry => firstOperation(entry) === id)
  const place = index < 0 ? cases.length : index
  cases[place] = make(cases[place])
  execute[0] = { ...step, 'operation-switch': { ...operationSwitch, case: cases } }
  return { ...document, [key]: { ...configuration, assembly: { ...assembly, execute } } }
}

function withoutCase(document: JsonObject, id: string): JsonObject {
  const key = servedConfiguration(document)
  const configuration = objectAt(document, key)
  const assembly = objectAt(configuration, 'assembly')
  const execute = arrayAt(assembly, 'execute')
  if (!configuration || !assembly || !execute) return document
  const kept = execute.map(step => {
    const operationSwitch = objectAt(step, 'operation-switch')
    const cases = arrayAt(operationSwitch, 'case')
    if (!isJsonObject(step) || !operationSwitch || !cases) return step
    return {
      ...step,
      'operation-switch': { ...operationSwitch, case: cases.filter(entry => firstOperation(entry) !== id) },
    }
  })
  return { ...document, [key]: { ...configuration, assembly: { ...assembly, execute: kept } } }
}

/** The verbs that a path can have operations for. */
export const VERBS = ['get', 'post', 'put', 'delete', 'patch', 'head', 'options']

/**
 * The document without one operation, or without all of a path; undefined when nothing is left of it. Fails with
 * DocumentRefused when there is no such path or operation.
 */
export function withoutOperation(document: JsonObject, path: string, verb: string | undefined): JsonObject | undefined {
  const paths = objectAt(document, 'paths') ?? {}
  const atPath = Object.hasOwn(paths, path) ? objectAt(paths, path) : undefined
  if (!atPath) throw new DocumentRefused(say.noSuchPath(path))
  const operation = verb?.toLowerCase()
  if (operation !== undefined && !Object.hasOwn(atPath, operation)) {
    throw new DocumentRefused(say.noSuchOperation(path, operation))
  }
  const removed = operation === undefined ? Object.keys(atPath) : [operation]
  const left = operation === undefined ? {} : without(atPath, operation)
  const leftPaths = Object.keys(left).length === 0 ? without(paths, path) : { ...paths, [path]: left }
  if (Object.keys(leftPaths).length === 0) return undefined
  let result: JsonObject = { ...document, paths: leftPaths }
  for (const key of removed) {
    const id = textAt(objectAt(atPath, key), 'operationId')
    // An id that another path still uses keeps its entry.
    if (id !== undefined && !usesOperation(leftPaths, id)) result = withoutCase(result, id)
  }
  return result
}

const usesOperation = (paths: JsonObject, id: string): boolean =>
  Object.values(paths).some(
    path => isJsonObject(path) && Object.values(path).some(op => textAt(op, 'operationId') === id),
  )

const PATH_PARAMETER = /\/\{([^/}]+)\}(?=\/|$)/g

/** The steps of the assembly that the gateway follows. Fails as the reference does where there is none. */
export function assemblySteps(document: JsonObject): readonly JsonValue[] {
  const configuration = objectAt(document, 'x-gateway-configuration') ?? objectAt(document, 'x-ibm-configuration')
  if (!configuration) throw new DocumentRefused(say.readingUndefined('assembly'))
  const steps = arrayAt(objectAt(document, servedConfiguration(document), 'assembly'), 'execute')
  if (!steps) throw new DocumentRefused(say.readingUndefined('forEach'))
  return steps
}

/** The case entry of an operation. */
export function caseOf(steps: readonly JsonValue[], id: string): JsonObject | undefined {
  for (const step of steps) {
    const entry = arrayAt(objectAt(step, 'operation-switch'), 'case')?.find(candidate =>
      arrayAt(candidate, 'operations')?.includes(id),
    )
    if (isJsonObject(entry)) return entry
  }
  return undefined
}

const targetUrl = (entry: JsonObject | undefined): string | undefined => {
  for (const step of arrayAt(entry, 'execute') ?? []) {
    const url = textAt(objectAt(step, 'invoke'), 'target-url')
    if (url !== undefined) return url
  }
  return undefined
}

/** The rules for path parameters. Fails with DocumentRefused. */
export function checkPathParameters(document: JsonObject): void {
  const basePath = textAt(document, 'basePath') ?? ''
  if (basePath.search(PATH_PARAMETER) >= 0) throw new DocumentRefused(say.basePathHasParameters(basePath))
  const steps = assemblySteps(document)
  const paths = objectAt(document, 'paths') ?? {}
  for (const [path, atPath] of Object.entries(paths)) {
    const names = Array.from(path.matchAll(PATH_PARAMETER), ([, name = '']) => name)
    if (names.length === 0 || !isJsonObject(atPath)) continue
    for (const [verb, operation] of Object.entries(atPath)) {
      if (!VERBS.includes(verb.toLowerCase()) || !isJsonObject(operation)) continue
      checkParameters(path, names, operation, arrayAt(atPath, 'parameters') ?? [], steps)
    }
  }
}

function checkParameters(
  path: string,
  names: readonly string[],
  operation: JsonObject,
  pathLevel: readonly JsonValue[],
  steps: readonly JsonValue[],
): void {
  const url = textAt(objectAt(operation, 'x-openwhisk'), 'url')
  if (url !== undefined && !url.endsWith('.http')) throw new DocumentRefused(say.httpResponseNeeded)
  const id = textAt(operation, 'operationId') ?? ''
  const target = targetUrl(caseOf(steps, id))
  if (target !== undefined && !target.endsWith('.http$(request.path)')) {
    throw new DocumentRefused(say.requestPathNeeded(id))
  }
  const defined = [...pathLevel, ...(arrayAt(operation, 'parameters') ?? [])].map(parameter =>
    textAt(parameter, 'name'),
  )
  for (const name of names) {
    if (!defined.includes(name)) throw new DocumentRefused(say.parameterUndefined(name, path))
  }
}
