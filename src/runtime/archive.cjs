// Unpacks the archives that actions come in, zip and tar.gz, without any tool beside Node.js.
'use strict'

const { chmodSync, mkdirSync, symlinkSync, writeFileSync } = require('node:fs')
const { dirname, join, sep } = require('node:path')
const { gunzipSync, inflateRawSync } = require('node:zlib')

const END_OF_DIRECTORY = 0x06054b50
const DIRECTORY_ENTRY = 0x02014b50
const LOCAL_ENTRY = 0x04034b50
const END_SIZE = 22
const STORED = 0
const DEFLATED = 8
const TYPE_MASK = 0o170000
const SYMLINK = 0o120000
const UNIX = 3
const TAR_BLOCK = 512

/**
 * What an archive holds at one path. `mode` has the Unix permissions, 0 where the archive has none.
 * @typedef {{ name: string, type: 'file' | 'directory' | 'symlink', mode: number, data: Buffer }} Entry
 */

/** The place of an entry below `root`; undefined for one that would lie outside. */
const placeOf = (root, name) => {
  const place = join(root, name)
  return place === root || place.startsWith(root + sep) ? place : undefined
}

/** Writes the entries below `root`. */
const unpack = (entries, root) => {
  const made = new Set()
  const ensure = directory => {
    if (made.has(directory)) return
    mkdirSync(directory, { recursive: true })
    made.add(directory)
  }
  ensure(root)
  // Links last, so that nothing is written through one.
  const links = []
  for (const entry of entries) {
    const place = placeOf(root, entry.name)
    if (!place) continue
    if (entry.type === 'directory') {
      ensure(place)
      continue
    }
    ensure(dirname(place))
    if (entry.type === 'symlink') {
      links.push([entry.data.toString(), place])
      continue
    }
    writeFileSync(place, entry.data)
    if (entry.mode & 0o111) chmodSync(place, entry.mode & 0o777)
  }
  for (const [target, place] of links) symlinkSync(target, place)
}

const endOfDirectory = zip => {
  const lowest = Math.max(0, zip.length - END_SIZE - 0xffff)
  for (let at = zip.length - END_SIZE; at >= lowest; at--) {
    if (zip.readUInt32LE(at) === END_OF_DIRECTORY) return at
  }
  throw new Error('no central directory')
}

const contents = (zip, method, localAt, packedSize) => {
  if (zip.readUInt32LE(localAt) !== LOCAL_ENTRY) throw new Error('no local header')
  const start = localAt + 30 + zip.readUInt16LE(localAt + 26) + zip.readUInt16LE(localAt + 28)
  const packed = zip.subarray(start, start + packedSize)
  if (packed.length < packedSize) throw new Error('unexpected end of archive')
  if (method === STORED) return packed
  if (method === DEFLATED) return inflateRawSync(packed)
  throw new Error(`unknown compression method ${method}`)
}

/** @returns {Entry[]} */
const readZip = zip => {
  const end = endOfDirectory(zip)
  const count = zip.readUInt16LE(end + 10)
  let at = zip.readUInt32LE(end + 16)
  const entries = []
  for (let i = 0; i < count; i++) {
    if (zip.readUInt32LE(at) !== DIRECTORY_ENTRY) throw new Error('no directory entry')
    const nameLength = zip.readUInt16LE(at + 28)
    const name = zip.toString('utf8', at + 46, at + 46 + nameLength).replaceAll('\\', '/')
    const attributes = zip.readUInt16LE(at + 40)
    const mode = zip.readUInt8(at + 5) === UNIX ? attributes : 0
    const data = contents(zip, zip.readUInt16LE(at + 10), zip.readUInt32LE(at + 42), zip.readUInt32LE(at + 20))
    const linked = (mode & TYPE_MASK) === SYMLINK
    entries.push({ name, type: linked ? 'symlink' : name.endsWith('/') ? 'directory' : 'file', mode, data })
    at += 46 + nameLength + zip.readUInt16LE(at + 30) + zip.readUInt16LE(at + 32)
  }
  return entries
}

const text = (block, from, to) => {
  const end = block.indexOf(0, from)
  return block.toString('utf8', from, end < 0 || end > to ? to : end)
}

/** The `path` and `linkpath` of a pax header: records of `<length> <key>=<value>\n`. */
const readPax = data => {
  const found = {}
  for (let at = 0; at < data.length; ) {
    const space = data.indexOf(0x20, at)
    const length = Number(data.toString('latin1', at, space))
    if (space < 0 || !(length > 0)) break
    const [key, ...value] = data.toString('utf8', space + 1, at + length - 1).split('=')
    found[key] = value.join('=')
    at += length
  }
  return found
}

/** @returns {Entry[]} */
const readTarGz = archive => {
  const tar = gunzipSync(archive)
  const entries = []
  let named = {}
  for (let at = 0; at + TAR_BLOCK <= tar.length && tar[at] !== 0; ) {
    const header = tar.subarray(at, at + TAR_BLOCK)
    const size = Number.parseInt(text(header, 124, 136).trim() || '0', 8)
    if (Number.isNaN(size)) throw new Error('no tar header')
    const data = tar.subarray(at + TAR_BLOCK, at + TAR_BLOCK + size)
    at += TAR_BLOCK + Math.ceil(size / TAR_BLOCK) * TAR_BLOCK
    const flag = String.fromCharCode(header[156])
    if (flag === 'x') named = { ...named, ...readPax(data) }
    else if (flag === 'L') named = { ...named, path: text(data, 0, data.length) }
    else if (flag === 'K') named = { ...named, linkpath: text(data, 0, data.length) }
    if ('xLKg'.includes(flag)) continue
    const prefix = header.toString('latin1', 257, 262) === 'ustar' ? text(header, 345, 500) : ''
    const name = named.path ?? (prefix ? `${prefix}/` : '') + text(header, 0, 100)
    const mode = Number.parseInt(text(header, 100, 108).trim() || '0', 8)
    const target = named.linkpath ?? text(header, 157, 257)
    named = {}
    if (flag === '5' || name.endsWith('/')) entries.push({ name, type: 'directory', mode, data })
    else if (flag === '2') entries.push({ name, type: 'symlink', mode, data: Buffer.from(target) })
    else if (flag === '0' || flag === '\0') entries.push({ name, type: 'file', mode, data })
  }
  return entries
}

module.exports = { readTarGz, readZip, unpack }
