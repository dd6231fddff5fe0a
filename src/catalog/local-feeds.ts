// What happens behind /whisk.system/local: URLs that fire triggers, and file watchers that do.

import { randomBytes } from 'node:crypto'
import { existsSync, type FSWatcher, watch } from 'node:fs'
import { join, resolve } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Identity } from '../entity/identity.ts'
import type { JsonObject, JsonValue } from '../entity/json.ts'
import type { Logger } from '../log.ts'
import type { DocumentStore } from '../store/store.ts'

/** Collections of `store.documents`; ids of webhooks are their secret tokens, ids of watches `namespace/trigger`. */
export const WEBHOOKS = 'webhooks'
export const WATCHES = 'watches'

/** Several events of one save make one fire. */
const SETTLE_MS = 50

export interface LocalFeedDependencies {
  documents: DocumentStore
  clock: Clock
  log: Logger
  committed(): Promise<void>
  /** Where this server is reached, e.g. `http://localhost:3233`. */
  publicUrl(): string
  /** A request to the REST API as the feed's key; answers the status. */
  request(method: 'POST', path: string, apikey: string, body: JsonObject): Promise<{ status: number; body: unknown }>
}

type FeedHandler = (args: JsonObject, context: { identity: Identity }) => Promise<JsonValue>

/** The trigger behind a feed, and the key that fires it. */
interface FeedTarget {
  apikey: string
  namespace: string
  name: string
}

const triggerPath = ({ namespace, name }: FeedTarget) =>
  `/api/v1/namespaces/${encodeURIComponent(namespace)}/triggers/${encodeURIComponent(name)}`

const toTarget = (args: JsonObject, identity: Identity): FeedTarget => ({
  apikey: String(args.authKey ?? ''),
  namespace: identity.namespace.name,
  name: String(args.triggerName ?? '')
    .split('/')
    .slice(-1)
    .join(),
})

/** Holds the watchers; the stored documents are the truth. */
export class LocalFeeds {
  readonly #deps: LocalFeedDependencies
  readonly #watchers = new Map<string, FSWatcher>()

  constructor(dependencies: LocalFeedDependencies) {
    this.#deps = dependencies
  }

