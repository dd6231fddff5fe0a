// A request to a web action, however it came: over HTTP, or in process from the API gateway.

/** Reads the request's body; fails with WhiskError `tooLarge` beyond the limit. */
export type BodyReader = (limitBytes: number) => Promise<Uint8Array> | Uint8Array

export interface WebActionRequest {
  /** Upper case. */
  readonly method: string
  /** Below `/api/v1/web/`, without the query; percent-encoded as it was sent, `.` and `..` segments removed. */
  readonly path: string
  /** Without the question mark; undefined when there was none. */
  readonly query: string | undefined
  /** Names and values in turn, one pair a line, as Node.js keeps them in `rawHeaders`. */
  readonly rawHeaders: readonly string[]
  /** Undefined when the request announces none. */
  readonly body: BodyReader | undefined
  readonly transid: string
  /** Epoch milliseconds of the request's arrival. */
  readonly startedAt: number
}

/** Runs a web action and answers as `/api/v1/web/…` does; never rejects for a request that is wrong. */
export type Dispatch = (request: WebActionRequest) => Promise<Response>
