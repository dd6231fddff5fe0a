// Finds the Docker engine the way the docker CLI does, and asks whether it answers. Needs no Docker library.

import { createHash } from 'node:crypto'
import { existsSync, readFileSync } from 'node:fs'
import http from 'node:http'
import https from 'node:https'
import { homedir, platform } from 'node:os'
import { join } from 'node:path'
import { ExitError } from '../errors.ts'

/** How to reach an engine; what an HTTP client wants to know. */
export interface EngineAddress {
  socketPath?: string
  host?: string
  port?: number
  tls?: { ca?: string; cert?: string; key?: string; rejectUnauthorized: boolean }
}

export interface EngineHost {
  address: EngineAddress
  /** `unix:///var/run/docker.sock` or `tcp://host:port`. */
  url: string
  /** Who said so, for the log: `DOCKER_HOST`, `the docker context "colima"`, … */
  source: string
}

/** What the search looks at; all of it given, so that tests need no real home. */
export interface HostSearch {
  dockerHost?: string
  env: Readonly<Record<string, string | undefined>>
  home: string
  platform: string
  /** Whether a path exists. */
  exists(path: string): boolean
}

const PING_TIMEOUT_MS = 2_000
const DEFAULT_PORT = 2375
const DEFAULT_TLS_PORT = 2376
const UNAVAILABLE = 5

/** The folder of the docker CLI's own configuration. */
export function dockerConfigDir(search: Pick<HostSearch, 'env' | 'home'>): string {
  return search.env.DOCKER_CONFIG || join(search.home, '.docker')
}

/** This process's surroundings. */
export function systemSearch(dockerHost?: string): HostSearch {
  return { dockerHost, env: process.env, home: homedir(), platform: platform(), exists: existsSync }
}

/**
 * The engines to try, best first. A choice that somebody made (option, environment, context) stands alone: when it
 * does not answer, no other is tried. Fails with ExitError 5 when the choice makes no sense.
 */
export function engineCandidates(search: HostSearch): EngineHost[] {
  const { env } = search
  if (search.dockerHost) return [named(search.dockerHost, '--docker-host', search)]
  if (env.DOCKER_HOST) return [named(env.DOCKER_HOST, 'DOCKER_HOST', search)]
  const context = env.DOCKER_CONTEXT || currentContext(search)
  if (context && context !== 'default') return [fromContext(context, search)]
  return usualSockets(search)
    .filter(path => search.platform === 'win32' || search.exists(path))
    .map(path => ({ address: { socketPath: path }, url: socketUrl(path), source: 'the usual place' }))
}

/** The first engine that answers. Fails with ExitError 5 and one sentence that says what was tried. */
export async function findEngine(search: HostSearch): Promise<EngineHost> {
  const candidates = engineCandidates(search)
  const reasons: string[] = []
  for (const candidate of candidates) {
    const failure = await ping(candidate.address)
    if (failure === undefined) return candidate
    reasons.push(`${candidate.url} (${candidate.source}): ${failure}`)
  }
  const tried = reasons.length > 0 ? reasons.join('; ') : `no socket at ${usualSockets(search).join(', ')}`
  throw new ExitError(UNAVAILABLE, `no Docker engine answered: ${tried}`)
}

/** Undefined when the engine answers, else why not. */
export function ping(address: EngineAddress, timeoutMs = PING_TIMEOUT_MS): Promise<string | undefined> {
  return new Promise(resolve => {
    const request = (address.tls ? https : http).get(
      { ...requestOptions(address), path: '/_ping', agent: false, timeout: timeoutMs },
      response => {
        response.resume()
        resolve(response.statusCode === 200 ? undefined : `it answered ${response.statusCode ?? 'nothing'}`)
      },
    )
    request.on('timeout', () => request.destroy(new Error(`no answer within ${timeoutMs} ms`)))
    request.on('error', error => resolve(sayWhy(error)))
  })
}

/** The options of node:http for this engine. */
export function requestOptions(address: EngineAddress): https.RequestOptions {
  if (address.socketPath !== undefined) return { socketPath: address.socketPath }
  return { host: address.host, port: address.port, ...address.tls }
}

function sayWhy(error: Error): string {
  const code = 'code' in error ? String(error.code) : ''
  if (code === 'EACCES') return 'permission denied (is this user in the docker group?)'
  if (code === 'ENOENT') return 'there is no such socket'
  if (code === 'ECONNREFUSED') return 'nothing listens there'
  return error.message || code
}

