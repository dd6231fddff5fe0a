// What an action's annotations say about its use as a web action.

import type { ResolvedAction } from '../engine/invoker.ts'
import { JsonNumber, type JsonValue, stringify } from '../entity/json.ts'

export interface WebSettings {
  /** `web-export` is JSON true: nothing else exports. */
  readonly exported: boolean
  readonly raw: boolean
  /** `web-custom-options`: the action answers OPTIONS and sets its own CORS headers. */
  readonly customOptions: boolean
  /** Whom `require-whisk-auth` lets in: all, any subject, who knows the secret, or nobody. */
  readonly access: 'open' | 'subjects' | 'nobody' | { readonly secret: string }
  /** Names of final parameters that have a value. */
  readonly immutable: ReadonlySet<string>
}

const settings = new WeakMap<ResolvedAction, WebSettings>()

/** Read once for each resolved action: resolution hands out the same object until something changes. */
export function webSettings(resolved: ResolvedAction): WebSettings {
  const known = settings.get(resolved)
  if (known) return known
  const read = readSettings(resolved)
  settings.set(resolved, read)
  return read
}

function readSettings({ action, parameters }: ResolvedAction): WebSettings {
  const annotation = (key: string): JsonValue | undefined => action.annotations.find(a => a.key === key)?.value
  const final = annotation('final') === true
  return {
    exported: annotation('web-export') === true,
    raw: annotation('raw-http') === true,
    customOptions: annotation('web-custom-options') === true,
    access: accessOf(annotation('require-whisk-auth')),
    immutable: new Set(final ? parameters.filter(p => p.value !== null).map(p => p.key) : []),
  }
}

function accessOf(value: JsonValue | undefined): WebSettings['access'] {
  if (value === undefined || value === false) return 'open'
  if (value === true) return 'subjects'
  if (typeof value === 'string') return { secret: value }
  return typeof value === 'number' || value instanceof JsonNumber ? { secret: stringify(value) } : 'nobody'
}
