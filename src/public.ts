// The types of the published API. A leaf: what is shipped as `.d.ts` is made of this file alone.

export type Json = null | boolean | number | string | Json[] | { [key: string]: Json }

/** `10m`, `30s`, `500ms`; a number counts seconds. */
export type Duration = string | number

/** `512m`, `2g` */
export type Size = string

/**
 * The options of the command line in camel case; `openwhisk-standalone --help` describes them. Those that are not given
 * come from `OPENWHISK_…` variables and the config file, as for the command line, but for the first three.
 */
export interface OpenWhiskOptions {
  /** Any free one unless given. */
  port?: number
  /** `memory` unless `dataDir` is given. */
  store?: 'memory' | 'disk'
  /** Takes the lines of the server's log, with their newline; nobody does unless given. */
  log?: (line: string) => void
  dataDir?: string
  clean?: boolean
  host?: string | string[]
  allowedHosts?: string[]
  allowOrigin?: string | string[]
  sync?: 'normal' | 'full'
  manifest?: string
  /** A path; `false` reads none. */
  configFile?: string | false
  driver?: 'auto' | 'docker' | 'process'
  dockerHost?: string
  dockerNetwork?: string
  pull?: 'missing' | 'always' | 'never'
  containerEnv?: string[]
  addHost?: string[]
  userMemory?: Size
  /** `['nodejs:20=2']`; `false`: no stem cells. */
  prewarm?: string[] | false
  idleTimeout?: Duration
  pauseGrace?: Duration | 'off'
  alwaysCold?: boolean
  limits?: 'off' | 'apache' | string | { [key: string]: Json }
  retentionAge?: Duration
  retentionCount?: number
  queueMemory?: Size
  stopTimeout?: Duration
  /** `false`: no port of its own for the API gateway. */
  apiGw?: boolean
  apiGwPort?: number
  https?: boolean
  cert?: string
  key?: string
  clock?: 'real' | 'virtual'
  seed?: number
  logLevel?: 'debug' | 'info' | 'warn' | 'error'
  logFormat?: 'pretty' | 'json'
  /** Further accounts: `{ namespace: 'uuid:key' }`. */
  users?: { [namespace: string]: string }
}

/** An activation record, complete with its logs. */
export interface Activation {
  activationId: string
  namespace: string
  name: string
  subject: string
  version: string
  /** Epoch milliseconds. */
  start: number
  end?: number
  duration?: number
  cause?: string
  response: {
    status: 'success' | 'application error' | 'action developer error' | 'whisk internal error'
    success: boolean
    result?: Json
    size?: number
  }
  logs: string[]
  annotations: { key: string; value: Json }[]
  publish: false
}

export interface InvokeOptions {
  /** Demands this kind of start. */
  start?: 'cold' | 'warm' | 'prewarmed'
}

/** What to wait for: one of `action`, `trigger` (a name in the namespace, `[package/]name`) or `activationId`. */
export interface WaitOptions {
  action?: string
  trigger?: string
  activationId?: string
  /** Epoch milliseconds; records that started before do not count. Now, unless given. */
  since?: number
  /** Milliseconds; 30000 unless given. */
  timeout?: number
}

export interface EventFilter {
  /** Whole types, or their first part: `activation`. */
  type?: string | string[]
  namespace?: string
  activationId?: string
}

export interface OpenWhiskEvent {
  type: string
  at: number
  namespace?: string
  action?: string
  activationId?: string
  container?: string
  [detail: string]: unknown
}

/** One namespace: what a test works in. Names of actions and triggers are relative to it, or absolute (`/ns/name`). */
export interface OpenWhiskNamespace {
  readonly name: string
  /** `uuid:key` */
  readonly auth: string
  /** Invokes an action and waits for its complete record, whatever its outcome. */
  invoke(action: string, params?: object, options?: InvokeOptions): Promise<Activation>
  /** Fires a trigger; undefined when it has no active rule. */
  fire(trigger: string, payload?: object): Promise<string | undefined>
  waitForActivation(options: WaitOptions): Promise<Activation>
  /** A request to the REST API below this namespace: `request('PUT', '/actions/hello', { exec })`. */
  request(method: string, path: string, body?: object): Promise<Json>
  checkpoint(name?: string): Promise<void>
  rollback(name?: string): Promise<void>
  reset(): Promise<void>
  /** Removes the namespace and everything in it. */
  delete(): Promise<void>
}

/** A running server. `guest` is the namespace that `invoke`, `fire`, `checkpoint` … of the server itself work in. */
export interface OpenWhisk extends Omit<OpenWhiskNamespace, 'name' | 'delete'> {
  /** `http://localhost:PORT` */
  readonly url: string
  /** Where actions reach the API. */
  readonly apihost: string
  /** Base URL of the API gateway's own port. */
  readonly gateway: string | undefined
  readonly port: number
  readonly driver: 'docker' | 'process'
  /** Bearer token of the control interface below `url`. */
  readonly token: string
  /** A new namespace, with a name of its own unless given; or an account that exists already. */
  namespace(name?: string): Promise<OpenWhiskNamespace>
  /** The live events from this call on, until the loop over them ends (or `return()`) or the server stops. */
  events(filter?: EventFilter): AsyncIterableIterator<OpenWhiskEvent>
  readonly clock: {
    /** Epoch milliseconds. */
    now(): number
    /** Moves a virtual clock on and runs what falls due; `'24h'`, or milliseconds. */
    advance(by: string | number): Promise<void>
  }
  /** Ends what runs, removes every container. Idempotent. */
  stop(): Promise<void>
  [Symbol.asyncDispose](): Promise<void>
}

/** Where a server is that runs in another process: what `OpenWhisk` shows of itself. */
export interface OpenWhiskAddress {
  url: string
  /** Of the control interface. */
  token: string
}

/** A server in another process: of the test runner's global setup, of `exec`, of a container. */
export interface OpenWhiskConnection {
  readonly url: string
  readonly token: string
  /** A new namespace, with a name of its own unless given. */
  namespace(name?: string): Promise<OpenWhiskNamespace>
  /** The live events from this call on, until the loop over them ends (or `return()`) or the server stops. */
  events(filter?: EventFilter): AsyncIterableIterator<OpenWhiskEvent>
  readonly clock: {
    /** Moves a virtual clock on and runs what falls due; `'24h'`, or milliseconds. */
    advance(by: string | number): Promise<void>
  }
}

/**
 * A failure with a code: `USAGE`, `DATA_DIRECTORY`, `PORT_TAKEN` (or no such address), `DRIVER` when the server could not
 * start, `REQUEST` when it refused a request (with its HTTP `status`), `FAILED` for all else.
 */
export class OpenWhiskError extends Error {
  readonly code: 'USAGE' | 'DATA_DIRECTORY' | 'PORT_TAKEN' | 'DRIVER' | 'REQUEST' | 'FAILED'
  readonly status: number | undefined

  constructor(code: OpenWhiskError['code'], message: string, options: { cause?: unknown; status?: number } = {}) {
    super(message, { cause: options.cause })
    this.name = 'OpenWhiskError'
    this.code = code
    this.status = options.status
  }
}
