// Who may call an API, and how often: keys, client secrets, and the distance between calls.

import { createHash, timingSafeEqual } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { firstHeader } from '../http/raw-request.ts'
import type { Apis, LiveApi } from './apis.ts'
import { gatewayMessages as say } from './gateway-messages.ts'
import { GatewayRefusal, type Security } from './swagger.ts'

export const hashSecret = (secret: string): string => createHash('sha256').update(secret).digest('hex')

const sameHash = (a: string, b: string): boolean =>
  a.length === b.length && timingSafeEqual(Buffer.from(a), Buffer.from(b))

export interface Policies {
  /** Fails with GatewayRefusal 401 or 429. */
  check(tenant: string, api: LiveApi, rawHeaders: readonly string[]): void
}

export function createPolicies(apis: Pick<Apis, 'subscription'>, clock: Clock): Policies {
  /** When the next call may come, by API and client. */
  const free = new Map<string, number>()

  /** The client that the request names, after it proved to be one. */
  function authenticate(tenant: string, api: LiveApi, security: Security, headers: readonly string[]): string {
    const header = (name: string) => firstHeader(headers, name.toLowerCase()) ?? ''
    if (security.type === 'apiKey') {
      const key = header(security.header)
      if (key === '' || !apis.subscription(tenant, api.artifactId, key)) throw new GatewayRefusal(401, say.unauthorized)
      return key
    }
    if (security.type === 'oauth2') {
      // Differs from OpenWhisk: no provider is asked, so no token is good.
      throw new GatewayRefusal(401, header('authorization') === '' ? say.noAuthorization : say.tokenRefused)
    }
    const id = header(security.idField)
    if (id === '') throw new GatewayRefusal(401, say.fieldRequired(security.idField))
    const secret = header(security.secretField)
    if (secret === '') throw new GatewayRefusal(401, say.fieldRequired(security.secretField))
    const hash = apis.subscription(tenant, api.artifactId, id)?.secretHash
    if (hash === undefined || !sameHash(hash, hashSecret(secret))) throw new GatewayRefusal(401, say.secretMismatch)
    return id
  }

  function space(api: LiveApi, client: string): void {
    if (api.spacingMs === undefined) return
    const key = `${api.artifactId} ${client}`
    const now = clock.now()
    if (now < (free.get(key) ?? 0)) throw new GatewayRefusal(429, say.rateLimitExceeded)
    if (free.size > 10_000) for (const [known, at] of free) if (at <= now) free.delete(known)
    free.set(key, now + api.spacingMs)
  }

  return {
    check(tenant, api, headers) {
      let client = ''
      for (const security of api.security) client = authenticate(tenant, api, security, headers)
      space(api, client)
    },
  }
}
