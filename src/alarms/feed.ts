// The feed actions of /whisk.system/alarms: `alarm`, `once` and `interval`, and the web action behind them.

import type { Clock } from '../clock.ts'
import type { Identity } from '../entity/identity.ts'
import { JsonNumber, type JsonObject, type JsonValue } from '../entity/json.ts'
import type { Store } from '../store/store.ts'
import { type Alarm, AlarmRefused, createAlarm, describeAlarm, type FeedParameters, updateAlarm } from './alarm.ts'
import { alarmMessages as say } from './alarm-messages.ts'
import type { AlarmScheduler } from './scheduler.ts'

export interface AlarmFeedDependencies {
  store: Pick<Store, 'entities' | 'subjects' | 'committed'>
  scheduler: AlarmScheduler
  clock: Clock
}

type FeedHandler = (args: JsonObject, context: { identity: Identity }) => Promise<JsonValue>

const METHODS: ReadonlyMap<string, string> = new Map([
  ['CREATE', 'post'],
  ['READ', 'get'],
  ['UPDATE', 'put'],
  ['DELETE', 'delete'],
])

/** An answer of the provider's web action that is not a success. */
class FeedFailure extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.status = status
  }
}

/** Handlers by fully qualified name, for the built-in container factory. */
export function alarmHandlers(dependencies: AlarmFeedDependencies): Map<string, FeedHandler> {
  const feed: FeedHandler = async (args, { identity }) => {
    const params = plain(args)
    const method = METHODS.get(String(params.lifecycleEvent))
    if (!method) return { error: say.unsupportedEvent }
    const triggerName = `/${identity.namespace.name}/${parseTriggerName(params.triggerName).name}`
    try {
      return await handle(dependencies, method, { ...params, triggerName })
    } catch (error) {
      if (error instanceof FeedFailure) return { error: { error: error.message } }
      throw error
    }
  }
  const webAction: FeedHandler = async args => {
    const params = plain(args)
    const answer = (statusCode: number, body: JsonValue) => ({
      statusCode,
      headers: { 'Content-Type': 'application/json' },
      body,
    })
    try {
      return answer(200, await handle(dependencies, String(params.__ow_method), params))
    } catch (error) {
      if (error instanceof FeedFailure) return answer(error.status, { error: error.message })
      throw error
    }
  }
  return new Map([
    ['whisk.system/alarms/alarm', feed],
    ['whisk.system/alarms/once', feed],
    ['whisk.system/alarms/interval', feed],
    ['whisk.system/alarmsWeb/alarmWebAction', webAction],
  ])
}

async function handle(
  { store, scheduler, clock }: AlarmFeedDependencies,
  method: string,
  params: FeedParameters,
): Promise<JsonValue> {
  if (!params.triggerName) throw new FeedFailure(400, say.missingTriggerName)
  const { namespace, name } = parseTriggerName(params.triggerName)
  const apikey = String(params.authKey ?? '')
  const id = `${namespace}/${name}`
  const authenticate = () => checkTrigger(store, apikey, namespace, name, method === 'delete')
  const known = (): Alarm => {
    const alarm = scheduler.get(id)
    if (!alarm) throw new FeedFailure(404, say.notFound(namespace, name))
    return alarm
  }
  try {
    switch (method) {
      case 'post': {
        const alarm = createAlarm(params, { apikey, namespace, name }, clock.now())
        authenticate()
        scheduler.put(id, alarm)
        break
      }
      case 'get':
        authenticate()
        return describeAlarm(known()) as JsonObject
      case 'put':
        authenticate()
        scheduler.put(id, updateAlarm(known(), params, clock.now()))
        break
      case 'delete':
        authenticate()
        known()
        scheduler.remove(id)
        break
      default:
        throw new FeedFailure(400, say.unsupportedEvent)
    }
  } catch (error) {
    if (error instanceof AlarmRefused) throw new FeedFailure(400, error.message)
    throw error
  }
  await store.committed()
  // Not before: where the disk is full, the alarm goes on as it was.
  scheduler.follow(id)
  return { status: 'success' }
}

/** What a GET of the trigger with this key would answer: anything but 200 fails with its status. */
function checkTrigger(
  { entities, subjects }: AlarmFeedDependencies['store'],
  apikey: string,
  namespace: string,
  name: string,
  mayBeGone: boolean,
): void {
  const [uuid = '', key = ''] = apikey.split(':')
  const identity = subjects.identityByKey(uuid, key)
  if (!identity) throw new FeedFailure(401, say.authenticationFailed)
  if (identity.namespace.name !== namespace) throw new FeedFailure(403, say.authenticationFailed)
  const entity = entities.get(`${namespace}/${name}`)
  if (!entity && mayBeGone) return
  if (!entity) throw new FeedFailure(404, say.authenticationFailed)
  if (entity.entityType !== 'trigger') throw new FeedFailure(409, say.authenticationFailed)
}

/** `/ns/name` or `name`; what follows the namespace is the name, slashes included. */
function parseTriggerName(value: unknown): { namespace: string; name: string } {
  const text = String(value ?? '')
  if (!text.startsWith('/')) return { namespace: '_', name: text }
  const [, namespace = '', ...rest] = text.split('/')
  return { namespace, name: rest.join('/') }
}

/** Feed parameters as JavaScript sees them: `1.0` is 1. */
function plain(args: JsonObject): Record<string, unknown> {
  const convert = (value: JsonValue): unknown => {
    if (value instanceof JsonNumber) return value.toNumber()
    if (Array.isArray(value)) return value.map(convert)
    if (value && typeof value === 'object') return plain(value as JsonObject)
    return value
  }
  return Object.fromEntries(Object.entries(args).map(([key, value]) => [key, convert(value)]))
}
