// What the handlers of the REST API work with; each asks for the part it needs.

import type { Clock } from '../clock.ts'
import type { Invoker } from '../engine/invoker.ts'
import type { Entitlement } from '../entitlement/entitlement.ts'
import type { Throttler } from '../entitlement/throttler.ts'
import type { SystemLimits } from '../entity/limits.ts'
import type { ExecManifest } from '../entity/manifest.ts'
import type { EventBus } from '../events.ts'
import type { Logger } from '../log.ts'
import type { Store } from '../store/store.ts'

export interface ApiServices {
  readonly store: Store
  readonly invoker: Invoker
  readonly entitlement: Entitlement
  readonly throttler: Throttler
  readonly manifest: ExecManifest
  readonly limits: SystemLimits
  readonly clock: Clock
  readonly log: Logger
  readonly events: EventBus
}
