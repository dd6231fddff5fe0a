// What anybody may ask: what this server is, whether it lives, its metrics. No key is needed and none is looked at.

import { type Context, Hono } from 'hono'
import { type JsonObject, stringify } from '../entity/json.ts'
import { type SystemLimits, shownThrottle } from '../entity/limits.ts'
import { type ExecManifest, manifestJson } from '../entity/manifest.ts'
import { WhiskError } from '../errors.ts'
import { API_CORS } from '../http/cors.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import type { Metrics } from '../metrics.ts'
import { accepts } from './respond.ts'

export interface InfoServices {
  readonly limits: SystemLimits
  readonly manifest: ExecManifest
  readonly metrics: Pick<Metrics, 'render'>
  readonly info: { readonly version: string; readonly buildNo: string; readonly build: string }
}

const TEXT = 'text/plain; charset=UTF-8'
const JSON_TYPE = 'application/json'
const MB = 1024 * 1024

/** The body of `GET /`. */
export function deploymentInfo(limits: SystemLimits, manifest: ExecManifest): JsonObject {
  const ranges: JsonObject = {
    max_action_duration: limits.maxActionTimeout,
    max_action_logs: limits.maxActionLogs * MB,
    max_action_memory: limits.maxActionMemory * MB,
    min_action_duration: limits.minActionTimeout,
    min_action_logs: limits.minActionLogs * MB,
    min_action_memory: limits.minActionMemory * MB,
  }
  // OpenWhisk: what a namespace has unless it has limits of its own, which is what the system has.
  const defaults = Object.fromEntries(Object.entries(ranges).map(([name, value]) => [`default_${name}`, value]))
  return {
    api_paths: ['/api/v1'],
    description: 'OpenWhisk',
    limits: {
      actions_per_minute: shownThrottle(limits.invocationsPerMinute),
      concurrent_actions: shownThrottle(limits.concurrentInvocations),
      ...defaults,
      ...ranges,
      sequence_length: limits.sequenceMaxLength,
      triggers_per_minute: shownThrottle(limits.firesPerMinute),
    },
    runtimes: manifestJson(manifest),
    support: { github: 'https://github.com/apache/openwhisk/issues', slack: 'http://slack.openwhisk.org' },
  }
}

/** The body of `GET /api/v1`. */
export function apiInfo(info: InfoServices['info']): JsonObject {
  return {
    api_version: '1.0.0',
    api_version_path: 'v1',
    build: info.build,
    buildno: info.buildNo,
    description: 'OpenWhisk API',
    swagger_paths: { 'api-docs': '/api-docs', ui: '/docs' },
  }
}

/** A 200 of this media type. Fails with `notAcceptable` when the client wants none of it. */
export function answer(c: Context<Env>, contentType: string, body: string, headers: Record<string, string> = {}) {
  const type = contentType.split(';')[0] ?? contentType
  const wanted = c.req.header('accept')
  if (wanted !== undefined && !accepts(wanted, type)) {
    throw new WhiskError('notAcceptable', messages.notAcceptable(type), { rejection: true })
  }
  return new Response(body, { headers: { 'Content-Type': contentType, 'X-Request-ID': c.get('transid'), ...headers } })
}

/** A route for GET alone: OpenWhisk does not take HEAD for it. */
export function getOnly(
  app: Hono<Env>,
  path: string,
  handler: (c: Context<Env>) => Response | Promise<Response>,
): void {
  app.get(path, (c, next) => (c.req.method === 'GET' ? handler(c) : next()))
}

/** `/`, `/ping`, `/metrics` and `/api/v1`. */
export function infoRoutes({ limits, manifest, metrics, info }: InfoServices): Hono<Env> {
  const app = new Hono<Env>()
  const deployment = stringify(deploymentInfo(limits, manifest))
  const api = stringify(apiInfo(info))
  getOnly(app, '/', c => answer(c, JSON_TYPE, deployment))
  getOnly(app, '/ping', c => answer(c, TEXT, 'pong'))
  getOnly(app, '/metrics', c => answer(c, 'text/plain; version=0.0.4', metrics.render()))
  for (const path of ['/api/v1', '/api/v1/']) getOnly(app, path, c => answer(c, JSON_TYPE, api, API_CORS))
  return app
}
