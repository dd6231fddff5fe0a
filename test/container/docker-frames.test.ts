import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { createDemultiplexer } from '../../src/container/docker-frames.ts'

function frame(stream: number, text: string): Buffer {
  const body = Buffer.from(text)
  const header = Buffer.from([stream, 0, 0, 0, 0, 0, 0, 0])
  header.writeUInt32BE(body.length, 4)
  return Buffer.concat([header, body])
}

/** What the demultiplexer makes of these bytes, cut into chunks of the given sizes. */
function read(bytes: Buffer, sizes: readonly number[]): { stdout: string; stderr: string } {
  const out = { stdout: Buffer.alloc(0), stderr: Buffer.alloc(0) }
  const feed = createDemultiplexer((stream, piece) => {
    out[stream] = Buffer.concat([out[stream], piece])
  })
  let at = 0
  for (const size of [...sizes, bytes.length]) {
    feed(bytes.subarray(at, at + size))
    at += size
  }
  return { stdout: out.stdout.toString(), stderr: out.stderr.toString() }
}

describe('createDemultiplexer', () => {
  test('tells stdout from stderr', () => {
    const bytes = Buffer.concat([frame(1, 'a\n'), frame(2, 'b\n'), frame(1, ''), frame(1, 'c\n')])
    expect(read(bytes, [])).toEqual({ stdout: 'a\nc\n', stderr: 'b\n' })
  })

  test('gives the same however the bytes are cut', () => {
    const frames = fc.array(fc.tuple(fc.constantFrom(1, 2), fc.string()))
    fc.assert(
      fc.property(frames, fc.array(fc.integer({ min: 1, max: 20 })), (pieces, sizes) => {
        const bytes = Buffer.concat(pieces.map(([stream, text]) => frame(stream, text)))
        const of = (wanted: number) =>
          pieces
            .filter(([stream]) => stream === wanted)
            .map(([, text]) => text)
            .join('')
        expect(read(bytes, sizes)).toEqual({ stdout: of(1), stderr: of(2) })
      }),
    )
  })
})
