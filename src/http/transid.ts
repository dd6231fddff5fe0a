// Transaction ids: one for each request, the client's own where it sends one.

import { randomFillSync } from 'node:crypto'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789'
const ID_LENGTH = 32
/** The largest multiple of the alphabet's size in a byte: what is above would favour the first letters. */
const FAIR_BYTES = 256 - (256 % ALPHABET.length)
const POOL_BYTES = 4096

const pool = Buffer.allocUnsafe(POOL_BYTES)
/** Random letters for the next ids. */
let letters = ''
let at = 0

/** 32 random letters and digits. */
export function newTransactionId(): string {
  if (at + ID_LENGTH > letters.length) {
    letters = randomLetters()
    at = 0
  }
  at += ID_LENGTH
  return letters.slice(at - ID_LENGTH, at)
}

/** Many at once: a letter at a time, each id would cost more than the rest of its request's beginning. */
function randomLetters(): string {
  randomFillSync(pool)
  let length = 0
  for (const byte of pool) {
    if (byte < FAIR_BYTES) pool[length++] = ALPHABET.charCodeAt(byte % ALPHABET.length)
  }
  return pool.toString('latin1', 0, length)
}

/** The id of a request with this `X-Request-ID`. OpenWhisk: ids that begin `sid_` are its own and not accepted. */
export function transactionId(header: string | undefined): string {
  return header === undefined || header === '' || header.startsWith('sid_') ? newTransactionId() : header
}
