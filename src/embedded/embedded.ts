// What the single executable has inside, which an installed package has beside it: the SQLite addon and the runtime
// proxies, and itself in the part of Node.js.

import { createRequire } from 'node:module'
import { join } from 'node:path'
import { cachePlaces, type PackedFiles, unpack } from './unpack.ts'

/** With this variable set to 1 the executable does what `node` would do with its arguments. */
export const AS_NODE = 'OPENWHISK_AS_NODE'

export interface Embedded {
  /** Unpacks the runtime proxies when they are not yet, and returns their folder. */
  runtimeDir(): string
  /** With these variables `process.execPath` is a Node.js. */
  nodeEnv: Readonly<Record<string, string>>
}

/** The asset that says which others there are: names of sets, their hashes, and the files of each. */
const INDEX = 'index.json'

type Index = Readonly<Record<string, { readonly hash: string; readonly files: readonly string[] }>>

/** Undefined unless this is the single executable. */
export function embedded(): Embedded | undefined {
  // Filled in by the bundler: the package does without the look at node:sea.
  if (process.env.OPENWHISK_BUILD_BINARY !== '1') return undefined
  return { runtimeDir: () => unpack(packed('runtime')), nodeEnv: { [AS_NODE]: '1' } }
}

/**
 * Loads the SQLite addon from where it was unpacked: the system's loader takes nothing but files, and only from file
 * systems that may hold programs. Fails with what the loader said last.
 */
export function loadAddon(): unknown {
  let loaded: { addon: unknown } | undefined
  const load = (folder: string) => {
    const file = join(folder, 'better_sqlite3.node')
    loaded = { addon: createRequire(file)(file) }
  }
  const folder = unpack(packed('sqlite'), cachePlaces(), folder => {
    try {
      load(folder)
    } catch {
      // Mounted without leave to execute, for one: another place may do.
    }
    return loaded !== undefined
  })
  if (loaded === undefined) load(folder)
  return loaded?.addon
}

function packed(name: string): PackedFiles {
  const { getAsset, getRawAsset } = createRequire(process.execPath)('node:sea') as typeof import('node:sea')
  const index = JSON.parse(getAsset(INDEX, 'utf8')) as Index
  const set = index[name]
  if (!set) throw new Error(`this executable has no ${name} inside`)
  const bytesOf = (file: string) => new Uint8Array(getRawAsset(`${name}/${file}`) as ArrayBuffer)
  return { name, hash: set.hash, files: new Map(set.files.map(file => [file, bytesOf(file)])) }
}
