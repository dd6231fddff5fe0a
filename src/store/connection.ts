// The one connection and its one open transaction: group commit, savepoints, and what happens when the disk fails.

import type Database from 'better-sqlite3'
import type { Clock, Timer } from '../clock.ts'
import { WhiskError } from '../errors.ts'
import type { Logger } from '../log.ts'
import { messages } from '../messages.ts'

/**
 * How long writes that nobody waits for may wait for company. What they say (an activation ended, a run started) is
 * told to nobody before it is committed, so a crash in this time is as if it had come before them.
 */
const LINGER_MS = 2

/** How long after a failed commit the store looks whether it can write again. */
const PROBE_INTERVAL_MS = 1000

interface Batch {
  readonly promise: Promise<void>
  readonly resolve: () => void
  readonly reject: (error: WhiskError) => void
}

/**
 * Writes open a transaction. When somebody waits for it, it is committed in the check phase of that turn of the event
 * loop, so that all requests of a turn share one commit; else it lingers for a moment.
 *
 * A write that fails, or a commit that fails, takes the whole transaction with it: what was written in it is gone,
 * everyone who awaits `committed()` is told, and further writes of the turn are refused, so that nobody builds on what
 * is not there.
 */
export class Connection {
  readonly db: Database.Database
  readonly #clock: Clock
  readonly #log: Logger
  readonly #begin: Database.Statement
  readonly #commit: Database.Statement
  readonly #rollbackListeners: (() => void)[] = []
  readonly #commitListeners: (() => void)[] = []
  /** Whether a transaction is open (or has failed and the turn is not over). */
  #open = false
  #linger: NodeJS.Timeout | undefined
  #batch: Batch | undefined
  /** Whether somebody waits for the open transaction. */
  #hurried = false
  #failure: WhiskError | undefined
  /** Depth of `transaction()`, and how many of these levels have their savepoint. */
  #depth = 0
  #savepoints = 0
  #healthy = true
  #probe: Timer | undefined
  readonly #flush = () => this.flush()

  constructor(db: Database.Database, options: { clock: Clock; log: Logger }) {
    this.db = db
    this.#clock = options.clock
    this.#log = options.log
    this.#begin = db.prepare('BEGIN IMMEDIATE')
    this.#commit = db.prepare('COMMIT')
  }

  get healthy(): boolean {
    return this.#healthy
  }

  /** `fn` is called after something was rolled back: to forget what may never have been. */
  onRollback(fn: () => void): void {
    this.#rollbackListeners.push(fn)
  }

  /** `fn` is called before each commit, to write what it put off. */
  onCommit(fn: () => void): void {
    this.#commitListeners.push(fn)
  }

  /** For a write that is put off until `onCommit`: makes sure that there will be a commit. */
  touch(): void {
    this.write(() => {})
  }

  /** Runs statements that write. Whatever `fn` throws is a failure of the store: check and encode before. */
  write<T>(fn: () => T): T {
    if (this.#failure) throw this.#failure
    try {
      if (!this.#open) this.#start()
      // What was put off before a savepoint must not go with it.
      if (this.#savepoints === 0 && this.#depth > 0) for (const listener of this.#commitListeners) listener()
      while (this.#savepoints < this.#depth) {
        this.db.exec(`SAVEPOINT level${this.#savepoints}`)
        this.#savepoints++
      }
      return fn()
    } catch (error) {
      throw this.#fail(error)
    }
  }

  /** Runs several writes as one: when `fn` throws, what it wrote is undone, and nothing else. */
  transaction<T>(fn: () => T): T {
    const level = this.#depth++
    try {
      const result = fn()
      if (this.#savepoints > level) this.write(() => this.db.exec(`RELEASE level${level}`))
      return result
    } catch (error) {
      if (this.#savepoints > level) this.#undo(level)
      throw error
    } finally {
      this.#depth = level
      this.#savepoints = Math.min(this.#savepoints, level)
    }
  }

  committed(): Promise<void> {
    if (!this.#open) return Promise.resolve()
    if (!this.#hurried) {
      this.#hurried = true
      setImmediate(this.#flush)
    }
    return this.stored()
  }

  /** Settles as `committed` does, but hurries nothing: the transaction lingers. */
  stored(): Promise<void> {
    if (!this.#open) return Promise.resolve()
    this.#batch ??= newBatch()
    return this.#batch.promise
  }

  /** Commits what is open, now. */
  flush(): void {
    if (!this.#open) return
    if (!this.#failure) {
      try {
        for (const listener of this.#commitListeners) listener()
        this.#commit.run()
      } catch (error) {
        this.#fail(error)
      }
    }
    const batch = this.#batch
    const failure = this.#failure
    clearTimeout(this.#linger)
    this.#open = false
    this.#hurried = false
    this.#batch = undefined
    this.#failure = undefined
    if (failure) {
      batch?.reject(failure)
      return
    }
    if (!this.#healthy) this.#recovered()
    batch?.resolve()
  }

  close(): void {
    this.flush()
    this.#probe?.cancel()
    this.db.close()
  }

  #start(): void {
    // Before BEGIN: a BEGIN that fails is a batch that fails.
    this.#open = true
    this.#linger = setTimeout(this.#flush, LINGER_MS)
    this.#begin.run()
  }

  #undo(level: number): void {
    if (this.#failure) return
    try {
      this.db.exec(`ROLLBACK TO level${level}; RELEASE level${level}`)
      for (const listener of this.#rollbackListeners) listener()
    } catch (error) {
      this.#fail(error)
    }
  }

  /** Gives the batch up; returns what its writers are told. */
  #fail(error: unknown): WhiskError {
    if (this.#failure) return this.#failure
    const failure = new WhiskError('unavailable', messages.unavailable, { cause: error })
    this.#failure = failure
    this.#healthy = false
    setImmediate(this.#flush)
    const kept = this.#rollBack()
    for (const listener of this.#rollbackListeners) listener()
    this.#probeLater()
    this.#log.error('The store could not write; nothing of this turn was stored.', { error })
    if (kept !== undefined) this.#log.error('The store could not roll back.', { error: kept })
    return failure
  }

  /** Gives the error when that fails. */
  #rollBack(): unknown {
    try {
      if (this.db.inTransaction) this.db.exec('ROLLBACK')
      return undefined
    } catch (error) {
      return error
    }
  }

  #recovered(): void {
    this.#healthy = true
    this.#probe?.cancel()
    this.#probe = undefined
    this.#log.info('The store writes again.')
  }

  #probeLater(): void {
    this.#probe?.cancel()
    this.#probe = this.#clock.setTimeout(() => {
      try {
        // Rewrites the first page as it is.
        this.write(() => this.db.pragma(`user_version = ${this.db.pragma('user_version', { simple: true })}`))
        this.flush()
      } catch {
        // Logged, and the next probe is due.
      }
    }, PROBE_INTERVAL_MS)
  }
}

function newBatch(): Batch {
  let resolve = () => {}
  let reject = (_: WhiskError) => {}
  const promise = new Promise<void>((resolved, rejected) => {
    resolve = resolved
    reject = rejected
  })
  // Whoever asked has its own promise chain; nobody else is to be warned.
  promise.catch(() => {})
  return { promise, resolve, reject }
}
