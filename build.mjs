#!/usr/bin/env node
// NAME
//   build.mjs - bundle the server into dist/
//
// USAGE
//   node build.mjs [--if-needed] [--meta] [--binary]
//
//   --if-needed   do nothing when the output is newer than everything it is made of
//   --meta        also write dist/meta.json, which https://esbuild.github.io/analyze/ shows
//   --binary      also make the single executable (Linux, macOS), for the system and the processor this runs on, of
//                 the Node.js this runs on. It needs nothing but the shared libraries of that Node.js (on Linux those of
//                 glibc and libstdc++). On macOS it is signed ad hoc: to hand it on, sign it with a certificate of Apple's
//                 (codesign --force --options runtime --sign ID) and the entitlements allow-jit and
//                 disable-library-validation, for it loads the addon that it unpacks.
//
// STEPS
//   1. src/main.ts and all it imports become one CommonJS file. CommonJS, because starting it is measurably quicker
//      than an ES module of the same content, and because bundled packages may use require(). Parts that a start does
//      not need are imported with import() in the sources and so are evaluated on first use only.
//   2. dockerode becomes a file of its own, required when the Docker driver starts. What it could not use here (ssh2,
//      gRPC: reaching remote engines over ssh, BuildKit sessions; colours of debug output) is replaced by an empty module.
//   3. The runtime proxies in src/runtime/ become programs of their own: TypeScript is bundled, all else is copied. The
//      packages that Node.js actions may require without bringing them go beside them.
//   4. The published API gets its two doors (ES module and CommonJS) into the same bundle, and its declarations, which
//      tsc makes of src/public.ts.
//   5. The licences of every bundled package are gathered.
//   6. For the single executable .build/binary.mjs puts the same sources, bundled once more without anything beside
//      them, into a copy of Node.js.
//
// OUTPUT
//   dist/openwhisk.cjs             the server and its command line; exports main()
//   dist/index.*                   the published API for import and require, with its types
//   dist/dockerode.cjs             the Docker client
//   dist/runtime/                  programs that run actions under the process driver
//   dist/THIRD-PARTY-LICENSES.txt  licences of what is bundled
//   dist-binary/                   openwhisk-standalone, the single executable, and its THIRD-PARTY-LICENSES.txt. Not
//                                  in dist/, which is what the npm package has
//
// better-sqlite3 is the one package that is not bundled: it is native, and installed as a dependency. (The executable
// has it inside.)

import { execFileSync } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'

const root = dirname(fileURLToPath(import.meta.url))
const dist = join(root, 'dist')
const main = join(dist, 'openwhisk.cjs')
const binary = join(root, 'dist-binary', 'openwhisk-standalone')
/** Built here and moved when complete, so that a server that runs finds its files at any time. */
const building = join(root, `dist-${process.pid}`)
/** What the package exports. */
const API = 'startOpenWhisk, connectOpenWhisk, OpenWhiskError'
const flags = new Set(process.argv.slice(2))

for (const flag of flags) {
  if (['--if-needed', '--meta', '--binary'].includes(flag)) continue
  console.error(`build.mjs: unknown option ${flag}; the top of the file says which there are`)
  process.exit(2)
}
if (flags.has('--if-needed') && isFresh()) process.exit(0)

const startedAt = Date.now()
const esbuild = await import('esbuild')
const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'))

/** Shared by all bundles. Identifiers keep their names, for readable stacks; they cost nothing at start-up. */
const common = {
  bundle: true,
  platform: 'node',
  format: 'cjs',
  target: 'node20.19',
  minifySyntax: true,
  minifyWhitespace: true,
  legalComments: 'none',
  logLevel: 'warning',
  metafile: true,
  absWorkingDir: root,
  loader: { '.sql': 'text', '.py': 'text', '.html': 'text', '.css': 'text' },
  supported: { 'dynamic-import': false },
}

process.on('exit', () => rmSync(building, { recursive: true, force: true }))
mkdirSync(building)

