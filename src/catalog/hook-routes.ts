// `/_hooks/{token}`: the URLs of /whisk.system/local/webhook.

import { Hono } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { isJsonObject, type JsonObject, parseJson } from '../entity/json.ts'
import { WhiskError } from '../errors.ts'
import type { Env } from '../http/env.ts'
import { messages } from '../messages.ts'
import type { LocalFeeds } from './local-feeds.ts'

/** A JSON object is the payload; any other body becomes `payload.body`, and a request without one its query. */
async function payloadOf(request: Request): Promise<JsonObject> {
  const query = Object.fromEntries(new URL(request.url).searchParams)
  const text = await request.text()
  if (text === '') return query
  try {
    const value = parseJson(text)
    return isJsonObject(value) ? { ...query, ...value } : { ...query, body: value }
  } catch {
    return { ...query, body: text }
  }
}

/** The token in the path is the secret, so these requests need no key. */
export function hookRoutes(feeds: LocalFeeds): Hono<Env> {
  const app = new Hono<Env>()
  app.on(['POST', 'PUT', 'GET'], '/:token{[0-9a-f]{32}}', async c => {
    const answer = await feeds.receive(c.req.param('token'), await payloadOf(c.req.raw))
    if (!answer) throw new WhiskError('notFound', messages.resourceNotFound, { rejection: true })
    if (answer.status === 204) return c.body(null, 204)
    return c.json(answer.body as object, answer.status as ContentfulStatusCode)
  })
  return app
}
