// A store in memory for tests of its parts.

import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'

export const memoryStore = (clock: FakeClock = fakeClock()) => ({
  clock,
  store: openStore({ path: ':memory:', clock, log: silentLogger }),
})
