// One run through its container: initialize, run, collect logs, and the record that comes of it.
// Which container it has is the pool's business; what an answer means is told by outcome.ts.

import type { Clock } from '../clock.ts'
import type { CallOptions, CollectedLogs, Container, RuntimeAnswer } from '../container/container.ts'
import { ContainerError } from '../container/container.ts'
import type { ActivationResponse, WhiskActivation } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import type { SystemLimits } from '../entity/limits.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'
import { actionRecord, type RunTimes } from './activation-record.ts'
import { begin } from './begin.ts'
import { initBody, runBody } from './bodies.ts'
import type { ContainerProxy } from './container-proxy.ts'
import type { Observer } from './observer.ts'
import type { Opening } from './opening.ts'
import { creationOutcome, initOutcome, keepsContainer, type Outcome, runOutcome, whiskError } from './outcome.ts'
import type { Records } from './records.ts'
import { type Run, settle } from './run.ts'

/** What the pool does with the container, and with the run, afterwards. */
export type Disposal = 'keep' | 'discard' | 'retry'

export interface ExecutionServices {
  readonly clock: Clock
  readonly log: Logger
  readonly records: Records
  readonly observer: Observer
  /** Fails with ContainerError. */
  createContainer(run: Run, proxy: ContainerProxy): Promise<Container>
  /** The image of an action, for messages. */
  imageOf(run: Run): string
  /** Whether its runtime writes sentinels into its logs. */
  sentinelled(run: Run): boolean
  /** Whether it writes them before it answers. */
  sentinelsFirst(run: Run): boolean
  /** How much of a response this namespace may have. */
  limitsOf(identity: Identity): Pick<SystemLimits, 'maxPayload' | 'truncation'>
}

const MEGABYTE = 1024 * 1024
const LOST_LOGS: CollectedLogs = { lines: [messages.logFailure], failed: true }

/**
 * Runs it; settles when the container is free again, its logs read. `idle` tells that no other run was in the container:
 * a run that finds it dead then answers `retry`, with nothing recorded. Never rejects.
 */
export async function execute(
  proxy: ContainerProxy,
  run: Run,
  idle: boolean,
  services: ExecutionServices,
): Promise<Disposal> {
  try {
    if (run.mirror !== undefined && !(await begin(run, services.records))) return 'discard'
    return await new Execution(proxy, run, services).carryOut(idle)
  } catch (error) {
    services.log.error(`activation ${run.activationId} could not be carried out`, { transid: run.transid, error })
    if (run.isEnded) return 'discard'
    run.state = 'ended'
    // Nothing was acknowledged where the store refused it: whoever waits gets the reason.
    if (error instanceof WhiskError) run.reject(error)
    else recordBug(run, services)
    return 'discard'
  }
}

/** OpenWhisk: what goes wrong in the invoker itself is the platform's error, in the words of an action that exits. */
function recordBug(run: Run, { clock, records, observer }: ExecutionServices): void {
  const now = clock.now()
  const times = { start: now, end: now, waitTime: Math.max(0, now - run.startedAt) }
  const record = actionRecord(run, whiskError(messages.abnormalRun), times, false)
  settle(run, record, records.put(record, run.identity, run.awaited))
  observer.ended(record, run.identity, run.transid, run.startKind)
}

class Execution {
  readonly #proxy: ContainerProxy
  readonly #run: Run
  readonly #services: ExecutionServices
  readonly #call: CallOptions
  #unfollow: (() => void) | undefined

