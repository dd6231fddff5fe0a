// Colours, where they are wanted: NO_COLOR and FORCE_COLOR first, then whether a person is looking.

export interface Paint {
  bold(text: string): string
  dim(text: string): string
  green(text: string): string
  red(text: string): string
  yellow(text: string): string
}

/** Whether text for this stream may carry colours (https://no-color.org, and FORCE_COLOR as Node.js reads it). */
export function wantsColor(stream: { isTTY?: boolean }, env: NodeJS.ProcessEnv = process.env): boolean {
  const { FORCE_COLOR: force, NO_COLOR: no } = env
  if (force !== undefined) return !['0', 'false'].includes(force)
  if (no !== undefined && no !== '') return false
  return stream.isTTY === true && env.TERM !== 'dumb'
}

export function createPaint(color: boolean): Paint {
  const sgr = (open: number, close: number) => (text: string) =>
    color ? `\u001b[${open}m${text}\u001b[${close}m` : text
  return { bold: sgr(1, 22), dim: sgr(2, 22), green: sgr(32, 39), red: sgr(31, 39), yellow: sgr(33, 39) }
}

/** Writes a line to stdout; a reader that went away (`| head`) is no failure. */
export function print(text: string): void {
  process.stdout.write(`${text}\n`)
}
