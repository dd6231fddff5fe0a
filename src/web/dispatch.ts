// Running a web action: the checks in the reference's order, the invoke, and the answer.

import type { Clock } from '../clock.ts'
import type { Invocation, Invoker, ResolvedAction, StartDemand } from '../engine/invoker.ts'
import { resolveAction } from '../engine/resolve.ts'
import type { Entitlement } from '../entitlement/entitlement.ts'
import type { Throttler } from '../entitlement/throttler.ts'
import type { WhiskActivation } from '../entity/activation.ts'
import { type Identity, SYSTEM_NAMESPACE } from '../entity/identity.ts'
import type { JsonObject } from '../entity/json.ts'
import { namespaceLimits, type SystemLimits } from '../entity/limits.ts'
import { rootNamespace } from '../entity/names.ts'
import { WhiskError } from '../errors.ts'
import type { Dispatch, WebActionRequest } from '../http/dispatch.ts'
import { checkApiMethod } from '../http/fallback.ts'
import { firstHeader, joinedHeader } from '../http/raw-request.ts'
import { messages } from '../messages.ts'
import type { Store } from '../store/store.ts'
import { type WebSettings, webSettings } from './annotations.ts'
import { errorBody, type HeaderLines, respond, respondWith } from './answer.ts'
import { REST_CORS, webCors } from './cors.ts'
import { callerOf, unmatched } from './credentials.ts'
import { accepts } from './media.ts'
import { webArguments, webBody } from './request.ts'
import { negotiate, toWebAnswer, type WebAnswer } from './response.ts'
import { parseTarget, removeDotSegments, type WebTarget } from './url.ts'

export interface WebDeps {
  readonly store: Pick<Store, 'entities' | 'subjects'>
  readonly invoker: Pick<Invoker, 'invoke'>
  readonly entitlement: Pick<Entitlement, 'check'>
  readonly throttler: Pick<Throttler, 'checkInvoke'>
  readonly limits: SystemLimits
  readonly clock: Clock
  /** Why the page that sends a request may not use the platform's own actions; undefined when it may, or is none. */
  readonly refusalOfPage: (rawHeaders: readonly string[]) => WhiskError | undefined
}

/** One call on its way: what the steps found out so far. */
interface Call {
  readonly request: WebActionRequest
  readonly target: WebTarget
  readonly caller: Identity | undefined
  readonly owner: Identity
  readonly resolved: ResolvedAction
  readonly settings: WebSettings
  /** CORS headers of everything that is answered from now on. */
  readonly cors: HeaderLines
}

const requestId = (request: WebActionRequest): readonly [string, string] => ['X-Request-ID', request.transid]

function errorResponse(request: WebActionRequest, error: WhiskError, lines: HeaderLines): Response {
  const body = errorBody(request.transid, error.message, error.rejection ? 'compact' : 'pretty')
  const all = [requestId(request), ...lines, ...Object.entries(error.headers)]
  return respond(request.method, error.status, all, { contentType: 'application/json', body })
}

/** OpenWhisk: OPTIONS that nothing else answers is the REST API's to answer. */
const fallbackOptions = (request: WebActionRequest): Response =>
  respond(request.method, 200, [requestId(request), ...REST_CORS], {
    contentType: 'text/plain; charset=UTF-8',
    body: 'OK',
  })

/** Runs web actions. Rejects only for what is neither the request's nor the action's fault. */
export function createDispatch(deps: WebDeps): Dispatch {
  /** Up to the check of the length: everything here fails without CORS headers. */
  function begin(request: WebActionRequest, target: WebTarget, caller: Identity | undefined): Call {
    const owner = deps.store.subjects.identityByNamespace(target.namespace)
    const resolved = owner && find(deps.store, target.action)
    const settings = resolved && webSettings(resolved)
    if (!owner || !resolved || !settings?.exported) throw new WhiskError('notFound', messages.resourceDoesNotExist)
    const refusal = isSystems(resolved) ? deps.refusalOfPage(request.rawHeaders) : undefined
    if (refusal !== undefined) throw refusal
    deps.throttler.checkInvoke(owner)
    // The action where it is, not where it was asked for: through a binding, a private provider refuses by its own name.
    const { namespace, name } = resolved.action
    deps.entitlement.check(owner, 'ACTIVATE', { collection: 'actions', namespace, entity: name })
    const cors = settings.customOptions ? [] : webCors(request.rawHeaders)
    return { request, target, caller, owner, resolved, settings, cors }
  }

  async function run(call: Call, bytes: Uint8Array): Promise<Response> {
    const { request, settings, caller, target } = call
    if (request.method === 'OPTIONS' && !settings.customOptions) return defaultOptions(call)
    if (!mayCall(call)) throw new WhiskError('unauthorized', messages.authenticationNotProvided)
    const payload = webArguments({
      request,
      rest: target.rest,
      body: webBody(request, bytes),
      user: caller?.namespace.name,
      raw: settings.raw,
      immutable: settings.immutable,
    })
    const invocation = invoke(call, payload)
    const activation = await withinWait(deps, invocation.done)
    return activation ? finished(call, invocation, activation) : unfinished(call, invocation)
  }

  function invoke({ request, owner, resolved }: Call, payload: JsonObject): Invocation {
    const { transid, startedAt } = request
    const demand = firstHeader(request.rawHeaders, 'x-ow-start')
    const start = demand === 'cold' || demand === 'warm' || demand === 'prewarmed' ? (demand as StartDemand) : undefined
    return deps.invoker.invoke({
      identity: owner,
      action: resolved,
      payload,
      blocking: true,
      transid,
      startedAt,
      ...(start ? { start } : {}),
    })
  }

  return async request => {
    const authorization = firstHeader(request.rawHeaders, 'authorization')
    let call: Call | undefined
    try {
      checkApiMethod(request.method)
      const target = parseTarget(removeDotSegments(request.path))
      if (!target && request.method === 'OPTIONS') return fallbackOptions(request)
      if (!target) throw unmatched(deps.store, authorization)
      const begun = begin(request, target, callerOf(deps.store, authorization))
      const bytes = request.body ? await request.body(maxPayload(deps.limits, begun.owner)) : NO_BYTES
      call = begun
      return await run(begun, bytes)
    } catch (error) {
      if (!(error instanceof WhiskError)) throw error
      return refused(request, error, call)
    }
  }
}