  /** Handlers by fully qualified name, for the built-in container factory. */
  handlers(): Map<string, FeedHandler> {
    return new Map<string, FeedHandler>([
      ['whisk.system/local/webhook', (args, { identity }) => this.#webhook(args, toTarget(args, identity))],
      ['whisk.system/local/watch', (args, { identity }) => this.#watch(args, toTarget(args, identity))],
    ])
  }

  /** Takes up the stored watches again. */
  start(): void {
    for (const { id, document } of this.#deps.documents.list(WATCHES)) this.#takeUp(id, document)
  }

  /** Follows the documents of a namespace after a rollback or a reset. */
  reload(namespace: string): void {
    for (const id of [...this.#watchers.keys()]) if (id.startsWith(`${namespace}/`)) this.#stop(id)
    for (const { id, document } of this.#deps.documents.list(WATCHES, namespace)) this.#takeUp(id, document)
  }

  close(): void {
    for (const id of [...this.#watchers.keys()]) this.#stop(id)
  }

  /** Fires the trigger of a webhook; undefined when there is no such URL. */
  async receive(token: string, payload: JsonObject): Promise<{ status: number; body: unknown } | undefined> {
    const target = this.#deps.documents.get(WEBHOOKS, token) as unknown as FeedTarget | undefined
    return target && this.#deps.request('POST', triggerPath(target), target.apikey, payload)
  }

  async #webhook(args: JsonObject, target: FeedTarget): Promise<JsonValue> {
    const { documents } = this.#deps
    const known = documents.list(WEBHOOKS, target.namespace).find(({ document }) => document.name === target.name)
    const url = (token: string) => `${this.#deps.publicUrl()}/_hooks/${token}`
    switch (args.lifecycleEvent) {
      case 'CREATE': {
        const token = known?.id ?? randomBytes(16).toString('hex')
        documents.put(WEBHOOKS, token, target.namespace, { ...target })
        await this.#deps.committed()
        return { status: 'success', url: url(token) }
      }
      case 'READ':
      case 'UPDATE':
        if (!known) return notFound(target)
        return { status: 'success', url: url(known.id) }
      case 'DELETE':
        if (!known) return notFound(target)
        documents.delete(WEBHOOKS, known.id)
        await this.#deps.committed()
        return { status: 'success' }
      default:
        return { error: 'unsupported lifecycleEvent' }
    }
  }

  async #watch(args: JsonObject, target: FeedTarget): Promise<JsonValue> {
    const { documents } = this.#deps
    const id = `${target.namespace}/${target.name}`
    const known = documents.get(WATCHES, id)
    switch (args.lifecycleEvent) {
      case 'CREATE':
      case 'UPDATE': {
        if (args.lifecycleEvent === 'UPDATE' && !known) return notFound(target)
        if (typeof args.path !== 'string')
          return { error: { error: 'watch trigger feed is missing the path parameter' } }
        const path = resolve(args.path)
        if (!existsSync(path)) return { error: { error: `path parameter '${args.path}' names no file or folder` } }
        const document = { ...target, path, recursive: args.recursive === true }
        const watcher = this.#open(id, document)
        try {
          documents.put(WATCHES, id, target.namespace, document)
          await this.#deps.committed()
        } catch (error) {
          watcher.close()
          throw error
        }
        this.#use(id, watcher)
        return { status: 'success', path }
      }
      case 'READ':
        if (!known) return notFound(target)
        return {
          config: { path: known.path ?? null, recursive: known.recursive ?? false },
          status: { active: this.#watchers.has(id) },
        }
      case 'DELETE':
        if (!known) return notFound(target)
        documents.delete(WATCHES, id)
        await this.#deps.committed()
        this.#stop(id)
        return { status: 'success' }
      default:
        return { error: 'unsupported lifecycleEvent' }
    }
  }

  #takeUp(id: string, document: JsonObject): void {
    try {
      this.#use(id, this.#open(id, document))
    } catch (error) {
      this.#deps.log.warn(`cannot watch ${String(document.path)} for trigger /${id}`, { error })
    }
  }

  /** A watcher that fires once it is in use. */
  #open(id: string, document: JsonObject): FSWatcher {
    const path = String(document.path)
    const waiting = new Set<string>()
    const watcher = watch(path, { recursive: document.recursive === true, persistent: false }, (event, file) => {
      // A watched file reports its own name; a folder the name within it.
      const changed = file === null || path.endsWith(file) ? path : join(path, file)
      if (waiting.has(changed)) return
      waiting.add(changed)
      this.#deps.clock.setTimeout(() => {
        waiting.delete(changed)
        this.#fire(id, document as unknown as FeedTarget, { path: changed, event, exists: existsSync(changed) })
      }, SETTLE_MS)
    })
    watcher.on('error', error => this.#deps.log.warn(`watching ${path} failed`, { error }))
    return watcher
  }

  /** In the place of the one that was. */
  #use(id: string, watcher: FSWatcher): void {
    this.#stop(id)
    this.#watchers.set(id, watcher)
  }

  #fire(id: string, target: FeedTarget, payload: JsonObject): void {
    if (!this.#watchers.has(id)) return
    this.#deps
      .request('POST', triggerPath(target), target.apikey, payload)
      .then(({ status }) => {
        if (status >= 400) this.#deps.log.warn(`watch could not fire trigger /${id}: status ${status}`)
      })
      .catch(error => this.#deps.log.error(`watch of trigger /${id} failed`, { error }))
  }

  #stop(id: string): void {
    this.#watchers.get(id)?.close()
    this.#watchers.delete(id)
  }
}

const notFound = ({ namespace, name }: FeedTarget): JsonValue => ({
  error: { error: `could not find trigger /${namespace}/${name} in the database` },
})
