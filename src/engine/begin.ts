// The last moment before a run begins: from here on a crash ends it with a record instead of running it again.

import type { MirrorEntry } from './mirror.ts'
import type { Records } from './records.ts'
import type { Run } from './run.ts'

/**
 * Marks an accepted run as started; settles when that is durable. Where the store cannot write, a run that was accepted
 * waits until it can again; false when it has ended meanwhile, because the server stops. Rejects for one of which the
 * store knows nothing: its caller was refused for the same reason.
 */
export async function begin(run: Run, records: Pick<Records, 'writable'>): Promise<boolean> {
  const { mirror } = run
  if (mirror === undefined) return true
  try {
    await mirror.started()
    // The same commit has released the answer to whoever sent this run: that goes first, nobody waits for the run.
    await new Promise(setImmediate)
  } catch (error) {
    if (!mirror.isStored) throw error
    do await records.writable()
    while (!run.isEnded && !(await isMarked(mirror)))
  }
  return !run.isEnded
}

async function isMarked(mirror: MirrorEntry): Promise<boolean> {
  try {
    await mirror.startedAgain()
    return true
  } catch {
    // The store has told its log.
    return false
  }
}
