// Loads an action's code in the Node.js runtime proxy: plain source, or an archive with modules.
'use strict'

const fs = require('node:fs')
const { createRequire } = require('node:module')
const { join, dirname } = require('node:path')
const vm = require('node:vm')

const GZIP_FLAGS = [0x00, 0x08]

// The source has a function of its own, so that it may declare names like `require` itself, and its directives count.
const OPENING = '(function (module, exports, require, __filename, __dirname) { return (function () {'
const CLOSING = '\n})() })'

/** In Node.js 20.12 and later, import() in an action is the loader's; before, it has to be lent to it. */
const importing = vm.constants?.USE_MAIN_CONTEXT_DEFAULT_LOADER ?? (specifier => import(specifier))

/** Node.js warns of the loader when it is first used; the log of an action has no place for that. */
const emitWarning = process.emitWarning
process.emitWarning = function (warning, ...rest) {
  if (!String(warning).startsWith('vm.USE_MAIN_CONTEXT_DEFAULT_LOADER')) return emitWarning.call(this, warning, ...rest)
  process.emitWarning = emitWarning
}

const compile = (text, filename) => {
  try {
    return new vm.Script(text, { filename, columnOffset: -OPENING.length, importModuleDynamically: importing })
  } catch (error) {
    // Node.js puts the place and the line before the error; the reference's text begins with the error itself.
    const stack = String(error.stack)
    const start = stack.indexOf(`${error.name}: ${error.message}`)
    const place = stack.slice(0, stack.indexOf('\n'))
    if (start > 0) error.stack = stack.slice(start).replace('\n', `\n    at ${place}\n`)
    throw error
  }
}

/**
 * Evaluates plain source and returns what `main` names in it: a local, else an export of the runner. Throws whatever
 * the code throws. Stacks show the lines of the source.
 */
const evaluate = (source, main, requireHere) => {
  const filename = join(process.cwd(), 'runner.js')
  const module = { id: filename, filename, path: dirname(filename), loaded: true, children: [], exports: {} }
  const entry = `\ntry { return ${main}\n } catch (e) { if (e instanceof ReferenceError) return module.exports.${main} || exports.${main}\n throw e }`
  const wrapper = compile(OPENING + source + entry + CLOSING, filename).runInThisContext()
  return wrapper(module, module.exports, requireHere, filename, dirname(filename))
}

const isZip = bytes => bytes.subarray(0, 4).equals(Buffer.from([0x50, 0x4b, 0x03, 0x04]))
const isTarGz = bytes => bytes[0] === 0x1f && bytes[1] === 0x8b && bytes[2] === 0x08 && GZIP_FLAGS.includes(bytes[3])

/** Unpacks into a new folder below the working directory and returns it; throws the reference's sentences. */
const extract = bytes => {
  const zip = isZip(bytes)
  if (!zip && !isTarGz(bytes)) {
    throw 'There was an error uncompressing the action archive. The file type is unsupported'
  }
  const archive = require('./archive.cjs')
  const directory = join(process.cwd(), Math.random().toString(36).slice(2, 10).padEnd(8, '0'))
  try {
    archive.unpack(zip ? archive.readZip(bytes) : archive.readTarGz(bytes), directory)
  } catch {
    throw `There was an error uncompressing the action ${zip ? 'Zip' : 'Tar GZ'} archive.`
  }
  return directory
}

/** `main` as module and path of names in it: `func`, `file.func`, `file.some.func`. */
const splitMain = main => {
  if (main.startsWith('.') || main.endsWith('.')) throw 'Name of main function is not valid.'
  const dot = main.indexOf('.')
  return dot < 0
    ? { file: undefined, names: [main] }
    : { file: main.slice(0, dot), names: main.slice(dot + 1).split('.') }
}

/** The reference starts `npm install` without waiting for it; when it fails, the rejection ends the process. */
const installDependencies = directory => {
  const wanted = process.env.OW_ENABLE_INIT_INSTALL
  if (wanted !== undefined && wanted !== 'true') return
  const manifest = join(directory, 'package.json')
  if (!fs.existsSync(manifest) || fs.existsSync(join(directory, 'node_modules'))) return
  const { dependencies } = JSON.parse(fs.readFileSync(manifest, 'utf8'))
  if (!dependencies || Object.keys(dependencies).length === 0) return
  const { promisify } = require('node:util')
  const { exec } = require('node:child_process')
  promisify(exec)('npm install', { cwd: directory })
}

/** Unpacks an archive, makes it the working directory and returns what `main` names in its modules. */
const loadArchive = (bytes, main) => {
  const { file, names } = splitMain(main)
  const directory = extract(bytes)
  process.chdir(directory)
  const hasEntry = fs.existsSync(join(directory, 'package.json')) || fs.existsSync(join(directory, 'index.js'))
  if (file === undefined && !hasEntry) {
    throw 'Zipped actions must contain either package.json or index.js at the root.'
  }
  installDependencies(directory)
  const load = createRequire(join(dirname(directory), 'runner.js'))
  let entry = load(file === undefined ? directory : join(directory, file))
  for (const name of names) entry = entry[name]
  return entry
}

module.exports = { evaluate, loadArchive }
