// The JSON texts that are posted to a container: `/init` and `/run`.

import type { Identity } from '../entity/identity.ts'
import { JsonNumber, type JsonObject, type JsonValue, stringify } from '../entity/json.ts'
import { type ExecutableAction, profileOf } from './profile.ts'

/** What both bodies need of an activation. */
export interface BodyFacts {
  readonly activationId: string
  readonly action: ExecutableAction
  readonly identity: Identity
  readonly transid: string
}

/** Deadlines are epoch milliseconds. OpenWhisk: `/init` and `/run` each get the whole time limit. */
export function initBody(facts: BodyFacts, init: JsonObject, deadline: number): string {
  const { action, identity } = facts
  const { id, providesApiKey } = profileOf(action)
  const env: Record<string, string> = {}
  for (const [key, value] of Object.entries(init)) env[key] = environmentText(value)
  // Platform variables last: they win over init parameters of the same name.
  if (providesApiKey) env.__OW_API_KEY = `${identity.authkey.uuid}:${identity.authkey.key}`
  env.__OW_NAMESPACE = identity.namespace.name
  env.__OW_ACTION_NAME = `/${id}`
  env.__OW_ACTION_VERSION = action.version
  env.__OW_ACTIVATION_ID = facts.activationId
  env.__OW_TRANSACTION_ID = facts.transid
  env.__OW_DEADLINE = String(deadline)
  const { exec } = action
  return JSON.stringify({
    value: { name: action.name, main: exec.main ?? 'main', code: exec.code, binary: exec.binary, env },
  })
}

/** `value` is the JSON text of the arguments. */
export function runBody(facts: BodyFacts, value: string, deadline: number): string {
  const { action, identity } = facts
  const profile = profileOf(action)
  const key = profile.providesApiKey ? `,"api_key":"${identity.authkey.uuid}:${identity.authkey.key}"` : ''
  return `{"value":${value},"namespace":${JSON.stringify(identity.namespace.name)}${profile.runBodyMiddle}${
    facts.activationId
  }","transaction_id":${JSON.stringify(facts.transid)},"deadline":"${deadline}"${key}}`
}

/** How a parameter's value reads as a variable: strings bare, null empty, the rest as JSON. */
export function environmentText(value: JsonValue): string {
  if (typeof value === 'string') return value
  if (value === null) return ''
  return value instanceof JsonNumber ? value.text : stringify(value)
}
