// The server's own log: one line an event, with the transaction id it belongs to.

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
