// Who asks: the subject behind a key, its namespace, and the limits of that namespace.

/** Whose packages everybody may use: alarms, the API gateway's management, the catalog. */
export const SYSTEM_NAMESPACE = 'whisk.system'

/** Overrides of the system's limits for one namespace, as `limits set` stores them; absent = the system's value. */
export interface UserLimits {
  readonly invocationsPerMinute?: number
  readonly concurrentInvocations?: number
  readonly firesPerMinute?: number
  readonly allowedKinds?: readonly string[]
  readonly storeActivations?: boolean
  readonly minActionMemory?: number
  readonly maxActionMemory?: number
  readonly minActionLogs?: number
  readonly maxActionLogs?: number
  readonly minActionTimeout?: number
  readonly maxActionTimeout?: number
  readonly minActionConcurrency?: number
  readonly maxActionConcurrency?: number
  /** Sizes keep the text they were given in (`"500 KB"`), which `GET …/limits` echoes. */
  readonly maxParameterSize?: string
  readonly maxPayloadSize?: string
  readonly truncationSize?: string
  readonly warmedContainerKeepingCount?: number
  readonly warmedContainerKeepingTimeout?: string
}

/** `uuid:key` of a namespace. */
export interface BasicAuthenticationAuthKey {
  readonly uuid: string
  /** 64 characters. */
  readonly key: string
}

export interface Namespace {
  readonly name: string
  readonly uuid: string
}

/** One authenticated caller: a subject acting in one of its namespaces. */
export interface Identity {
  readonly subject: string
  readonly namespace: Namespace
  readonly authkey: BasicAuthenticationAuthKey
  readonly limits: UserLimits
}

/** A stored subject document (`rest-api.md` §12.1). */
export interface Subject {
  readonly subject: string
  readonly blocked: boolean
  readonly namespaces: readonly { readonly name: string; readonly uuid: string; readonly key: string }[]
}
