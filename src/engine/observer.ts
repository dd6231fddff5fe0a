// Tells the outside what happens to activations and containers: events, metrics, and a line of the server's log each.

import type { Clock } from '../clock.ts'
import type { LogLine } from '../container/container.ts'
import { ACTIVATION_STATUS, type WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import { isJsonObject, type JsonValue, numberOf } from '../entity/json.ts'
import type { EventBus, WhiskEvent } from '../events.ts'
import type { Logger } from '../log.ts'
import type { ContainerProxy } from './container-proxy.ts'
import type { EngineMetrics, Phases } from './engine-metrics.ts'
import { profileOf } from './profile.ts'
import type { Run } from './run.ts'

export interface ObserverOptions {
  readonly clock: Clock
  readonly log: Logger
  readonly events: EventBus
  readonly metrics: EngineMetrics
}

export class Observer {
  readonly #clock: Clock
  readonly #log: Logger
  readonly #events: EventBus
  readonly #metrics: EngineMetrics
  /** What is told when the answers of this turn are on their way. */
  #later: (() => void)[] = []

  constructor(options: ObserverOptions) {
    this.#clock = options.clock
    this.#log = options.log
    this.#events = options.events
    this.#metrics = options.metrics
  }

  /** True when somebody listens to events. */
  get listening(): boolean {
    return this.#events.active
  }

  queued(run: Run): void {
    if (this.#events.active) this.#emit(run, { type: 'activation.queued', at: this.#clock.now() })
  }

  started(run: Run, proxy: ContainerProxy): void {
    const { action, namespace, label = 'cold' } = run
    this.#defer(() => this.#metrics.containerStarted(label, namespace, action))
    if (!this.#events.active) return
    const container = proxy.container?.name
    this.#emit(run, { type: 'activation.started', at: this.#clock.now(), container, start: run.startKind })
    if (run.startKind === 'warm') this.container('container.reused', proxy)
  }

  /** Passes on the container's output while this run has it: from when `following` settles until `unfollow`. */
  followLogs(run: Run, proxy: ContainerProxy): { following: void | Promise<void>; unfollow: () => void } {
    const { container } = proxy
    if (container === undefined || !this.#events.active) return { following: undefined, unfollow() {} }
    // With several runs in one container nobody can tell whose line it is.
    const activationId = run.action.limits.concurrency === 1 ? run.activationId : undefined
    const following = container.onLogLine(({ stream, line }: LogLine) =>
      this.#events.emit({
        type: 'activation.log',
        at: this.#clock.now(),
        namespace: run.namespace,
        action: profileOf(run.action).id,
        ...(activationId === undefined ? {} : { activationId }),
        container: container.name,
        stream,
        line,
      }),
    )
    const unfollow = () => {
      // Runs whose lines are shown never trail, so those that trail have nothing to show.
      if (proxy.active - proxy.trailing <= 1) container.onLogLine(undefined)
    }
    return { following, unfollow }
  }

  /** An activation has its record, and its logs if it has any. */
  ended(record: WhiskActivation, identity: Identity, transid: string, start?: string, phases?: Phases): void {
    const kind = annotation(record, 'kind')
    this.#defer(() => {
      this.#metrics.activationEnded(record, phases)
      if (this.#log.enabled('info')) this.#line(record, transid, start, phases)
    })
    if (this.#events.active) {
      this.#events.emit({
        type: 'activation.ended',
        at: this.#clock.now(),
        namespace: record.namespace,
        action: String(annotation(record, 'path') ?? `${record.namespace}/${record.name}`),
        activationId: record.activationId,
        name: record.name,
        subject: record.subject,
        userId: identity.namespace.uuid,
        statusCode: record.response.statusCode,
        status: ACTIVATION_STATUS[record.response.statusCode],
        duration: record.duration,
        waitTime: annotation(record, 'waitTime'),
        initTime: annotation(record, 'initTime') ?? 0,
        kind: kind ?? 'trigger',
        conductor: annotation(record, 'conductor') === true,
        memory: memoryOf(annotation(record, 'limits')),
        causedBy: annotation(record, 'causedBy'),
        size: record.response.size,
        userDefinedStatusCode: userDefinedStatusCode(record.response.result),
        ...(start === undefined ? {} : { start }),
      })
    }
  }

  container(type: WhiskEvent['type'], proxy: ContainerProxy): void {
    if (!this.#events.active) return
    this.#events.emit({
      type,
      at: this.#clock.now(),
      container: proxy.container?.name ?? `${proxy.number}`,
      kind: proxy.kind,
      ...(proxy.namespace === undefined ? {} : { namespace: proxy.namespace }),
      ...(proxy.action === undefined ? {} : { action: profileOf(proxy.action).id }),
    })
  }

  /** Metrics and log lines are no part of anybody's waiting time: they follow the answers that the commit releases. */
  #defer(tell: () => void): void {
    this.#later.push(tell)
    if (this.#later.length > 1) return
    setImmediate(() => {
      const all = this.#later
      this.#later = []
      for (const next of all) next()
    })
  }

  #emit(run: Run, event: WhiskEvent): void {
    this.#events.emit({
      ...event,
      namespace: run.namespace,
      action: profileOf(run.action).id,
      activationId: run.activationId,
      ...(run.cause === undefined ? {} : { cause: run.cause }),
    })
  }

  #line(record: WhiskActivation, transid: string, start: string | undefined, phases: Phases | undefined): void {
    const path = annotation(record, 'path') ?? `${record.namespace}/${record.name}`
    let text = `activation ${record.activationId} of ${path}: ${ACTIVATION_STATUS[record.response.statusCode]}`
    if (start !== undefined) text += `, ${start}`
    if (phases !== undefined) {
      text += `, wait ${phases.wait} ms`
      if (phases.init !== undefined) text += `, init ${phases.init} ms`
      if (phases.run !== undefined) text += `, run ${phases.run} ms`
      if (phases.logs !== undefined) text += `, logs ${phases.logs} ms`
    } else if (record.duration !== undefined) text += `, ${record.duration} ms`
    this.#log.info(text, { transid })
  }
}

function annotation(record: WhiskActivation, key: string): JsonValue | undefined {
  return record.annotations.find(entry => entry.key === key)?.value
}

/** What the result says its HTTP status is. OpenWhisk: one that is no integer counts as 400. */
function userDefinedStatusCode(result: JsonValue | undefined): number | undefined {
  const { error, statusCode } = isJsonObject(result) ? result : {}
  const given = isJsonObject(error) && error.statusCode !== undefined ? error.statusCode : statusCode
  if (given === undefined) return undefined
  const code = typeof given === 'string' && given.trim() !== '' ? Number(given) : numberOf(given)
  return code !== undefined && Number.isInteger(code) ? code : 400
}

function memoryOf(limits: JsonValue | undefined): JsonValue | undefined {
  return typeof limits === 'object' && limits !== null && 'memory' in limits ? limits.memory : undefined
}
