// How making and initializing a container went.

import type { ActivationResponse } from '../entity/activation.ts'
import type { Outcome } from './outcome.ts'
import type { Run } from './run.ts'

/** What the opening of a container came to, for the run that did it and for those that waited for it. */
export type Opening =
  | { readonly type: 'opened'; readonly by: Run; readonly start: number; readonly initTime: number }
  | { readonly type: 'notCreated'; readonly by: Run; readonly response: ActivationResponse }
  | {
      readonly type: 'notInitialized'
      readonly by: Run
      readonly outcome: Outcome
      readonly start: number
      readonly initTime: number
    }
