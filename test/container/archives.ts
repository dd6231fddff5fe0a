// Makes zip and tar.gz archives as actions come in, encoded in base64.

import { deflateRawSync, gzipSync } from 'node:zlib'

export type Files = Readonly<Record<string, string | Buffer | { text: string | Buffer; mode?: number; link?: boolean }>>

const crcOf = (data: Buffer): number => {
  let crc = -1
  for (const byte of data) {
    crc ^= byte
    for (let bit = 0; bit < 8; bit++) crc = (crc >>> 1) ^ (crc & 1 ? 0xedb88320 : 0)
  }
  return ~crc >>> 0
}

const fileOf = (file: Files[string]) => (typeof file === 'string' || Buffer.isBuffer(file) ? { text: file } : file)

const bytesOf = (text: string | Buffer) => (typeof text === 'string' ? Buffer.from(text) : text)

const modeOf = (file: { mode?: number; link?: boolean }) => (file.link ? 0o120000 : 0o100000) | (file.mode ?? 0o644)

/** A zip; the first half of the files is deflated, the others stored. */
export const zipOf = (files: Files): string => {
  const entries = Object.entries(files)
  const locals: Buffer[] = []
  const directory: Buffer[] = []
  let offset = 0
  for (const [index, [name, file]] of entries.entries()) {
    const { text, ...rest } = fileOf(file)
    const data = bytesOf(text)
    const deflated = index * 2 < entries.length
    const packed = deflated ? deflateRawSync(data) : data
    const path = Buffer.from(name)
    const common = Buffer.alloc(26)
    common.writeUInt16LE(20, 0)
    common.writeUInt16LE(deflated ? 8 : 0, 4)
    common.writeUInt32LE(crcOf(data), 10)
    common.writeUInt32LE(packed.length, 14)
    common.writeUInt32LE(data.length, 18)
    common.writeUInt16LE(path.length, 22)
    const attributes = Buffer.alloc(14)
    attributes.writeUInt32LE(modeOf(rest) * 0x10000, 6)
    attributes.writeUInt32LE(offset, 10)
    locals.push(Buffer.from('PK\x03\x04'), common, path, packed)
    directory.push(Buffer.from('PK\x01\x02\x14\x03', 'latin1'), common, attributes, path)
    offset += 30 + path.length + packed.length
  }
  const directoryBytes = Buffer.concat(directory)
  const end = Buffer.alloc(22)
  end.write('PK\x05\x06', 'latin1')
  end.writeUInt16LE(entries.length, 8)
  end.writeUInt16LE(entries.length, 10)
  end.writeUInt32LE(directoryBytes.length, 12)
  end.writeUInt32LE(offset, 16)
  return Buffer.concat([...locals, directoryBytes, end]).toString('base64')
}

const octal = (value: number, width: number) => `${value.toString(8).padStart(width - 1, '0')}\0`

/** A gzip'd ustar archive. */
export const tarGzOf = (files: Files): string => {
  const blocks = Object.entries(files).flatMap(([name, file]) => {
    const { text, ...rest } = fileOf(file)
    const data = rest.link ? Buffer.alloc(0) : bytesOf(text)
    const header = Buffer.alloc(512)
    header.write(name, 0)
    header.write(octal(rest.mode ?? 0o644, 8), 100)
    header.write(octal(data.length, 12), 124)
    header.write(octal(0, 12), 136)
    header.write('        ', 148)
    header.write(rest.link ? '2' : '0', 156)
    if (rest.link) header.write(String(text), 157)
    header.write('ustar\x0000', 257)
    header.write(
      octal(
        header.reduce((sum, byte) => sum + byte, 0),
        8,
      ),
      148,
    )
    return [header, data, Buffer.alloc((512 - (data.length % 512)) % 512)]
  })
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)])).toString('base64')
}
