// The runtime manifest: which kinds of actions there are, and which image runs each.

import { ExitError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { JsonObject, JsonValue } from './json.ts'
import { isJsonArray, isJsonObject, numberOf } from './json.ts'
import { parseByteSize } from './limits.ts'
import { malformedContent } from './malformed.ts'
import { builtinAliases, builtinManifest } from './runtimes.ts'

/** Containers that are started before anybody asks for them. */
export interface StemCell {
  readonly initialCount: number
  readonly memoryMb: number
  readonly reactive?: {
    readonly minCount: number
    readonly maxCount: number
    readonly ttlMs: number
    readonly threshold: number
    readonly increment: number
  }
}

export interface RuntimeManifest {
  readonly kind: string
  readonly family: string
  /** `[registry/][prefix/]name[:tag]` */
  readonly image: string
  readonly default: boolean
  readonly deprecated: boolean
  readonly attached: boolean
  readonly requireMain: boolean
  readonly sentinelledLogs: boolean
  readonly stemCells: readonly StemCell[]
}

export interface ExecManifest {
  /** Aliases are not among them. */
  readonly runtimes: readonly RuntimeManifest[]
  /** By family, in the manifest's order. */
  readonly families: ReadonlyMap<string, readonly RuntimeManifest[]>
  /** Images that `blackbox` actions may name without their being pulled. */
  readonly blackboxes: readonly string[]
  /** What error messages list: all kinds, `sequence`, `blackbox`. */
  readonly kinds: readonly string[]
  /** Of a kind, an alias (with the alias as its `kind`), or `FAMILY:default`; undefined when there is none. */
  resolveKind(kind: string): RuntimeManifest | undefined
}

const MB = 1024 * 1024

/**
 * Reads a manifest in the form of `runtimes.json`, parsed; without one, the built-in manifest with its aliases. Fails
 * with ExitError 2 and the reference's sentence when it is not usable.
 */
export function loadManifest(json?: JsonValue): ExecManifest {
  return json === undefined ? createManifest(builtinManifest, builtinAliases) : createManifest(json, [])
}

function createManifest(json: JsonValue, aliases: readonly string[]): ExecManifest {
  if (!isJsonObject(json) || !isJsonObject(json.runtimes)) throw unusable("it has no object 'runtimes'")
  const families = new Map<string, readonly RuntimeManifest[]>()
  for (const [family, entries] of Object.entries(json.runtimes)) {
    if (!isJsonArray(entries)) throw unusable(`the runtimes of '${family}' are not an array`)
    const versions = entries.map(entry => decodeRuntime(family, entry))
    checkDefault(family, versions)
    families.set(family, versions)
  }
  const runtimes = [...families.values()].flat()
  const byKind = new Map(runtimes.map(runtime => [runtime.kind, runtime]))
  for (const alias of aliases) {
    const standard = defaultOf(families.get(alias.slice(0, alias.indexOf(':'))))
    if (standard !== undefined && !byKind.has(alias)) {
      byKind.set(alias, { ...standard, kind: alias, default: false, stemCells: [] })
    }
  }
  return {
    runtimes,
    families,
    blackboxes: isJsonArray(json.blackboxes) ? json.blackboxes.map(image => decodeImage('blackboxes', image)) : [],
    kinds: [...runtimes.map(runtime => runtime.kind), 'sequence', 'blackbox'],
    resolveKind(kind) {
      const family = /^([a-z0-9]+):default$/.exec(kind)?.[1]
      return family === undefined ? byKind.get(kind) : defaultOf(families.get(family))
    },
  }
}

/** A family with one version needs no default. */
function defaultOf(versions: readonly RuntimeManifest[] | undefined): RuntimeManifest | undefined {
  if (versions?.length === 1) return versions[0]
  return versions?.find(runtime => runtime.default)
}

function checkDefault(family: string, versions: readonly RuntimeManifest[]): void {
  const defaults = versions.filter(runtime => runtime.default)
  if (defaults.length > 1) {
    throw unusable(`Found more than one default for ${family}: ${defaults.map(runtime => runtime.kind).join(', ')}.`)
  }
  if (versions.length > 1 && defaults.length === 0) throw unusable(`${family} has multiple versions, but no default.`)
}

function unusable(why: string): ExitError {
  return new ExitError(2, `the runtime manifest cannot be used: ${why}`)
}

function decodeRuntime(family: string, entry: JsonValue): RuntimeManifest {
  if (!isJsonObject(entry) || typeof entry.kind !== 'string') {
    throw unusable(`a runtime of '${family}' has no string 'kind'`)
  }
  const { kind, stemCells } = entry
  return {
    kind,
    family,
    image: decodeImage(kind, entry.image),
    default: entry.default === true,
    deprecated: entry.deprecated === true,
    attached: isJsonObject(entry.attached),
    requireMain: entry.requireMain === true,
    sentinelledLogs: entry.sentinelledLogs !== false,
    stemCells: isJsonArray(stemCells) ? stemCells.map(decodeStemCell) : [],
  }
}

function decodeImage(where: string, image: JsonValue | undefined): string {
  if (!isJsonObject(image) || typeof image.name !== 'string')
    throw unusable(`an image of '${where}' has no string 'name'`)
  const part = (value: JsonValue | undefined) => (typeof value === 'string' ? value : undefined)
  const path = [part(image.registry), part(image.prefix), image.name].filter(name => name !== undefined).join('/')
  return image.tag === undefined || image.tag === null ? path : `${path}:${part(image.tag)}`
}

function decodeStemCell(cell: JsonValue): StemCell {
  if (!isJsonObject(cell)) throw unusable('both initialCount and memory are required')
  const count = numberOf(cell.initialCount ?? cell.count)
  const memory = typeof cell.memory === 'string' ? cell.memory : undefined
  if (count === undefined && memory === undefined) throw unusable('both initialCount and memory are required')
  if (count === undefined) throw unusable(`initialCount is required, just provide memory: ${memory}`)
  if (memory === undefined) throw unusable(`memory is required, just provide initialCount: ${count}`)
  if (count <= 0) throw unusable('initialCount must be positive')
  const bytes = parseByteSize(memory)
  if (bytes === undefined) throw unusable(`'${memory}' is no memory size`)
  const reactive = isJsonObject(cell.reactive) ? { reactive: decodeReactive(cell.reactive) } : {}
  return { initialCount: count, memoryMb: Math.floor(bytes / MB), ...reactive }
}

function decodeReactive(reactive: JsonObject): NonNullable<StemCell['reactive']> {
  const number = (name: string) => numberOf(reactive[name]) ?? Number.NaN
  const minCount = number('minCount')
  const maxCount = number('maxCount')
  const threshold = number('threshold')
  const increment = number('increment')
  const ttlMs = typeof reactive.ttl === 'string' ? parseScalaDuration(reactive.ttl) : undefined
  if (!(minCount > 0 && minCount <= maxCount)) {
    throw unusable('minCount must be be greater than 0 and less than or equal to maxCount')
  }
  if (!(maxCount > 0)) throw unusable('maxCount must be positive')
  if (ttlMs === undefined || ttlMs <= 0) throw unusable('ttl must be positive')
  if (!(threshold > 0)) throw unusable('threshold must be positive')
  if (!(increment > 0 && increment <= maxCount)) {
    throw unusable('increment must be positive and less than or equal to maxCount')
  }
  return { minCount, maxCount, ttlMs, threshold, increment }
}

const DURATION_MS: readonly (readonly [RegExp, number])[] = [
  [/^(ms|milli|millis|millisecond|milliseconds)$/, 1],
  [/^(s|sec|secs|second|seconds)$/, 1000],
  [/^(m|min|mins|minute|minutes)$/, 60_000],
  [/^(h|hr|hrs|hour|hours)$/, 3_600_000],
  [/^(d|day|days)$/, 86_400_000],
]

/** Milliseconds of `2 minutes`, `30 seconds`, `500 ms`; undefined when it is no duration. */
function parseScalaDuration(text: string): number | undefined {
  const [, amount, unit = ''] = /^\s*(\d+(?:\.\d+)?)\s*([a-z]+)\s*$/.exec(text) ?? []
  const factor = DURATION_MS.find(([name]) => name.test(unit))?.[1]
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor
}

/** The runtime of a kind in a PUT body, trimmed and in lower case. Fails with `badRequest` when there is none. */
export function requireKind(manifest: ExecManifest, kind: string): RuntimeManifest {
  const runtime = manifest.resolveKind(kind)
  if (runtime === undefined) throw malformedContent(messages.kindUnsupported(kind, manifest.kinds))
  return runtime
}

/** `runtimes` of `GET /`. */
export function manifestJson(manifest: ExecManifest): JsonObject {
  const shown: Record<string, JsonValue> = {}
  for (const [family, versions] of manifest.families) {
    shown[family] = versions.map(runtime => ({
      attached: runtime.attached,
      default: runtime.default,
      deprecated: runtime.deprecated,
      image: runtime.image,
      kind: runtime.kind,
      requireMain: runtime.requireMain,
    }))
  }
  return shown
}
