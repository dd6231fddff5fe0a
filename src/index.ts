// The published API: a server inside the caller's process, with what tests need of it.

import { resolveConfig } from './config.ts'
import { OPTIONS } from './config-options.ts'
import { unknownName } from './config-values.ts'
import { ExitError, WhiskError } from './errors.ts'
import type { EventBus, WhiskEvent } from './events.ts'
import { createLogger, silentLogger } from './log.ts'
import {
  type Activation,
  type EventFilter,
  type Json,
  type OpenWhisk,
  OpenWhiskError,
  type OpenWhiskNamespace,
  type OpenWhiskOptions,
} from './public.ts'
import { type RunningServer, startServer } from './server.ts'
import { parseDuration } from './units.ts'

export * from './public.ts'

const FAILURES = { 2: 'USAGE', 3: 'DATA_DIRECTORY', 4: 'PORT_TAKEN', 5: 'DRIVER' } as const

/**
 * Resolves when the server answers requests. Many may run side by side in one process. Fails with OpenWhiskError: a code
 * and a sentence; nothing is left behind then.
 */
export async function startOpenWhisk(options: OpenWhiskOptions = {}): Promise<OpenWhisk> {
  const { log: write, store, configFile, ...given } = options
  const unknown = Object.keys(given).find(key => !Object.hasOwn(OPTIONS, key))
  if (unknown !== undefined) throw new OpenWhiskError('USAGE', unknownName('option', unknown, Object.keys(OPTIONS)))
  const ephemeral = store === undefined ? given.dataDir === undefined : store === 'memory'
  try {
    const { config } = resolveConfig({ given: { port: 0, apiGwPort: 0, ...given, ephemeral }, configFile })
    const log = write ? createLogger({ level: config.logLevel, format: config.logFormat, write }) : silentLogger
    return toOpenWhisk(await startServer(config, { log }))
  } catch (error) {
    const { exitCode } = error instanceof ExitError ? error : { exitCode: undefined }
    const code = exitCode !== undefined && exitCode in FAILURES ? FAILURES[exitCode as keyof typeof FAILURES] : 'FAILED'
    throw new OpenWhiskError(code, error instanceof Error ? error.message : String(error), { cause: error })
  }
}

/** The JSON of an answer; fails with OpenWhiskError `REQUEST` and the server's sentence. */
async function read(response: Response): Promise<Json> {
  const text = await response.text()
  let body: Json = text
  try {
    body = JSON.parse(text)
  } catch {
    // Text it is: `OK`, or nothing.
  }
  if (response.ok) return body
  const told = typeof body === 'object' && body !== null && !Array.isArray(body) ? body.error : body
  throw new OpenWhiskError('REQUEST', String(told || `status ${response.status}`), { status: response.status })
}