function named(url: string, source: string, search: HostSearch): EngineHost {
  const { env } = search
  const verify = env.DOCKER_TLS_VERIFY !== undefined && env.DOCKER_TLS_VERIFY !== ''
  const certificates = env.DOCKER_CERT_PATH || dockerConfigDir(search)
  return parseHost(url, source, verify ? readTls(certificates, true) : undefined)
}

function parseHost(text: string, source: string, tls: EngineAddress['tls']): EngineHost {
  const url = text.includes('://') ? text : `tcp://${text}`
  const refuse = (why: string) =>
    new ExitError(UNAVAILABLE, `no Docker engine can be reached at ${text} (${source}): ${why}`)
  if (url.startsWith('unix://')) {
    const socketPath = url.slice('unix://'.length) || '/var/run/docker.sock'
    return { address: { socketPath }, url: socketUrl(socketPath), source }
  }
  if (url.startsWith('npipe://')) {
    const socketPath = url.slice('npipe://'.length) || '//./pipe/docker_engine'
    return { address: { socketPath }, url, source }
  }
  if (url.startsWith('ssh://')) {
    throw refuse('ssh is not supported; forward its socket with `ssh -L` and name that with --docker-host unix://…')
  }
  if (!/^(tcp|http|https):\/\//.test(url) || !URL.canParse(url.replace(/^tcp:/, 'http:'))) {
    throw refuse('expected unix:///path, tcp://host:port or npipe://…')
  }
  const parsed = new URL(url.replace(/^tcp:/, 'http:'))
  const secure = tls ?? (url.startsWith('https:') ? { rejectUnauthorized: true } : undefined)
  const port = Number(parsed.port) || (secure ? DEFAULT_TLS_PORT : DEFAULT_PORT)
  const host = parsed.hostname.replace(/^\[|\]$/g, '')
  return { address: { host, port, ...(secure && { tls: secure }) }, url: `tcp://${parsed.hostname}:${port}`, source }
}

function socketUrl(path: string): string {
  return path.startsWith('//./') ? `npipe://${path}` : `unix://${path}`
}

function readTls(dir: string, rejectUnauthorized: boolean): EngineAddress['tls'] {
  const read = (file: string) => (existsSync(join(dir, file)) ? readFileSync(join(dir, file), 'utf8') : undefined)
  return { ca: read('ca.pem'), cert: read('cert.pem'), key: read('key.pem'), rejectUnauthorized }
}

function currentContext(search: HostSearch): string | undefined {
  const config = readJson(join(dockerConfigDir(search), 'config.json'))
  return typeof config?.currentContext === 'string' ? config.currentContext : undefined
}

function fromContext(name: string, search: HostSearch): EngineHost {
  const source = `the docker context "${name}"`
  const folder = createHash('sha256').update(name).digest('hex')
  const contexts = join(dockerConfigDir(search), 'contexts')
  const meta = readJson(join(contexts, 'meta', folder, 'meta.json'))
  const endpoint = child(child(meta, 'Endpoints'), 'docker')
  if (typeof endpoint?.Host !== 'string') {
    throw new ExitError(UNAVAILABLE, `no Docker engine can be reached: ${source} does not exist or names no engine`)
  }
  const certificates = join(contexts, 'tls', folder, 'docker')
  const tls = search.exists(certificates) ? readTls(certificates, endpoint.SkipTLSVerify !== true) : undefined
  return parseHost(endpoint.Host, source, tls)
}

function usualSockets({ env, home, platform }: HostSearch): string[] {
  if (platform === 'win32') return ['//./pipe/docker_engine', '//./pipe/podman-machine-default']
  const runtime = env.XDG_RUNTIME_DIR
  return [
    '/var/run/docker.sock',
    ...(runtime ? [join(runtime, 'docker.sock')] : []),
    join(home, '.docker/run/docker.sock'),
    join(home, '.docker/desktop/docker.sock'),
    join(home, '.colima/default/docker.sock'),
    join(home, '.colima/docker.sock'),
    join(home, '.orbstack/run/docker.sock'),
    join(home, '.rd/docker.sock'),
    ...(runtime ? [join(runtime, 'podman/podman.sock')] : []),
    join(home, '.local/share/containers/podman/machine/podman.sock'),
    '/run/podman/podman.sock',
  ]
}

type Fields = Record<string, unknown>

function child(fields: Fields | undefined, key: string): Fields | undefined {
  const value = fields?.[key]
  return typeof value === 'object' && value !== null ? (value as Fields) : undefined
}

/** An object of a JSON file; undefined when it is missing or unreadable. */
export function readJson(path: string): Fields | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(path, 'utf8'))
    return child({ value }, 'value')
  } catch {
    return undefined
  }
}
