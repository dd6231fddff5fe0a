// The shell that processes are started with, where there is one: bare images have none.

import { existsSync } from 'node:fs'

export const SHELL = '/bin/sh'

let found: boolean | undefined

/** Looks once. */
export const hasShell = (): boolean => (found ??= existsSync(SHELL))
