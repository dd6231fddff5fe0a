// Compositions as their authors write them, with what they give: taken from what composer's documents say of each
// combinator. Functions are carried into the conductor action as text, so this file is plain JavaScript.

const composer = require('openwhisk-composer')

/* global n, x, y, message, first, tries, limit, log */

/** Actions that compositions call by name. */
const actions = {
  increment: ({ n }) => ({ n: n + 1 }),
  triple: ({ n }) => ({ n: n * 3 }),
  half: ({ n }) => ({ n: n / 2 }),
  isEven: ({ n }) => ({ value: n % 2 === 0 }),
  isNotOne: ({ n }) => ({ value: n !== 1 }),
  fail: ({ why }) => ({ error: why === undefined ? 'failed' : why, more: 'is dropped' }),
  crash: () => {
    throw new Error('crashed')
  },
  show: params => ({ shown: params }),
}

/** What the conductor of Collatz does until n is one. */
const collatz = composer.while('isNotOne', composer.if('isEven', 'half', composer.seq('triple', 'increment')))

const loop = (count, composition) =>
  composer.let(
    { n: count },
    composer.while(() => n-- > 0, composer.mask(composition)),
  )

/** [what it shows, composition, parameters, result, failure?] */
const cases = [
  ['an action', composer.action('increment'), { n: 1 }, { n: 2 }],
  [
    'an action of a package',
    composer.action('/whisk.system/utils/echo'),
    { a: [1, { b: null }] },
    { a: [1, { b: null }] },
  ],
  ['an action with its code', composer.action('own', { action: () => ({ own: true }) }), {}, { own: true }],
  [
    'an action with code as text',
    composer.action('text', { action: "const m = 'hi'; function main() { return { m } }" }),
    {},
    { m: 'hi' },
  ],
  [
    'an action of another kind',
    composer.action('py', {
      action: { kind: 'python:default', code: 'def main(args):\n  return {"py": args["n"] + 1}' },
    }),
    { n: 1 },
    { py: 2 },
  ],
  [
    'an action with limits',
    composer.action('limited', { action: () => ({}), limits: { logs: 1, memory: 128, timeout: 10000 } }),
    {},
    {},
  ],
  ['an action that is a sequence', composer.action('both', { sequence: ['increment', 'triple'] }), { n: 1 }, { n: 6 }],
  ['a function', composer.function(({ x, y }) => ({ product: x * y })), { x: 6, y: 7 }, { product: 42 }],
  ['a function that gives no object', composer.function(({ n }) => n % 2 === 0), { n: 2 }, { value: true }],
  ['a function that gives an array', composer.function(() => [1, 2]), {}, { value: [1, 2] }],
  [
    'a function that gives nothing',
    composer.function(params => {
      params.n = 2
    }),
    { n: 1, m: 3 },
    { n: 2, m: 3 },
  ],
  [
    'an asynchronous function',
    composer.function(async ({ n }) => ({ n: await Promise.resolve(n + 1) })),
    { n: 1 },
    { n: 2 },
  ],
  [
    'a function that throws',
    composer.function(() => {
      throw new Error('no')
    }),
    {},
    { error: 'Function combinator threw an exception at AST node root (see log for details)' },
    true,
  ],
  [
    'a function that gives a function',
    composer.function(() => () => 1),
    {},
    { error: 'Function combinator evaluated to a function type at AST node root' },
    true,
  ],
  ['a function that gives an error', composer.function(() => ({ error: 'foo', more: 1 })), {}, { error: 'foo' }, true],
  ['a literal', composer.literal({ a: 1, f: () => 1 }), { b: 2 }, { a: 1 }],
  ['a value that is no object', composer.value(42), {}, { value: 42 }],
  ['empty', composer.empty(), { n: 1 }, { n: 1 }],
  ['empty given an error', composer.empty(), { error: 'foo', more: 1 }, { error: 'foo' }, true],
  ['null for empty', composer.sequence(null, 'increment', null), { n: 1 }, { n: 2 }],
  ['a sequence', composer.sequence('increment', 'triple', ({ n }) => ({ n: n - 1 })), { n: 1 }, { n: 5 }],
  [
    'a sequence that fails in the middle',
    composer.seq('increment', 'fail', 'triple'),
    { n: 1 },
    { error: 'failed' },
    true,
  ],
  [
    'a sequence with a crash in it',
    composer.seq('increment', 'crash', 'triple'),
    { n: 1 },
    { error: 'An error has occurred: Error: crashed' },
    true,
  ],
  [
    'a sequence with an error that is an object',
    composer.seq('fail', 'triple'),
    { why: { code: 7 } },
    { error: { code: 7 } },
    true,
  ],
  ['if, then', composer.if('isEven', 'half', 'triple'), { n: 4 }, { n: 2 }],
  ['if, else', composer.if('isEven', 'half', 'triple'), { n: 3 }, { n: 9 }],
  [
    'if without else',
    composer.if(
      params => params.n % 2 === 0,
      params => {
        params.n /= 2
      },
    ),
    { n: 3 },
    { n: 3 },
  ],
  [
    'if_nosave',
    composer.if_nosave(
      params => {
        params.value = params.n % 2 === 0
      },
      params => {
        params.n /= 2
      },
    ),
    { n: 4 },
    { n: 2, value: true },
  ],
  ['if with a failing condition', composer.if('fail', 'half', 'triple'), { n: 3 }, { error: 'failed' }, true],
  [
    'while',
    composer.while(
      params => params.n % 2 === 0,
      params => {
        params.n /= 2
      },
    ),
    { n: 28 },
    { n: 7 },
  ],
  [
    'while_nosave',
    composer.while_nosave(
      params => {
        params.value = params.n % 2 === 0
      },
      params => {
        params.n /= 2
      },
    ),
    { n: 28 },
    { n: 7, value: false },
  ],
  ['while that never runs', composer.while(() => false, 'fail'), { n: 1 }, { n: 1 }],
  ['while with a failing body', composer.while(() => true, 'fail'), { n: 1 }, { error: 'failed' }, true],
  ['dowhile', composer.dowhile('half', 'isEven'), { n: 12 }, { n: 3 }],
  ['dowhile, which runs at least once', composer.dowhile('increment', () => false), { n: 1 }, { n: 2 }],
  [
    'dowhile_nosave',
    composer.dowhile_nosave(
      ({ n }) => ({ n: n - 1 }),
      params => {
        params.value = params.n > 1
      },
    ),
    { n: 4 },
    { n: 1, value: false },
  ],
  ['repeat', composer.repeat(3, 'increment', 'increment'), { n: 0 }, { n: 6 }],
  ['try without an error', composer.try('increment', () => ({ handled: true })), { n: 1 }, { n: 2 }],
  ['try with an error', composer.try('fail', ({ error }) => ({ handled: error })), {}, { handled: 'failed' }],
  ['try whose handler fails', composer.try('fail', () => ({ error: 'again' })), {}, { error: 'again' }, true],
  [
    'try in try',
    composer.try(
      composer.try('fail', ({ error }) => ({ error: `${error} twice` })),
      ({ error }) => ({ message: error }),
    ),
    {},
    { message: 'failed twice' },
  ],
  [
    'try round a missing action',
    composer.try('noSuchAction', ({ error }) => ({ message: error })),
    {},
    { message: "Failed to resolve action with name 'guest/noSuchAction' during composition." },
  ],
  ['finally after a success', composer.finally('increment', params => ({ params })), { n: 1 }, { params: { n: 2 } }],
  ['finally after an error', composer.finally('fail', params => ({ params })), {}, { params: { error: 'failed' } }],
  ['let', composer.let({ x: 42 }, () => x), {}, { value: 42 }],
  [
    'let, assigned',
    composer.let(
      { n: 1 },
      () => {
        n += 1
      },
      params => ({ ...params, n }),
    ),
    { m: 1 },
    { m: 1, n: 2 },
  ],
  [
    'let round an action',
    composer.let(
      { n: 42 },
      () => ({ n }),
      'increment',
      params => {
        n = params.n
      },
      () => ({ now: n }),
    ),
    {},
    { now: 43 },
  ],
  [
    'let in let',
    composer.let(
      { x: 1, y: 2 },
      composer.let({ x: 3 }, () => ({ x, y })),
    ),
    {},
    { x: 3, y: 2 },
  ],
  [
    'let beside let',
    composer.seq(
      composer.let({ x: 1 }, () => {
        x = 2
      }),
      composer.let({ x: 3 }, () => x),
    ),
    {},
    { value: 3 },
  ],
  [
    'mask',
    composer.let(
      { x: 1 },
      composer.let(
        { x: 2 },
        composer.mask(() => x),
      ),
    ),
    {},
    { value: 1 },
  ],
  [
    'mask in loops in loops',
    composer.let(
      { n: 0 },
      loop(
        3,
        loop(4, () => ++n),
      ),
    ),
    {},
    { value: 12 },
  ],
  ['retain', composer.retain('increment'), { n: 1, m: 2 }, { params: { n: 1, m: 2 }, result: { n: 2 } }],
  ['retain with an error', composer.retain('fail'), { n: 1 }, { error: 'failed' }, true],
  [
    'retain_catch with an error',
    composer.retain_catch('fail'),
    { n: 1 },
    { params: { n: 1 }, result: { error: 'failed' } },
  ],
  ['merge', composer.merge('increment'), { n: 1, m: 2 }, { n: 2, m: 2 }],
  [
    'retry that succeeds in the end',
    composer.let(
      { tries: 2 },
      composer.retry(4, () => (tries-- > 0 ? { error: 'not yet' } : { tries })),
    ),
    { n: 1 },
    { tries: -1 },
  ],
  [
    'retry that gives up',
    composer.let(
      { tries: 9 },
      composer.retry(3, () => {
        tries -= 1
        return { error: `${tries} left` }
      }),
    ),
    {},
    { error: '5 left' },
    true,
  ],
  [
    'dynamic',
    composer.seq(({ n }) => ({ type: 'action', name: 'increment', params: { n } }), composer.dynamic()),
    { n: 1 },
    { n: 2 },
  ],
  [
    'dynamic without a name',
    composer.dynamic(),
    { n: 1 },
    { error: 'Incorrect use of the dynamic combinator at AST node root' },
    true,
  ],
  ['parallel of nothing', composer.parallel(), { n: 1 }, { value: [] }],
  ['map of nothing', composer.map('increment'), { value: [] }, { value: [] }],
  [
    'parallel without Redis',
    composer.parallel('increment', 'triple'),
    { n: 1 },
    { error: 'Parallel combinator requires a properly configured redis instance' },
    true,
  ],
  ['Collatz, many steps', collatz, { n: 5 }, { n: 1 }],
  [
    'its parameters, error and all, to a handler',
    composer.try(composer.seq('fail', 'show'), 'show'),
    { n: 1 },
    { shown: { error: 'failed' } },
  ],
]

module.exports = { actions, cases, composer }
