// One activation of an action that needs a container, from its acceptance to its record.

import type { ActivationId, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, parseJson, stringify } from '../entity/json.ts'
import type { StartDemand } from './invoker.ts'
import type { MirrorEntry } from './mirror.ts'
import type { ExecutableAction } from './profile.ts'
import type { ContainerStart } from './schedule.ts'

export interface RunRequest {
  readonly activationId: ActivationId
  readonly identity: Identity
  readonly action: ExecutableAction
  readonly binding?: string
  readonly cause?: ActivationId
  /** The merged arguments. */
  readonly value: JsonObject | readonly JsonValue[]
  /** Parameters for the environment of `/init`. */
  readonly init: JsonObject
  readonly transid: string
  /** Epoch milliseconds of the transaction's start. */
  readonly startedAt: number
  readonly start?: StartDemand
  /** Somebody waits for its end; absent for yes. */
  readonly awaited?: boolean
}

/**
 * - `queued`: accepted, not yet in a container
 * - `started`: has a container, or waits for the one it was given
 * - `ended`: its record is stored (or will never be)
 */
export type RunState = 'queued' | 'started' | 'ended'

export class Run {
  readonly activationId: ActivationId
  readonly identity: Identity
  readonly binding: string | undefined
  readonly cause: ActivationId | undefined
  readonly init: JsonObject
  readonly transid: string
  readonly startedAt: number
  readonly start: StartDemand | undefined
  /** Whether somebody waits for its end; else its record may be committed with whatever is next. */
  readonly awaited: boolean
  /** Settles with the committed record; rejects only when there can be none. */
  readonly done: Promise<WhiskActivation>

  /** The stored version that runs: the latest when the run leaves the queue. */
  action: ExecutableAction
  state: RunState = 'queued'
  /** Its entry in the queue mirror, when there is one. */
  mirror: MirrorEntry | undefined
  /** It has been given another container once already. */
  retried = false
  /** It has waited for a log collection in vain. */
  lingered = false
  /** How it got its container. */
  label: ContainerStart | undefined
  /** It has ended, and its container's logs are read: whether that stands in the way of the next run there. */
  logs: 'awaited' | 'trailing' | undefined

  /** Absent while only its text is kept. */
  #value: JsonObject | readonly JsonValue[] | undefined
  #valueText: string | undefined
  #resolve: (record: WhiskActivation) => void = () => {}
  #reject: (error: unknown) => void = () => {}

  constructor(request: RunRequest) {
    this.activationId = request.activationId
    this.identity = request.identity
    this.action = request.action
    this.binding = request.binding
    this.cause = request.cause
    this.init = request.init
    this.transid = request.transid
    this.startedAt = request.startedAt
    this.start = request.start
    this.awaited = request.awaited ?? true
    this.#value = request.value
    this.done = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    // Nobody waits for a non-blocking activation; whoever does sees the failure on the same promise.
    this.done.catch(() => {})
  }

  /** Its record is written, perhaps because the server would not wait for it. */
  get isEnded(): boolean {
    return this.state === 'ended'
  }

  /** Name of the invoking namespace. */
  get namespace(): string {
    return this.identity.namespace.name
  }

  get value(): JsonObject | readonly JsonValue[] {
    this.#value ??= parseArguments(this.valueText)
    return this.#value
  }

  /** The arguments as JSON text, made once. */
  get valueText(): string {
    this.#valueText ??= stringify(this.#value ?? {})
    return this.#valueText
  }

  /** Keeps the arguments as text alone: for a run that may have to wait among thousands. */
  pack(): void {
    this.#valueText = this.valueText
    this.#value = undefined
  }

  /** What it holds in memory while it waits, roughly. */
  get bytes(): number {
    return this.valueText.length
  }

  /** How it started, in the words of `x-ow-start`. */
  get startKind(): StartDemand | undefined {
    if (this.label === undefined) return undefined
    if (this.label === 'prewarmed') return 'prewarmed'
    return this.label === 'cold' || this.label === 'recreated' ? 'cold' : 'warm'
  }

  resolve(record: WhiskActivation): void {
    this.#resolve(record)
  }

  reject(error: unknown): void {
    this.#reject(error)
  }
}

function parseArguments(text: string): JsonObject | readonly JsonValue[] {
  const value = parseJson(text)
  return isJsonObject(value) || isJsonArray(value) ? value : {}
}

/**
 * Tells who waits what became of a run, when its record is durable. A composition goes on where the record of its
 * component must wait for the disk: it will be written, as its own will.
 */
export function settle(run: Run, record: WhiskActivation, committed: Promise<void>): void {
  committed.then(
    () => run.resolve(record),
    error => (run.cause === undefined ? run.reject(error) : run.resolve(record)),
  )
}
