// The server's own log: one line an event, with the transaction id it belongs to.

import { closeSync, openSync, writeSync } from 'node:fs'
import { messageOf } from './errors.ts'

export const LOG_LEVELS = ['debug', 'info', 'warn', 'error'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface LogFields {
  /** Transaction id. */
  transid?: string
  error?: unknown
  [field: string]: unknown
}

export interface Logger {
  debug(message: string, fields?: LogFields): void
  info(message: string, fields?: LogFields): void
  warn(message: string, fields?: LogFields): void
  error(message: string, fields?: LogFields): void
  /** True when lines of this level are written: check before building an expensive line. */
  enabled(level: LogLevel): boolean
}

/** Writes nowhere; for tests and for parts that run without a server. */
export const silentLogger: Logger = {
  debug() {},
  info() {},
  warn() {},
  error() {},
  enabled: () => false,
}

export interface LogOptions {
  level?: LogLevel
  format?: 'pretty' | 'json'
  /** Appended to instead of `write`. */
  file?: string
  /** Colours of the pretty format. */
  color?: boolean
  /** Takes whole lines with their newline; stderr unless said. */
  write?: (text: string) => void
}

export interface OpenLogger extends Logger {
  /** Closes the file, if there is one. */
  close(): void
}

/** A logger for lines of `level` and above. Throws the file system's error when the file cannot be opened. */
export function createLogger(options: LogOptions = {}): OpenLogger {
  const threshold = LOG_LEVELS.indexOf(options.level ?? 'info')
  const fd = options.file === undefined ? undefined : openSync(options.file, 'a', 0o600)
  const sink = fd !== undefined ? toFile(fd) : (options.write ?? toStderr)
  const batch = createBatch(sink)
  const format =
    options.format === 'json' ? jsonLine : prettyLine.bind(undefined, fd === undefined && options.color === true)
  const writer = (level: LogLevel) =>
    LOG_LEVELS.indexOf(level) < threshold
      ? () => {}
      : (message: string, fields?: LogFields) => {
          batch.add(`${format(level, message, fields)}\n`)
          if (level === 'error') batch.flush()
        }
  return {
    debug: writer('debug'),
    info: writer('info'),
    warn: writer('warn'),
    error: writer('error'),
    enabled: level => LOG_LEVELS.indexOf(level) >= threshold,
    close: () => {
      batch.close()
      if (fd !== undefined) closeSync(fd)
    },
  }
}

const toStderr = (text: string) => void process.stderr.write(text)

/** What a full disk does not take is dropped, and stderr told once until it takes some: a log ends no server. */
function toFile(fd: number): (text: string) => void {
  let failing = false
  return text => {
    try {
      writeSync(fd, text)
      failing = false
    } catch (error) {
      if (!failing) toStderr(`the log file lacks lines: ${messageOf(error)}\n`)
      failing = true
    }
  }
}

/** What writes the pending lines of each open logger: one hook for all, for a process may have many. */
const open = new Set<() => void>()
const flushAll = () => {
  for (const flush of open) flush()
}

/** How long lines may wait for company: nobody reads faster than this. */
const GATHER_MS = 20

/**
 * Gathers lines for a moment: writes to a pipe or a file block, and one for each line would cost a busy server more
 * than the lines do. Errors, and what is pending at the process's end, are written at once.
 */
function createBatch(sink: (text: string) => void) {
  let pending = ''
  let closed = false
  let timer: NodeJS.Timeout | undefined
  const flush = () => {
    clearTimeout(timer)
    timer = undefined
    const text = pending
    pending = ''
    if (text !== '') sink(text)
  }
  if (open.size === 0) process.on('exit', flushAll)
  open.add(flush)
  return {
    add(line: string) {
      if (closed) return
      timer ??= setTimeout(flush, GATHER_MS).unref()
      pending += line
    },
    flush,
    close() {
      flush()
      closed = true
      open.delete(flush)
      if (open.size === 0) process.removeListener('exit', flushAll)
    },
  }
}

function jsonLine(level: LogLevel, message: string, { error, ...fields }: LogFields = {}): string {
  const line = { time: new Date().toISOString(), level, message, ...fields }
  return JSON.stringify(error === undefined ? line : { ...line, error: errorText(error) })
}

const SGR: Readonly<Record<LogLevel, string>> = { debug: '2', info: '36', warn: '33', error: '31' }

function prettyLine(color: boolean, level: LogLevel, message: string, fields: LogFields = {}): string {
  const { transid, error, ...rest } = fields
  const paint = (sgr: string, text: string) => (color ? `\u001b[${sgr}m${text}\u001b[0m` : text)
  const time = new Date().toISOString().slice(11, 23)
  let line = `${paint('2', time)} ${paint(SGR[level], level.padEnd(5))} ${message}`
  for (const [key, value] of Object.entries(rest)) {
    if (value !== undefined)
      line += ` ${paint('2', `${key}=`)}${typeof value === 'string' ? value : JSON.stringify(value)}`
  }
  if (transid !== undefined) line += ` ${paint('2', `[#tid_${transid}]`)}`
  return error === undefined ? line : `${line}\n${errorText(error)}`
}

/** The stack with the stacks of its causes. */
function errorText(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const own = error.stack ?? error.message
  return error.cause === undefined ? own : `${own}\ncaused by ${errorText(error.cause)}`
}
