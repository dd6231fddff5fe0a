// Credentials for registries, from the docker CLI's configuration: plain entries and credential programs.

import { spawn } from 'node:child_process'
import { join } from 'node:path'
import type { RegistryAuth } from './docker-engine.ts'
import { readJson } from './docker-host.ts'

const HUB = 'https://index.docker.io/v1/'
const HELPER_TIMEOUT_MS = 10_000

/** `registry/name:tag` taken apart; the engine pulls every tag of an image that is named without one. */
export interface ImageName {
  /** Empty for the engine's default registry. */
  registry: string
  /** With the tag, `latest` where none was given. */
  full: string
}

/** Takes `[registry/][prefix/]name[:tag|@digest]` apart as Docker does: a registry has a dot, a port, or is localhost. */
export function imageName(image: string): ImageName {
  const [first = '', ...rest] = image.split('/')
  const isRegistry = rest.length > 0 && (/[.:]/.test(first) || first === 'localhost')
  const last = image.slice(image.lastIndexOf('/') + 1)
  const tagged = last.includes(':') || last.includes('@')
  const registry = isRegistry && first !== 'docker.io' && first !== 'index.docker.io' ? first : ''
  return { registry, full: tagged ? image : `${image}:latest` }
}

/**
 * What the docker CLI would send for this image; undefined when it is not logged in there.
 * `configDir` is the docker CLI's folder. A credential program that fails counts as not logged in.
 */
export async function registryAuth(image: string, configDir: string): Promise<RegistryAuth | undefined> {
  const config = readJson(join(configDir, 'config.json'))
  if (!config) return undefined
  const server = imageName(image).registry || HUB
  const helper = entry(config.credHelpers, server) ?? config.credsStore
  if (typeof helper === 'string' && helper) return fromHelper(helper, server)
  const plain =
    entry(config.auths, server) ??
    entry(config.auths, `https://${server}`) ??
    entry(config.auths, `https://${server}/v1/`)
  return fromEntry(plain, server)
}

function entry(table: unknown, key: string): unknown {
  return typeof table === 'object' && table !== null ? (table as Record<string, unknown>)[key] : undefined
}

function fromEntry(plain: unknown, serveraddress: string): RegistryAuth | undefined {
  const identitytoken = entry(plain, 'identitytoken')
  const auth = entry(plain, 'auth')
  const [username, ...password] = typeof auth === 'string' ? Buffer.from(auth, 'base64').toString().split(':') : []
  if (!username && typeof identitytoken !== 'string') return undefined
  return {
    serveraddress,
    ...(username && { username, password: password.join(':').replace(/\0+$/, '') }),
    ...(typeof identitytoken === 'string' && identitytoken && { identitytoken }),
  }
}

function fromHelper(helper: string, server: string): Promise<RegistryAuth | undefined> {
  return new Promise(resolve => {
    const child = spawn(`docker-credential-${helper}`, ['get'], {
      stdio: ['pipe', 'pipe', 'ignore'],
      timeout: HELPER_TIMEOUT_MS,
    })
    let answer = ''
    child.stdout.on('data', chunk => {
      answer += String(chunk)
    })
    child.on('error', () => resolve(undefined))
    child.on('close', code => resolve(code === 0 ? fromHelperAnswer(answer, server) : undefined))
    child.stdin.on('error', () => undefined)
    child.stdin.end(server)
  })
}

function fromHelperAnswer(answer: string, serveraddress: string): RegistryAuth | undefined {
  try {
    const value: unknown = JSON.parse(answer)
    const username = entry(value, 'Username')
    const password = entry(value, 'Secret')
    if (typeof username !== 'string' || typeof password !== 'string') return undefined
    // The credential programs' convention for an OAuth token instead of a password.
    return username === '<token>' ? { serveraddress, identitytoken: password } : { serveraddress, username, password }
  } catch {
    return undefined
  }
}
