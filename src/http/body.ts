// Request bodies: their media type, their size, their JSON.

import type { Context } from 'hono'
import { JsonSyntaxError, type JsonValue, parseJson } from '../entity/json.ts'
import { malformedContent } from '../entity/malformed.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { Env } from './env.ts'
import { headerOf, incomingOf, readBytes } from './raw-request.ts'

/** What the reference's server takes of any body. */
const MAX_BODY_BYTES = 50 * 1024 * 1024
const JSON_TYPE = 'application/json'

/** The spelling that the reference gives charsets. */
const CHARSETS: Readonly<Record<string, string>> = {
  'utf-8': 'UTF-8',
  utf8: 'UTF-8',
  'utf-16': 'UTF-16',
  'utf-16be': 'UTF-16BE',
  'utf-16le': 'UTF-16LE',
  'us-ascii': 'US-ASCII',
  'iso-8859-1': 'ISO-8859-1',
  'iso-8859-15': 'ISO-8859-15',
}

interface MediaType {
  readonly type: string
  /** With its parameters, as error messages show it. */
  readonly shown: string
  /** As declared, in lower case. */
  readonly charset?: string
}

/** What a header says; undefined when it is no media type. */
export function mediaTypeOf(header: string): MediaType | undefined {
  const [essence = '', ...parameters] = header.split(';')
  const type = essence.trim().toLowerCase()
  if (!/^[\w!#$&^.+-]+\/[\w!#$&^.+-]+$/.test(type)) return undefined
  let charset: string | undefined
  const shown = parameters.map(parameter => {
    const [name = '', value = ''] = parameter.split('=').map(part => part.trim())
    if (name.toLowerCase() !== 'charset') return `${name}=${value}`
    charset = value.replace(/^"|"$/g, '').toLowerCase()
    return `charset=${CHARSETS[charset] ?? value}`
  })
  return { type, shown: [type, ...shown].join('; '), charset }
}

/** Bytes that the request announces; undefined when it does not. */
export function contentLength(c: Context<Env>): number | undefined {
  const header = headerOf(c, 'content-length')
  return header === undefined ? undefined : Number(header)
}

/**
 * The body as text when its media type is JSON's. A body without a type counts as octets, an empty one without a type as
 * JSON. Fails with `unsupportedMediaType`, and with `badRequest` beyond what the server takes.
 */
async function readJsonText(c: Context<Env>): Promise<string> {
  const header = headerOf(c, 'content-type')
  const media = header === undefined ? undefined : mediaTypeOf(header)
  if (media !== undefined && media.type !== JSON_TYPE) throw unsupported(media.shown)
  const text = await readText(c, media?.charset)
  if (media === undefined && text !== '') throw unsupported('application/octet-stream')
  return text
}

function unsupported(type: string): WhiskError {
  return new WhiskError('unsupportedMediaType', messages.contentTypeUnsupported(type), { rejection: true })
}

async function readText(c: Context<Env>, charset: string | undefined): Promise<string> {
  const announced = contentLength(c)
  if (announced === undefined) return decode(await readStream(c.req.raw.body), charset)
  if (announced > MAX_BODY_BYTES) throw tooLarge()
  if (announced === 0) return ''
  const incoming = incomingOf(c)
  const bytes = incoming ? await readBytes(incoming, announced, announced) : Buffer.from(await c.req.arrayBuffer())
  return decode(bytes, charset)
}

/** Text in a declared charset, in UTF-8 where there is none or one that nobody knows. */
function decode(bytes: Buffer, charset = 'utf-8'): string {
  // TextDecoder takes it for windows-1252, as the Web does.
  if (charset === 'iso-8859-1') return bytes.toString('latin1')
  if (charset !== 'utf-8') {
    try {
      return new TextDecoder(charset).decode(bytes)
    } catch {}
  }
  return withoutMark(bytes.toString())
}

/** As TextDecoder does: a byte order mark is none of the text. */
function withoutMark(text: string): string {
  return text.charCodeAt(0) === 0xfeff ? text.slice(1) : text
}

/** A body of unknown length is read piece by piece, so that it ends at the limit. */
async function readStream(stream: ReadableStream<Uint8Array> | null): Promise<Buffer> {
  const pieces: Uint8Array[] = []
  let size = 0
  for await (const piece of stream ?? []) {
    size += piece.length
    if (size > MAX_BODY_BYTES) throw tooLarge()
    pieces.push(piece)
  }
  return Buffer.concat(pieces)
}

function tooLarge(): WhiskError {
  return new WhiskError('badRequest', messages.requestBeyondServer, { rejection: true })
}

function parseBody(text: string): JsonValue {
  try {
    return parseJson(text)
  } catch (error) {
    if (error instanceof JsonSyntaxError) throw malformedContent(error.message)
    throw error
  }
}

/** The JSON of a body that must be there. Fails with `unsupportedMediaType` or `badRequest`. */
export async function readJson(c: Context<Env>): Promise<JsonValue> {
  return parseBody(await readJsonText(c))
}

/** The JSON of a body; undefined when it is empty. Fails with `unsupportedMediaType` or `badRequest`. */
export async function readOptionalJson(c: Context<Env>): Promise<JsonValue | undefined> {
  const text = await readJsonText(c)
  return text === '' ? undefined : parseBody(text)
}
