// Runs system actions: functions of this server that leave ordinary records, without a container.

import type { Clock } from '../clock.ts'
import type { BuiltinHandler, Builtins } from '../container/builtin.ts'
import { logLine } from '../container/log-format.ts'
import type { WhiskAction } from '../entity/whisk-entity.ts'
import { messages } from '../messages.ts'
import { actionRecord } from './activation-record.ts'
import { begin } from './begin.ts'
import type { ExecutionServices } from './execute.ts'
import type { Observer } from './observer.ts'
import { runOutcome } from './outcome.ts'
import { profileOf } from './profile.ts'
import { Quiet } from './quiet.ts'
import type { Records } from './records.ts'
import { type Run, settle } from './run.ts'

export interface SystemActionServices extends Pick<ExecutionServices, 'limitsOf'> {
  readonly builtins: Builtins | undefined
  readonly clock: Clock
  readonly records: Records
  readonly observer: Observer
  /** A run is over. */
  ended(run: Run): void
}

const closingLine = (now: number): string => logLine(now, 'stderr', messages.logWarningDeveloperError)

export class SystemActions {
  readonly #services: SystemActionServices
  readonly #running = new Set<Run>()
  readonly #quiet = new Quiet(() => this.#running.size === 0)

  constructor(services: SystemActionServices) {
    this.#services = services
  }

  get running(): ReadonlySet<Run> {
    return this.#running
  }

  quiet(): Promise<void> {
    return this.#quiet.wait()
  }

  owns(action: WhiskAction): boolean {
    return this.#services.builtins?.get(profileOf(action).id) !== undefined
  }

  /** Takes the run when its action is one of these; else false. */
  take(run: Run): boolean {
    const { builtins } = this.#services
    const handler = builtins?.get(profileOf(run.action).id)
    if (builtins === undefined || handler === undefined) return false
    run.state = 'started'
    run.label = 'warmed'
    this.#running.add(run)
    this.#carryOut(run, builtins, handler)
      .catch(error => {
        run.state = 'ended'
        run.reject(error)
      })
      .finally(() => {
        this.#running.delete(run)
        this.#services.ended(run)
        this.#quiet.check()
      })
    return true
  }

  async #carryOut(run: Run, builtins: Builtins, handler: BuiltinHandler): Promise<void> {
    const { clock, records, observer } = this.#services
    const { action, identity, activationId, transid } = run
    if (run.mirror !== undefined && !(await begin(run, records))) return
    const { maxPayload, truncation } = this.#services.limitsOf(identity)
    const limits = { timeoutMs: action.limits.timeout, maxResponseBytes: maxPayload, truncationBytes: truncation }
    const { answer, logs } = await builtins.run(handler, {
      args: run.value,
      context: { identity, activationId, transid },
      ...limits,
      now: () => clock.now(),
    })
    // The server stopped and has written its record.
    if (run.isEnded) return
    const runTime = Math.max(0, answer.endedAt - answer.startedAt)
    const { response, timedOut } = runOutcome(answer, runTime, limits)
    const waitTime = Math.max(0, answer.startedAt - run.startedAt)
    const record = actionRecord(run, response, { start: answer.startedAt, end: answer.endedAt, waitTime }, timedOut)
    run.state = 'ended'
    const lines = response.statusCode === 2 ? [...logs, closingLine(clock.now())] : logs
    const stored = action.limits.logs === 0 ? record : { ...record, logs: lines }
    settle(run, record, records.put(stored, identity, run.awaited))
    observer.ended(record, identity, transid, 'warm', { wait: waitTime, run: runTime })
  }
}
