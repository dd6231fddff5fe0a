// Transaction ids: one for each request, the client's own where it sends one.

import { randomFillSync } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const ID_LENGTH = 32
/** The largest multiple of the alphabet's size in a byte: what is above would favour the first letters. */
const FAIR_BYTES = 256 - (256 % ALPHABET.length)
const POOL_BYTES = 4096

const pool = Buffer.allocUnsafe(POOL_BYTES)
let at = POOL_BYTES

/** 32 random letters and digits. */
export function newTransactionId(): string {
  let id = ''
  while (id.length < ID_LENGTH) {
    if (at === POOL_BYTES) {
      randomFillSync(pool)
      at = 0
    }
    const byte = pool[at++] ?? 0
    if (byte < FAIR_BYTES) id += ALPHABET[byte % ALPHABET.length]
  }
  return id
}

/** The id of a request with this `X-Request-ID`. OpenWhisk: ids that begin `sid_` are its own and not accepted. */
export function transactionId(header: string | undefined): string {
  return header === undefined || header === '' || header.startsWith('sid_') ? newTransactionId() : header
}
