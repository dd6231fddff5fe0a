// Runs the source of a catalog action inside the server, with what an action of the nodejs runtime would find.

import { formatWithOptions } from 'node:util'
import { JsonNumber, type JsonObject, type JsonValue } from '../entity/json.ts'

export interface CompiledContext {
  /** `__OW_…` variables and nothing else. */
  readonly env: Readonly<Record<string, string>>
  log(stream: 'stdout' | 'stderr', line: string): void
}

export type CompiledAction = (
  args: JsonObject | readonly JsonValue[],
  context: CompiledContext,
) => Promise<JsonValue> | JsonValue

type Factory = (console: object, process: object, require: (id: string) => unknown) => (args: unknown) => unknown

/** Catalog actions use nothing but Node's own modules. */
const requireBuiltin = (id: string): unknown => process.getBuiltinModule(id)

/**
 * The returned function throws when `main` throws synchronously (a developer error), and answers `{ error }` when its
 * promise is rejected (an application error), as the runtime does.
 */
export function compileAction(source: string): CompiledAction {
  let make: Factory | undefined
  return (args, { env, log }) => {
    make ??= new Function('console', 'process', 'require', `${source}\nreturn main`) as Factory
    const print =
      (stream: 'stdout' | 'stderr') =>
      (...values: unknown[]) => {
        for (const line of formatWithOptions({ colors: false }, ...values).split('\n')) log(stream, line)
      }
    const console = { log: print('stdout'), info: print('stdout'), error: print('stderr'), warn: print('stderr') }
    const main = make(console, { env }, requireBuiltin)
    const returned = main(copy(args))
    if (!(returned instanceof Promise)) return toJson(returned) ?? {}
    return returned.then(
      value => toJson(value) ?? {},
      reason => ({ error: toJson(serializeReason(reason)) ?? {} }),
    )
  }
}

/** Arguments may be shared with the entity cache, and actions change what they are given. */
function copy(value: JsonValue): JsonValue {
  if (value instanceof JsonNumber || typeof value !== 'object' || value === null) return value
  if (Array.isArray(value)) return value.map(copy)
  return Object.fromEntries(Object.entries(value).map(([key, entry]) => [key, copy(entry)]))
}

const serializeReason = (reason: unknown): unknown =>
  reason instanceof Error
    ? { ...reason, name: reason.name, message: reason.message, stack: reason.stack }
    : reason || {}

/** What JSON makes of a value (dates become text, functions vanish), with the numbers that keep their text. */
function toJson(value: unknown): JsonValue | undefined {
  if (value === null || typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'number') return Number.isFinite(value) ? value : null
  if (value instanceof JsonNumber) return value
  if (Array.isArray(value)) return value.map(entry => toJson(entry) ?? null)
  if (typeof value !== 'object') return undefined
  if ('toJSON' in value && typeof value.toJSON === 'function') return toJson(value.toJSON())
  const entries: [string, JsonValue][] = []
  for (const [key, entry] of Object.entries(value)) {
    const json = toJson(entry)
    if (json !== undefined) entries.push([key, json])
  }
  return Object.fromEntries(entries)
}
