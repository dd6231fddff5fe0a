// What an invocation needs to know of an action, worked out once for each stored version of it.

import { type JsonObject, truthy } from '../entity/json.ts'
import type { ActionLimits, BlackBoxExec, CodeExec, Parameters, WhiskAction } from '../entity/whisk-entity.ts'

/** An action that runs in a container: everything but a sequence. */
export type ExecutableAction = WhiskAction & { readonly exec: CodeExec | BlackBoxExec }

export interface ActionProfile {
  /** `ns/[pkg/]name`: the id in the store and the `path` annotation. */
  readonly id: string
  /** Runs as a composition when it is invoked. OpenWhisk: the annotation means nothing on a sequence. */
  readonly conductor: boolean
  /** Its parameters cannot be overridden. OpenWhisk: only the JSON value `true` counts, unlike for the other two. */
  readonly final: boolean
  /** Gets the caller's key. OpenWhisk: a missing annotation counts as true at invocation. */
  readonly providesApiKey: boolean
  /** The value of the annotation `limits`. */
  readonly limits: JsonObject
  /** The members of a `/run` body that never change, as JSON text: from `action_name` to `activation_id":"`. */
  readonly runBodyMiddle: string
}

const profiles = new WeakMap<WhiskAction, ActionProfile>()

export function profileOf(action: WhiskAction): ActionProfile {
  const known = profiles.get(action)
  if (known !== undefined) return known
  const id = `${action.namespace}/${action.name}`
  const made: ActionProfile = {
    id,
    conductor: action.exec.kind !== 'sequence' && annotationIsTruthy(action.annotations, 'conductor', false),
    final: action.annotations.some(({ key, value }) => key === 'final' && value === true),
    providesApiKey: annotationIsTruthy(action.annotations, 'provide-api-key', true),
    limits: limitsAnnotation(action.limits),
    runBodyMiddle: `,"action_name":${JSON.stringify(`/${id}`)},"action_version":"${action.version}","activation_id":"`,
  }
  profiles.set(action, made)
  return made
}

export function isExecutable(action: WhiskAction): action is ExecutableAction {
  return action.exec.kind !== 'sequence'
}

export function limitsAnnotation(limits: ActionLimits): JsonObject {
  return {
    concurrency: limits.concurrency,
    ...(limits.instances === undefined ? {} : { instances: limits.instances }),
    logs: limits.logs,
    memory: limits.memory,
    timeout: limits.timeout,
  }
}

function annotationIsTruthy(annotations: Parameters, key: string, whenMissing: boolean): boolean {
  const found = annotations.find(annotation => annotation.key === key)
  return found === undefined ? whenMissing : truthy(found.value)
}
