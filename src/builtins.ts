// The system actions that run inside the server: alarms, local feeds, route management and the rest of the catalog.

import { alarmHandlers } from './alarms/feed.ts'
import { AlarmScheduler, type ApiAnswer } from './alarms/scheduler.ts'
import { catalogActions, installCatalog } from './catalog/catalog.ts'
import type { CompiledAction } from './catalog/compile.ts'
import { LocalFeeds } from './catalog/local-feeds.ts'
import type { Clock } from './clock.ts'
import { type BuiltinHandler, namedArguments } from './container/builtin.ts'
import type { JsonObject } from './entity/json.ts'
import type { EventBus } from './events.ts'
import type { Logger } from './log.ts'
import type { Store } from './store/store.ts'
import { withRealTimers } from './virtual-clock.ts'

export interface SystemActionsDependencies {
  store: Store
  clock: Clock
  log: Logger
  events: EventBus
  /** `http://localhost:3233` */
  url: string
  /** `__OW_API_HOST` of system actions. */
  apihost: string
  /** A request to this server's own REST API, in process. */
  request(method: string, path: string, apikey: string, body?: JsonObject): Promise<ApiAnswer>
  /** Settles when everything that the fire of a trigger started has ended; undefined when it has. */
  ended(activationId: string): Promise<unknown> | undefined
}

export interface SystemActions {
  /** By fully qualified name. */
  readonly handlers: ReadonlyMap<string, BuiltinHandler>
  readonly feeds: LocalFeeds
  /** Takes up stored alarms and watches. */
  start(): Promise<void>
  /** Follows the documents of a namespace after they changed behind everybody's back. */
  reload(namespace: string): Promise<void>
  close(): void
}

/** Puts the catalog into the store and makes its handlers; `kind` is what its actions show. */
export function createSystemActions(dependencies: SystemActionsDependencies, kind: string): SystemActions {
  const { store, clock, log, events, url, apihost, request, ended } = dependencies
  installCatalog(store, kind, clock.now())
  const scheduler = new AlarmScheduler({ documents: store.documents, clock, log, events, request, ended })
  const feeds = new LocalFeeds({
    documents: store.documents,
    clock: withRealTimers(clock),
    log,
    committed: () => store.committed(),
    publicUrl: () => url,
    request,
  })
  const compiled = [...catalogActions()].map(([name, run]) => [name, withEnvironment(run, name, apihost)] as const)
  return {
    handlers: new Map<string, BuiltinHandler>([
      ...compiled,
      ...namedArguments(alarmHandlers({ store, scheduler, clock })),
      ...namedArguments(feeds.handlers()),
    ]),
    feeds,
    async start() {
      feeds.start()
      await scheduler.start()
    },
    async reload(namespace) {
      feeds.reload(namespace)
      await scheduler.reload(namespace)
    },
    close() {
      scheduler.close()
      feeds.close()
    },
  }
}

/** What the runtime of a container would find in its environment. */
function withEnvironment(run: CompiledAction, name: string, apihost: string): BuiltinHandler {
  return (args, { identity, activationId, transid, deadline, log }) =>
    run(args, {
      env: {
        __OW_API_HOST: apihost,
        __OW_API_KEY: `${identity.authkey.uuid}:${identity.authkey.key}`,
        __OW_NAMESPACE: identity.namespace.name,
        __OW_ACTION_NAME: `/${name}`,
        __OW_ACTIVATION_ID: activationId,
        __OW_TRANSACTION_ID: transid,
        __OW_DEADLINE: String(deadline),
      },
      log: (_, line) => log(line),
    })
}
