// What the PUT bodies of all collections share, and the reference's first pass over them.

import { decodeExec, sizeOfExec } from './exec.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { checkSize, type SystemLimits } from './limits.ts'
import { decodeBodyObject, decodeOptionalBoolean, optionalField } from './malformed.ts'
import type { ExecManifest } from './manifest.ts'
import { decodeParameters, NO_PARAMETERS, sizeOfParameters } from './parameters.ts'
import { decodeVersion, FIRST_VERSION, nextPatch } from './semver.ts'
import type { Exec, Parameters, SemVer } from './whisk-entity.ts'

/**
 * The fields that are read from every PUT body before anything else, to check their sizes.
 *
 * OpenWhisk: an `exec` in the body of a trigger is checked too.
 */
export interface SizedPut {
  readonly body: JsonObject
  readonly exec?: Exec
  readonly parameters?: Parameters
  readonly annotations?: Parameters
}

/**
 * The first pass over a PUT body. Fails with `badRequest` when `exec`, `parameters` or `annotations` are malformed, and
 * with `tooLarge` when one is bigger than `limits` (those of the namespace) allow.
 */
export function decodeSizedPut(json: JsonValue, manifest: ExecManifest, limits: SystemLimits): SizedPut {
  const body = decodeBodyObject(json, 'exec')
  const execField = optionalField(body, 'exec')
  const exec = execField === undefined ? undefined : decodeExec(execField, manifest)
  const parameters = decodeParameters(optionalField(body, 'parameters'))
  const annotations = decodeParameters(optionalField(body, 'annotations'))
  if (exec !== undefined) checkSize('exec', sizeOfExec(exec), limits.maxCode)
  if (parameters !== undefined) checkSize('parameters', sizeOfParameters(parameters), limits.maxParameters)
  if (annotations !== undefined) checkSize('annotations', sizeOfParameters(annotations), limits.maxParameters)
  return { body, exec, parameters, annotations }
}

/** Fields that the bodies of all collections may have; annotations and parameters come from the first pass. */
export interface CommonPut {
  readonly version?: SemVer
  readonly publish?: boolean
  readonly parameters?: Parameters
  readonly annotations?: Parameters
}

/** Fails with `badRequest`. */
export function decodeCommonPut({ body, parameters, annotations }: SizedPut): CommonPut {
  const version = decodeVersion(optionalField(body, 'version'))
  const publish = decodeOptionalBoolean(optionalField(body, 'publish'))
  return { version, publish, parameters, annotations }
}

/** Where an entity is and when it is written. */
export interface PutContext {
  /** `ns`, or `ns/package`. */
  readonly namespace: string
  readonly name: string
  /** Epoch milliseconds. */
  readonly now: number
}

/** The fields that all new entities have. */
export function newEntityFields(context: PutContext, put: CommonPut) {
  return {
    namespace: context.namespace,
    name: context.name,
    version: put.version ?? FIRST_VERSION,
    publish: put.publish ?? false,
    annotations: put.annotations ?? NO_PARAMETERS,
    updated: context.now,
  }
}

/** The fields that every update changes; annotations are replaced as a whole. */
export function updatedEntityFields(
  stored: { readonly version: SemVer; readonly publish: boolean; readonly annotations: Parameters },
  put: CommonPut,
  now: number,
) {
  return {
    version: put.version ?? nextPatch(stored.version),
    publish: put.publish ?? stored.publish,
    annotations: put.annotations ?? stored.annotations,
    updated: now,
  }
}