/** The server's own bundle, also as it is in the executable. */
const server = isBinary => ({
  ...common,
  define: {
    'import.meta.url': '__bundleUrl',
    'import.meta.dirname': '__dirname',
    'import.meta.filename': '__filename',
    'process.env.OPENWHISK_BUILD_VERSION': JSON.stringify(version),
    'process.env.OPENWHISK_BUILD_TIME': JSON.stringify(new Date().toISOString()),
    'process.env.OPENWHISK_BUILD_BINARY': isBinary ? '"1"' : 'undefined',
  },
  banner: { js: "const __bundleUrl=require('node:url').pathToFileURL(__filename).href;" },
})

const dockerodeExtras = empty(/^(ssh2|cpu-features|supports-color|@grpc\/.*|protobufjs.*)$/)

const results = await Promise.all([
  esbuild.build({
    ...server(false),
    entryPoints: ['src/main.ts'],
    outfile: join(building, 'openwhisk.cjs'),
    external: ['better-sqlite3'],
    plugins: [besides('dockerode', './dockerode.cjs')],
  }),
  esbuild.build({
    ...common,
    entryPoints: ['dockerode'],
    outfile: join(building, 'dockerode.cjs'),
    plugins: [dockerodeExtras],
  }),
  ...runtimePrograms(),
  ...preinstalled(),
])

writeFileSync(join(building, 'THIRD-PARTY-LICENSES.txt'), licences(results))
if (flags.has('--meta')) writeFileSync(join(building, 'meta.json'), JSON.stringify(results[0].metafile))
writeFileSync(
  join(building, 'index.cjs'),
  `const { ${API} } = require('./openwhisk.cjs')\nmodule.exports = { ${API} }\n`,
)
writeFileSync(join(building, 'index.mjs'), `import api from './index.cjs'\nexport const { ${API} } = api\n`)
for (const file of ['index.d.ts', 'index.d.mts']) writeFileSync(join(building, file), declarations())
replaceDist()
const kilobytes = Math.round(statSync(main).size / 1024)
console.log(`dist/ built in ${Date.now() - startedAt} ms (${relative(root, main)}: ${kilobytes} KB)`)
if (flags.has('--binary')) await buildBinary()

async function buildBinary() {
  const { makeBinary } = await import('./.build/binary.mjs')
  mkdirSync(building)
  const bundle = async outfile => {
    const options = { ...server(true), entryPoints: ['src/binary.ts'], outfile, plugins: [dockerodeExtras, addon()] }
    return (await esbuild.build(options)).metafile
  }
  const metafile = await makeBinary({ root, dist, scratch: building, output: binary, bundle })
  const texts = `${licences([...results, { metafile }])}\n${nodeLicence()}`
  writeFileSync(join(dirname(binary), 'THIRD-PARTY-LICENSES.txt'), texts)
}

/** Node.js comes with the text in a folder above or, as some packages have it, without. */
function nodeLicence() {
  const prefix = dirname(dirname(realpathSync(process.execPath)))
  const file = ['LICENSE', 'share/doc/nodejs/LICENSE'].map(path => join(prefix, path)).find(existsSync)
  const text = file
    ? readFileSync(file, 'utf8').trim()
    : `https://github.com/nodejs/node/blob/${process.version}/LICENSE`
  return section(`Node.js ${process.version}`, text)
}

/** better-sqlite3 finds its addon through the package `bindings`; in the executable it is unpacked first. */
function addon() {
  return {
    name: 'addon',
    setup(build) {
      build.onResolve({ filter: /^bindings$/ }, () => ({ path: 'bindings', namespace: 'addon' }))
      build.onLoad({ filter: /.*/, namespace: 'addon' }, () => ({
        contents: "module.exports = require('./src/embedded/embedded.ts').loadAddon",
        resolveDir: root,
      }))
    },
  }
}

/** The types of src/public.ts, and the functions that src/index.ts adds. */
function declarations() {
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc')
  const options = [
    '--ignoreConfig',
    '--declaration',
    '--emitDeclarationOnly',
    '--target',
    'es2023',
    '--lib',
    'es2023,esnext.disposable',
  ]
  execFileSync(process.execPath, [tsc, 'src/public.ts', ...options, '--types', 'node', '--outDir', building], {
    cwd: root,
  })
  const types = readFileSync(join(building, 'public.d.ts'), 'utf8')
  rmSync(join(building, 'public.d.ts'), { force: true })
  const start = 'export declare function startOpenWhisk(options?: OpenWhiskOptions): Promise<OpenWhisk>;'
  const connect = 'export declare function connectOpenWhisk(address?: OpenWhiskAddress): OpenWhiskConnection;'
  return `${types}
/** Resolves when the server answers requests. Fails with OpenWhiskError; nothing is left behind then. */
${start}
/** A server in another process; unless an address is given, the one that \`openwhisk-standalone exec\` started. */
${connect}
`
}

