// Names of entities: what is legal, how request paths and references in bodies are read.

import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import { decodeActivationId } from './activation-id.ts'
import { isJsonObject, type JsonObject, type JsonValue } from './json.ts'
import { malformedContent } from './malformed.ts'
import { parseVersion } from './semver.ts'
import type { EntityReference } from './whisk-entity.ts'

const NAME = /^(?:\w|\w[\w@ .&-]{0,254}[\w@.&-])$/
const MAX_NAME_LENGTH = 256
/** In paths and bodies: the namespace of the caller. */
export const DEFAULT_NAMESPACE = '_'

export function isEntityName(name: string): boolean {
  return NAME.test(name)
}

export const COLLECTIONS = ['actions', 'triggers', 'rules', 'packages', 'activations', 'limits'] as const
export type Collection = (typeof COLLECTIONS)[number]

/** What the path of a request below `/namespaces` addresses. `namespace` has `_` resolved; it may hold a `/` when the
 * request had `%2F` there, and then acts as namespace and package. */
export type ResourcePath = { readonly collection: Collection; readonly namespace: string } & (
  | { readonly level: 'collection' }
  /** `GET …/actions/PACKAGE/` */
  | { readonly level: 'package'; readonly package: string }
  | { readonly level: 'entity'; readonly package?: string; readonly name: string }
  /** `rest` is what follows the id: `''`, `/`, `/logs`, `/result`, or something that does not exist. */
  | { readonly level: 'activation'; readonly id: string; readonly rest: string }
)

const ENTITY_METHODS: ReadonlySet<string> = new Set(['GET', 'PUT', 'POST', 'DELETE'])

/**
 * Reads the path of a request below `/api/v1`, as it stands on the wire: split at `/` first, decoded afterwards.
 * Undefined when there is no such route for this method; fails with `badRequest` when a name in it is illegal.
 */
export function parsePath(path: string, method: string, ownNamespace: string): ResourcePath | undefined {
  const [empty, root, ...segments] = path.split('/').map(decodeSegment)
  const [namespaceSegment, collection, ...rest] = segments
  if (empty !== '' || root !== 'namespaces' || !namespaceSegment || !isCollection(collection)) return undefined
  // OpenWhisk: the router takes a leading `_` for the caller's namespace and finds no slash behind it.
  if (namespaceSegment.startsWith(DEFAULT_NAMESPACE) && namespaceSegment !== DEFAULT_NAMESPACE) return undefined
  const namespace = decodeNamespace(namespaceSegment, ownNamespace)
  if (rest.length === 0 || (rest.length === 1 && rest[0] === '')) {
    return method === 'GET' ? { collection, namespace, level: 'collection' } : undefined
  }
  const [first, ...deeper] = rest
  if (!first) return undefined
  if (collection === 'limits') {
    if (method !== 'GET') return undefined
    throw new WhiskError('badRequest', messages.limitsInnerRoutes, { rejection: true })
  }
  if (collection === 'activations') {
    if (method !== 'GET') return undefined
    const below = deeper.length === 0 ? '' : `/${deeper.join('/')}`
    return { collection, namespace, level: 'activation', id: decodeActivationId(first), rest: below }
  }
  if (!ENTITY_METHODS.has(method)) return undefined
  const name = decodeEntityName(first)
  if (deeper.length === 0) return { collection, namespace, level: 'entity', name }
  const [second, ...beyond] = deeper
  if (collection !== 'actions' || beyond.length > 0) return undefined
  if (second) return { collection, namespace, level: 'entity', package: name, name: decodeEntityName(second) }
  return method === 'GET' ? { collection, namespace, level: 'package', package: name } : undefined
}

function isCollection(segment: string | undefined): segment is Collection {
  return (COLLECTIONS as readonly (string | undefined)[]).includes(segment)
}

/** Percent-decodes one segment; bytes that are no UTF-8 become U+FFFD, bad escapes stay as they are. */
export function decodeSegment(segment: string): string {
  if (!segment.includes('%')) return segment
  try {
    return decodeURIComponent(segment)
  } catch {
    const latin1 = Buffer.from(segment)
      .toString('latin1')
      .replace(/%([0-9a-fA-F]{2})/g, (_, hex: string) => String.fromCharCode(Number.parseInt(hex, 16)))
    return Buffer.from(latin1, 'latin1').toString()
  }
}

