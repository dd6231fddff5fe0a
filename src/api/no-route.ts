// The 404 of a path or method that is no route.

import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'

/** OpenWhisk: below `/api/v1` a method that a path does not know is not found; there is no 405. */
export function noRoute(): WhiskError {
  return new WhiskError('notFound', messages.resourceNotFound, { rejection: true })
}