/** Another build may do the same at the same moment: then the last one wins. */
function replaceDist() {
  const former = `${building}-former`
  for (let attempt = 1; ; attempt++) {
    try {
      if (existsSync(dist)) renameSync(dist, former)
      renameSync(building, dist)
      break
    } catch (error) {
      if (attempt === 10) throw error
    }
  }
  rmSync(former, { recursive: true, force: true })
}

/** True when nothing that goes into the output is younger than it. */
function isFresh() {
  const outputs = flags.has('--binary') ? [main, binary] : [main]
  if (!outputs.every(existsSync)) return false
  const built = Math.min(...outputs.map(file => statSync(file).mtimeMs))
  const sources = ['build.mjs', 'package.json', 'package-lock.json', ...filesBelow('.build'), ...filesBelow('src')]
  return sources.every(file => statSync(join(root, file)).mtimeMs <= built)
}

function filesBelow(folder) {
  return readdirSync(join(root, folder), { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => relative(root, join(entry.parentPath, entry.name)))
}

/** Imports of a package become requires of a file beside the bundle. */
function besides(name, path) {
  return {
    name: `besides-${name}`,
    setup(build) {
      build.onResolve({ filter: new RegExp(`^${name}$`) }, () => ({ path, external: true }))
    },
  }
}

/** Imports of these packages find an empty module. */
function empty(filter) {
  return {
    name: 'empty',
    setup(build) {
      build.onResolve({ filter }, ({ path }) => ({ path, namespace: 'empty' }))
      build.onLoad({ filter: /.*/, namespace: 'empty' }, () => ({ contents: 'module.exports = {}' }))
    },
  }
}

/**
 * What the reference's Node.js images preinstall for actions to require, each as one file. express is left out: it is
 * as large as the server itself.
 */
function preinstalled() {
  const names = ['openwhisk', 'needle', 'redis', 'serialize-error', 'uuid']
  return names.map(name =>
    esbuild.build({
      ...common,
      entryPoints: [name],
      outfile: join(building, 'runtime', 'node_modules', name, 'index.js'),
      external: names.filter(other => other !== name),
    }),
  )
}

/** A build for each program in src/runtime/; Python goes as it is. */
function runtimePrograms() {
  const folder = join(root, 'src', 'runtime')
  if (!existsSync(folder)) return []
  mkdirSync(join(building, 'runtime'))
  return readdirSync(folder).flatMap(file => {
    if (file.endsWith('.ts')) {
      const entry = {
        ...common,
        entryPoints: [join(folder, file)],
        outfile: join(building, 'runtime', `${file.slice(0, -3)}.cjs`),
      }
      return [esbuild.build(entry)]
    }
    writeFileSync(join(building, 'runtime', file), readFileSync(join(folder, file)))
    return []
  })
}

/** The licence texts of the packages whose files are in a bundle. */
function licences(builds) {
  const packages = new Set()
  for (const { metafile } of builds) {
    for (const input of Object.keys(metafile.inputs)) {
      const found = /^(?:.*\/)?node_modules\/((?:@[^/]+\/)?[^/]+)\//.exec(input)
      if (found) packages.add(found[1])
    }
  }
  return [...packages].sort().map(licenceOf).join('\n')
}

function licenceOf(name) {
  const folder = join(root, 'node_modules', name)
  const about = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'))
  const file = readdirSync(folder).find(entry => /^licen[cs]e/i.test(entry))
  const text = file ? readFileSync(join(folder, file), 'utf8').trim() : `Licence: ${about.license}`
  return section(`${name} ${about.version}`, text)
}

function section(title, text) {
  const line = '='.repeat(80)
  return `${line}\n${title}\n${line}\n${text}\n`
}
