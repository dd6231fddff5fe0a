// What the engine counts: the port between it and the process's metrics, so that tests and tools may go without.

import type { WhiskActivation } from '../entity/activation.ts'
import type { ExecutableAction } from './profile.ts'
import type { ContainerStart } from './schedule.ts'

/** How long each phase of an activation took, in milliseconds. */
export interface Phases {
  /** From the transaction's start to the container. */
  readonly wait: number
  readonly init?: number
  readonly run?: number
  readonly logs?: number
}

export interface EngineMetrics {
  /** A run got a container. */
  containerStarted(label: ContainerStart, namespace: string, action: ExecutableAction): void
  activationEnded(record: WhiskActivation, phases: Phases | undefined): void
  /** An action had to be started without a stem cell although its kind has some. */
  stemCellMissed(kind: string, memoryMb: number): void
  stemCellExpired(kind: string, memoryMb: number): void
  /** A run was given another container because its first one was dead. */
  rescheduled(): void
}

export const noMetrics: EngineMetrics = {
  containerStarted() {},
  activationEnded() {},
  stemCellMissed() {},
  stemCellExpired() {},
  rescheduled() {},
}
