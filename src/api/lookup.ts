// What a PUT may do to what is there.

import { type EntityOf, isOfType } from '../engine/resolve.ts'
import type { EntityType, WhiskEntity } from '../entity/whisk-entity.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'

/**
 * What a PUT is to update; undefined when it creates. Fails with WhiskError `conflict` when the id is another type's,
 * whatever `overwrite` says, or when there is one and `overwrite` was not given.
 */
export function writable<T extends EntityType>(
  found: WhiskEntity | undefined,
  type: T,
  overwrite: boolean,
): EntityOf<T> | undefined {
  if (found === undefined) return undefined
  if (!isOfType(found, type)) throw new WhiskError('conflict', messages.conformance)
  if (!overwrite) throw new WhiskError('conflict', messages.resourceAlreadyExists)
  return found
}
