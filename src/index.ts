// The published API: a server inside the caller's process, with what tests need of it.

import { resolveConfig } from './config.ts'
import { OPTIONS } from './config-options.ts'
import { unknownName } from './config-values.ts'
import { advance } from './connect.ts'
import { ExitError, messageOf, WhiskError } from './errors.ts'
import { createEventQueue, type EventQueue } from './event-queue.ts'
import type { EventBus } from './events.ts'
import { createLogger, type OpenLogger, silentLogger } from './log.ts'
import { messages } from './messages.ts'
import { namespaceOf } from './namespace.ts'
import { type EventFilter, type OpenWhisk, OpenWhiskError, type OpenWhiskOptions } from './public.ts'
import { type RunningServer, startServer } from './server.ts'

export { connectOpenWhisk } from './connect.ts'
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
  let log: OpenLogger | undefined
  try {
    const { config } = resolveConfig({ given: { port: 0, apiGwPort: 0, ...given, ephemeral }, configFile })
    log = write && createLogger({ level: config.logLevel, format: config.logFormat, write })
    return toOpenWhisk(await startServer(config, { log: log ?? silentLogger }), () => log?.close())
  } catch (error) {
    log?.close()
    const { exitCode } = error instanceof ExitError ? error : { exitCode: undefined }
    const code = exitCode !== undefined && exitCode in FAILURES ? FAILURES[exitCode as keyof typeof FAILURES] : 'FAILED'
    throw new OpenWhiskError(code, messageOf(error), { cause: error })
  }
}

/** `closed` is called once, when the server is gone. */
function toOpenWhisk(server: RunningServer, closed: () => void): OpenWhisk {
  const guest = namespaceOf(server, 'guest', server.auth)
  let stopped: Promise<void> | undefined
  /** Those whose readers have not left; undefined when nothing more will happen. */
  let open: Set<EventQueue> | undefined = new Set()
  const close = async () => {
    try {
      await server.close()
    } finally {
      for (const queue of open ?? []) queue.end()
      open = undefined
      closed()
    }
  }
  const stop = () => (stopped ??= close())
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
      if (stopped) throw new OpenWhiskError('FAILED', messages.control.stopped)
      const account = server.accounts.find(({ namespace }) => namespace === name)
      if (account) return namespaceOf(server, account.namespace, account.auth)
      try {
        const made = await server.createNamespace(name)
        return namespaceOf(server, made.namespace, made.auth)
      } catch (error) {
        if (!(error instanceof WhiskError)) throw error
        throw new OpenWhiskError('REQUEST', error.message, { status: error.status, cause: error })
      }
    },
    events(filter) {
      const queue = follow(server.events, filter, gone => open?.delete(gone))
      if (open) open.add(queue)
      else queue.end()
      return queue.events
    },
    clock: {
      now: () => server.clock.now(),
      advance: by => advance(server, by),
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

/** Events as they come; what nobody has read yet waits. `left` is called when the reader will read no more. */
function follow(bus: EventBus, filter: EventFilter = {}, left: (queue: EventQueue) => void): EventQueue {
  const { type, namespace, activationId } = filter
  const types = type === undefined ? undefined : [type].flat()
  const unsubscribe = bus.subscribe(event => {
    if (types && !types.some(wanted => event.type === wanted || event.type.startsWith(`${wanted}.`))) return
    if (namespace !== undefined && event.namespace !== namespace) return
    if (activationId !== undefined && event.activationId !== activationId) return
    queue.push(event)
  })
  const queue = createEventQueue(() => {
    unsubscribe()
    left(queue)
  })
  return queue
}
