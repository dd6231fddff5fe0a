// Limits: what the system allows, what a namespace may have within that, and what an action asks for.

import type { LimitsOption } from '../config-values.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { UserLimits } from './identity.ts'
import { isJsonObject, JsonNumber, type JsonObject, type JsonValue } from './json.ts'
import { malformedContent, optionalField } from './malformed.ts'
import type { ActionLimits } from './whisk-entity.ts'

/** Everything that is limited, for the whole system. Memory and logs in MB, times in milliseconds, sizes in bytes. */
export interface SystemLimits {
  /** Infinity = no throttle. */
  readonly invocationsPerMinute: number
  readonly concurrentInvocations: number
  readonly firesPerMinute: number
  readonly sequenceMaxLength: number
  readonly minActionMemory: number
  readonly maxActionMemory: number
  readonly minActionTimeout: number
  readonly maxActionTimeout: number
  readonly minActionLogs: number
  readonly maxActionLogs: number
  readonly minActionConcurrency: number
  readonly maxActionConcurrency: number
  readonly maxCode: number
  /** Of the parameters of an entity, and of its annotations. */
  readonly maxParameters: number
  /** Of an invocation's arguments, and of a result. */
  readonly maxPayload: number
  /** How much of a result that is too large is shown. */
  readonly truncation: number
  /** How long a blocking request waits. */
  readonly maxBlockingWait: number
  /** Empty = every kind. */
  readonly allowedKinds: readonly string[]
}

const MB = 1024 * 1024
/** What the reference's numbers are held in; stands for "no throttle" where a number must be shown. */
const MAX_INT = 2 ** 31 - 1

const APACHE: SystemLimits = {
  invocationsPerMinute: 60,
  concurrentInvocations: 30,
  firesPerMinute: 60,
  sequenceMaxLength: 50,
  minActionMemory: 128,
  maxActionMemory: 512,
  minActionTimeout: 100,
  maxActionTimeout: 300_000,
  minActionLogs: 0,
  maxActionLogs: 10,
  minActionConcurrency: 1,
  maxActionConcurrency: 1,
  maxCode: 48 * MB,
  maxParameters: MB,
  maxPayload: MB,
  truncation: MB,
  maxBlockingWait: 60_000,
  allowedKinds: [],
}

/** The limits in force for a choice. With preset `off`, an action may have all the memory there is. */
export function defaultLimits(choice: LimitsOption | LimitsOption['preset'], userMemoryMb: number): SystemLimits {
  const { preset, ...overrides } = typeof choice === 'string' ? { preset: choice } : choice
  const base: SystemLimits =
    preset === 'apache'
      ? APACHE
      : {
          ...APACHE,
          invocationsPerMinute: Number.POSITIVE_INFINITY,
          concurrentInvocations: Number.POSITIVE_INFINITY,
          firesPerMinute: Number.POSITIVE_INFINITY,
          maxActionMemory: Math.max(userMemoryMb, APACHE.minActionMemory),
          maxActionTimeout: 3_600_000,
          maxActionLogs: 100,
          maxActionConcurrency: 500,
        }
  const given = Object.entries(overrides).filter(([, value]) => value !== undefined)
  return Object.freeze({ ...base, ...Object.fromEntries(given) })
}

/** The limits of an action that asks for none. */
export function standardActionLimits(system: SystemLimits): ActionLimits {
  return {
    timeout: clamp(60_000, system.minActionTimeout, system.maxActionTimeout),
    memory: clamp(256, system.minActionMemory, system.maxActionMemory),
    logs: clamp(10, system.minActionLogs, system.maxActionLogs),
    concurrency: 1,
  }
}

function clamp(value: number, min: number, max: number): number {
  return Math.min(Math.max(value, min), max)
}

