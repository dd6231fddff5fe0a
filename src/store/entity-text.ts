// The stored form of an entity: its JSON, and the code of an action beside it.

import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, parseStored, stringify } from '../entity/json.ts'
import type { WhiskEntity } from '../entity/whisk-entity.ts'
import type { StoredText } from './undo.ts'

/** The rules of a trigger become pairs, because they keep their order and JSON objects are printed sorted. */
export function encodeEntity(entity: WhiskEntity): StoredText {
  if (entity.entityType === 'action' && 'code' in entity.exec && entity.exec.code !== undefined) {
    const { code, ...exec } = entity.exec
    return { document: textOf({ ...entity, exec }), code }
  }
  if (entity.entityType === 'trigger' && entity.rules) {
    return { document: textOf({ ...entity, rules: Object.entries(entity.rules) }), code: null }
  }
  return { document: textOf(entity), code: null }
}

/** Fails when the text is not what `encodeEntity` gives. */
export function decodeEntity({ document, code }: StoredText): WhiskEntity {
  const fields = parseStored(document)
  if (!isJsonObject(fields) || typeof fields.entityType !== 'string') throw new Error('The document is no entity.')
  const entity: Record<string, JsonValue> = { ...fields }
  if (code !== null && isJsonObject(fields.exec)) entity.exec = { ...fields.exec, code }
  if (isJsonArray(fields.rules)) entity.rules = Object.fromEntries(fields.rules.map(toPair))
  return entity as unknown as WhiskEntity
}

function toPair(value: JsonValue): [string, JsonValue] {
  if (!isJsonArray(value) || typeof value[0] !== 'string' || value[1] === undefined) {
    throw new Error('The document is no trigger.')
  }
  return [value[0], value[1]]
}

/** Entities are made of JSON values, though their types, being interfaces, do not say so. */
function textOf(entity: object): string {
  return stringify(entity as JsonObject)
}
