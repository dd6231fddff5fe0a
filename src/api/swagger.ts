// The API's description as swagger 2.0: what is outside `/api/v1`, and the REST API itself.

import type { JsonObject, JsonValue } from '../entity/json.ts'
import { definitions, ref } from './swagger-definitions.ts'

type Part = { readonly [key: string]: unknown }

/** One operation: its tag, what it does, its parameters, the schema of its 200 (a text without one), other answers. */
interface Operation {
  readonly tag: string
  readonly summary: string
  readonly parameters?: readonly Part[]
  readonly ok?: Part
  readonly more?: Readonly<Record<string, string | Part>>
  readonly open?: true
}

const inPath = (name: string, description: string): Part => ({
  name,
  in: 'path',
  description,
  required: true,
  type: 'string',
})
const inQuery = (name: string, description: string, type = 'string'): Part => ({ name, in: 'query', description, type })
const inBody = (schema: Part, required = true): Part => ({ name: 'body', in: 'body', required, schema })

const namespace = inPath('namespace', 'Namespace; _ stands for the namespace of the key')
const overwrite = inQuery('overwrite', 'Update the item if it exists; without it that is a 409', 'boolean')
const listed = [
  inQuery('limit', 'Number of items, up to 200; 0 means 200', 'integer'),
  inQuery('skip', 'Number of items to skip', 'integer'),
  inQuery('count', 'Answer only how many there are', 'boolean'),
]

const ERRORS: Readonly<Record<string, string>> = {
  '400': 'The request is malformed',
  '401': 'No key, or none that is known',
  '403': 'The key has no right to this',
  '404': 'There is no such thing',
  '409': 'It exists, or is something else',
  '413': 'The body is too large',
  '415': 'The body is no JSON',
  '429': 'Too many requests in the last minute, or in flight',
}

function responsesOf({ ok, more = {}, open }: Operation): Part {
  const responses: Record<string, Part> = {
    '200': { description: 'OK', schema: ok ?? { type: 'string' } },
  }
  for (const [status, answer] of Object.entries(more)) {
    responses[status] = typeof answer === 'string' ? { description: answer } : { description: 'OK', ...answer }
  }
  if (open) return responses
  for (const status of ['400', '401', '403', '404']) {
    responses[status] ??= { description: ERRORS[status], schema: ref('Error') }
  }
  return responses
}

function operationOf(operation: Operation, shared: readonly Part[]): Part {
  const parameters = [...shared, ...(operation.parameters ?? [])]
  return {
    tags: [operation.tag],
    summary: operation.summary,
    ...(parameters.length === 0 ? {} : { parameters }),
    responses: responsesOf(operation),
    ...(operation.open ? { security: [] } : {}),
  }
}

const failure = (...statuses: string[]): Record<string, Part> =>
  Object.fromEntries(statuses.map(status => [status, { description: ERRORS[status], schema: ref('Error') }]))

/** GET, PUT and DELETE of one entity. */
function crud(tag: string, thing: string, shown: string, gotten = shown): Readonly<Record<string, Operation>> {
  return {
    get: { tag, summary: `Get ${thing}`, ok: ref(gotten), more: failure('409') },
    put: {
      tag,
      summary: `Create or update ${thing}`,
      parameters: [overwrite, inBody(ref(`${shown}Put`))],
      ok: ref(shown),
      more: failure('409', '413', '415'),
    },
    delete: { tag, summary: `Delete ${thing}`, ok: ref(shown), more: failure('409') },
  }
}

function collection(tag: string, items: string, parameters: readonly Part[] = listed): Operation {
  return { tag, summary: `List ${tag.toLowerCase()}`, parameters, ok: { type: 'array', items: ref(items) } }
}