/** Checks a name in a path. Fails with `badRequest`. */
export function decodeEntityName(segment: string): string {
  if (NAME.test(segment)) return segment
  const message =
    segment.length > MAX_NAME_LENGTH
      ? messages.entityNameTooLong(segment.length, MAX_NAME_LENGTH)
      : messages.entityNameIllegal
  throw new WhiskError('badRequest', message, { rejection: true })
}

function decodeNamespace(segment: string, ownNamespace: string): string {
  if (segment === DEFAULT_NAMESPACE) return ownNamespace
  if (NAME.test(segment)) return segment
  const parts = splitPath(segment)
  if (parts.length > 0 && parts.every(isEntityName)) return resolvePath(parts.join('/'), ownNamespace)
  const message =
    segment.length > MAX_NAME_LENGTH
      ? messages.namespaceTooLong(segment.length, MAX_NAME_LENGTH)
      : messages.namespaceIllegal
  throw new WhiskError('badRequest', message, { rejection: true })
}

function splitPath(path: string): string[] {
  return path.split('/').filter(part => part !== '')
}

/** Replaces a leading `_` by the namespace. */
export function resolvePath(path: string, namespace: string): string {
  if (path === DEFAULT_NAMESPACE) return namespace
  return path.startsWith(`${DEFAULT_NAMESPACE}/`) ? namespace + path.slice(1) : path
}

/**
 * Reads a reference to an entity in a body: a string with at least two segments, or an object with `path` and `name`.
 * `_` is not resolved yet. Fails with `badRequest`.
 */
export function decodeReference(value: JsonValue): EntityReference {
  if (typeof value === 'string') return parseReference(value)
  const reference = isJsonObject(value) ? referenceOf(value) : undefined
  if (reference === undefined) throw malformedContent(messages.fqnMalformed)
  return reference
}

function parseReference(text: string): EntityReference {
  const parts = splitPath(text)
  const name = parts[parts.length - 1]
  if (name === undefined) throw malformedContent(messages.pathUndefined)
  if (!parts.every(isEntityName)) throw malformedContent(messages.pathIllegal(parts))
  if (parts.length === 1) throw malformedContent(messages.fqnTooShort)
  return { path: parts.slice(0, -1).join('/'), name }
}

function referenceOf(value: JsonObject): EntityReference | undefined {
  const { path, name, version = null, binding = null } = value
  if (typeof path !== 'string' || typeof name !== 'string' || !isEntityName(name)) return undefined
  if (!isPath(path)) return undefined
  if (version !== null && (typeof version !== 'string' || parseVersion(version) === undefined)) return undefined
  if (binding !== null && (typeof binding !== 'string' || !isPath(binding))) return undefined
  const reference = { path: splitPath(path).join('/'), name }
  return version === null ? reference : { ...reference, version: parseVersion(version) }
}

/** True for one or more legal names between slashes; empty segments do not count. */
export function isPath(text: string): boolean {
  const parts = splitPath(text)
  return parts.length > 0 && parts.every(isEntityName)
}

/** With `_` replaced by the namespace. */
export function resolveReference(reference: EntityReference, namespace: string): EntityReference {
  const path = resolvePath(reference.path, namespace)
  return path === reference.path ? reference : { ...reference, path }
}

/** `ns/pkg/name`: the id in the store. */
export function toId(reference: EntityReference): string {
  return `${reference.path}/${reference.name}`
}

/** From `ns/pkg/name`, with or without a leading slash. */
export function fromId(id: string): EntityReference {
  const parts = splitPath(id)
  return { path: parts.slice(0, -1).join('/'), name: parts[parts.length - 1] ?? '' }
}

/** The namespace that `ns` or `ns/pkg` is in. */
export function rootNamespace(path: string): string {
  const slash = path.indexOf('/')
  return slash === -1 ? path : path.slice(0, slash)
}

/** The package of `ns/pkg`; undefined for `ns`. */
export function packageOf(path: string): string | undefined {
  const slash = path.indexOf('/')
  return slash === -1 ? undefined : path.slice(slash + 1)
}
