// Where a server keeps what must survive it: the store in the data directory, or in memory.

import type { Clock } from './clock.ts'
import type { Config } from './config.ts'
import { cleanDataDir, databasePath, prepareDataDir } from './data-dir.ts'
import { ExitError } from './errors.ts'
import type { Logger } from './log.ts'
import { lockStore } from './store/lock.ts'
import { openStore } from './store/open.ts'
import type { Store } from './store/store.ts'

export interface State {
  readonly store: Store
  /** Undefined when nothing is on disk. */
  readonly dataDir: string | undefined
  close(): void
}

/** Fails with ExitError 3 when the data directory is in use, too new, or cannot be used. */
export function openState(config: Config, { clock, log }: { clock: Clock; log: Logger }): State {
  if (!config.ephemeral) return onDisk(config, clock, log)
  const store = openStore({ path: ':memory:', clock, log })
  return { store, dataDir: undefined, close: () => store.close() }
}

function onDisk({ dataDir, sync, clean }: Config, clock: Clock, log: Logger): State {
  prepareDataDir(dataDir)
  const path = databasePath(dataDir)
  if (clean) {
    const lock = lockStore(path, { mend: true })
    if (!lock) throw new ExitError(3, `--clean: the data directory ${dataDir} is in use by a running server`)
    try {
      cleanDataDir(dataDir)
    } finally {
      lock.release()
    }
  }
  const store = openStore({ path, clock, log, sync })
  return { store, dataDir, close: () => store.close() }
}
