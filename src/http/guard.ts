// Keeps web pages out: the keys are public knowledge and actions are code, so a browser must not be a way in.
// A Host that is not this server's is DNS rebinding; an Origin that is not this machine's is some page out there.

import { hostname } from 'node:os'
import type { Context } from 'hono'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Env } from './env.ts'
import { firstHeader, headerOf } from './raw-request.ts'

export interface GuardOptions {
  /**
   * Further host names that are answered: those of the option, and the API hosts that the server advertises. `*` stands
   * for one label: alone it means every name without a dot, which no public name server can point anywhere.
   */
  readonly allowedHosts: readonly string[]
  /** `*` for every origin, or further origins (`https://tool.example`). */
  readonly allowOrigin?: string | readonly string[]
}

const IPV4 = /^\d{1,3}(?:\.\d{1,3}){3}$/

/** `Example.org:8080` → `example.org`; `[::1]:3233` → `::1`. */
export function hostOf(authority: string): string {
  const lower = authority.trim().toLowerCase()
  if (lower.startsWith('[')) return lower.slice(1, Math.max(lower.indexOf(']'), 1))
  const name = lower.replace(/:\d*$/, '')
  return name.endsWith('.') ? name.slice(0, -1) : name
}

function isLoopback(host: string): boolean {
  if (host === 'localhost' || host.endsWith('.localhost') || host === '::1') return true
  return IPV4.test(host) && host.startsWith('127.')
}

/** Names that nobody else can have pointed here: loopback, addresses, this machine, the one containers use. */
function isOwnName(host: string, machine: string): boolean {
  return (
    isLoopback(host) || IPV4.test(host) || host.includes(':') || host === 'host.docker.internal' || host === machine
  )
}

/** The names that a pattern with `*` stands for. */
const namesLike = (pattern: string): RegExp =>
  new RegExp(`^${pattern.replace(/[^\w*-]/g, '\\$&').replaceAll('*', '[a-z0-9_-]+')}$`)

/** Says of a Host header whether it is answered. */
export function hostCheck(allowedHosts: readonly string[]): (authority: string) => boolean {
  const machine = hostOf(hostname())
  const allowed = new Set(allowedHosts.map(hostOf))
  const patterns = [...allowed].filter(host => host.includes('*')).map(namesLike)
  const known = new Map<string, boolean>()
  return authority => {
    let answer = known.get(authority)
    if (answer === undefined) {
      const host = hostOf(authority)
      answer = allowed.has(host) || isOwnName(host, machine) || patterns.some(pattern => pattern.test(host))
      // Headers are the client's: the memory of them has an end.
      if (known.size < 100) known.set(authority, answer)
    }
    return answer
  }
}

/** Says of an Origin header whether its pages may use the server; `authority` is the request's Host. */
export function originCheck(allowOrigin: GuardOptions['allowOrigin']): (origin: string, authority: string) => boolean {
  const listed = typeof allowOrigin === 'string' ? allowOrigin.split(',') : (allowOrigin ?? [])
  const allowed = new Set(listed.map(origin => origin.trim().toLowerCase().replace(/\/$/, '')))
  if (allowed.has('*')) return () => true
  return (origin, authority) => {
    const lower = origin.trim().toLowerCase()
    if (allowed.has(lower)) return true
    const [, own = ''] = /^https?:\/\/([^/]+)$/.exec(lower) ?? []
    if (own === '') return false
    return isLoopback(hostOf(own)) || own === authority.trim().toLowerCase()
  }
}

/**
 * Web actions, and the gateway's APIs on the main port, are for every page: they say themselves what pages may do. For
 * those of the platform see `refusalOfPage`.
 */
function isForPages(path: string): boolean {
  return path.startsWith('/api/v1/web/') || (path.startsWith('/api/') && !/^\/api\/(?:v1(?:\/|$)|$)/.test(path))
}

/** On the gateway's own port. */
export function isApiCall(path: string): boolean {
  return path.startsWith('/api/')
}

/**
 * Returns what keeps pages from the web actions of the platform itself, which create APIs and alarms for whoever sends
 * the well-known keys: WhiskError `forbidden` for an Origin that may not use the server, and for any request that a page
 * of another site makes without telling its Origin (an image, a link).
 */
export function refusalOfPage({
  allowOrigin,
}: Pick<GuardOptions, 'allowOrigin'>): (rawHeaders: readonly string[]) => WhiskError | undefined {
  const originAllowed = originCheck(allowOrigin)
  return rawHeaders => {
    const origin = firstHeader(rawHeaders, 'origin')
    if (origin !== undefined) {
      if (originAllowed(origin, firstHeader(rawHeaders, 'host') ?? '')) return undefined
      return new WhiskError('forbidden', messages.originRefused(origin), { rejection: true })
    }
    if (firstHeader(rawHeaders, 'sec-fetch-site') !== 'cross-site') return undefined
    // Which site it is remains unknown: only who allows all of them allows it.
    if (originAllowed('null', '')) return undefined
    return new WhiskError('forbidden', messages.siteRefused, { rejection: true })
  }
}

/**
 * Returns what refuses a request: 421 for a Host that is not the server's, 403 without CORS headers for an Origin that
 * may not use it. `forPages` says which paths every Origin may use.
 */
export function guard(
  options: GuardOptions & { readonly forPages?: (path: string) => boolean },
): (c: Context<Env>) => WhiskError | undefined {
  const { forPages = isForPages } = options
  const hostAllowed = hostCheck(options.allowedHosts)
  const originAllowed = originCheck(options.allowOrigin)
  return c => {
    const authority = headerOf(c, 'host')
    if (authority !== undefined && !hostAllowed(authority)) {
      return new WhiskError('misdirected', messages.hostRefused(hostOf(authority)), { rejection: true })
    }
    const origin = headerOf(c, 'origin')
    if (origin === undefined || forPages(c.req.path) || originAllowed(origin, authority ?? '')) return undefined
    return new WhiskError('forbidden', messages.originRefused(origin), { rejection: true })
  }
}
