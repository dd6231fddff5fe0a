// Reading the body of a web action's request: from Node.js' stream where there is one, since GET may have a body too.

import type { IncomingMessage } from 'node:http'
import { WhiskError } from '../errors.ts'
import type { BodyReader } from '../http/dispatch.ts'
import { messages } from '../messages.ts'

const tooLarge = (actual: number, limit: number): WhiskError =>
  new WhiskError('tooLarge', messages.requestTooLarge(actual, limit))

/** A body that a Node.js server received; undefined when the message has none. */
export function incomingBody(incoming: IncomingMessage): BodyReader | undefined {
  const declared = incoming.headers['content-length']
  if (declared === undefined && incoming.headers['transfer-encoding'] === undefined) return undefined
  if (declared === '0') return undefined
  return limit => {
    if (declared !== undefined && Number(declared) > limit) throw tooLarge(Number(declared), limit)
    return new Promise((resolve, reject) => {
      const chunks: Buffer[] = []
      let size = 0
      incoming.on('data', (chunk: Buffer) => {
        size += chunk.length
        // What is too much is counted on, for the message, but not kept.
        if (size <= limit) chunks.push(chunk)
      })
      incoming.once('end', () => {
        if (size > limit) reject(tooLarge(size, limit))
        else resolve(chunks.length === 1 ? (chunks[0] ?? Buffer.alloc(0)) : Buffer.concat(chunks))
      })
      incoming.once('error', reject)
    })
  }
}

/** A body of a Request that no Node.js server received. */
export function requestBody(request: Request): BodyReader | undefined {
  if (request.body === null) return undefined
  return async limit => {
    const bytes = new Uint8Array(await request.arrayBuffer())
    if (bytes.length > limit) throw tooLarge(bytes.length, limit)
    return bytes
  }
}