  constructor(proxy: ContainerProxy, run: Run, services: ExecutionServices) {
    this.#proxy = proxy
    this.#run = run
    this.#services = services
    const { timeout, logs } = run.action.limits
    const { maxPayload, truncation } = services.limitsOf(run.identity)
    this.#call = {
      timeoutMs: timeout,
      maxResponseBytes: maxPayload,
      truncationBytes: truncation,
      logLimitBytes: logs * MEGABYTE,
    }
  }

  async carryOut(idle: boolean): Promise<Disposal> {
    try {
      return await this.#steps(idle)
    } finally {
      this.#unfollow?.()
    }
  }

  async #steps(idle: boolean): Promise<Disposal> {
    const proxy = this.#proxy
    const run = this.#run
    let opening: Opening | undefined
    const fresh = !proxy.initialized
    if (fresh) {
      opening = await proxy.open(() => this.#open())
      if (opening.type !== 'opened') return this.#failOpening(opening)
    } else if (proxy.frozen) {
      try {
        await proxy.thaw()
      } catch (error) {
        this.#services.log.warn(`container ${proxy.container?.name} could not be resumed`, { error })
        return 'retry'
      }
    }
    const following = this.#follow()
    if (following) await following
    const { container } = proxy
    if (container === undefined || run.isEnded) return 'discard'
    this.#services.observer.started(run, proxy)
    const body = runBody(run, run.valueText, this.#services.clock.now() + this.#call.timeoutMs)
    const answer = await container.run(body, this.#call)
    if (run.isEnded) return 'discard'
    if (idle && !fresh && !run.retried && isDead(answer)) return 'retry'
    const runTime = elapsed(answer, this.#call.timeoutMs)
    const outcome = runOutcome(answer, runTime, this.#call)
    return this.#finish(container, outcome, this.#times(runTime, opening), runTime)
  }

  /** Passes on what the container writes, from its first run's `/init` on. */
  #follow(): void | Promise<void> {
    const { observer } = this.#services
    if (!observer.listening || this.#unfollow) return
    const { following, unfollow } = observer.followLogs(this.#run, this.#proxy)
    this.#unfollow = unfollow
    return following
  }

  /** Makes the container, unless it is a stem cell, which may still be in the making, and initializes it. */
  async #open(): Promise<Opening> {
    const proxy = this.#proxy
    const run = this.#run
    const { clock, observer } = this.#services
    if (proxy.container === undefined) {
      try {
        if (proxy.making === undefined) {
          proxy.adopt(await this.#services.createContainer(run, proxy))
          observer.container('container.created', proxy)
        } else await proxy.making
      } catch (error) {
        return { type: 'notCreated', by: run, response: this.#creationFailure(error) }
      }
    }
    const { container } = proxy
    if (container === undefined) {
      return { type: 'notCreated', by: run, response: whiskError(messages.resourceProvisionError) }
    }
    await this.#follow()
    const body = initBody(run, run.init, clock.now() + this.#call.timeoutMs)
    const answer = await container.initialize(body, this.#call)
    const initTime = elapsed(answer, this.#call.timeoutMs)
    const start = clock.now() - initTime
    const outcome = initOutcome(answer, initTime, this.#call)
    if (outcome !== undefined) return { type: 'notInitialized', by: run, outcome, start, initTime }
    proxy.opened()
    observer.container('container.initialized', proxy)
    return { type: 'opened', by: run, start, initTime }
  }

  #creationFailure(error: unknown): ActivationResponse {
    const { log } = this.#services
    const run = this.#run
    const image = this.#services.imageOf(run)
    log.warn(`no container for ${run.action.exec.kind} (${image})`, { transid: run.transid, error })
    if (!(error instanceof ContainerError)) return whiskError(messages.resourceProvisionError)
    return creationOutcome(error, image, run.action.exec.kind === 'blackbox')
  }

  async #failOpening(opening: Exclude<Opening, { type: 'opened' }>): Promise<Disposal> {
    const run = this.#run
    if (run.isEnded) return 'discard'
    const now = this.#services.clock.now()
    const nothing = { start: now, end: now, waitTime: Math.max(0, now - run.startedAt) }
    const own = opening.by === run
    if (opening.type === 'notCreated') {
      // OpenWhisk: those that only waited for the container are told that the action exited.
      const response = own ? opening.response : whiskError(messages.abnormalRun)
      await this.#finish(undefined, { response, timedOut: false }, nothing)
      return 'discard'
    }
    if (!own) return this.#finish(undefined, opening.outcome, nothing)
    const { start, initTime, outcome } = opening
    const waitTime = Math.max(0, start - run.startedAt)
    return this.#finish(this.#proxy.container, outcome, { start, end: start + initTime, waitTime, initTime })
  }

  #times(runTime: number, opening: Opening | undefined): RunTimes {
    const run = this.#run
    const end = this.#services.clock.now()
    // A start that was demanded to be warm is one for its record: its container was initialized beforehand.
    if (opening?.type === 'opened' && opening.by === run && run.start !== 'warm') {
      const start = end - runTime - opening.initTime
      return { start, end, waitTime: Math.max(0, opening.start - run.startedAt), initTime: opening.initTime }
    }
    const start = end - runTime
    return { start, end, waitTime: Math.max(0, start - run.startedAt) }
  }

  /**
   * Stores the record, tells the caller once that is durable, and reads the logs; in one write when they are there
   * already. The container is free as soon as they are: it does not wait for the commit.
   */
  async #finish(
    container: Container | undefined,
    outcome: Outcome,
    times: RunTimes,
    runTime?: number,
  ): Promise<Disposal> {
    const run = this.#run
    const { records, observer, clock } = this.#services
    const record = actionRecord(run, outcome.response, times, outcome.timedOut)
    const developerError = outcome.response.statusCode === 2
    const collected = this.#logs(container, developerError)
    run.state = 'ended'
    let logs: CollectedLogs
    if (collected instanceof Promise) {
      const pending = records.putWithoutLogs(record, run)
      settle(run, record, pending.committed)
      this.#proxy.collect(run, this.#trails(outcome))
      logs = await collected.catch(() => LOST_LOGS)
      pending.complete(logs.lines)
    } else {
      logs = collected
      const stored: WhiskActivation = logs.lines.length === 0 ? record : { ...record, logs: logs.lines }
      settle(run, record, records.put(stored, run.identity, run.awaited))
    }
    if (!logs.failed) this.#proxy.marksLogs = true
    observer.ended(record, run.identity, run.transid, run.startKind, {
      wait: times.waitTime,
      init: times.initTime,
      run: runTime,
      logs: clock.now() - times.end,
    })
    return keepsContainer(outcome.response) && !logs.failed ? 'keep' : 'discard'
  }

  /**
   * Whether the next run may begin before the logs of this one are here: not where the container goes, where it has not
   * shown yet that the ends of its logs are marked, and while somebody is shown who writes which line. (Who listens to
   * events listens to lines, as far as this goes.)
   */
  #trails(outcome: Outcome): boolean {
    const { observer, sentinelsFirst } = this.#services
    const followed = this.#unfollow !== undefined || observer.listening
    return this.#proxy.marksLogs && keepsContainer(outcome.response) && !followed && sentinelsFirst(this.#run)
  }

  #logs(container: Container | undefined, developerError: boolean): CollectedLogs | Promise<CollectedLogs> {
    if (container === undefined) return { lines: [], failed: false }
    const limitBytes = this.#run.action.limits.logs * MEGABYTE
    const waitForSentinel = !developerError && this.#services.sentinelled(this.#run)
    const collected = container.logs({ limitBytes, waitForSentinel, developerError })
    if (limitBytes > 0) return collected
    // OpenWhisk: with a log limit of 0 nothing is waited for.
    if (collected instanceof Promise) collected.catch(() => {})
    return { lines: [], failed: false }
  }
}

/** A container that was idle and cannot be talked to: it died in the meantime, the action has seen nothing. */
function isDead(answer: RuntimeAnswer): boolean {
  if (answer.type === 'connectionError') return answer.beforeResponse && !answer.outOfMemory
  return answer.type === 'response' && answer.status === 503
}

/** Whole milliseconds; a timeout counts as at least the limit. */
function elapsed(answer: RuntimeAnswer, timeoutMs: number): number {
  const measured = Math.max(0, Math.round(answer.endedAt - answer.startedAt))
  return answer.type === 'timeout' ? Math.max(measured, timeoutMs) : measured
}
