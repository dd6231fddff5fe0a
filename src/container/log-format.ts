// How a log line looks in an activation record, and what it weighs against the log limit. Pure.

export type LogStream = 'stdout' | 'stderr'

/** The line that a runtime writes to each stream at the end of an activation. */
export const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX'

const STAMP_WIDTH = 30
/** `{"log":"…\n","stream":"stdout","time":"2023-11-14T22:13:20.061234567Z"}` and its newline, without the text. */
const RECORD_OVERHEAD = '{"log":"\\n","stream":"stdout","time":"2023-11-14T22:13:20.061234567Z"}\n'.length

/** The most that one byte of text can weigh (`\u0001`). */
export const MAX_WEIGHT_PER_BYTE = 6
export { RECORD_OVERHEAD }

let stampedSecond = Number.NaN
let stampPrefix = ''

/** RFC 3339 with nanoseconds, trailing zeros of the fraction left out, as Docker prints it. `ms` may have a fraction. */
export const timestamp = (ms: number): string => {
  const second = Math.floor(ms / 1000)
  if (second !== stampedSecond) {
    stampedSecond = second
    stampPrefix = new Date(second * 1000).toISOString().slice(0, 19)
  }
  const nanos = Math.floor((ms - second * 1000) * 1e6)
  if (nanos <= 0) return `${stampPrefix}Z`
  return `${stampPrefix}.${String(nanos).padStart(9, '0').replace(/0+$/, '')}Z`
}

/** A line of `logs`: the stamp padded to 30 characters, the stream, the text. */
export const logLine = (ms: number, stream: LogStream, text: string): string =>
  `${timestamp(ms).padEnd(STAMP_WIDTH)} ${stream}: ${text}`

/**
 * The bytes of the line's record in Docker's json-file log, its newline included.
 *
 * OpenWhisk: the log limit is compared with the raw records (DockerToActivationLogStore), so quotes and control
 * characters weigh more than one byte.
 */
export const recordWeight = (text: string): number => {
  let weight = RECORD_OVERHEAD
  for (let i = 0; i < text.length; i++) weight += unitWeight(text.charCodeAt(i))
  return weight
}

const unitWeight = (unit: number): number => {
  if (unit >= 0x80) return wideWeight(unit)
  if (unit === 0x22 || unit === 0x5c || unit === 0x0a || unit === 0x0d) return 2
  // Docker's encoder also escapes <, > and &.
  return unit < 0x20 || unit === 0x3c || unit === 0x3e || unit === 0x26 ? 6 : 1
}

const wideWeight = (unit: number): number => {
  if (unit < 0x800) return 2
  // Each half of a surrogate pair stands for two of the four bytes.
  if (unit >= 0xd800 && unit < 0xe000) return 2
  return unit === 0x2028 || unit === 0x2029 ? 6 : 3
}
