import { fork } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  existsSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { cachePlaces, type PackedFiles, unpack } from '../../src/embedded/unpack.ts'

const packed: PackedFiles = {
  name: 'set',
  hash: 'abc',
  files: new Map([
    ['a.txt', Buffer.from('first')],
    ['deep/er/b.bin', Buffer.alloc(100_000, 7)],
  ]),
}

let scratch = ''
beforeEach(() => {
  scratch = mkdtempSync(join(tmpdir(), 'ow-unpack-'))
})
afterEach(() => rmSync(scratch, { recursive: true, force: true }))

const place = () => join(scratch, 'cache')
const modeOf = (path: string) => lstatSync(path).mode & 0o777

function expectComplete(folder: string): void {
  for (const [path, bytes] of packed.files) expect(readFileSync(join(folder, path)).equals(bytes)).toBe(true)
}

describe('unpacking', () => {
  it('makes a folder with the files that is named by their hash and closed to others', () => {
    const folder = unpack(packed, [place()])
    expect(folder).toBe(join(place(), 'set-abc'))
    expectComplete(folder)
    expect([modeOf(place()), modeOf(folder), modeOf(join(folder, 'a.txt'))]).toEqual([0o700, 0o700, 0o600])
    expect(readdirSync(place())).toEqual(['set-abc'])
  })

  it('leaves what it finds intact as it is', () => {
    const file = join(unpack(packed, [place()]), 'a.txt')
    const { ino } = lstatSync(file)
    expect(lstatSync(join(unpack(packed, [place()]), 'a.txt')).ino).toBe(ino)
  })

  it('keeps the files of other versions', () => {
    unpack(packed, [place()])
    unpack({ ...packed, hash: 'def' }, [place()])
    expect(readdirSync(place()).sort()).toEqual(['set-abc', 'set-def'])
  })

  it.each<[string, (folder: string) => void]>([
    ['a changed byte', folder => writeFileSync(join(folder, 'a.txt'), 'firsT')],
    ['a missing file', folder => rmSync(join(folder, 'deep/er/b.bin'))],
    ['a longer file', folder => writeFileSync(join(folder, 'a.txt'), 'first and more')],
    ['a file that others may write', folder => chmodSync(join(folder, 'a.txt'), 0o666)],
    ['a folder that others may enter', folder => chmodSync(folder, 0o755)],
    [
      'a link in place of a file',
      folder => {
        writeFileSync(join(scratch, 'elsewhere'), 'first')
        rmSync(join(folder, 'a.txt'))
        symlinkSync(join(scratch, 'elsewhere'), join(folder, 'a.txt'))
      },
    ],
    [
      'a link in place of the folder',
      folder => {
        rmSync(folder, { recursive: true })
        mkdirSync(join(scratch, 'other'))
        symlinkSync(join(scratch, 'other'), folder)
      },
    ],
    [
      'a file in place of the folder',
      folder => {
        rmSync(folder, { recursive: true })
        writeFileSync(folder, '')
      },
    ],
  ])('replaces what has %s', (_, tamper) => {
    tamper(unpack(packed, [place()]))
    const folder = unpack(packed, [place()])
    expectComplete(folder)
    expect([lstatSync(folder).isDirectory(), modeOf(folder), modeOf(join(folder, 'a.txt'))]).toEqual([
      true,
      0o700,
      0o600,
    ])
    expect(lstatSync(join(folder, 'a.txt')).isFile()).toBe(true)
    expect(readdirSync(place())).toEqual(['set-abc'])
  })

  it('closes a place of its own that was open', () => {
    mkdirSync(place(), { mode: 0o777 })
    chmodSync(place(), 0o777)
    unpack(packed, [place()])
    expect(modeOf(place())).toBe(0o700)
  })

  it('takes the next place when one cannot be used', () => {
    writeFileSync(join(scratch, 'file'), '')
    symlinkSync(tmpdir(), join(scratch, 'link'))
    const folder = unpack(packed, [join(scratch, 'file', 'below'), join(scratch, 'link'), place()])
    expect(folder).toBe(join(place(), 'set-abc'))
  })

  it('takes the next place when the files are of no use in one', () => {
    const first = join(scratch, 'first')
    const folder = unpack(packed, [first, place()], folder => !folder.startsWith(first))
    expect(folder).toBe(join(place(), 'set-abc'))
  })

  it('falls back to a folder for this process alone', () => {
    writeFileSync(join(scratch, 'file'), '')
    const folder = unpack(packed, [join(scratch, 'file')])
    expectComplete(folder)
    expect(modeOf(folder)).toBe(0o700)
    rmSync(folder, { recursive: true })
  })

  it('ends the same for many processes at once, whatever was there', async () => {
    const program = join(scratch, 'racer.ts')
    const source = `import { unpack } from ${JSON.stringify(join(import.meta.dirname, '../../src/embedded/unpack.ts'))}
const files = new Map([['a', Buffer.alloc(3_000_000, 1)], ['b/c', Buffer.from('x')]])
process.send?.('ready')
process.on('message', (place: string) => {
  process.send?.(unpack({ name: 'set', hash: 'abc', files }, [place]))
  process.disconnect()
})`
    const { build } = await import('esbuild')
    const outfile = join(scratch, 'racer.cjs')
    writeFileSync(program, source)
    await build({ entryPoints: [program], bundle: true, platform: 'node', format: 'cjs', outfile })
    mkdirSync(join(place(), 'set-abc'), { recursive: true, mode: 0o700 })
    writeFileSync(join(place(), 'set-abc', 'a'), 'what a broken process left')
    const racers = Array.from({ length: 6 }, () => fork(outfile))
    await Promise.all(racers.map(racer => once(racer, 'message')))
    const answers = racers.map(racer => once(racer, 'message'))
    for (const racer of racers) racer.send(place())
    const folders = (await Promise.all(answers)).map(([folder]) => folder as string)
    expect(new Set(folders)).toEqual(new Set([join(place(), 'set-abc')]))
    expect(readFileSync(join(place(), 'set-abc', 'a')).equals(Buffer.alloc(3_000_000, 1))).toBe(true)
    expect(existsSync(join(place(), 'set-abc', 'b', 'c'))).toBe(true)
    expect(readdirSync(place())).toEqual(['set-abc'])
  })
})

describe('the places', () => {
  it('begin with the one that is asked for, then the cache of the user', () => {
    const places = cachePlaces({ OPENWHISK_CACHE_DIR: '/asked', XDG_CACHE_HOME: '/xdg' })
    expect(places.slice(0, 2)).toEqual(['/asked', '/xdg/openwhisk-standalone'])
    expect(places.at(-1)).toMatch(/openwhisk-standalone-\w+$/)
  })
})
