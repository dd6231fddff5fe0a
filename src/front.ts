// Between the sockets and the routes: requests wait here until the routes are there, and go through Hono's adapter.

import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http'
import type { Logger } from './log.ts'

type Fetch = (
  request: Request,
  env: { incoming?: IncomingMessage; outgoing?: ServerResponse },
) => Response | Promise<Response>

/** What the sockets lead to, once it is wired. */
export interface Routes {
  readonly fetch: Fetch
  readonly gatewayFetch: Fetch
}

export interface Front {
  readonly api: RequestListener
  readonly gateway: RequestListener
  open(routes: Routes): void
  /** Loads what the first request needs, so that it need not wait for it. */
  warmUp(): void
}

interface Listeners {
  api: RequestListener
  gateway: RequestListener
}

export function createFront(log: Logger): Front {
  let listeners: Listeners | undefined
  let loading: Promise<Listeners> | undefined
  let opened: (routes: Routes) => void = () => {}
  const routes = new Promise<Routes>(resolve => {
    opened = resolve
  })
  // Node's Request and Response, and with them all of undici and the web streams, cost a third of a start: they are
  // loaded with the first request, or right after the server said that it is ready.
  const load = async (): Promise<Listeners> => {
    const [{ getRequestListener }, { fetch, gatewayFetch }] = await Promise.all([import('@hono/node-server'), routes])
    const options = { overrideGlobalObjects: false }
    listeners = {
      api: getRequestListener(fetch as Parameters<typeof getRequestListener>[0], options),
      gateway: getRequestListener(gatewayFetch as Parameters<typeof getRequestListener>[0], options),
    }
    return listeners
  }
  const through =
    (door: keyof Listeners): RequestListener =>
    (request, response) => {
      if (listeners) return listeners[door](request, response)
      loading ??= load()
      loading.then(
        ready => ready[door](request, response),
        error => {
          log.error('the routes could not be loaded', { error })
          response.writeHead(500).end()
        },
      )
      return undefined
    }
  return {
    api: through('api'),
    gateway: through('gateway'),
    open: opened,
    warmUp() {
      loading ??= load()
      loading.catch(error => log.error('the routes could not be loaded', { error }))
    },
  }
}
