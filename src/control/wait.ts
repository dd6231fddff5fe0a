// Waiting for an activation without sleeping.

import type { Context } from 'hono'
import type { WhiskActivation } from '../entity/activation.ts'
import { activationRecord } from '../entity/activation.ts'
import { stringify } from '../entity/json.ts'
import { WhiskError } from '../errors.ts'
import type { WhiskEvent } from '../events.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import type { ControlDependencies } from './dependencies.ts'

const DEFAULT_TIMEOUT_MS = 30_000
const MAX_TIMEOUT_MS = 10 * 60_000

interface Wanted {
  namespace: string
  /** `[pkg/]name` of an action, or a trigger's name. */
  name: string | undefined
  activationId: string | undefined
  since: number
}

function decode(c: Context<Env>, now: number): Wanted & { timeoutMs: number } {
  const integer = (name: string, fallback: number) => {
    const text = c.req.query(name)
    if (text === undefined) return fallback
    if (!/^\d{1,15}$/.test(text)) throw new WhiskError('badRequest', messages.control.notNumber(name))
    return Number(text)
  }
  const name = c.req.query('action') ?? c.req.query('trigger')
  const activationId = c.req.query('activationId')
  if (!name && !activationId) throw new WhiskError('badRequest', messages.control.waitForWhat)
  const absolute = name?.startsWith('/') ? name.slice(1).split('/') : undefined
  return {
    namespace: absolute?.[0] ?? c.req.query('namespace') ?? 'guest',
    name: absolute ? absolute.slice(1).join('/') : name,
    activationId,
    since: integer('since', activationId ? 0 : now),
    timeoutMs: Math.min(integer('timeout', DEFAULT_TIMEOUT_MS), MAX_TIMEOUT_MS),
  }
}

/**
 * `GET wait?action=|trigger=|activationId=&namespace=&since=&timeout=`: the first record that started at or after
 * `since` (epoch ms, default now), complete with its logs. Fails with `notFound` when `timeout` (ms) has passed, with
 * `unavailable` when the server stops before.
 */
export async function waitForActivation(deps: ControlDependencies, c: Context<Env>): Promise<Response> {
  const wanted = decode(c, deps.clock.now())
  const record = await firstMatch(deps, wanted, wanted.timeoutMs, c.req.raw.signal)
  if (!record && deps.stopped.aborted) throw new WhiskError('unavailable', messages.control.stopped)
  if (!record) throw new WhiskError('notFound', messages.control.waitedInVain(wanted.timeoutMs))
  await deps.settled([record.activationId])
  await deps.store.readable()
  const complete = deps.store.activations.get(record.namespace, record.activationId) ?? record
  return c.body(stringify(activationRecord(complete)), 200, { 'content-type': 'application/json' })
}

function find({ store }: ControlDependencies, wanted: Wanted): WhiskActivation | undefined {
  const { namespace, name, activationId, since } = wanted
  if (activationId) return store.activations.get(namespace, activationId)
  // The oldest that matches: the list is newest first.
  const count = store.activations.count({ namespace, name, since })
  return count ? store.activations.list({ namespace, name, since, limit: 1, skip: count - 1 })[0] : undefined
}

/** Looks again whenever a record of the namespace was stored. */
function firstMatch(
  deps: ControlDependencies,
  wanted: Wanted,
  timeoutMs: number,
  gone: AbortSignal,
): Promise<WhiskActivation | undefined> {
  const signals = [gone, deps.stopped]
  return new Promise((resolve, reject) => {
    const finish = (record?: WhiskActivation) => {
      unsubscribe()
      clearTimeout(timer)
      for (const signal of signals) signal.removeEventListener('abort', onAbort)
      resolve(record)
    }
    const onAbort = () => finish()
    const look = () => {
      try {
        const record = find(deps, wanted)
        if (record) finish(record)
      } catch (error) {
        // First: what settles it says what came of it.
        reject(error)
        finish()
      }
    }
    const unsubscribe = deps.events.subscribe((event: WhiskEvent) => {
      if (event.type === 'activation.ended' && event.namespace === wanted.namespace) look()
    })
    // Real time: a client waits in real time, whatever the server's clock says.
    const timer = setTimeout(finish, timeoutMs)
    for (const signal of signals) signal.addEventListener('abort', onAbort)
    look()
    if (deps.stopped.aborted) finish()
  })
}
