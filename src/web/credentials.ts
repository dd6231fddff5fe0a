// The caller of a web action, if it says who it is: bad credentials only make it anonymous.

import type { Identity } from '../entity/identity.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'

export type Caller = Identity | 'anonymous' | 'invalid'

/** Who an `Authorization` header names; anything but a valid Basic pair of a known subject is one of the two words. */
export function callerOf(subjects: Store['subjects'], authorization: string | undefined): Caller {
  if (authorization === undefined) return 'anonymous'
  const encoded = /^basic\s+([A-Za-z0-9+/=]+)\s*$/i.exec(authorization)?.[1]
  if (encoded === undefined) return 'anonymous'
  const pair = Buffer.from(encoded, 'base64').toString('utf8')
  const colon = pair.indexOf(':')
  if (colon < 0) return 'invalid'
  return subjects.identityByKey(pair.slice(0, colon), pair.slice(colon + 1)) ?? 'invalid'
}

const CHALLENGE = { 'WWW-Authenticate': 'Basic realm="OpenWhisk secure realm",charset=UTF-8' }

/** Why a path that is no web action's is refused: it might be another resource, which wants authentication. */
export function unmatched(caller: Caller): WhiskError {
  if (caller === 'anonymous') {
    return new WhiskError('unauthorized', messages.authenticationMissing, { rejection: true, headers: CHALLENGE })
  }
  if (caller === 'invalid') {
    return new WhiskError('unauthorized', messages.authenticationInvalid, { rejection: true, headers: CHALLENGE })
  }
  return new WhiskError('notFound', messages.resourceNotFound, { rejection: true })
}
