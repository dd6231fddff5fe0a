// Files that only their owner may read.

import { chmodSync, closeSync, existsSync, mkdirSync, openSync, readdirSync } from 'node:fs'

/**
 * Makes a folder 0700. One that exists is narrowed only while it is empty: a folder with other things in it was made
 * for them, too.
 */
export function privateFolder(path: string): void {
  if (!existsSync(path)) mkdirSync(path, { recursive: true, mode: 0o700 })
  else if (readdirSync(path).length === 0) chmodSync(path, 0o700)
}

/** Makes an empty file 0600; one that exists gets that mode without being opened. */
export function createPrivate(path: string): void {
  if (existsSync(path)) chmodSync(path, 0o600)
  else closeSync(openSync(path, 'a', 0o600))
}
