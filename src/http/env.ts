// What every handler finds on its context.

import type { Identity } from '../entity/identity.ts'

export interface Env {
  Variables: {
    /** Transaction id: `X-Request-ID`, and `code` of error bodies. */
    transid: string
    /** Epoch milliseconds of the request's arrival. */
    startedAt: number
    /** Set below the authentication middleware. */
    identity: Identity
    /** Set where the answer is not to show the transaction id: refusals of the API gateway. */
    hideTransid?: true
  }
}
