// System actions as functions of this server: feeds, route management, the catalog. They need no container.

import type { ActivationId } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, stringify } from '../entity/json.ts'
import { messageOf } from '../errors.ts'
import { messages } from '../messages.ts'
import type { CallOptions, RuntimeAnswer } from './container.ts'
import { type LogStream, logLine } from './log-format.ts'

export interface BuiltinContext {
  /** Who invokes it. */
  readonly identity: Identity
  readonly activationId: ActivationId
  readonly transid: string
  /** Epoch milliseconds at which its time is over. */
  readonly deadline: number
  /** Adds a line to the activation's logs. */
  log(line: string): void
}

/** An array only when a component of a sequence returned it. */
export type BuiltinArgs = JsonObject | readonly JsonValue[]

/**
 * Gets the merged arguments, answers with the result. It fails as a Node.js action does: an object with a key `error`
 * and a rejected promise are application errors, what it throws itself is a developer error. A `BuiltinRejection` is
 * an application error either way.
 */
export type BuiltinHandler = (
  args: BuiltinArgs,
  context: BuiltinContext,
) => Promise<JsonValue | undefined> | JsonValue | undefined

/** Handlers of actions that only know arguments by name: an array has none. */
export function namedArguments(
  handlers: ReadonlyMap<string, (args: JsonObject, context: BuiltinContext) => Promise<JsonValue>>,
): (readonly [string, BuiltinHandler])[] {
  return [...handlers].map(([name, handle]) => [
    name,
    (args, context) => handle(isJsonArray(args) ? {} : args, context),
  ])
}

/** Fails a system action with `{ error: value }`, as a rejected promise fails a Node.js action. */
export class BuiltinRejection extends Error {
  readonly value: JsonValue

  constructor(value: JsonValue) {
    super(typeof value === 'string' ? value : stringify(value))
    this.name = 'BuiltinRejection'
    this.value = value
  }
}

export interface BuiltinCall extends Pick<CallOptions, 'timeoutMs' | 'maxResponseBytes' | 'truncationBytes'> {
  readonly args: BuiltinArgs
  readonly context: Omit<BuiltinContext, 'log' | 'deadline'>
  now(): number
}

export interface Builtins {
  /** The handler of `ns/[pkg/]name`; undefined for ordinary actions. */
  get(fqn: string): BuiltinHandler | undefined
  /** Runs one and gives what a container would have answered, and the log lines. Never rejects. */
  run(handler: BuiltinHandler, call: BuiltinCall): Promise<{ answer: RuntimeAnswer; logs: readonly string[] }>
}

export function builtinFactory(handlers: ReadonlyMap<string, BuiltinHandler>): Builtins {
  return { get: fqn => handlers.get(fqn), run: runBuiltin }
}

async function runBuiltin(
  handler: BuiltinHandler,
  call: BuiltinCall,
): Promise<{ answer: RuntimeAnswer; logs: readonly string[] }> {
  const startedAt = call.now()
  const logs: string[] = []
  const write = (stream: LogStream, lines: string) => {
    for (const line of lines.split('\n')) logs.push(logLine(call.now(), stream, line))
  }
  const context: BuiltinContext = {
    ...call.context,
    deadline: startedAt + call.timeoutMs,
    log: line => write('stdout', line),
  }
  const said = await withTimeout(
    answerOf(handler, call.args, context, text => write('stderr', text)),
    call.timeoutMs,
  )
  const endedAt = call.now()
  if (said === undefined) return { answer: { type: 'timeout', startedAt, endedAt }, logs }
  const { status, value } = said
  return { answer: { type: 'response', status, ...bounded(stringify(value), call), startedAt, endedAt }, logs }
}

/** The text as a connection to a container would have given it. */
function bounded(text: string, { maxResponseBytes, truncationBytes }: BuiltinCall) {
  const length = Buffer.byteLength(text)
  if (length <= maxResponseBytes) return { body: text }
  return { body: Buffer.from(text).toString('utf8', 0, truncationBytes), truncatedFrom: length }
}

interface Said {
  readonly status: number
  readonly value: JsonValue
}

/** What the Node.js runtime would answer; `complain` writes to its standard error. */
async function answerOf(
  handler: BuiltinHandler,
  args: BuiltinArgs,
  context: BuiltinContext,
  complain: (text: string) => void,
): Promise<Said> {
  let returned: ReturnType<BuiltinHandler>
  try {
    returned = handler(args, context)
  } catch (error) {
    if (error instanceof BuiltinRejection) return rejected(error)
    complain(String(error))
    return { status: 502, value: { error: messages.actionThrew(String(error)) } }
  }
  try {
    const result = (await returned) ?? {}
    return { status: 200, value: isJsonObject(result) || isJsonArray(result) ? result : { value: result } }
  } catch (error) {
    return rejected(error)
  }
}

function rejected(error: unknown): Said {
  if (error instanceof BuiltinRejection) return { status: 200, value: { error: error.value } }
  return { status: 200, value: { error: messageOf(error) } }
}

/** Undefined when it takes too long; what comes later is dropped. */
async function withTimeout<T>(result: Promise<T>, timeoutMs: number): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<undefined>(resolve => {
    timer = setTimeout(resolve, timeoutMs, undefined)
    timer.unref()
  })
  try {
    return await Promise.race([result, late])
  } finally {
    clearTimeout(timer)
  }
}
