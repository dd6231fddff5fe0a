// The data directory: made for its owner alone, kept out of version control, emptied on demand.

import { chmodSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { ExitError, messageOf } from './errors.ts'

const DATABASE = 'openwhisk.db'
/** What `--clean` removes: the lock must stay, as another server may want it at this moment. */
const DATA_FILES = /^openwhisk\.db(?!\.lock$)/

export const databasePath = (dataDir: string): string => join(dataDir, DATABASE)

/** Makes the directory when it is missing. Fails with ExitError 3 when it cannot be used. */
export function prepareDataDir(dataDir: string): void {
  try {
    const fresh = !existsSync(dataDir)
    mkdirSync(dataDir, { recursive: true, mode: 0o700 })
    if (fresh || readdirSync(dataDir).length === 0) {
      chmodSync(dataDir, 0o700)
      // Where the folder stands in a project, its content is nobody else's business.
      if (basename(dataDir) === '.openwhisk' && dirname(dataDir) !== dataDir) {
        writeFileSync(join(dataDir, '.gitignore'), '*\n', { mode: 0o600 })
      }
    }
  } catch (error) {
    throw new ExitError(3, `the data directory ${dataDir} cannot be used: ${messageOf(error)}`, { cause: error })
  }
}

/** Removes the data of servers from the directory, whose lock the caller has. Other files stay. */
export function cleanDataDir(dataDir: string): void {
  if (!existsSync(dataDir)) return
  try {
    for (const name of readdirSync(dataDir)) {
      if (DATA_FILES.test(name)) rmSync(join(dataDir, name), { recursive: true, force: true })
    }
  } catch (error) {
    throw new ExitError(3, `the data directory ${dataDir} cannot be emptied: ${messageOf(error)}`, { cause: error })
  }
}
