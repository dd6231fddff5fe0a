// Basic authentication: from the Authorization header to an Identity.

import type { MiddlewareHandler } from 'hono'
import type { Identity } from '../entity/identity.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import type { Env } from './env.ts'
import { headerOf } from './raw-request.ts'

const KEY_LENGTH = 64
const MAX_KEPT_LENGTH = 200
const BASIC = /^basic[ \t]+([A-Za-z0-9+/_-]+={0,2})[ \t]*$/i
const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="OpenWhisk secure realm",charset=UTF-8' }

function unauthorized(message: string): WhiskError {
  return new WhiskError('unauthorized', message, { rejection: true, headers: CHALLENGE })
}

/** What headers decoded to. They are the clients': the memory of them has an end. */
const decoded = new Map<string, string>()
const MAX_DECODED = 100

/** `uuid:key` of an Authorization header. Undefined when it carries no Basic credentials that could be read. */
export function basicCredentials(header: string | undefined): string | undefined {
  if (header === undefined) return undefined
  const known = decoded.get(header)
  if (known !== undefined) return known
  const encoded = BASIC.exec(header)?.[1]
  if (encoded === undefined) return undefined
  const credentials = Buffer.from(encoded, 'base64').toString()
  if (decoded.size < MAX_DECODED && credentials.length < MAX_KEPT_LENGTH) decoded.set(header, credentials)
  return credentials
}

/**
 * Who sends this Authorization header. Fails with `unauthorized` when it is missing, no Basic authentication, or not
 * the key of a subject that is not blocked.
 */
export function identify(store: Pick<Store, 'subjects'>, header: string | undefined): Identity {
  const credentials = basicCredentials(header)
  if (credentials === undefined) throw unauthorized(messages.authenticationMissing)
  const colon = credentials.indexOf(':')
  const key = credentials.slice(colon + 1)
  // OpenWhisk: keys of another length are refused without being looked up.
  const known = colon !== -1 && key.length === KEY_LENGTH
  const identity = known ? store.subjects.identityByKey(credentials.slice(0, colon), key) : undefined
  if (identity === undefined) throw unauthorized(messages.authenticationInvalid)
  return identity
}

/** Sets `identity`, or fails as `identify` does. */
export function authenticate(store: Pick<Store, 'subjects'>): MiddlewareHandler<Env> {
  return async (c, next) => {
    c.set('identity', identify(store, headerOf(c, 'authorization')))
    await next()
  }
}
