// What a request to one entity carries, once its path was read.

import type { Identity } from '../entity/identity.ts'
import type { Query } from './listing.ts'

export interface EntityRequest {
  readonly identity: Identity
  /** `ns`, or `ns/package` for a packaged action. */
  readonly namespace: string
  readonly name: string
  /** `namespace/name`: the id in the store. */
  readonly id: string
  readonly query: Query | undefined
}
