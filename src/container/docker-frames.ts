// Takes the engine's attachment stream apart: frames of [stream, 0, 0, 0, length (4 bytes)] and that many bytes.

import type { LogStream } from './log-format.ts'

const HEADER_BYTES = 8
const STDERR = 2

/**
 * Returns a listener for the stream's chunks. `write` gets each piece as it comes, without waiting for a frame to be
 * complete; a piece is only valid during the call.
 */
export function createDemultiplexer(write: (stream: LogStream, bytes: Buffer) => void): (chunk: Buffer) => void {
  const header = Buffer.alloc(HEADER_BYTES)
  let headerBytes = 0
  let stream: LogStream = 'stdout'
  let left = 0

  return chunk => {
    let at = 0
    while (at < chunk.length) {
      if (left > 0) {
        const piece = chunk.subarray(at, at + left)
        write(stream, piece)
        at += piece.length
        left -= piece.length
        continue
      }
      const copied = chunk.copy(header, headerBytes, at, at + HEADER_BYTES - headerBytes)
      headerBytes += copied
      at += copied
      if (headerBytes < HEADER_BYTES) return
      headerBytes = 0
      stream = header[0] === STDERR ? 'stderr' : 'stdout'
      left = header.readUInt32BE(4)
    }
  }
}
