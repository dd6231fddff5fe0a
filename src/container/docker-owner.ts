// Which server a container belongs to, in labels, and whether that server still lives.

import { readFileSync, readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { startedAt } from './process-table.ts'

/** The instance id of the server that made a container. */
export const SERVER_LABEL = 'org.openwhisk.standalone.server'
const PID_LABEL = `${SERVER_LABEL}.pid`
/** The machine (and its process namespace) that the process id belongs to. */
const HOST_LABEL = `${SERVER_LABEL}.host`
/** When that process began: a process id is used again, most of all after a reboot. */
const STARTED_LABEL = `${SERVER_LABEL}.started`

/** The labels of every container that this process makes. */
export function ownLabels(instanceId: string): Record<string, string> {
  return {
    [SERVER_LABEL]: instanceId,
    [PID_LABEL]: String(process.pid),
    [HOST_LABEL]: thisHost(),
    [STARTED_LABEL]: startOf(process.pid) ?? '',
  }
}

/**
 * Whether a container's server is surely dead. A server of another machine, or one that says too little of itself,
 * is not ours to judge.
 */
export function isLeftover(labels: Readonly<Record<string, string>>, instanceId: string): boolean {
  if (labels[SERVER_LABEL] === undefined || labels[SERVER_LABEL] === instanceId) return false
  const pid = Number(labels[PID_LABEL])
  if (!Number.isInteger(pid) || pid <= 0) return false
  if (labels[HOST_LABEL] !== undefined && labels[HOST_LABEL] !== thisHost()) return false
  if (!isAlive(pid)) return true
  const began = labels[STARTED_LABEL]
  const begins = startOf(pid)
  return began !== undefined && began !== '' && begins !== undefined && begins !== began
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

function thisHost(): string {
  return [hostname(), attempt(() => readlinkSync('/proc/self/ns/pid'))].filter(Boolean).join(' ')
}

/** Something that differs between two processes of one id, also after a reboot; undefined where the system does not tell. */
function startOf(pid: number): string | undefined {
  const started = startedAt(pid)
  if (started === undefined) return undefined
  // Linux counts from the boot.
  const boot = attempt(() => readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim())
  return boot === undefined ? started : `${boot}:${started}`
}

function attempt<T>(read: () => T): T | undefined {
  try {
    return read()
  } catch {
    return undefined
  }
}
