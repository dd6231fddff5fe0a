// Which resource serves a path: the longest one that is a prefix of it, segment by segment.

import type { Resource, Segment, ServedApi } from './swagger.ts'

export interface Match<A extends ServedApi> {
  readonly api: A
  readonly resource: Resource
  /** What follows the resource in the path as it was sent: empty, `/`, or `/more/segments`. */
  readonly rest: string
}

const decode = (text: string): string => {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

const fits = (segment: Segment | undefined, given: string): boolean =>
  typeof segment === 'string' ? segment === given : segment !== undefined && given !== '' && segment.test(given)

/** How many segments of a resource are spelled out: these win over parameters at the same depth. */
const literal = (resource: Resource): number => resource.segments.filter(s => typeof s === 'string').length

/**
 * The resource for a path below the tenant (`/base/rel`, as sent). Of several the longest wins, then the one with fewer
 * parameters, then the one with the longest base path. A path that is spelled exactly as a resource wins over all.
 *
 * Differs from OpenWhisk: whole segments are compared, whatever characters they have.
 */
export function findResource<A extends ServedApi>(apis: readonly A[], path: string): Match<A> | undefined {
  const raw = path.replace(/^\//, '').split('/')
  const given = raw.map(decode)
  const whole = decode(path)
  let best: { api: A; resource: Resource; exact: boolean } | undefined
  for (const api of apis) {
    for (const resource of api.resources) {
      const exact = resource.path === whole
      const length = resource.segments.length
      if (!exact && (length > given.length || !resource.segments.every((s, i) => fits(s, given[i] ?? '')))) continue
      const candidate = { api, resource, exact }
      if (!best || better(candidate, best)) best = candidate
    }
  }
  if (!best) return undefined
  const rest = best.exact ? [] : raw.slice(best.resource.segments.length)
  return { api: best.api, resource: best.resource, rest: rest.map(segment => `/${segment}`).join('') }
}

interface Candidate {
  readonly api: ServedApi
  readonly resource: Resource
  readonly exact: boolean
}

function better(a: Candidate, b: Candidate): boolean {
  if (a.exact !== b.exact) return a.exact
  const longer = a.resource.segments.length - b.resource.segments.length
  if (longer !== 0) return longer > 0
  const spelledOut = literal(a.resource) - literal(b.resource)
  if (spelledOut !== 0) return spelledOut > 0
  return a.api.basePath.length > b.api.basePath.length
}