/** What a namespace may have: its own numbers within those of the system. */
export function namespaceLimits(system: SystemLimits, user: UserLimits): SystemLimits {
  const lower = (own: number | undefined, limit: number) => Math.min(own ?? limit, limit)
  const higher = (own: number | undefined, limit: number) => Math.max(own ?? limit, limit)
  const size = (own: string | undefined, limit: number) =>
    lower(own === undefined ? undefined : parseByteSize(own), limit)
  return {
    ...system,
    invocationsPerMinute: user.invocationsPerMinute ?? system.invocationsPerMinute,
    concurrentInvocations: user.concurrentInvocations ?? system.concurrentInvocations,
    firesPerMinute: user.firesPerMinute ?? system.firesPerMinute,
    minActionMemory: higher(user.minActionMemory, system.minActionMemory),
    maxActionMemory: lower(user.maxActionMemory, system.maxActionMemory),
    minActionTimeout: higher(user.minActionTimeout, system.minActionTimeout),
    maxActionTimeout: lower(user.maxActionTimeout, system.maxActionTimeout),
    minActionLogs: higher(user.minActionLogs, system.minActionLogs),
    maxActionLogs: lower(user.maxActionLogs, system.maxActionLogs),
    minActionConcurrency: higher(user.minActionConcurrency, system.minActionConcurrency),
    maxActionConcurrency: lower(user.maxActionConcurrency, system.maxActionConcurrency),
    maxParameters: size(user.maxParameterSize, system.maxParameters),
    maxPayload: size(user.maxPayloadSize, system.maxPayload),
    truncation: size(user.truncationSize, system.truncation),
  }
}

const SIZE = /^\s?(\d+)\s?(GB|MB|KB|B|G|M|K)\s?$/i
const SIZE_FACTORS: Readonly<Record<string, number>> = { B: 1, K: 1024, M: MB, G: 1024 * MB }

/** Bytes of `500 KB`; undefined when it is no size. */
export function parseByteSize(text: string): number | undefined {
  const [, amount, unit = ''] = SIZE.exec(text) ?? []
  const factor = SIZE_FACTORS[unit.slice(0, 1).toUpperCase()]
  return amount === undefined || factor === undefined ? undefined : Number(amount) * factor
}

/** `500k` → `500 KB`. */
function printByteSize(text: string): string {
  const [, amount = '0', unit = 'B'] = SIZE.exec(text) ?? []
  const letter = unit.slice(0, 1).toUpperCase()
  return `${Number(amount)} ${letter === 'B' ? 'B' : `${letter}B`}`
}

/** A throttle as a number that JSON can hold. */
export function shownThrottle(limit: number): number {
  return Math.min(limit, MAX_INT)
}

/** The answer of `GET …/limits`. */
export function limitsJson(system: SystemLimits, user: UserLimits): JsonObject {
  const own = namespaceLimits(system, user)
  const shown: Record<string, JsonValue> = {
    concurrentInvocations: shownThrottle(own.concurrentInvocations),
    firesPerMinute: shownThrottle(own.firesPerMinute),
    invocationsPerMinute: shownThrottle(own.invocationsPerMinute),
    maxActionConcurrency: own.maxActionConcurrency,
    maxActionInstances: shownThrottle(own.concurrentInvocations),
    maxActionLogs: own.maxActionLogs,
    maxActionMemory: own.maxActionMemory,
    maxActionTimeout: own.maxActionTimeout,
    maxParameterSize: shownSize(user.maxParameterSize, own.maxParameters),
    minActionConcurrency: own.minActionConcurrency,
    minActionLogs: own.minActionLogs,
    minActionMemory: own.minActionMemory,
    minActionTimeout: own.minActionTimeout,
  }
  if (user.allowedKinds !== undefined) shown.allowedKinds = user.allowedKinds
  if (user.storeActivations !== undefined) shown.storeActivations = user.storeActivations
  if (user.maxPayloadSize !== undefined) shown.maxPayloadSize = shownSize(user.maxPayloadSize, own.maxPayload)
  if (user.truncationSize !== undefined) shown.truncationSize = shownSize(user.truncationSize, own.truncation)
  if (user.warmedContainerKeepingCount !== undefined) {
    shown.warmedContainerKeepingCount = user.warmedContainerKeepingCount
  }
  if (user.warmedContainerKeepingTimeout !== undefined) {
    shown.warmedContainerKeepingTimeout = user.warmedContainerKeepingTimeout
  }
  return shown
}

/** In its own unit while it is in force, else what is. */
function shownSize(own: string | undefined, bytes: number): string {
  return own !== undefined && parseByteSize(own) === bytes ? printByteSize(own) : `${bytes} B`
}

/** Limits as a body asks for them. */
export type ActionLimitsOption = Partial<ActionLimits>

/** What each limit is called where it is no whole number, and where it is no number at all. */
const LIMIT_FIELDS = {
  timeout: ['time', 'time'],
  memory: ['memory', 'memory'],
  logs: ['log', 'log'],
  concurrency: ['intra concurrency', 'concurrency'],
  instances: ['instance concurrency', 'instance concurrency'],
} as const

