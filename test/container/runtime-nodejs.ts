// What the Node.js runtime answers to which code. Part of the driver suite.

import { describe, expect, test } from 'vitest'
import { tarGzOf, zipOf } from './archives.ts'
import type { Create } from './conformance.ts'
import { CALL, type Code, eventually, initialize, logsOf, outcome, run, runWhenListening } from './driving.ts'
import { bad, FAILED_LOGS, type Row, testFailedInits, testRuns, zipped } from './runtime-tables.ts'

const INIT_FAILED = 'Initialization has failed due to: '
const badInit = (text: string) => bad(502, INIT_FAILED + text)
const matching = (text: string) => new RegExp(text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))

const NODE_RESULTS: Row[] = [
  ['gives an object', 'function main(p) { return p }', { a: 1 }, '200 {"a":1}'],
  ['gives an array', 'function main() { return [1, { error: 2 }] }', {}, '200 [1,{"error":2}]'],
  ['gives {} for undefined', 'function main() {}', {}, '200 {}'],
  ['gives {} for a promise of undefined', 'async function main() {}', {}, '200 {}'],
  ['gives null for null', 'function main() { return null }', {}, '200 null'],
  [
    'gives the scalar that a Date serialises to',
    'function main() { return new Date(0) }',
    {},
    '200 "1970-01-01T00:00:00.000Z"',
  ],
  [
    'gives an empty body for an object that serialises to nothing',
    'function main() { return { toJSON() {} } }',
    {},
    '200 ',
  ],
  ['refuses a string', 'function main() { return "x" }', {}, bad(502, 'The action did not return a dictionary.')],
  [
    'refuses a promise of a number',
    'async function main() { return 7 }',
    {},
    bad(502, 'The action did not return a dictionary.'),
  ],
  ['refuses a bigint', 'function main() { return 7n }', {}, bad(502, 'The action did not return a dictionary.')],
  [
    'says Internal error. of a cycle',
    'function main() { const o = {}; o.o = o; return o }',
    {},
    bad(500, 'Internal error.'),
  ],
  ['says Internal error. of a nested bigint', 'function main() { return { n: 7n } }', {}, bad(500, 'Internal error.')],
  ['says Internal error. of a rejected bigint', 'async function main() { throw 7n }', {}, bad(500, 'Internal error.')],
  [
    'is a developer error for a synchronous throw',
    'function main() { throw new Error("boom") }',
    {},
    bad(502, 'An error has occurred: Error: boom'),
  ],
  ['can throw null', 'function main() { throw null }', {}, bad(502, 'An error has occurred: null')],
  ['can throw an object', 'function main() { throw { a: 1 } }', {}, bad(502, 'An error has occurred: [object Object]')],
  [
    'serialises a rejected Error',
    'async function main() { const e = new TypeError("boom"); e.extra = [1]; throw e }',
    {},
    /^200 {"error":{"extra":\[1\],"name":"TypeError","message":"boom","stack":"TypeError: boom\\n {4}at /,
  ],
  [
    'keeps a rejected object',
    'async function main() { throw { why: 1, f() {}, b: Buffer.from("x") } }',
    {},
    '200 {"error":{"why":1,"b":"[object Buffer]"}}',
  ],
  [
    'cuts cycles of a rejected object',
    'async function main() { const o = { a: 1 }; o.o = o; throw o }',
    {},
    '200 {"error":{"a":1,"o":"[Circular]"}}',
  ],
  ['gives {} for a falsy rejection', 'async function main() { throw "" }', {}, '200 {"error":{}}'],
  ['keeps a rejected text', 'async function main() { throw "s" }', {}, '200 {"error":"s"}'],
  ['keeps a rejected array', 'async function main() { throw [1] }', {}, '200 {"error":[1]}'],
  ['names a rejected function', 'async function main() { throw function f() {} }', {}, '200 {"error":"[Function: f]"}'],
  ['loses a rejected symbol', 'async function main() { throw Symbol("x") }', {}, '200 {}'],
  [
    'gives the time of a rejected Date',
    'async function main() { throw new Date(0) }',
    {},
    '200 {"error":"1970-01-01T00:00:00.000Z"}',
  ],
  ['gives {} for a returned Error', 'function main() { return new Error("x") }', {}, '200 {}'],
  ['passes one argument', 'function main() { return { n: arguments.length } }', {}, '200 {"n":1}'],
  ['waits for any thenable', 'function main() { return { then(f) { f({ late: 1 }) } } }', {}, '200 {"late":1}'],
  ['takes an array as the argument', 'function main(p) { return { p } }', [1, 2], '200 {"p":[1,2]}'],
  ['takes a missing value as {}', 'function main(p) { return { p } }', undefined, '200 {"p":{}}'],
  ['takes null as {}', 'function main(p) { return { p } }', null, '200 {"p":{}}'],
  [
    'refuses a scalar value',
    'function main(p) { return { p } }',
    7,
    bad(403, "Internal system error: the argument must be a dictionary but has type 'number'."),
  ],
]

const NODE_SOURCES: Row[] = [
  ['takes a constant', 'const main = () => ({ v: 1 })', {}, '200 {"v":1}'],
  ['takes the last of two', 'function main() { return { v: 1 } } main = () => ({ v: 2 })', {}, '200 {"v":2}'],
  [
    'prefers a local to an export',
    'exports.main = () => ({ via: "exports" }); function main() { return { via: "local" } }',
    {},
    '200 {"via":"local"}',
  ],
  ['takes exports.main', 'exports.main = () => ({ via: "exports" })', {}, '200 {"via":"exports"}'],
  ['takes module.exports.main', 'module.exports.main = () => ({ via: "module" })', {}, '200 {"via":"module"}'],
  [
    'takes module.exports = { main }',
    'module.exports = { main: () => ({ via: "module" }) }',
    {},
    '200 {"via":"module"}',
  ],
  ['takes global.main', 'global.main = () => ({ via: "global" })', {}, '200 {"via":"global"}'],
  ['takes this.main', 'this.main = () => ({ via: "this" })', {}, '200 {"via":"this"}'],
  ['takes a function that the source returns', 'return () => ({ early: true })', {}, '200 {"early":true}'],
  [
    'obeys a directive',
    '"use strict"; function main() { return { strict: (function () { return this === undefined })() } }',
    {},
    '200 {"strict":true}',
  ],
  ['is sloppy otherwise', 'function main() { undeclared = 1; return { undeclared } }', {}, '200 {"undeclared":1}'],
  ['takes a source that ends with a comment', 'function main() { return { ok: 1 } } // done', {}, '200 {"ok":1}'],
  ['takes a byte order mark', '\ufefffunction main() { return { ok: 1 } }', {}, '200 {"ok":1}'],
  [
    'takes a source that declares require itself',
    'const require = 1, module = 2, exports = 3; function main() { return { require, module, exports } }',
    {},
    '200 {"require":1,"module":2,"exports":3}',
  ],
  [
    'takes another main',
    { code: 'function main() { return { m: "main" } } const go = () => ({ m: "go" })', main: 'go' },
    {},
    '200 {"m":"go"}',
  ],
  [
    'takes a main inside an object',
    { code: 'const lib = { fn: { go: deep => ({ deep }) } }', main: 'lib.fn.go' },
    { a: 1 },
    '200 {"deep":{"a":1}}',
  ],
  ['gives {} for a generator', 'function* main() { yield 1 }', {}, '200 {}'],
  [
    'fails at run for a class',
    'class main {}',
    {},
    bad(502, "An error has occurred: TypeError: Class constructor main cannot be invoked without 'new'"),
  ],
  [
    'outlives a Promise that is replaced at load',
    'global.Promise = class P extends Promise {}; function main() { return { ok: 1 } }',
    {},
    '200 {"ok":1}',
  ],
  [
    'outlives a Promise that is replaced in a run',
    'const main = async () => { global.Promise = function () {}; return { ok: 1 } }',
    {},
    '200 {"ok":1}',
  ],
  [
    'outlives a then that answers with promises of its own',
    `const { then } = Promise.prototype
    Promise.prototype.then = function (...given) { const next = then.apply(this, given); return { then: (...more) => then.apply(next, more) } }
    const main = async () => ({ ok: 1 })`,
    {},
    '200 {"ok":1}',
  ],
  [
    'outlives a Buffer of the action',
    'global.Buffer = function () {}; const main = async () => { throw { n: {} } }',
    {},
    '200 {"error":{"n":{}}}',
  ],
  [
    'outlives a console without methods',
    'global.console = {}; function main() { return 7 }',
    {},
    bad(502, 'The action did not return a dictionary.'),
  ],
  [
    'outlives stacks that cannot be read',
    'Error.prepareStackTrace = () => { throw 1 }; const main = async () => { throw new Error("x") }',
    {},
    bad(500, 'Internal error.'),
  ],
  [
    "gives the result that the action's own JSON makes",
    'JSON.stringify = () => `{"own":1}`; const main = () => ({})',
    {},
    '200 {"own":1}',
  ],
  [
    "tells what the action's own JSON cannot say",
    'JSON.stringify = undefined; const main = () => ({})',
    {},
    bad(500, 'Internal error.'),
  ],
  ['can import()', 'const main = async () => ({ sep: (await import("node:path")).sep })', {}, '200 {"sep":"/"}'],
  [
    'finds Node.js modules and the client of OpenWhisk',
    'const main = () => ({ fs: typeof require("fs").readFileSync, ow: typeof require("openwhisk") })',
    {},
    '200 {"fs":"function","ow":"function"}',
  ],
]

const NODE_ARCHIVES: Row[] = [
  [
    'takes index.js of a zip',
    zipped({ 'index.js': 'exports.main = p => ({ from: "index", p })' }),
    { a: 1 },
    '200 {"from":"index","p":{"a":1}}',
  ],
  [
    'takes another function',
    zipped({ 'index.js': 'exports.other = p => ({ from: "other", p })' }, 'other'),
    {},
    '200 {"from":"other","p":{}}',
  ],
  [
    'takes file.function',
    zipped({ 'code.js': 'exports.other = () => ({ from: "other" })' }, 'code.other'),
    {},
    '200 {"from":"other"}',
  ],
  [
    'takes file.some.function',
    zipped({ 'code.js': 'exports.deep = { fn: () => ({ from: "deep" }) }' }, 'code.deep.fn'),
    {},
    '200 {"from":"deep"}',
  ],
  [
    'takes the main of package.json',
    zipped({
      'package.json': '{"main":"lib/entry.js"}',
      'lib/entry.js': 'exports.main = () => ({ v: require("./data.json").v })',
      'lib/data.json': '{"v":5}',
    }),
    {},
    '200 {"v":5}',
  ],
  [
    'makes the archive the working directory',
    zipped({
      'index.js':
        'exports.main = () => ({ t: require("fs").readFileSync("data.txt", "utf8"), here: process.cwd() === __dirname })',
      'data.txt': 'żółw',
    }),
    {},
    '200 {"t":"żółw","here":true}',
  ],
  [
    'finds modules in the archive',
    zipped({
      'index.js': 'exports.main = () => ({ v: require("dep") })',
      'node_modules/dep/index.js': 'module.exports = "dep"',
    }),
    {},
    '200 {"v":"dep"}',
  ],
  [
    'finds preinstalled modules from an archive',
    zipped({ 'index.js': 'exports.main = () => ({ ow: typeof require("openwhisk") })' }),
    {},
    '200 {"ow":"function"}',
  ],
  [
    'takes an ES module',
    zipped({
      'package.json': '{"type":"module","main":"index.js"}',
      'index.js': 'export const main = () => ({ esm: true })',
    }),
    {},
    '200 {"esm":true}',
  ],
  [
    'keeps permissions and links',
    zipped({
      'index.js': 'exports.main = () => ({ out: require("child_process").execFileSync("./run").toString() })',
      'tool.sh': { text: '#!/bin/sh\necho ran\n', mode: 0o755 },
      run: { text: 'tool.sh', link: true },
    }),
    {},
    '200 {"out":"ran\\n"}',
  ],
  [
    'takes a tar.gz',
    { code: tarGzOf({ 'index.js': 'exports.main = p => ({ p })' }), binary: true },
    { a: 1 },
    '200 {"p":{"a":1}}',
  ],
]

const NODE_FAILED_INITS: [string, string | Code, string | RegExp][] = [
  ['refuses missing code', '', bad(403, 'Missing main/no code to execute.')],
  ['refuses an empty main', { code: 'function main() {}', main: '' }, bad(403, 'Missing main/no code to execute.')],
  ['refuses code without main', '/* nothing */', badInit("Action entrypoint 'main' is not a function.")],
  ['refuses a main that is no function', 'const main = 7', badInit("Action entrypoint 'main' is not a function.")],
  [
    'refuses module.exports = function',
    'module.exports = () => ({})',
    badInit("Action entrypoint 'main' is not a function."),
  ],
  [
    'tells what a source threw',
    'throw new RangeError("at load")',
    matching(`502 {"error":"${INIT_FAILED}RangeError: at load\\n    at `),
  ],
  [
    'tells an error whose stack cannot be read',
    'Error.prepareStackTrace = () => { throw 1 }; throw new Error("x")',
    badInit('Error: x'),
  ],
  ['tells an error where the console has no methods', 'global.console = {}; throw "at load"', badInit('at load')],
  ['tells a thrown text', 'throw "at load"; function main() {}', badInit('at load')],
  ['tells a thrown 0', 'throw 0', badInit('0')],
  ['says Internal error. of a thrown null', 'throw null', bad(500, 'Internal error.')],
  ['tells a syntax error', 'function main( {', matching(`502 {"error":"${INIT_FAILED}SyntaxError: `)],
  ['refuses export', 'export function main() {}', matching(`${INIT_FAILED}SyntaxError: `)],
  ['refuses #!', '#!/usr/bin/env node\nfunction main() {}', matching(`${INIT_FAILED}SyntaxError: `)],
  ['refuses top-level await', 'await 1; function main() {}', matching(`${INIT_FAILED}SyntaxError: `)],
  [
    'tells a missing module',
    'require("no-such-module"); function main() {}',
    matching(`${INIT_FAILED}Error: Cannot find module 'no-such-module'`),
  ],
  [
    'refuses a zip without an entry',
    zipped({ 'sub/index.js': 'exports.main = 1' }),
    badInit('Zipped actions must contain either package.json or index.js at the root.'),
  ],
  [
    'refuses a zip without the function',
    zipped({ 'index.js': 'function main() {}' }),
    badInit("Action entrypoint 'main' is not a function."),
  ],
  [
    'refuses a main that begins with a dot',
    zipped({ 'index.js': 'exports.main = () => {}' }, '.main'),
    badInit('Name of main function is not valid.'),
  ],
  [
    'refuses a main that ends with a dot',
    zipped({ 'index.js': 'exports.main = () => {}' }, 'main.'),
    badInit('Name of main function is not valid.'),
  ],
  [
    'refuses what is no archive',
    { code: Buffer.from('just some text').toString('base64'), binary: true },
    badInit('There was an error uncompressing the action archive. The file type is unsupported'),
  ],
  [
    'refuses an empty zip',
    { code: zipOf({}), binary: true },
    badInit('There was an error uncompressing the action archive. The file type is unsupported'),
  ],
  [
    'refuses a broken zip',
    { code: Buffer.from('PK\x03\x04garbage').toString('base64'), binary: true },
    badInit('There was an error uncompressing the action Zip archive.'),
  ],
  [
    'refuses a broken tar.gz',
    { code: Buffer.from('1f8b0800garbage', 'hex').toString('base64'), binary: true },
    badInit('There was an error uncompressing the action Tar GZ archive.'),
  ],
]

export const testNodeRuntime = (create: Create): void => {
  describe('Node.js results', () => testRuns(create, 'nodejs:20', NODE_RESULTS))
  describe('Node.js sources', () => testRuns(create, 'nodejs:20', NODE_SOURCES))
  describe('Node.js archives', () => testRuns(create, 'nodejs:20', NODE_ARCHIVES))
  describe('Node.js failing to initialize', () => testFailedInits(create, 'nodejs:20', NODE_FAILED_INITS))
  describe('Node.js runtime', () => testNodeStates(create))
}

const testNodeStates = (create: Create) => {
  test('is initialized once', async () => {
    const container = await create()
    await initialize(container, { code: 'function main() { return {} }' })
    expect(outcome(await initialize(container, { code: 'function main() {}' }))).toBe(
      bad(403, 'Cannot initialize the action more than once.'),
    )
    expect(outcome(await run(container))).toBe('200 {}')
    expect(await logsOf(container)).toEqual([
      'stderr: Internal system error: Cannot initialize the action more than once.',
    ])
  })

  test('does not run before it is initialized', async () => {
    const container = await create()
    expect(outcome(await runWhenListening(container))).toBe(bad(403, 'System not initialized.'))
  })

  test('can be initialized after a request without code', async () => {
    const container = await create()
    await initialize(container, { code: '' })
    expect(outcome(await initialize(container, { code: 'function main() { return {} }' }))).toBe('200 {"OK":true}')
  })

  test('is stopped for good by a failed initialization', async () => {
    const container = await create()
    await initialize(container, { code: 'console.log("before"); throw "bad"' })
    expect((await logsOf(container, FAILED_LOGS)).sort()).toEqual([
      'stderr: Error during initialization: bad',
      'stdout: before',
    ])
    const again = await initialize(container, { code: 'function main() { return {} }' })
    expect(outcome(again)).toBe(bad(403, 'System not ready, status is stopped.'))
  })

  test('is stopped for good by a synchronous throw', async () => {
    const container = await create()
    await initialize(container, { code: 'function main() { throw "bad" }' })
    await run(container)
    expect(outcome(await run(container))).toBe(bad(403, 'System not ready, status is stopped.'))
  })

  test('runs on after a rejection, a wrong type and an unserialisable result', async () => {
    const container = await create()
    await initialize(container, {
      code: 'const main = async p => { if (p.no) throw p.no; return p.big ? { n: 1n } : p.text ?? p }',
    })
    await run(container, { no: 1 })
    await run(container, { text: 'x' })
    await run(container, { big: true })
    expect(outcome(await run(container, { ok: 1 }))).toBe('200 {"ok":1}')
  })

  test('refuses a second run while one is in progress', async () => {
    const container = await create()
    await initialize(container, {
      code: 'let end; const main = p => new Promise(r => { end = r; setTimeout(r, 300, { late: 1 }) })',
    })
    // The first has a connection already; the second may come too late, when the machine is busy.
    const [first, second] = await eventually('a refusal', async () => {
      const pair = (await Promise.all([run(container), run(container)])).map(outcome)
      return pair[1]?.startsWith('403') && pair
    })
    expect(second).toBe(bad(403, 'System not ready, status is running.'))
    expect(first).toBe('200 {"late":1}')
  })

  test('sets the environment of init at load, and that of run at each run', async () => {
    const container = await create()
    const code = `const seen = process.env.G + process.env.__OW_ACTION_NAME
      const main = () => ({ seen, name: process.env.__OW_ACTION_NAME, id: process.env.__OW_ACTIVATION_ID, value: process.env.__OW_VALUE ?? null, host: typeof process.env.__OW_API_HOST })`
    await initialize(container, { code, env: { G: 'hi', __OW_ACTION_NAME: '/at/load' } })
    expect(outcome(await run(container))).toBe(
      `200 ${JSON.stringify({ seen: 'hi/at/load', name: '/guest/hello', id: 'b'.repeat(32), value: null, host: 'string' })}`,
    )
  })

  test('runs where it seems to be an ordinary program', async () => {
    const container = await create()
    const code = `const main = () => ({ argc: process.argv.length, umask: process.umask(), gc: typeof gc, zone: new Date(0).getTimezoneOffset(), file: __filename.startsWith(process.cwd()) })`
    await initialize(container, { code })
    expect(outcome(await run(container))).toBe('200 {"argc":2,"umask":18,"gc":"function","zone":0,"file":true}')
  })

  test('ends with the process when a timer throws after the answer', async () => {
    const container = await create()
    await initialize(container, {
      code: 'function main() { setTimeout(() => { throw new Error("late") }, 10); return {} }',
    })
    expect(outcome(await run(container))).toBe('200 {}')
    await container.exited
  })

  test('drops a line that shares its line with the sentinel', async () => {
    const container = await create()
    await initialize(container, {
      code: 'function main() { console.log("a\\nb\\n\\nc"); process.stdout.write("no newline"); return {} }',
    })
    await run(container)
    expect(await logsOf(container)).toEqual(['stdout: a', 'stdout: b', 'stdout: ', 'stdout: c'])
  })

  test('keeps its sentinels when the action replaces console and the streams', async () => {
    const container = await create()
    const code =
      'function main() { console.log = console.error = () => {}; process.stdout.write = () => true; process.stderr.write = () => true; return {} }'
    await initialize(container, { code })
    await run(container)
    expect(await container.logs({ limitBytes: 1e6, waitForSentinel: true, developerError: false })).toEqual({
      lines: [],
      failed: false,
    })
  })

  test('refuses what is not JSON of its kind', async () => {
    const container = await create()
    expect(outcome(await container.initialize('7', CALL))).toBe(bad(500, 'Bad request.'))
    expect(outcome(await container.initialize('[]', CALL))).toBe(bad(403, 'Missing main/no code to execute.'))
  })
}
