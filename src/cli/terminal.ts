// Colours, where they are wanted: NO_COLOR and FORCE_COLOR first, then whether a person is looking.

import { Chalk, type ChalkInstance } from 'chalk'

/** The styles that the command line uses. */
export type Paint = Pick<ChalkInstance, 'bold' | 'dim' | 'green' | 'red' | 'yellow'>

/** Whether text for this stream may carry colours (https://no-color.org, and FORCE_COLOR as Node.js reads it). */
export function wantsColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no } = env
  if (force !== undefined) return !['0', 'false'].includes(force)
  if (no !== undefined && no !== '') return false
  return stream.isTTY === true && env.TERM !== 'dumb'
}

export const createPaint = (color: boolean): Paint => new Chalk({ level: color ? 1 : 0 })

/** Writes a line to stdout; a reader that went away (`| head`) is no failure. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
