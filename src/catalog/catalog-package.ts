// What a system package consists of, and how its actions become stored entities.

import { SYSTEM_NAMESPACE } from '../entity/identity.ts'
import type { JsonObject, JsonValue } from '../entity/json.ts'
import type { Parameters, WhiskAction, WhiskPackage } from '../entity/whisk-entity.ts'

/** One action of a system package. */
export interface CatalogAction {
  readonly name: string
  /**
   * What `action get` shows and a copy runs: the source of a nodejs action. Unless `container` is set, the server runs
   * this same text itself, without a container.
   */
  readonly source: string
  readonly annotations: JsonObject
  readonly parameters?: JsonObject
  /** True for actions that must not run inside the server: they start programs. */
  readonly container?: true
  /** True for actions with a handler of their own; `source` then only serves copies. */
  readonly native?: true
}

export interface CatalogPackage {
  readonly name: string
  readonly publish: boolean
  readonly annotations: JsonObject
  readonly parameters?: JsonObject
  readonly actions: readonly CatalogAction[]
}

const toParameters = (values: JsonObject = {}): Parameters =>
  Object.entries(values).map(([key, value]) => ({ key, value }))

/** Describes the parameters of an action, as the annotation `parameters` lists them. */
export const parameterList = (...entries: readonly JsonObject[]): JsonValue => entries

/** The entities of a package as they are stored. `kind` is the manifest's default nodejs kind. */
export function toEntities(pack: CatalogPackage, kind: string, updated: number): (WhiskPackage | WhiskAction)[] {
  const whiskPackage: WhiskPackage = {
    entityType: 'package',
    namespace: SYSTEM_NAMESPACE,
    name: pack.name,
    version: '0.0.1',
    publish: pack.publish,
    annotations: toParameters(pack.annotations),
    parameters: toParameters(pack.parameters),
    updated,
  }
  const actions = pack.actions.map(
    (action): WhiskAction => ({
      entityType: 'action',
      namespace: `${SYSTEM_NAMESPACE}/${pack.name}`,
      name: action.name,
      version: '0.0.1',
      publish: false,
      annotations: toParameters({ 'provide-api-key': false, ...action.annotations, exec: kind }),
      parameters: toParameters(action.parameters),
      limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1 },
      exec: { kind, code: action.source, binary: false },
      updated,
    }),
  )
  return [whiskPackage, ...actions]
}