function toOpenWhisk(server: RunningServer): OpenWhisk {
  const guest = toNamespace(server, 'guest', server.auth)
  let stopped: Promise<void> | undefined
  const stop = () => (stopped ??= server.close().then(() => {}))
  const { name: _name, delete: _delete, ...actions } = guest
  return {
    ...actions,
    url: server.url,
    apihost: server.apihost,
    gateway: server.gateway,
    port: server.port,
    driver: server.driver.name,
    token: server.token,
    async namespace(name) {
      const account = server.accounts.find(({ namespace }) => namespace === name)
      if (account) return toNamespace(server, account.namespace, account.auth)
      try {
        const made = await server.createNamespace(name)
        return toNamespace(server, made.namespace, made.auth)
      } catch (error) {
        if (!(error instanceof WhiskError)) throw error
        throw new OpenWhiskError('REQUEST', error.message, { status: error.status, cause: error })
      }
    },
    events: filter => follow(server.events, filter),
    clock: {
      now: () => server.clock.now(),
      async advance(by) {
        const ms = typeof by === 'number' ? by : parseDuration(by)
        if (ms === undefined) throw new OpenWhiskError('USAGE', `'${by}' is not a duration such as 30s, 10m or 24h`)
        await read(await server.control('POST', '/clock/advance', { by: ms }))
      },
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

function toNamespace(server: RunningServer, name: string, auth: string): OpenWhiskNamespace {
  const authorization = `Basic ${Buffer.from(auth).toString('base64')}`
  const send = (method: string, namespace: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    server.fetch(
      new Request(new URL(`/api/v1/namespaces/${encodeURIComponent(namespace)}${path}`, server.url), {
        method,
        headers: { authorization, ...(body && { 'content-type': 'application/json' }), ...headers },
        body: body && JSON.stringify(body),
      }),
    )
  /** `[pkg/]name` here, or `/ns/[pkg/]name` anywhere. */
  const locate = (entity: string): [namespace: string, path: string] => {
    const [namespace = '', ...rest] = entity.startsWith('/') ? entity.slice(1).split('/') : [name, ...entity.split('/')]
    return [namespace, rest.map(encodeURIComponent).join('/')]
  }
  const record = async (id: string) =>
    (await read(await send('GET', name, `/activations/${id}`))) as unknown as Activation
  const snapshot = (operation: string) => async (checkpoint?: string) => {
    await read(await server.control('POST', `/${operation}`, { name: checkpoint, namespace: name }))
  }
  return {
    name,
    auth,
    async invoke(action, params = {}, { start } = {}) {
      const [namespace, path] = locate(action)
      const headers: Record<string, string> = start ? { 'x-ow-start': start } : {}
      const answer = await send('POST', namespace, `/actions/${path}?blocking=true`, params, headers)
      const id = answer.headers.get('x-openwhisk-activation-id')
      if (id === null) throw await read(answer).then(body => new OpenWhiskError('FAILED', JSON.stringify(body)))
      await answer.body?.cancel()
      if (answer.status !== 202) return record(id)
      // Longer than a blocking invoke waits: the record follows.
      return wait({ activationId: id, timeout: LONGEST_ACTION_MS })
    },
    async fire(trigger, payload = {}) {
      const [namespace, path] = locate(trigger)
      const answer = (await read(await send('POST', namespace, `/triggers/${path}`, payload))) as {
        activationId?: string
      }
      return answer.activationId
    },
    waitForActivation: wait,
    request: async (method, path, body) => read(await send(method, name, path, body)),
    checkpoint: snapshot('checkpoint'),
    rollback: snapshot('rollback'),
    reset: () => snapshot('reset')(),
    async delete() {
      await read(await server.control('DELETE', `/namespaces/${encodeURIComponent(name)}`))
    },
  }

  async function wait(options: Parameters<OpenWhiskNamespace['waitForActivation']>[0]): Promise<Activation> {
    const query = new URLSearchParams({ namespace: name })
    for (const [key, value] of Object.entries(options)) if (value !== undefined) query.set(key, String(value))
    return (await read(await server.control('GET', `/wait?${query}`))) as unknown as Activation
  }
}

/** The longest time limit an action can have, twice (init and run), and some time to end. */
const LONGEST_ACTION_MS = 10 * 60_000

/** Events as they come; what nobody has read yet waits. */
function follow(bus: EventBus, { type, namespace, activationId }: EventFilter = {}): AsyncIterableIterator<WhiskEvent> {
  const types = type === undefined ? undefined : [type].flat()
  const waiting: WhiskEvent[] = []
  let wake: (() => void) | undefined
  let ended = false
  const unsubscribe = bus.subscribe(event => {
    if (types && !types.some(wanted => event.type === wanted || event.type.startsWith(`${wanted}.`))) return
    if (namespace !== undefined && event.namespace !== namespace) return
    if (activationId !== undefined && event.activationId !== activationId) return
    waiting.push(event)
    wake?.()
  })
  return {
    async next() {
      while (waiting.length === 0 && !ended) await new Promise<void>(resolve => (wake = resolve))
      const value = waiting.shift()
      return value === undefined ? { done: true, value: undefined } : { done: false, value }
    },
    async return() {
      ended = true
      unsubscribe()
      wake?.()
      return { done: true, value: undefined }
    },
    [Symbol.asyncIterator]() {
      return this
    },
  }
}
