// Packages and bindings: from a PUT body to a document, and from a document to what the REST API shows.

import { messages } from '../messages.ts'
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts'
import { malformedContent } from './malformed.ts'
import { isEntityName, resolvePath } from './names.ts'
import { NO_PARAMETERS, parametersJson, withoutParameter, withParameter } from './parameters.ts'
import {
  type CommonPut,
  decodeCommonPut,
  newEntityFields,
  type PutContext,
  type SizedPut,
  updatedEntityFields,
} from './put.ts'
import type { Parameters, WhiskPackage } from './whisk-entity.ts'

export type Binding = NonNullable<WhiskPackage['binding']>

export interface PackagePut extends CommonPut {
  /** With `_` resolved; absent for `{}`. */
  readonly binding?: Binding
}

/** The second pass over the body of a PUT; `namespace` is what `_` stands for. Fails with `badRequest`. */
export function decodePackagePut(sized: SizedPut, namespace: string): PackagePut {
  const binding = decodeBinding(sized.body.binding, namespace)
  return { binding, ...decodeCommonPut(sized) }
}

/** OpenWhisk: unlike elsewhere, `null` does not count as absent. */
function decodeBinding(value: JsonValue | undefined, namespace: string): Binding | undefined {
  if (value === undefined) return undefined
  if (!isJsonObject(value)) throw malformedContent(messages.objectExpectedInField('namespace'))
  if (Object.keys(value).length === 0) return undefined
  const bound = decodeMember(value, 'namespace')
  const name = decodeMember(value, 'name')
  return { namespace: resolvePath(bound, namespace), name }
}

function decodeMember(binding: JsonObject, member: string): string {
  const value = binding[member]
  if (value === undefined) throw malformedContent(messages.missingMember(member))
  if (typeof value !== 'string' || !isEntityName(value)) throw malformedContent(messages.entityNameMalformed)
  return value
}

export function createPackage(context: PutContext, put: PackagePut): WhiskPackage {
  const { binding } = put
  const fields = newEntityFields(context, put)
  return {
    entityType: 'package',
    ...fields,
    annotations: managedAnnotations(fields.annotations, binding),
    parameters: put.parameters ?? NO_PARAMETERS,
    ...(binding === undefined ? {} : { binding }),
  }
}

/** The stored package with what the body changes; a binding may point elsewhere but stays one. */
export function updatePackage(stored: WhiskPackage, put: PackagePut, now: number): WhiskPackage {
  const binding = stored.binding === undefined ? undefined : (put.binding ?? stored.binding)
  const fields = updatedEntityFields(stored, put, now)
  return {
    ...stored,
    ...fields,
    annotations: managedAnnotations(fields.annotations, binding),
    parameters: put.parameters ?? stored.parameters,
    ...(binding === undefined ? {} : { binding }),
  }
}

/** The annotation `binding` is the server's: there for bindings, and for nothing else. */
function managedAnnotations(annotations: Parameters, binding: Binding | undefined): Parameters {
  const own = withoutParameter(annotations, 'binding')
  return binding === undefined ? own : withParameter(own, 'binding', bindingJson(binding))
}

function bindingJson(binding: Binding): JsonObject {
  return { name: binding.name, namespace: binding.namespace }
}

/** The package as PUT and DELETE show it; `parameters` replace its own where a binding shows what it inherits. */
export function packageJson(pkg: WhiskPackage, options: { parameters?: Parameters } = {}): JsonObject {
  return {
    annotations: parametersJson(pkg.annotations),
    binding: pkg.binding === undefined ? {} : bindingJson(pkg.binding),
    name: pkg.name,
    namespace: pkg.namespace,
    parameters: parametersJson(options.parameters ?? pkg.parameters),
    publish: pkg.publish,
    updated: pkg.updated,
    version: pkg.version,
  }
}

/** An item of a list. */
export function packageSummary(pkg: WhiskPackage): JsonObject {
  return {
    annotations: parametersJson(pkg.annotations),
    binding: pkg.binding === undefined ? false : bindingJson(pkg.binding),
    name: pkg.name,
    namespace: pkg.namespace,
    publish: pkg.publish,
    updated: pkg.updated,
    version: pkg.version,
  }
}