const action = crud('Actions', 'an action', 'Action')
const actionOperations: Readonly<Record<string, Operation>> = {
  ...action,
  get: {
    tag: 'Actions',
    summary: 'Get an action',
    parameters: [inQuery('code', 'Whether to show the code', 'boolean')],
    ok: ref('Action'),
    more: failure('409'),
  },
  post: {
    tag: 'Actions',
    summary: 'Invoke an action',
    parameters: [
      inBody({ type: 'object', description: 'Arguments of the action' }, false),
      inQuery('blocking', 'Wait for the result', 'boolean'),
      inQuery('result', 'Answer only the result of a blocking invocation', 'boolean'),
      inQuery('timeout', 'How long to wait, in milliseconds up to 60000', 'integer'),
    ],
    ok: ref('Activation'),
    more: {
      '202': { description: 'The activation is on its way', schema: ref('ActivationId') },
      '500': { description: 'The platform failed', schema: ref('Activation') },
      '502': { description: 'The action failed', schema: ref('Activation') },
      ...failure('413', '415', '429'),
    },
  },
}

const actionName = inPath('actionName', 'Name of the action')
const packageName = inPath('packageName', 'Name of the package, or of a binding of one')
const activationId = inPath('activationId', 'Id of the activation')

/** By path; what its operations share comes first. */
const REST: Readonly<Record<string, { shared: readonly Part[]; operations: Readonly<Record<string, Operation>> }>> = {
  '/': {
    shared: [],
    operations: { get: { tag: 'Server', summary: 'About this API', ok: { type: 'object' }, open: true } },
  },
  '/namespaces': {
    shared: [],
    operations: {
      get: {
        tag: 'Namespaces',
        summary: 'The namespace of the key',
        ok: { type: 'array', items: { type: 'string' } },
      },
    },
  },
  '/namespaces/{namespace}/limits': {
    shared: [namespace],
    operations: { get: { tag: 'Namespaces', summary: 'Limits of the namespace', ok: ref('Limits') } },
  },
  '/namespaces/{namespace}/actions': {
    shared: [namespace],
    operations: { get: collection('Actions', 'ActionSummary') },
  },
  '/namespaces/{namespace}/actions/{actionName}': { shared: [namespace, actionName], operations: actionOperations },
  '/namespaces/{namespace}/actions/{packageName}/': {
    shared: [namespace, packageName],
    operations: { get: { ...collection('Actions', 'ActionSummary'), summary: 'List the actions of a package' } },
  },
  '/namespaces/{namespace}/actions/{packageName}/{actionName}': {
    shared: [namespace, packageName, actionName],
    operations: actionOperations,
  },
  '/namespaces/{namespace}/triggers': {
    shared: [namespace],
    operations: { get: collection('Triggers', 'TriggerSummary') },
  },
  '/namespaces/{namespace}/triggers/{triggerName}': {
    shared: [namespace, inPath('triggerName', 'Name of the trigger')],
    operations: {
      ...crud('Triggers', 'a trigger', 'Trigger'),
      post: {
        tag: 'Triggers',
        summary: 'Fire a trigger',
        parameters: [inBody({ type: 'object', description: 'Payload of the event' }, false)],
        more: {
          '202': { description: 'Rules are activated', schema: ref('ActivationId') },
          '204': 'No rule is active',
          ...failure('409', '413', '415', '429'),
        },
      },
    },
  },
  '/namespaces/{namespace}/rules': { shared: [namespace], operations: { get: collection('Rules', 'Rule') } },
  '/namespaces/{namespace}/rules/{ruleName}': {
    shared: [namespace, inPath('ruleName', 'Name of the rule')],
    operations: {
      ...crud('Rules', 'a rule', 'Rule'),
      post: {
        tag: 'Rules',
        summary: 'Activate or deactivate a rule',
        parameters: [inBody(ref('RuleStatus'))],
        more: failure('409', '415'),
      },
    },
  },
  '/namespaces/{namespace}/packages': {
    shared: [namespace],
    operations: { get: collection('Packages', 'PackageSummary') },
  },
  '/namespaces/{namespace}/packages/{packageName}': {
    shared: [namespace, packageName],
    operations: {
      ...crud('Packages', 'a package', 'Package', 'PackageWithContents'),
      delete: {
        tag: 'Packages',
        summary: 'Delete a package',
        parameters: [inQuery('force', 'Delete its actions too', 'boolean')],
        ok: ref('Package'),
        more: failure('409'),
      },
    },
  },
  '/namespaces/{namespace}/activations': {
    shared: [namespace],
    operations: {
      get: collection('Activations', 'ActivationSummary', [
        ...listed,
        inQuery('name', "Only those of this action, given as 'name' or 'package/name'"),
        inQuery('docs', 'Show full records', 'boolean'),
        inQuery('since', 'Only those that started then or later, in milliseconds since 1970', 'integer'),
        inQuery('upto', 'Only those that started then or earlier, in milliseconds since 1970', 'integer'),
      ]),
    },
  },
  '/namespaces/{namespace}/activations/{activationId}': {
    shared: [namespace, activationId],
    operations: { get: { tag: 'Activations', summary: 'Get an activation', ok: ref('Activation') } },
  },
  '/namespaces/{namespace}/activations/{activationId}/logs': {
    shared: [namespace, activationId],
    operations: { get: { tag: 'Activations', summary: 'Get its logs', ok: ref('ActivationLogs') } },
  },
  '/namespaces/{namespace}/activations/{activationId}/result': {
    shared: [namespace, activationId],
    operations: { get: { tag: 'Activations', summary: 'Get its result', ok: ref('ActivationResult') } },
  },
  '/web/{namespace}/{packageName}/{actionName}.{extension}': {
    shared: [
      inPath('namespace', 'Namespace of the action'),
      inPath('packageName', "Name of the package, or 'default'"),
      actionName,
      inPath('extension', 'http, json, html, svg or text'),
    ],
    operations: Object.fromEntries(
      ['get', 'post', 'put', 'delete', 'patch'].map(method => [
        method,
        {
          tag: 'Web actions',
          summary: 'Call a web action',
          open: true,
          more: { '404': 'There is no such web action' },
        },
      ]),
    ),
  },
}