/** Through a binding too. */
const isSystems = ({ action }: ResolvedAction): boolean => rootNamespace(action.namespace) === SYSTEM_NAMESPACE

/** How large a body may be, in bytes. */
const maxPayload = (limits: SystemLimits, { limits: own }: Identity): number =>
  own.maxPayloadSize === undefined ? limits.maxPayload : namespaceLimits(limits, own).maxPayload

const NO_BYTES = new Uint8Array(0)

/** Whatever is wrong with the action's name or its packages, there is no such web action. */
function find(store: WebDeps['store'], fqn: string): ResolvedAction | undefined {
  try {
    return resolveAction(store, fqn)
  } catch (error) {
    if (error instanceof WhiskError) return undefined
    throw error
  }
}

function mayCall({ settings, request, caller }: Call): boolean {
  const { access, customOptions } = settings
  if (access === 'open' || (customOptions && request.method === 'OPTIONS')) return true
  if (access === 'subjects') return caller !== undefined
  return access !== 'nobody' && firstHeader(request.rawHeaders, 'x-require-whisk-auth') === access.secret
}

function defaultOptions({ request, cors }: Call): Response {
  // OpenWhisk: the empty answer has no type, so only a wildcard admits it.
  if (!accepts(joinedHeader(request.rawHeaders, 'accept'), '')) return fallbackOptions(request)
  return respond(request.method, 200, [requestId(request), ...cors])
}

/** The activation when it ends in time. */
function withinWait(
  { clock, limits }: Pick<WebDeps, 'clock' | 'limits'>,
  done: Promise<WhiskActivation>,
): Promise<WhiskActivation | undefined> {
  return new Promise((resolve, reject) => {
    const timer = clock.setTimeout(() => resolve(undefined), limits.maxBlockingWait)
    done.then(
      activation => {
        timer.cancel()
        resolve(activation)
      },
      error => {
        timer.cancel()
        reject(error)
      },
    )
  })
}

/** Lines of an answer after an activation began. */
function activationLines({ request, cors }: Call, invocation: Invocation): HeaderLines {
  const lines: (readonly [string, string])[] = [
    requestId(request),
    ...cors,
    ['x-openwhisk-activation-id', invocation.activationId],
  ]
  const kind = firstHeader(request.rawHeaders, 'x-ow-start') === undefined ? undefined : invocation.startKind?.()
  if (kind) lines.push(['x-ow-start', kind])
  return lines
}

function finished(call: Call, invocation: Invocation, activation: WhiskActivation): Response {
  const answer = toWebAnswer(activation.response, call.target.extension)
  const lines = activationLines(call, invocation)
  if (!('refusal' in answer)) return negotiated(call, answer, lines)
  const body = errorBody(call.request.transid, answer.refusal, 'pretty')
  return respond(call.request.method, answer.status, lines, { contentType: 'application/json', body })
}

async function unfinished(call: Call, invocation: Invocation): Promise<Response> {
  await invocation.accepted()
  const body = errorBody(call.request.transid, messages.responseNotReady, 'pretty')
  const entity = { contentType: 'application/json', mediaType: 'application/json', body, utf8: true }
  return negotiated(call, { status: 202, headers: [], entity }, activationLines(call, invocation))
}

function negotiated({ request }: Call, answer: WebAnswer, lines: HeaderLines): Response {
  const suitable = negotiate(answer, {
    accept: joinedHeader(request.rawHeaders, 'accept'),
    acceptCharset: joinedHeader(request.rawHeaders, 'accept-charset'),
  })
  if ('onlyType' in suitable) {
    throw new WhiskError('notAcceptable', messages.notAcceptable(suitable.onlyType), { rejection: true })
  }
  return respondWith(request.method, suitable, lines)
}

/** A failed call: with CORS headers from the check of the length on, except where the router rejects it. */
function refused(request: WebActionRequest, error: WhiskError, call: Call | undefined): Response {
  if (!error.rejection || !call) return errorResponse(request, error, call?.cors ?? [])
  // OpenWhisk: what a caller with credentials is rejected for is tried again without them, and that answer counts.
  if (call.settings.access === 'subjects' && !(call.settings.customOptions && request.method === 'OPTIONS')) {
    return errorResponse(request, new WhiskError('unauthorized', messages.authenticationNotProvided), call.cors)
  }
  if (error.code === 'notAcceptable' && request.method === 'OPTIONS') return fallbackOptions(request)
  return errorResponse(request, error, [])
}
