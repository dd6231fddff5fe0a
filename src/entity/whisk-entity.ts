// The stored documents: actions, packages, triggers and rules share one id space (`namespace/[package/]name`).

import type { JsonValue } from './json.ts'

/** `1.2.3` */
export type SemVer = string

export interface Parameter {
  readonly key: string
  readonly value: JsonValue
  /** Delivered as environment of `/init`, not as an argument. */
  readonly init?: true
  readonly encryption?: string
}

/** Unique keys; also the shape of annotations. */
export type Parameters = readonly Parameter[]

export interface CodeExec {
  readonly kind: string
  /** Source text, or base64 when `binary`. */
  readonly code: string
  readonly binary: boolean
  readonly main?: string
}

export interface BlackBoxExec {
  readonly kind: 'blackbox'
  /** As parsed and re-printed: `[registry/][prefix/]name[:tag]`. */
  readonly image: string
  readonly code?: string
  readonly binary: boolean
  readonly main?: string
}

export interface SequenceExec {
  readonly kind: 'sequence'
  /** Absolute names with a leading slash: `/guest/pkg/a`. */
  readonly components: readonly string[]
}

export type Exec = CodeExec | BlackBoxExec | SequenceExec

export interface ActionLimits {
  readonly timeout: number
  /** MB */
  readonly memory: number
  /** MB */
  readonly logs: number
  readonly concurrency: number
  readonly instances?: number
}

interface EntityBase {
  /** `ns`, or `ns/package` for a packaged action. */
  readonly namespace: string
  readonly name: string
  readonly version: SemVer
  readonly publish: boolean
  readonly annotations: Parameters
  /** Epoch milliseconds of the last PUT. */
  readonly updated: number
}

export interface WhiskAction extends EntityBase {
  readonly entityType: 'action'
  readonly exec: Exec
  readonly parameters: Parameters
  readonly limits: ActionLimits
}

export interface WhiskPackage extends EntityBase {
  readonly entityType: 'package'
  readonly parameters: Parameters
  /** Absent for a plain package. */
  readonly binding?: { readonly namespace: string; readonly name: string }
}

/** Names of an entity in a rule: `{ path: 'guest/pkg', name: 'hello' }`. */
export interface EntityReference {
  readonly path: string
  readonly name: string
  /** Shown as it was given; nothing looks at it. */
  readonly version?: SemVer
}

export type RuleStatus = 'active' | 'inactive'

export interface ReducedRule {
  readonly action: EntityReference
  readonly status: RuleStatus
}

export interface WhiskTrigger extends EntityBase {
  readonly entityType: 'trigger'
  readonly parameters: Parameters
  /** By `ns/ruleName`, in insertion order; absent until the first rule was attached. */
  readonly rules?: Readonly<Record<string, ReducedRule>>
}

export interface WhiskRule extends EntityBase {
  readonly entityType: 'rule'
  readonly trigger: EntityReference
  readonly action: EntityReference
}

export type WhiskEntity = WhiskAction | WhiskPackage | WhiskTrigger | WhiskRule
export type EntityType = WhiskEntity['entityType']
