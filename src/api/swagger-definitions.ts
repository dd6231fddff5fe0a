// The shapes of bodies in the API's description.

type Schema = { readonly [key: string]: unknown }

const text = (description: string): Schema => ({ type: 'string', description })
const flag = (description: string): Schema => ({ type: 'boolean', description })
const whole = (description: string): Schema => ({ type: 'integer', description })
const list = (items: Schema): Schema => ({ type: 'array', items })
export const ref = (name: string): Schema => ({ $ref: `#/definitions/${name}` })
const object = (properties: Record<string, Schema>, required: string[] = []): Schema => ({
  type: 'object',
  properties,
  ...(required.length === 0 ? {} : { required }),
})

const keyValues = list(ref('KeyValue'))

/** What every stored entity shows. */
const entity = {
  namespace: text('Namespace, or namespace/package of a packaged action'),
  name: text('Name of the item'),
  version: text('Semantic version of the item'),
  publish: flag('Whether to publish the item'),
  annotations: { ...keyValues, description: 'Annotations on the item' },
  updated: { type: 'integer', format: 'int64', description: 'Time of the last change, in milliseconds since 1970' },
}

/** What every PUT body may have. */
const put = {
  version: text('Semantic version; without it the patch number grows by one'),
  publish: flag('Whether to publish the item'),
  annotations: { ...keyValues, description: 'Annotations on the item' },
}

const parameters = { ...keyValues, description: 'Parameter bindings' }
const reference = text('Qualified name: /namespace/[package/]name; _ stands for the namespace of the key')
const pathName = object({ path: text('Namespace, or namespace/package'), name: text('Name') }, ['path', 'name'])
const binding = object({ namespace: text('Namespace of the bound package'), name: text('Name of the bound package') })

const activation = {
  namespace: text('Namespace of the caller'),
  name: text('Name of the action or trigger'),
  version: text('Version of the action or trigger'),
  publish: flag('Always false'),
  activationId: text('Id of the activation: 32 hex digits'),
  annotations: keyValues,
  start: whole('Start, in milliseconds since 1970'),
  end: whole('End, in milliseconds since 1970; absent for triggers'),
  duration: whole('Milliseconds; absent for triggers'),
  cause: text('Id of the sequence or composition that started this activation'),
}

export const definitions: Readonly<Record<string, Schema>> = {
  Error: object({ error: text('What is wrong'), code: text('Transaction id of the request') }, ['error', 'code']),
  KeyValue: object(
    {
      key: text('Name'),
      value: { description: 'Any JSON value' },
      init: flag('Delivered as environment when a container is initialised, not as an argument'),
    },
    ['key', 'value'],
  ),
  ActivationId: object({ activationId: text('Id of the activation') }, ['activationId']),
  ActionExec: object(
    {
      kind: text(
        "Kind of the action: one of the runtimes that GET / lists, 'FAMILY:default', 'sequence' or 'blackbox'",
      ),
      code: text('Source text, or base64 of an archive'),
      binary: flag('Whether the code is base64'),
      main: text('Entry point'),
      image: text("Container image, for kind 'blackbox'"),
      components: { ...list(reference), description: "Actions in their order, for kind 'sequence'" },
    },
    ['kind'],
  ),
  ActionLimits: object({
    timeout: whole('Milliseconds'),
    memory: whole('Megabytes'),
    logs: whole('Megabytes'),
    concurrency: whole('Activations that one container runs at once'),
    instances: whole('Containers that may run at once'),
  }),
  Action: object({ ...entity, exec: ref('ActionExec'), parameters, limits: ref('ActionLimits') }),
  ActionPut: object({
    ...put,
    exec: ref('ActionExec'),
    parameters,
    limits: ref('ActionLimits'),
    delAnnotations: { ...list({ type: 'string' }), description: 'Annotations that an update removes' },
  }),
  ActionSummary: object({
    ...entity,
    limits: ref('ActionLimits'),
    exec: object({ binary: flag('Whether the code is base64') }),
  }),
  Trigger: object({
    ...entity,
    parameters,
    limits: object({}),
    rules: {
      type: 'object',
      description: 'By namespace/rule',
      additionalProperties: object({ action: pathName, status: { type: 'string', enum: ['active', 'inactive'] } }),
    },
  }),
  TriggerPut: object({ ...put, parameters, limits: object({}) }),
  TriggerSummary: object(entity),
  Rule: object({
    ...entity,
    trigger: pathName,
    action: pathName,
    status: { type: 'string', enum: ['active', 'inactive'], description: 'Absent in lists' },
  }),
  RulePut: object({ ...put, trigger: reference, action: reference }),
  RuleStatus: object({ status: { type: 'string', enum: ['active', 'inactive'] } }, ['status']),
  Package: object({ ...entity, parameters, binding }),
  PackageWithContents: object({
    ...entity,
    parameters,
    binding,
    actions: list(ref('PackagedAction')),
    feeds: list(ref('PackagedAction')),
  }),
  PackagedAction: object({ name: text('Name'), version: text('Version'), annotations: keyValues }),
  PackagePut: object({ ...put, parameters, binding }),
  PackageSummary: object({ ...entity, binding: { description: 'The bound package, or false' } }),
  ActivationSummary: object({
    ...activation,
    statusCode: whole('0 success, 1 application, 2 developer, 3 whisk error'),
  }),
  Activation: object({
    ...activation,
    subject: text('Who invoked'),
    logs: { ...list({ type: 'string' }), description: 'Log lines; ids of components for sequences' },
    response: ref('ActivationResult'),
  }),
  ActivationResult: object({
    result: { description: 'What the action returned' },
    size: whole('Length of the result as the container sent it'),
    status: text('success, application error, action developer error or whisk internal error'),
    success: flag('Whether the status is success'),
  }),
  ActivationLogs: object({ logs: list({ type: 'string' }) }),
  Limits: {
    type: 'object',
    description: 'Limits of the namespace: throttles, and ranges of the limits of its actions',
    additionalProperties: {},
  },
}
