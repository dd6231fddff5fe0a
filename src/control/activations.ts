// Records for people and for failure reports: past logs of a namespace, and everything that was recorded.

import type { Context } from 'hono'
import { activationRecord } from '../entity/activation.ts'
import { stringify } from '../entity/json.ts'
import type { Env } from '../http/env.ts'
import type { ControlDependencies } from './dependencies.ts'

const PAGE = 200

/** `GET logs?namespace=&name=&limit=`: `[{ name, activationId, logs }]`, oldest first, of the newest activations. */
export async function pastLogs({ store, settled }: ControlDependencies, c: Context<Env>): Promise<Response> {
  const namespace = c.req.query('namespace') ?? 'guest'
  const limit = Math.min(Number(c.req.query('limit') ?? 10) || 0, PAGE)
  const list = () => (limit ? store.activations.list({ namespace, name: c.req.query('name'), limit }) : [])
  await settled(list().map(({ activationId }) => activationId))
  await store.readable()
  return c.json(
    list()
      .reverse()
      .map(({ name, activationId, logs }) => ({ name, activationId, logs })),
  )
}

/** `GET activations?namespace=`: the records as NDJSON, newest first; of every user's namespace unless one is named. */
export async function allActivations({ store, settled }: ControlDependencies, c: Context<Env>): Promise<Response> {
  const only = c.req.query('namespace')
  const namespaces = only
    ? [only]
    : store.subjects.list().flatMap(subject => subject.namespaces.map(({ name }) => name))
  const lines: string[] = []
  for (const namespace of new Set(namespaces)) {
    for (let skip = 0; ; skip += PAGE) {
      const page = () => store.activations.list({ namespace, limit: PAGE, skip })
      await settled(page().map(({ activationId }) => activationId))
      await store.readable()
      const records = page()
      lines.push(...records.map(record => `${stringify(activationRecord(record))}\n`))
      if (records.length < PAGE) break
    }
  }
  return c.body(lines.join(''), 200, { 'content-type': 'application/x-ndjson' })
}
