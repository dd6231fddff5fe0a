// The API's description as swagger 2.0, and a page that shows it without any other host.

import { Hono } from 'hono'
import { stringify } from '../entity/json.ts'
import { API_CORS } from '../http/cors.ts'
import type { Env } from '../http/env.ts'
import page from './docs.html'
import { answer, getOnly } from './info.ts'
import { restDocument, serverDocument } from './swagger.ts'

/** Where the two descriptions are: of what is outside `/api/v1`, and of the REST API. */
const PLACES = [
  { base: '', headers: {}, document: serverDocument },
  { base: '/api/v1', headers: API_CORS, document: restDocument },
]

/** `api-docs` and `docs`, at the root and below `/api/v1`; the documents are made when they are first asked for. */
export function docsRoutes(info: { readonly version: string }): Hono<Env> {
  const app = new Hono<Env>()
  for (const { base, headers, document } of PLACES) {
    let text: string | undefined
    for (const path of [`${base}/api-docs`, `${base}/api-docs/`]) {
      getOnly(app, path, c => {
        text ??= stringify(document(info.version))
        return answer(c, 'application/json', text, headers)
      })
    }
    const location = `docs/index.html?url=${base}/api-docs`
    getOnly(app, `${base}/docs`, c => {
      const body = `The request, and all future requests should be repeated using <a href="${location}">this URI</a>.`
      return new Response(body, {
        status: 308,
        headers: {
          'Content-Type': 'text/html; charset=UTF-8',
          Location: location,
          'X-Request-ID': c.get('transid'),
          ...headers,
        },
      })
    })
    getOnly(app, `${base}/docs/index.html`, c => answer(c, 'text/html; charset=UTF-8', page, headers))
  }
  return app
}
