// Files that are inside the executable but have to lie on a disk: unpacked once for each content, into a folder of the
// user's that nobody else can write to, and compared with what is inside at every start.

import {
  chmodSync,
  lstatSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  type Stats,
  writeFileSync,
} from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { dirname, join } from 'node:path'

export interface PackedFiles {
  readonly name: string
  /** Of the content, in hexadecimal: part of the folder's name, so that versions lie side by side. */
  readonly hash: string
  /** By path below the folder, with slashes. */
  readonly files: ReadonlyMap<string, Uint8Array>
}

const OTHERS_MAY_WRITE = 0o022
const OTHERS_MAY_ANYTHING = 0o077
/** How often another process may get in between. */
const ATTEMPTS = 5

/**
 * The folder with these files, complete and as they are in the executable, and that is `usable`. Where no place is
 * writable and safe, a new folder for this process alone, removed at its end; fails when even that cannot be made.
 */
export function unpack(
  packed: PackedFiles,
  places: readonly string[] = cachePlaces(),
  usable: (folder: string) => boolean = () => true,
): string {
  for (const place of places) {
    const folder = isSafePlace(place) && unpackBelow(place, packed)
    if (folder && usable(folder)) return folder
  }
  const folder = mkdtempSync(join(tmpdir(), 'openwhisk-standalone-'))
  process.on('exit', () => rmSync(folder, { recursive: true, force: true }))
  write(folder, packed)
  return folder
}

/** Where to try, best first. */
export function cachePlaces(env: NodeJS.ProcessEnv = process.env): string[] {
  const name = 'openwhisk-standalone'
  const places = [join(tmpdir(), `${name}-${process.getuid?.() ?? 'user'}`)]
  try {
    const home = process.platform === 'darwin' ? join(homedir(), 'Library', 'Caches') : join(homedir(), '.cache')
    places.unshift(join(env.XDG_CACHE_HOME || home, name))
  } catch {
    // A user without an entry in the system's list has no home.
  }
  if (env.OPENWHISK_CACHE_DIR) places.unshift(env.OPENWHISK_CACHE_DIR)
  return places
}

/** Makes the folder when it is missing; true when it is this user's own and closed to all others. */
function isSafePlace(place: string): boolean {
  try {
    mkdirSync(place, { recursive: true, mode: 0o700 })
    const stats = lstatSync(place)
    if (!stats.isDirectory() || !isOwn(stats)) return false
    if (stats.mode & OTHERS_MAY_ANYTHING) chmodSync(place, 0o700)
    return true
  } catch {
    return false
  }
}

function unpackBelow(place: string, packed: PackedFiles): string | undefined {
  const folder = join(place, `${packed.name}-${packed.hash}`)
  if (isIntact(folder, packed)) return folder
  try {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
      replace(place, folder, packed)
      if (isIntact(folder, packed)) return folder
    }
  } catch {
    // Full, read-only, or of a file system that keeps no modes: then another place.
  }
  return undefined
}

/** Puts complete files where none or others were. Whoever comes second at the same moment leaves what it finds. */
function replace(place: string, folder: string, packed: PackedFiles): void {
  const fresh = mkdtempSync(join(place, '.unpacking-'))
  try {
    write(fresh, packed)
    // Aside rather than away: a name is free at once, a tree is not.
    if (exists(folder) && !isIntact(folder, packed)) renameSync(folder, join(fresh, '.former'))
    renameSync(fresh, folder)
    rmSync(join(folder, '.former'), { recursive: true, force: true })
  } catch (error) {
    if (!isIntact(folder, packed) && !isRace(error)) throw error
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
}

function write(folder: string, { files }: PackedFiles): void {
  for (const [path, bytes] of files) {
    const file = join(folder, path)
    mkdirSync(dirname(file), { recursive: true, mode: 0o700 })
    writeFileSync(file, bytes, { mode: 0o600, flag: 'wx' })
  }
}

/** Whether nobody has changed a byte, nor could have since. */
function isIntact(folder: string, { files }: PackedFiles): boolean {
  try {
    const stats = lstatSync(folder)
    if (!stats.isDirectory() || !isOwn(stats) || stats.mode & OTHERS_MAY_ANYTHING) return false
    return [...files].every(([path, bytes]) => {
      const file = join(folder, path)
      const found = lstatSync(file)
      if (!found.isFile() || !isOwn(found) || found.mode & OTHERS_MAY_WRITE) return false
      return found.size === bytes.byteLength && readFileSync(file).equals(bytes)
    })
  } catch {
    return false
  }
}

const isOwn = (stats: Stats): boolean => process.getuid === undefined || stats.uid === process.getuid()

function exists(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** Another process did the same at the same moment. */
function isRace(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'ENOENT'
}
