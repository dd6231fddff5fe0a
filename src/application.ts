// The routes of a server and what is behind them: engine, REST API, web actions, gateway, alarms, catalog, control.

import { setMaxListeners } from 'node:events'
import { readFileSync } from 'node:fs'
import { Hono } from 'hono'
import { createApi } from './api/app.ts'
import { docsRoutes } from './api/docs.ts'
import { infoRoutes } from './api/info.ts'
import { createSystemActions, type SystemActions } from './builtins.ts'
import { hookRoutes } from './catalog/hook-routes.ts'
import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { builtinFactory, namedArguments } from './container/builtin.ts'
import type { ContainerFactory } from './container/container.ts'
import type { ControlDependencies } from './control/dependencies.ts'
import { controlRoutes } from './control/routes.ts'
import type { CloseReport } from './engine/close.ts'
import { createInvoker, type Engine, type InvokerOptions } from './engine/create.ts'
import { createEntitlement } from './entitlement/entitlement.ts'
import { createThrottler, type Throttler } from './entitlement/throttler.ts'
import { createActivationIds } from './entity/activation-id.ts'
import { type JsonObject, parseJson, stringify } from './entity/json.ts'
import { defaultLimits } from './entity/limits.ts'
import { type ExecManifest, loadManifest } from './entity/manifest.ts'
import { ExitError, messageOf } from './errors.ts'
import { EventBus, type UserMetric } from './events.ts'
import type { Routes } from './front.ts'
import { createGateway } from './gateway/gateway.ts'
import { entrance } from './http/entrance.ts'
import type { Env } from './http/env.ts'
import { outsideFallback } from './http/fallback.ts'
import { guard, hostOf, isApiCall, refusalOfPage } from './http/guard.ts'
import { onError } from './http/on-error.ts'
import { routedPath } from './http/target.ts'
import type { Logger } from './log.ts'
import { createMetrics, watchPool } from './metrics.ts'
import type { Store } from './store/store.ts'
import { BUILD_TIME, VERSION } from './version.ts'
import { isVirtual, withRealTimers } from './virtual-clock.ts'
import { createDispatch, webRoutes } from './web/routes.ts'

export interface ApplicationDependencies {
  config: Config
  store: Store
  factories: readonly ContainerFactory[]
  clock: Clock
  log: Logger
  events: EventBus
  /** Of the control interface. */
  token: string
  url: string
  apihost: string
  gatewayUrl: string | undefined
  driver: string
}

export interface Application extends Routes {
  /** Continues what a former server left, makes stem cells, takes up schedules. */
  start(): void
  close(): Promise<CloseReport>
}

/** Fails with ExitError 2 when the manifest cannot be read. */
export function createApplication(dependencies: ApplicationDependencies): Application {
  const { config, store, factories, clock, log, events, url, apihost, gatewayUrl } = dependencies
  const manifest = readManifest(config.manifest)
  const limits = defaultLimits(config.limits, config.userMemory)
  const entitlement = createEntitlement(store, { allowedKinds: limits.allowedKinds })
  const userMetrics = new EventBus<UserMetric>()
  const throttler = createThrottler(clock, limits, userMetrics)
  const waits = withRealTimers(clock)
  const fires = isVirtual(clock) ? new Map<string, Promise<unknown>>() : undefined
  const metrics = createMetrics()
  const stopped = new AbortController()
  setMaxListeners(0, stopped.signal)
  const root = new Hono<Env>({ getPath: routedPath })
  const request = inProcess((asked: Request) => root.fetch(asked), url)

  const kind = manifest.resolveKind('nodejs:default')?.kind ?? 'nodejs:20'
  const ended = (activationId: string) => fires?.get(activationId)
  const system = createSystemActions({ store, clock, log, events, url, apihost, request, ended }, kind)
  const gateway = createGateway({
    store,
    dispatch: asked => dispatch(asked),
    clock,
    log,
    gatewayUrl: () => gatewayUrl ?? url,
    apiHost: () => new URL(url).host,
  })
  gateway.install(kind)

  const invoker = createInvoker(
    {
      store,
      entitlement,
      throttler,
      factories: () => factories,
      builtins: builtinFactory(new Map([...system.handlers, ...namedArguments(gateway.handlers)])),
      manifest,
      limits,
      clock,
      log,
      events,
      metrics: metrics.engine,
      activationIds: createActivationIds(clock, config.seed),
      onFired: fires && ((activationId, done) => remember(fires, activationId, done)),
    },
    engineOptions(config),
  )

  const guarded = guardOptions(dependencies)
  const webDeps = {
    store,
    invoker,
    entitlement,
    throttler,
    limits,
    clock: waits,
    refusalOfPage: refusalOfPage(guarded),
  }
  const dispatch = createDispatch(webDeps)
  watchPool(metrics, () => invoker.status())
  const info = { version: VERSION, buildNo: VERSION, build: BUILD_TIME }
  invoker.recover()
  const api = createApi({ store, invoker, entitlement, throttler, manifest, limits, clock: waits, log, events })
  root.use(entrance({ clock, metrics, refusal: guard(guarded) }))
  root.onError(onError(log))
  root.get('/ready', c => c.json(...readiness(store, factories)))
  root.route('/api/v1/web', webRoutes(webDeps, dispatch))
  root.route(
    '/_control/v1',
    controlRoutes(
      controlOf(dependencies, { invoker, throttler, userMetrics, system, request, stopped: stopped.signal }),
    ),
  )
  root.route('/_hooks', hookRoutes(system.feeds))
  root.route('/', infoRoutes({ limits, manifest, metrics, info }))
  root.route('/', docsRoutes(info))
  // Before the gateway, which would look at each of its requests too.
  root.route('/', api)
  root.route('/', gateway.mainRoutes)
  root.all('*', outsideFallback)

  const outer = new Hono<Env>({ getPath: routedPath })
  outer.use(entrance({ clock, refusal: guard({ ...guarded, forPages: isApiCall }) }))
  outer.onError(onError(log))
  outer.route('/', gateway.routes)

  return {
    fetch: (asked, env) => root.fetch(asked, env),
    gatewayFetch: (asked, env) => outer.fetch(asked, env),
    start() {
      invoker.start()
      system.start().catch(error => log.error('stored schedules could not be taken up', { error }))
    },
    async close() {
      system.close()
      try {
        return await invoker.close()
      } finally {
        stopped.abort()
      }
    },
  }
}

