// CORS headers: those of web actions, and those of the REST API for what the router answers in their place.

import { API_CORS } from '../http/cors.ts'
import { firstHeader } from '../http/raw-request.ts'
import type { HeaderLines } from './answer.ts'

const DEFAULT_HEADERS = 'Authorization, Origin, X-Requested-With, Content-Type, Accept, User-Agent'
const ORIGIN = ['Access-Control-Allow-Origin', '*'] as const
const METHODS = ['Access-Control-Allow-Methods', 'OPTIONS, GET, DELETE, POST, PUT, HEAD, PATCH'] as const

const DEFAULT_CORS: HeaderLines = [ORIGIN, METHODS, ['Access-Control-Allow-Headers', DEFAULT_HEADERS]]

/** What every answer of an action without `web-custom-options` carries, from the payload check on. */
export function webCors(rawHeaders: readonly string[]): HeaderLines {
  const requested = firstHeader(rawHeaders, 'access-control-request-headers')
  if (requested === undefined) return DEFAULT_CORS
  const names = requested
    .split(',')
    .map(name => name.trim())
    .filter(name => name !== '')
  return [ORIGIN, METHODS, ['Access-Control-Allow-Headers', names.join(', ')]]
}

/** OpenWhisk: OPTIONS that no web action answers falls through to the REST API's own answer. */
export const REST_CORS: HeaderLines = Object.entries(API_CORS)
