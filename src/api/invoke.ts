// `POST …/actions/[PACKAGE/]NAME`: an invocation as a request, and its record as a response.

import type { Context } from 'hono'
import type { Clock } from '../clock.ts'
import type { Invocation, StartDemand } from '../engine/invoker.ts'
import { resolveAction } from '../engine/resolve.ts'
import { type ActivationStatusCode, activationRecord, type WhiskActivation } from '../entity/activation.ts'
import { isJsonArray, stringify } from '../entity/json.ts'
import type { Env } from '../http/env.ts'
import { headerOf } from '../http/raw-request.ts'
import { messages } from '../messages.ts'
import { booleanParameter, malformedQuery, parseInteger, type Query } from './listing.ts'
import { checkPayloadSize, readPayload } from './requests.ts'
import { json } from './respond.ts'
import type { ApiServices } from './services.ts'
import type { EntityRequest } from './target.ts'

/** OpenWhisk: an action's own failure is a bad gateway, the platform's a server error. */
const STATUS_OF: Record<ActivationStatusCode, number> = { 0: 200, 1: 502, 2: 502, 3: 500 }

interface InvokeOptions {
  readonly blocking: boolean
  /** Only the result, of a blocking request. */
  readonly result: boolean
  readonly timeoutMs: number
}

function invokeOptions(query: Query | undefined, maxWaitMs: number): InvokeOptions {
  if (query === undefined) return { blocking: false, result: false, timeoutMs: maxWaitMs }
  const blocking = booleanParameter(query, 'blocking')
  const result = booleanParameter(query, 'result')
  const text = query.get('timeout')
  if (text === null) return { blocking, result, timeoutMs: maxWaitMs }
  const timeoutMs = parseInteger(text)
  if (timeoutMs === undefined || timeoutMs < 1 || timeoutMs > maxWaitMs) {
    throw malformedQuery('timeout', messages.waitOutOfRange(maxWaitMs))
  }
  return { blocking, result, timeoutMs }
}

const DEMANDS: readonly StartDemand[] = ['cold', 'warm', 'prewarmed']

/** Which kind of start the request demands, for tests; anything else demands nothing. */
function startDemand(c: Context<Env>): StartDemand | undefined {
  const header = headerOf(c, 'x-ow-start')
  return header === undefined ? undefined : DEMANDS.find(demand => demand === header.trim().toLowerCase())
}

function headersOf(invocation: Invocation): string[] {
  const headers = ['x-openwhisk-activation-id', invocation.activationId]
  const start = invocation.startKind?.()
  if (start !== undefined) headers.push('x-ow-start', start)
  return headers
}

/** The record, or undefined when the time is up before it is there. */
function within(clock: Clock, invocation: Invocation, timeoutMs: number): Promise<WhiskActivation | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve(undefined), timeoutMs)
    invocation.done.then(
      record => {
        timer.cancel()
        resolve(record)
      },
      error => {
        timer.cancel()
        reject(error)
      },
    )
  })
}

/** OpenWhisk: a result that is an array is shown bare, asked for or not. */
function recordText(record: WhiskActivation, resultOnly: boolean): string {
  const result = record.response.result
  if (isJsonArray(result)) return stringify(result)
  return stringify(resultOnly ? (result ?? {}) : activationRecord(record))
}

/**
 * Invokes, and waits when asked to. Throttles and the right were checked. Fails with WhiskError `tooLarge`,
 * `badRequest`, `unsupportedMediaType`, `notFound`, `conflict`, `forbidden`, `unavailable`.
 */
export async function invokeAction(c: Context<Env>, services: ApiServices, request: EntityRequest): Promise<Response> {
  const { identity, id, query } = request
  const { store, invoker, limits, clock } = services
  checkPayloadSize(c, services, identity)
  const { blocking, result, timeoutMs } = invokeOptions(query, limits.maxBlockingWait)
  const payload = await readPayload(c)
  const invocation = invoker.invoke({
    identity,
    action: resolveAction(store, id),
    payload,
    blocking,
    transid: c.get('transid'),
    startedAt: c.get('startedAt'),
    start: startDemand(c),
  })
  const record = blocking ? await within(clock, invocation, timeoutMs) : undefined
  if (record !== undefined) {
    return json(c, recordText(record, result), STATUS_OF[record.response.statusCode], headersOf(invocation))
  }
  await invocation.accepted()
  return json(c, `{"activationId":"${invocation.activationId}"}`, 202, headersOf(invocation))
}
