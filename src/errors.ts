// The one error that a client may see, and the statuses it can carry; the one that ends the program.

/** HTTP status of each failure that is the request's fault (or the platform's considered answer to it). */
export const STATUS = {
  badRequest: 400,
  unauthorized: 401,
  forbidden: 403,
  notFound: 404,
  methodNotAllowed: 405,
  notAcceptable: 406,
  conflict: 409,
  tooLarge: 413,
  uriTooLong: 414,
  unsupportedMediaType: 415,
  misdirected: 421,
  unprocessable: 422,
  tooManyRequests: 429,
  internal: 500,
  notImplemented: 501,
  badGateway: 502,
  unavailable: 503,
} as const

export type ErrorCode = keyof typeof STATUS

/**
 * A failure with an answer for the client: thrown from any layer, rendered in one place (`http/on-error.ts`).
 *
 * `rejection` marks the failures that the reference answers from its rejection handler, that is without CORS headers
 * (401, malformed query or body, unknown route, unsupported media type); all others carry them.
 */
export class WhiskError extends Error {
  readonly code: ErrorCode
  readonly rejection: boolean
  /** Further response headers, e.g. `Allow` of a 405. */
  readonly headers: Readonly<Record<string, string>>

  constructor(
    code: ErrorCode,
    message: string,
    options: ErrorOptions & { rejection?: boolean; headers?: Record<string, string> } = {},
  ) {
    super(message, options)
    this.name = 'WhiskError'
    this.code = code
    this.rejection = options.rejection ?? false
    this.headers = options.headers ?? {}
  }

  get status(): number {
    return STATUS[this.code]
  }
}

/** A failure of the program as a whole, with the exit code that `cli.md` gives it. Becomes one sentence on stderr. */
export class ExitError extends Error {
  readonly exitCode: number

  constructor(exitCode: number, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'ExitError'
    this.exitCode = exitCode
  }
}

/** What was thrown, as text. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))