/** Reads `limits` of a PUT body. Fails with `badRequest` when it is malformed; ranges are `checkActionLimits`'. */
export function decodeActionLimits(value: JsonValue | undefined): ActionLimitsOption | undefined {
  if (value === undefined) return undefined
  if (!isJsonObject(value)) throw malformedContent(messages.objectExpectedInField('timeout'))
  const decoded: { -readonly [K in keyof ActionLimitsOption]: number } = {}
  for (const field of ['timeout', 'memory', 'logs', 'concurrency', 'instances'] as const) {
    const given = optionalField(value, field)
    if (given !== undefined) decoded[field] = decodeLimit(field, given)
  }
  return decoded
}

function decodeLimit(field: keyof typeof LIMIT_FIELDS, value: JsonValue): number {
  const [whole, name] = LIMIT_FIELDS[field]
  if (typeof value !== 'number' && !(value instanceof JsonNumber)) {
    throw malformedContent(messages.limitMalformed(name))
  }
  const number = toInt(value)
  if (number === undefined) throw malformedContent(messages.limitNotWhole(whole))
  if (number < 0 && (field === 'memory' || field === 'logs')) throw malformedContent(messages.sizeNegative)
  if (number < 0 && field === 'instances') throw malformedContent(messages.instancesNegative)
  return number
}

/** OpenWhisk: whole numbers beyond 32 bits wrap around. Undefined when the number has a fraction. */
function toInt(value: number | JsonNumber): number | undefined {
  if (typeof value === 'number') return Number.isInteger(value) ? value | 0 : undefined
  const [, sign = '', integer = '0', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:E([+-]?\d+))?$/.exec(value.text) ?? []
  const digits = integer + fraction
  const scale = fraction.length - Number(exponent)
  if (/^0+$/.test(digits)) return 0
  // Beyond 2^32, powers of ten end in 32 zero bits.
  if (scale < -32) return 0
  if (scale <= 0) return Number(BigInt.asIntN(32, BigInt(sign + digits + '0'.repeat(-scale))))
  if (scale >= digits.length || !/^0+$/.test(digits.slice(-scale))) return undefined
  return Number(BigInt.asIntN(32, BigInt(sign + digits.slice(0, -scale))))
}

/** Fails with `badRequest` when a limit that the body names is out of the namespace's range; `instances` is not looked at. */
export function checkActionLimits(asked: ActionLimitsOption, allowed: SystemLimits): void {
  checkRange('memory size', asked.memory, allowed.minActionMemory, allowed.maxActionMemory, ' MB')
  checkRange('duration', asked.timeout, allowed.minActionTimeout, allowed.maxActionTimeout, ' milliseconds')
  checkRange('log size', asked.logs, allowed.minActionLogs, allowed.maxActionLogs, ' MB')
  checkRange('concurrency', asked.concurrency, allowed.minActionConcurrency, allowed.maxActionConcurrency, '')
}

function checkRange(what: string, value: number | undefined, min: number, max: number, unit: string): void {
  if (value === undefined) return
  if (value > max) throw new WhiskError('badRequest', messages.limitExceeds(what, value, max, unit))
  if (value < min) throw new WhiskError('badRequest', messages.limitBelow(what, value, min, unit))
}

/** Fails with `badRequest` when more instances are asked for than the namespace may run at once. */
export function checkInstances(instances: number | undefined, allowed: SystemLimits): void {
  if (instances !== undefined && instances > allowed.concurrentInvocations) {
    throw new WhiskError('badRequest', messages.instancesTooMany(allowed.concurrentInvocations))
  }
}

/** Field by field: what the body asks for, else what is stored. */
export function mergeActionLimits(stored: ActionLimits, asked: ActionLimitsOption | undefined): ActionLimits {
  return asked === undefined ? stored : { ...stored, ...asked }
}

/** As the REST API shows them. */
export function actionLimitsJson(limits: ActionLimits): JsonObject {
  const shown: Record<string, JsonValue> = { concurrency: limits.concurrency }
  if (limits.instances !== undefined) shown.instances = limits.instances
  shown.logs = limits.logs
  shown.memory = limits.memory
  shown.timeout = limits.timeout
  return shown
}

/** Fails with `tooLarge` when something is bigger than allowed; `what` is `exec`, `parameters`, `annotations`, `Request`. */
export function checkSize(what: string, bytes: number, allowed: number): void {
  if (bytes > allowed) throw new WhiskError('tooLarge', messages.tooLarge(what, bytes, allowed))
}
