// System actions as functions of this server: feeds, route management, the catalog. They need no container.

import type { ActivationId } from '../entity/activation.ts'
import type { Identity } from '../entity/identity.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, stringify } from '../entity/json.ts'
import type { CallOptions, RuntimeAnswer } from './container.ts'
import { logLine } from './log-format.ts'

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
 * Gets the merged arguments, answers with the result. An object with a key `error` is an application error, as is a
 * thrown `BuiltinRejection`; any other exception becomes one with its message.
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
  const context: BuiltinContext = {
    ...call.context,
    deadline: startedAt + call.timeoutMs,
    log: line => logs.push(...line.split('\n').map(text => logLine(call.now(), 'stdout', text))),
  }
  const result = await withTimeout(resultOf(handler, call.args, context), call.timeoutMs)
  const endedAt = call.now()
  if (result === undefined) return { answer: { type: 'timeout', startedAt, endedAt }, logs }
  return { answer: { type: 'response', status: 200, ...bounded(stringify(result), call), startedAt, endedAt }, logs }
}

/** The text as a connection to a container would have given it. */
function bounded(text: string, { maxResponseBytes, truncationBytes }: BuiltinCall) {
  const length = Buffer.byteLength(text)
  if (length <= maxResponseBytes) return { body: text }
  return { body: Buffer.from(text).toString('utf8', 0, truncationBytes), truncatedFrom: length }
}

async function resultOf(handler: BuiltinHandler, args: BuiltinArgs, context: BuiltinContext): Promise<JsonValue> {
  try {
    const result = (await handler(args, context)) ?? {}
    return isJsonObject(result) || isJsonArray(result) ? result : { value: result }
  } catch (error) {
    if (error instanceof BuiltinRejection) return { error: error.value }
    return { error: error instanceof Error ? error.message : String(error) }
  }
}

/** Undefined when it takes too long; what comes later is dropped. */
async function withTimeout(result: Promise<JsonValue>, timeoutMs: number): Promise<JsonValue | undefined> {
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
