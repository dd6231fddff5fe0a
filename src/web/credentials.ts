// The caller of a web action, if it says who it is: bad credentials only make it anonymous.

import type { Identity } from '../entity/identity.ts'
import { WhiskError } from '../errors.ts'
import { identify } from '../http/authenticate.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'

/** Who an `Authorization` header names; undefined for anything but valid Basic credentials. */
export function callerOf(store: Pick<Store, 'subjects'>, authorization: string | undefined): Identity | undefined {
  if (authorization === undefined) return undefined
  try {
    return identify(store, authorization)
  } catch (error) {
    if (error instanceof WhiskError) return undefined
    throw error
  }
}

/** Why a path that is no web action's is refused: it might be another resource, which wants authentication. */
export function unmatched(store: Pick<Store, 'subjects'>, authorization: string | undefined): WhiskError {
  try {
    identify(store, authorization)
    return new WhiskError('notFound', messages.resourceNotFound, { rejection: true })
  } catch (error) {
    if (error instanceof WhiskError) return error
    throw error
  }
}