/** Until it has settled. */
function remember(fires: Map<string, Promise<unknown>>, activationId: string, done: Promise<unknown>): void {
  fires.set(activationId, done)
  void done.finally(() => fires.delete(activationId))
}

function engineOptions(config: Config): InvokerOptions {
  return {
    userMemoryMb: config.userMemory,
    queueMemoryBytes: config.queueMemory,
    idleTimeoutMs: config.idleTimeout,
    pauseGraceMs: config.pauseGrace,
    alwaysCold: config.alwaysCold,
    prewarm: config.prewarm,
    containerEnv: config.containerEnv,
    stopTimeoutMs: config.stopTimeout,
    ephemeral: config.ephemeral,
  }
}

/** The names under which this server is asked for are its own. */
const guardOptions = ({ config, url, apihost }: ApplicationDependencies) => ({
  allowedHosts: [...config.allowedHosts, ...config.host, hostOf(url), hostOf(apihost)],
  allowOrigin: config.allowOrigin,
})

function readManifest(path: string | undefined): ExecManifest {
  if (path === undefined) return loadManifest()
  try {
    return loadManifest(parseJson(readFileSync(path, 'utf8')))
  } catch (error) {
    if (error instanceof ExitError) throw error
    throw new ExitError(2, `--manifest ${path}: ${messageOf(error)}`, {
      cause: error,
    })
  }
}

/** Requests to our own REST API, for feeds: without a socket, but through everything else. */
function inProcess(fetch: (request: Request) => Response | Promise<Response>, url: string) {
  return async (method: string, path: string, apikey: string, body?: JsonObject) => {
    const response = await fetch(
      new Request(new URL(path, url), {
        method,
        headers: {
          authorization: `Basic ${Buffer.from(apikey).toString('base64')}`,
          ...(body && { 'content-type': 'application/json' }),
        },
        body: body && stringify(body),
      }),
    )
    const text = await response.text()
    return { status: response.status, body: jsonOrText(text) }
  }
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** What `/ready` answers: 503 with reasons while something that every invoke needs is missing. */
function readiness(store: Store, factories: readonly ContainerFactory[]): [body: object, status: 200 | 503] {
  const reasons = [
    ...(store.healthy ? [] : ['store: the last write failed']),
    ...(factories.some(factory => factory.healthy()) ? [] : ['driver: the container engine does not answer']),
    ...(store.subjects.identityByNamespace('guest') ? [] : ['accounts: there is no guest']),
  ]
  return reasons.length === 0 ? [{ ready: true }, 200] : [{ ready: false, reasons }, 503]
}

interface ControlParts {
  invoker: Engine
  throttler: Throttler
  userMetrics: EventBus<UserMetric>
  system: SystemActions
  request: ControlDependencies['request']
  stopped: AbortSignal
}

function controlOf(
  { store, clock, events, token, factories, driver, url, gatewayUrl }: ApplicationDependencies,
  { invoker, throttler, userMetrics, system, request, stopped }: ControlParts,
): ControlDependencies {
  return {
    token,
    store,
    clock,
    events,
    userMetrics,
    status: () => ({
      version: VERSION,
      url,
      gateway: gatewayUrl,
      driver,
      healthy: factories.every(f => f.healthy()),
      ...invoker.status(),
    }),
    recycle: action => invoker.recycle(action),
    async idle(namespace) {
      const uuid = store.subjects.identityByNamespace(namespace)?.namespace.uuid
      if (uuid !== undefined) await throttler.idle(uuid)
    },
    async restored(namespace, entityIds) {
      invoker.entitiesChanged(entityIds)
      await system.reload(namespace)
    },
    request,
    stopped,
    settled: ids => invoker.settled(ids),
  }
}
