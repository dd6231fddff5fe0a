// Ids of activations: made in the order of time, checked when they come from a path.

import { randomFillSync } from 'node:crypto'
import type { Clock } from '../clock.ts'
import { WhiskError } from '../errors.ts'
import { messages } from '../messages.ts'
import type { ActivationId } from './activation.ts'

const ID_LENGTH = 32
const POOL_BYTES = 4096
const RANDOM_BYTES = 8
const MAX_SEQUENCE = 0xffff

/**
 * Makes ids: 12 hex digits of the time in milliseconds, 4 that count within a millisecond, 16 random ones, so that
 * they sort in the order in which they were made. With a seed they count from 1 instead of from the time and are the
 * same in every run; that is for stores that start empty.
 *
 * Differs from OpenWhisk: ids there are wholly random; ordered ones keep the store's index compact.
 */
export function createActivationIds(clock: Pick<Clock, 'now'>, seed?: number): () => ActivationId {
  const random = seed === undefined ? randomHex() : seededHex(seed)
  let last = 0
  let sequence = 0
  return () => {
    const now = seed === undefined ? clock.now() : last + 1
    if (now > last) {
      last = now
      sequence = 0
    } else if (sequence === MAX_SEQUENCE) {
      last++
      sequence = 0
    } else {
      sequence++
    }
    return last.toString(16).padStart(12, '0') + sequence.toString(16).padStart(4, '0') + random()
  }
}

function randomHex(): () => string {
  const pool = Buffer.allocUnsafe(POOL_BYTES)
  let at = POOL_BYTES
  return () => {
    if (at === POOL_BYTES) {
      randomFillSync(pool)
      at = 0
    }
    at += RANDOM_BYTES
    return pool.toString('hex', at - RANDOM_BYTES, at)
  }
}

/** Mulberry32, twice a call: small, and the same everywhere. */
function seededHex(seed: number): () => string {
  let state = seed | 0
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0).toString(16).padStart(8, '0')
  }
  return () => next() + next()
}

/** Checks an id in a path. Fails with `badRequest`. */
export function decodeActivationId(segment: string): ActivationId {
  if (segment.length !== ID_LENGTH) {
    throw new WhiskError('badRequest', messages.activationIdLength(segment.length, ID_LENGTH), { rejection: true })
  }
  if (!/^[0-9a-f]+$/.test(segment))
    throw new WhiskError('badRequest', messages.activationIdIllegal, { rejection: true })
  return segment
}
