// The API gateway as a whole: what server wiring needs of it.

import type { Hono } from 'hono'
import type { Clock } from '../clock.ts'
import type { Dispatch } from '../http/dispatch.ts'
import type { Env } from '../http/env.ts'
import type { Logger } from '../log.ts'
import type { Store } from '../store/store.ts'
import { openApis } from './apis.ts'
import { installRouteManagement, routeManagementHandlers } from './manage.ts'
import { createDataPlane, gatewayOnMainPort, gatewayRoutes } from './routes.ts'
import { subscriptionRoutes } from './subscriptions.ts'

export interface GatewayOptions {
  readonly store: Pick<Store, 'documents' | 'entities' | 'subjects' | 'transaction' | 'committed'>
  /** Reaches web actions in process. */
  readonly dispatch: Dispatch
  readonly clock: Clock
  readonly log: Logger
  /** Where APIs are called: `http://localhost:3234`, or the main port's URL without a port of its own. */
  readonly gatewayUrl: () => string
  /** Host and port of the API: what backends see as `Host`. */
  readonly apiHost: () => string
}

export interface Gateway {
  /** For the gateway's own port. */
  readonly routes: Hono<Env>
  /** For the main port: mount at `/`, after the REST API; passes on what is no API of a tenant. */
  readonly mainRoutes: Hono<Env>
  /** Handlers of `/whisk.system/apimgmt/*` by fully qualified name, for the built-in container factory. */
  readonly handlers: ReturnType<typeof routeManagementHandlers>
  /** Puts the package and its actions into the store. `kind` is the manifest's default nodejs kind. */
  install(kind: string): void
}

export function createGateway(options: GatewayOptions): Gateway {
  const { store, clock, gatewayUrl } = options
  const apis = openApis(store, clock)
  const plane = createDataPlane({ ...options, apis })
  const routes = gatewayRoutes(plane, subscriptionRoutes({ apis, store, gatewayUrl }))
  return {
    routes,
    mainRoutes: gatewayOnMainPort(plane),
    handlers: routeManagementHandlers({ apis, store, gatewayUrl }),
    install: kind => installRouteManagement(store, kind, `${gatewayUrl()}/v2`, clock.now()),
  }
}
