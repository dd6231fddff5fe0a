// What runs when an activation's turn comes: the action as it is stored by then.

import type { ActivationResponse } from '../entity/activation.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { applicationError, whiskError } from './outcome.ts'
import { type ExecutableAction, isExecutable } from './profile.ts'

/** The stored action `ns/[pkg/]name`, or the response that tells why it cannot run. */
export function latestAction(store: Pick<Store, 'entities'>, id: string): ExecutableAction | ActivationResponse {
  let found: ReturnType<Store['entities']['get']>
  try {
    found = store.entities.get(id)
  } catch (error) {
    const corrupt = error instanceof WhiskError && error.code === 'internal'
    return whiskError(corrupt ? messages.actionMismatchWhileInvoking : messages.actionFetchErrorWhileInvoking)
  }
  if (found === undefined) return applicationError(messages.actionRemovedWhileInvoking)
  if (found.entityType !== 'action') return whiskError(messages.actionMismatchWhileInvoking)
  return isExecutable(found) ? found : whiskError(messages.actionFetchErrorWhileInvoking)
}
