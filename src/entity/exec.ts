// Exec: the code of an action, as a PUT body gives it and as the REST API shows it.

import { messages } from '../messages.ts'
import { parseImage } from './image.ts'
import { isJsonArray, isJsonObject, type JsonObject, type JsonValue, stringify } from './json.ts'
import { malformedContent } from './malformed.ts'
import { type ExecManifest, requireKind } from './manifest.ts'
import { decodeReference, resolveReference, toId } from './names.ts'
import type { BlackBoxExec, CodeExec, Exec, SequenceExec } from './whisk-entity.ts'

/**
 * Reads `exec` of a PUT body. Components of sequences keep their `_` (see `resolveExec`). Fails with `badRequest`; the
 * checks run in the reference's order.
 */
export function decodeExec(value: JsonValue, manifest: ExecManifest): Exec {
  if (!isJsonObject(value)) throw malformedContent(messages.jsonObjectExpected)
  if (typeof value.kind !== 'string') throw malformedContent(messages.kindMissing)
  const kind = value.kind.trim().toLowerCase()
  if (kind === 'sequence') return decodeSequence(value)
  if (kind === 'blackbox') return decodeBlackBox(value)
  return decodeCode(kind, value, manifest)
}

function decodeSequence(exec: JsonObject): SequenceExec {
  const { components } = exec
  if (components === undefined) throw malformedContent(messages.componentsMissing)
  if (!isJsonArray(components)) throw malformedContent(messages.componentsNotArray)
  return { kind: 'sequence', components: components.map(component => `/${toId(decodeReference(component))}`) }
}

function decodeBlackBox(exec: JsonObject): BlackBoxExec {
  if (typeof exec.image !== 'string') throw malformedContent(messages.imageMissing)
  const image = parseImage(exec.image)
  if (image === undefined) throw malformedContent(messages.imageMalformed)
  const code = exec.code === undefined ? '' : decodeAttachment(exec.code)
  const main = decodeMain('blackbox', exec)
  const shared = { kind: 'blackbox', image, ...(main === undefined ? {} : { main }) } as const
  return code.trim() === '' ? { ...shared, binary: false } : { ...shared, ...classify(code) }
}

function decodeCode(kind: string, exec: JsonObject, manifest: ExecManifest): CodeExec {
  const runtime = requireKind(manifest, kind)
  // OpenWhisk: Java actions once had their code in `jar`.
  const code = runtime.attached && exec.code === undefined ? exec.jar : exec.code
  if (code === undefined) {
    throw malformedContent(runtime.attached ? messages.codeMissing(kind) : messages.codeNotString(kind))
  }
  if (!runtime.attached && typeof code !== 'string') throw malformedContent(messages.codeNotString(kind))
  const main = decodeMain(kind, exec)
  if (main === undefined && runtime.requireMain) throw malformedContent(messages.mainMissing(kind))
  return {
    kind: runtime.kind,
    ...classify(decodeAttachment(code)),
    ...(main === undefined ? {} : { main }),
  }
}

function decodeMain(kind: string, exec: JsonObject): string | undefined {
  const { main } = exec
  if (main === undefined || typeof main === 'string') return main
  throw malformedContent(messages.mainNotString(kind))
}

/** Differs from OpenWhisk: an attachment record, which only the store may write, is refused like any other value. */
function decodeAttachment(code: JsonValue): string {
  if (typeof code === 'string') return code
  throw malformedContent(messages.codeNotAttachment(stringify(code)))
}

/** OpenWhisk: whatever looks like base64 is binary, plain source such as `test` too; the flag of the body is ignored. */
function classify(code: string): { code: string; binary: boolean } {
  const trimmed = code.trim()
  if (!isBase64(trimmed)) return { code, binary: false }
  // Decoded and encoded again: only the last four characters can change.
  const last = Buffer.from(trimmed.slice(-4), 'base64').toString('base64')
  return { code: trimmed.endsWith(last) ? trimmed : trimmed.slice(0, -4) + last, binary: true }
}

/** Non-empty, in groups of four, padded at the end. A loop, because a regular expression may not bear 48 MB. */
function isBase64(text: string): boolean {
  if (text.length === 0 || text.length % 4 !== 0) return false
  const padding = text.endsWith('==') ? 2 : text.endsWith('=') ? 1 : 0
  for (let i = 0; i < text.length - padding; i++) {
    const char = text.charCodeAt(i)
    const legal =
      (char >= 0x61 && char <= 0x7a) ||
      (char >= 0x41 && char <= 0x5a) ||
      (char >= 0x30 && char <= 0x39) ||
      char === 0x2b ||
      char === 0x2f
    if (!legal) return false
  }
  return true
}

/** With `_` in the components of a sequence replaced by the namespace. */
export function resolveExec(exec: Exec, namespace: string): Exec {
  if (!isSequence(exec)) return exec
  const components = exec.components.map(
    component => `/${toId(resolveReference(decodeReference(component), namespace))}`,
  )
  return { ...exec, components }
}

export function isSequence(exec: Exec): exec is SequenceExec {
  return exec.kind === 'sequence'
}

export function isBlackBox(exec: Exec): exec is BlackBoxExec {
  return exec.kind === 'blackbox'
}

/** What counts against the size limit: code, main and image; the names of a sequence's components. */
export function sizeOfExec(exec: Exec): number {
  if (isSequence(exec)) return exec.components.reduce((size, component) => size + Buffer.byteLength(component), 0)
  const image = isBlackBox(exec) ? exec.image : ''
  return Buffer.byteLength(exec.code ?? '') + Buffer.byteLength(exec.main ?? '') + Buffer.byteLength(image)
}

/** As the REST API shows it, with or without its code. */
export function execJson(exec: Exec, withCode: boolean): JsonObject {
  if (isSequence(exec)) return { components: exec.components, kind: exec.kind }
  const shown: Record<string, JsonValue> = { binary: exec.binary }
  if (withCode && exec.code !== undefined) shown.code = exec.code
  if (isBlackBox(exec)) shown.image = exec.image
  shown.kind = exec.kind
  if (exec.main !== undefined) shown.main = exec.main
  return shown
}
