// `/namespaces` and `…/limits`: what a key's namespace is, and what it may use.

import type { Context } from 'hono'
import type { Identity } from '../entity/identity.ts'
import { stringify } from '../entity/json.ts'
import { limitsJson } from '../entity/limits.ts'
import type { Env } from '../http/env.ts'
import { json } from './respond.ts'
import type { ApiServices } from './services.ts'

/** The one namespace of the key. */
export function listNamespaces(c: Context<Env>, identity: Identity): Response {
  return json(c, stringify([identity.namespace.name]))
}

/** The numbers in force for the caller's own namespace. */
export function getLimits(c: Context<Env>, { limits }: Pick<ApiServices, 'limits'>, identity: Identity): Response {
  return json(c, stringify(limitsJson(limits, identity.limits)))
}