const SERVER: Readonly<Record<string, Operation>> = {
  '/': { tag: 'Server', summary: 'About this server: runtimes and limits', ok: { type: 'object' }, open: true },
  '/ping': { tag: 'Server', summary: 'Whether it lives', open: true },
  '/ready': {
    tag: 'Server',
    summary: 'Whether it can do its work',
    ok: { type: 'object' },
    more: { '503': 'It cannot; the body says why' },
    open: true,
  },
  '/metrics': { tag: 'Server', summary: "Metrics in Prometheus' text format", open: true },
}

const INFO = 'A single-process OpenWhisk for development and tests.'

/** The REST API below `/api/v1`. */
export function restDocument(version: string): JsonObject {
  const paths = Object.entries(REST).map(([path, { shared, operations }]) => [
    path,
    Object.fromEntries(
      Object.entries(operations).map(([method, operation]) => [method, operationOf(operation, shared)]),
    ),
  ])
  return asJson({
    swagger: '2.0',
    info: { title: 'OpenWhisk REST API', description: INFO, version },
    basePath: '/api/v1',
    consumes: ['application/json'],
    produces: ['application/json'],
    securityDefinitions: { basicAuth: { type: 'basic', description: 'The uuid and the key of a namespace' } },
    security: [{ basicAuth: [] }],
    paths: Object.fromEntries(paths),
    definitions,
  })
}

/** What is outside `/api/v1`. */
export function serverDocument(version: string): JsonObject {
  const paths = Object.entries(SERVER).map(([path, operation]) => [path, { get: operationOf(operation, []) }])
  return asJson({
    swagger: '2.0',
    info: { title: 'OpenWhisk', description: INFO, version },
    basePath: '/',
    paths: Object.fromEntries(paths),
  })
}

function asJson(document: Part): JsonObject {
  return document as { [key: string]: JsonValue }
}
