// The store: what survives a restart. Synchronous like better-sqlite3; durable when `committed()` says so.

import type { ActivationId, WhiskActivation } from '../entity/activation.ts'
import type { Identity, Subject, UserLimits } from '../entity/identity.ts'
import type { JsonObject } from '../entity/json.ts'
import type { EntityType, WhiskEntity } from '../entity/whisk-entity.ts'

/**
 * Entities of all namespaces. Ids are `namespace/name` or `namespace/package/name`, without a leading slash; all four
 * types share one id space. Entities come from a cache: treat them as immutable. As long as an entity is unchanged (and
 * in use often enough to stay in the cache) it is the same object, so that what is derived from it can be kept in a
 * WeakMap by it.
 */
export interface EntityStore {
  get(id: string): WhiskEntity | undefined
  /** Inserts or replaces. Fails with a WhiskError `internal` (corrupted) only on read; writes never check revisions. */
  put(entity: WhiskEntity): void
  /** True when there was one. */
  delete(id: string): boolean
  /** Newest `updated` first. `namespace` is the root namespace; `package` narrows actions to one package. */
  list(query: EntityQuery): WhiskEntity[]
  count(query: Omit<EntityQuery, 'limit' | 'skip'>): number
}

export interface EntityQuery {
  type: EntityType
  namespace: string
  package?: string
  /** Packages only: published, and no bindings (what a foreign namespace shows). */
  publicOnly?: boolean
  limit?: number
  skip?: number
}

export interface ActivationQuery {
  namespace: string
  /** `action` or `package/action`. */
  name?: string
  /** Epoch milliseconds, inclusive, compared with `start`. */
  since?: number
  upto?: number
  limit?: number
  skip?: number
}

export interface ActivationStore {
  /** Stores the record; with `logsPending` its logs follow by `setLogs`. Removes its entry of the queue mirror. */
  put(record: WhiskActivation, options?: { logsPending?: boolean }): void
  setLogs(id: ActivationId, logs: readonly string[]): void
  get(namespace: string, id: ActivationId): WhiskActivation | undefined
  /** Newest `start` first. */
  list(query: ActivationQuery): WhiskActivation[]
  /**
   * The same records as the JSON texts of `activationSummary`, as they are stored: a list without `docs` joins them
   * (`[${texts.join(',')}]`) and parses nothing.
   */
  listSummaries(query: ActivationQuery): string[]
  count(query: Omit<ActivationQuery, 'limit' | 'skip'>): number
  /**
   * Deletes what retention no longer keeps (0 = keep all), oldest first, but only a slice of it, to be quick; returns
   * how many. To be called again, in another turn, until it returns 0. Cheap when there is nothing to do.
   */
  prune(keep: { ageMs: number; count: number }): number
}

/** One accepted activation, as it waits: everything needed to run it after a restart. */
export interface QueuedActivation {
  readonly activationId: ActivationId
  /** `action` covers sequences and compositions too. */
  readonly type: 'action' | 'trigger'
  readonly state: 'queued' | 'started'
  readonly identity: Identity
  readonly transid: string
  /** Fully qualified name as it was invoked (through a binding where it was), without a leading slash. */
  readonly entity: string
  readonly version: string
  /** Epoch milliseconds of the acceptance. */
  readonly acceptedAt: number
  /** What is needed beyond that (payload, cause, trigger headers …), owned by the engine. */
  readonly message: JsonObject
}

/** The mirror of the in-memory queue: an entry lives until its activation's record is stored. */
export interface QueueStore {
  put(entry: QueuedActivation): void
  /** What had started is not run again after a crash, but ends with a record that says it was interrupted. */
  started(id: ActivationId): void
  remove(id: ActivationId): void
  has(id: ActivationId): boolean
  /** In the order of acceptance; what cannot be read is left out, and told the log. */
  all(): QueuedActivation[]
}

export interface SubjectStore {
  /** The identity of a key of a subject that is not blocked; cached, invalidated by writes of this process and others. */
  identityByKey(uuid: string, key: string): Identity | undefined
  /** The first identity of a namespace that is not blocked: whom a web action runs as. */
  identityByNamespace(namespace: string): Identity | undefined
  get(subject: string): Subject | undefined
  put(subject: Subject): void
  delete(subject: string): boolean
  /** In the order of their names; those that have this namespace when given. */
  list(namespace?: string): Subject[]
  limits(namespace: string): UserLimits | undefined
  setLimits(namespace: string, limits: UserLimits): void
  deleteLimits(namespace: string): boolean
}

/** Small documents by collection and id, each in a namespace: feeds and schedules, gateway APIs, settings. */
export interface DocumentStore {
  get(collection: string, id: string): JsonObject | undefined
  put(collection: string, id: string, namespace: string, document: JsonObject): void
  delete(collection: string, id: string): boolean
  /** In the order of ids; of one namespace when given. */
  list(collection: string, namespace?: string): { id: string; namespace: string; document: JsonObject }[]
}

/** Snapshots of namespaces: entities, and documents that live in the namespace. Costs what changed since. */
export interface CheckpointStore {
  create(name: string, namespace: string): void
  has(name: string, namespace: string): boolean
  /** Puts the namespace back; returns the ids of the entities that changed. Fails with `notFound` when there is none. */
  rollback(name: string, namespace: string): string[]
  /** Empties the namespace; returns the ids of the entities that went. */
  reset(namespace: string): string[]
  /** Forgets everything about a namespace, its activations included. */
  drop(namespace: string): void
}

/**
 * All writes take effect for reads at once and join one open transaction, which is committed at the end of the turn of
 * the event loop. `committed()` settles when everything written so far is durable, or rejects with a WhiskError
 * (`internal` or `unavailable`) when it could not be written and is gone. Await it before acknowledging a write, and
 * call it in the same turn as the write. A write that fails throws such an error at once and takes all writes of the
 * turn with it; further ones of the turn are refused.
 */
export interface Store {
  readonly entities: EntityStore
  readonly activations: ActivationStore
  readonly queue: QueueStore
  readonly subjects: SubjectStore
  readonly documents: DocumentStore
  readonly checkpoints: CheckpointStore
  /** Runs several writes as one: all or none. */
  transaction<T>(fn: () => T): T
  committed(): Promise<void>
  /** Settles as `committed()` does, but hurries nothing: within a few milliseconds. */
  stored(): Promise<void>
  /**
   * Settles when what can be read is durable: await it before showing a record that nobody has acknowledged yet, so that
   * no crash takes back what was shown. Never rejects: what could not be written can no longer be read.
   */
  readable(): Promise<void>
  /** True when the last commit worked: what `/ready` asks. */
  readonly healthy: boolean
  /** Commits what is open and closes. */
  close(): void
}
