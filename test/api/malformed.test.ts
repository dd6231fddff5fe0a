// Thousands of requests that are wrong in some way, at every endpoint: none may fail on the server's side, hang, or
// change anything. The generator is seeded, so a failure repeats.
import { beforeAll, describe, expect, it } from 'vitest'
import type { WhiskEntity } from '../../src/entity/whisk-entity.ts'
import { anActivation } from '../builders.ts'
import { type Call, type Harness, JS, openApi, type User } from './harness.ts'

const REQUESTS = 6000
const SEED = 20_261_121

/** Mulberry32. */
function generator(seed: number) {
  let state = seed
  const next = () => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const below = (n: number) => Math.floor(next() * n)
  const pick = <T>(items: readonly T[]): T => items[below(items.length)] as T
  return { below, pick, chance: (p: number) => next() < p }
}

type Random = ReturnType<typeof generator>

const ID = 'a'.repeat(32)

const NAMESPACES = [
  '_',
  'guest',
  'other',
  'whisk.system',
  'nobody',
  'bad$ns',
  '_foo',
  '%20',
  'a%2Fb',
  'guest%2Fp',
  '-x',
  'n'.repeat(257),
  '%FF',
  '',
]
const COLLECTIONS = [
  'actions',
  'triggers',
  'rules',
  'packages',
  'activations',
  'limits',
  'nope',
  'Actions',
  'namespaces',
  '',
]
const NAMES = [
  'a',
  'p',
  't',
  'r',
  's',
  'b',
  'p/a',
  'b/a',
  'p/',
  'p/gone',
  'gone',
  'gone/a',
  't/a',
  'a/a',
  'p/a/',
  'p/a/x',
  '',
  '/',
  '//a',
  '%20',
  'a%20',
  '-a',
  '$x',
  'hi+there',
  'dora%3F',
  '%C3%A9',
  'a%2Fb',
  '%2e%2e',
  '..',
  '.',
  'x'.repeat(256),
  'x'.repeat(257),
  '%FF',
  '%00',
  '%0A',
  'a%0A',
  '__proto__',
  'constructor',
  'toString',
  'hasOwnProperty',
  'default',
  'default/a',
  '%zz',
  '%',
  ID,
  `${ID}/`,
  `${ID}/logs`,
  `${ID}/result`,
  `${ID}/nope`,
  'b'.repeat(31),
  'Z'.repeat(32),
]
const METHODS = ['GET', 'PUT', 'POST', 'DELETE', 'PATCH', 'HEAD', 'OPTIONS', 'TRACE', 'PROPFIND']
const QUERY_NAMES = [
  'limit',
  'skip',
  'count',
  'docs',
  'name',
  'since',
  'upto',
  'overwrite',
  'blocking',
  'result',
  'timeout',
  'code',
  'force',
  '__proto__',
  'x',
]
const QUERY_VALUES = [
  '',
  'x',
  '-1',
  '201',
  '99999999999',
  '1.5',
  '0x10',
  '%20',
  '+1',
  'null',
  'true',
  'maybe',
  'TRUE',
  '%00',
  '%FF',
  '%zz',
  '%',
  'a/b/c',
  '$',
  ' ',
  '99999999999999999999',
  '-9223372036854775809',
  '1e3',
  'NaN',
  'Infinity',
  '[]',
  '{}',
  '0',
  '1',
]
const TYPES = [
  'application/json',
  'application/json; charset=utf-8',
  'application/json; charset=nope',
  'text/plain',
  'text/plain; charset=UTF-8',
  'application/x-www-form-urlencoded',
  'multipart/form-data; boundary=x',
  'foo',
  '',
  ';',
  '/',
  'a/b/c',
  'application/JSON;;',
  '*/*',
]
const ODD_JSON = [
  '',
  ' ',
  '{',
  '}',
  '[',
  ']',
  '{bad',
  '"',
  '"\\',
  '"\\u12',
  '"\\ud800"',
  '{"a":}',
  '{"a":1,}',
  '[1,]',
  'nul',
  'tru',
  'NaN',
  '-',
  '1e',
  '01',
  '1.',
  '.5',
  '+1',
  '{"a":1}x',
  '\u0000',
  '\ufeff{}',
  '[1',
  '{"a"',
  '{"a" 1}',
  "{'a':1}",
  '// x',
  '[]',
  '7',
  '"x"',
  'true',
  'null',
  '-0',
  '1e400',
  `${'['.repeat(2000)}`,
  `${'['.repeat(1500)}${']'.repeat(1500)}`,
  `{"a":${'9'.repeat(200)}}`,
  '{"a":1,"a":2}',
  '{"__proto__":{"x":1}}',
]
const VALUES: readonly unknown[] = [
  null,
  true,
  false,
  0,
  1,
  -1,
  1.5,
  1e30,
  '',
  'x',
  ' ',
  '$',
  '/',
  '//',
  '/_/a',
  '_',
  '/guest/gone',
  '/other/x',
  '/nobody/p/a',
  'guest/p/a',
  [],
  {},
  [null],
  [{}],
  [{ key: 'a' }],
  [{ key: 1, value: 1 }],
  [{ value: 1 }],
  [{ key: 'a', value: 1, init: 'x' }],
  { key: 'a', value: 1 },
  { a: { b: [] } },
  ['x'],
  [7],
  '0.0.0',
  '1.2.3.4',
  'v1',
  '-1',
  { namespace: '_', name: 'p' },
  { namespace: '_', name: 'gone' },
  { namespace: '_' },
  { name: 'p' },
  { namespace: 7, name: [] },
  { path: 'guest', name: 'a' },
  { path: '', name: '' },
  { kind: 'nodejs:20' },
  { kind: 'nope', code: '' },
  { kind: 7 },
  { kind: 'sequence' },
  { kind: 'sequence', components: 7 },
  { kind: 'sequence', components: ['a'] },
  { kind: 'sequence', components: [] },
  { kind: 'sequence', components: ['/_/gone'] },
  { kind: 'blackbox' },
  { kind: 'blackbox', image: 'BAD IMAGE' },
  { kind: 'java:8', code: 'x' },
  { kind: 'nodejs:18', code: 'x' },
  { kind: '__proto__', code: 'x' },
  { timeout: 'x' },
  { timeout: 1.5 },
  { memory: 1 },
  { memory: -1 },
  { logs: 99 },
  { concurrency: 0 },
  { instances: -1 },
  { instances: 1e9 },
  { timeout: null, memory: {} },
]
const FIELDS = [
  'exec',
  'parameters',
  'annotations',
  'limits',
  'version',
  'publish',
  'delAnnotations',
  'binding',
  'trigger',
  'action',
  'status',
  '__proto__',
  'x',
]
const HEADERS: readonly Record<string, string>[] = [
  {},
  {},
  {},
  { accept: 'text/html' },
  { accept: 'nonsense' },
  { accept: '*/*;q=0' },
  { accept: ',;q=,' },
  { 'x-request-id': 'sid_x' },
  { 'x-request-id': 'ü'.repeat(3) },
  { 'x-ow-start': 'never' },
  { origin: 'http://localhost:3233' },
  { 'content-length': '99999999' },
  { 'content-length': 'x' },
  { 'x-ow-extra-logging': 'on' },
  { authorization: 'Basic' },
  { authorization: 'Basic !!!' },
  { authorization: 'Bearer x' },
  { authorization: 'Basic YTpi' },
  { authorization: 'Basic abc' },
]

function oddBody(random: Random): Call {
  if (random.chance(0.15)) return {}
  const type = random.chance(0.7) ? { 'content-type': 'application/json' } : { 'content-type': random.pick(TYPES) }
  if (random.chance(0.3)) return { raw: random.pick(ODD_JSON), headers: type }
  if (random.chance(0.05))
    return { raw: Uint8Array.from({ length: 1 + random.below(40) }, () => random.below(256)), headers: type }
  const body: [string, unknown][] = []
  for (let i = random.below(4); i >= 0; i--) body.push([random.pick(FIELDS), random.pick(VALUES)])
  // Not Object.fromEntries alone: a key `__proto__` must be sent too.
  const text = `{${body.map(([key, value]) => `${JSON.stringify(key)}:${JSON.stringify(value)}`).join(',')}}`
  return { raw: text, headers: type }
}

function oddRequest(random: Random): [method: string, path: string, call: Call] {
  const root = random.chance(0.92)
    ? '/api/v1/namespaces'
    : random.pick(['/api/v1', '/api', '', '/api/v1/nope', '/api/v1/namespacesx'])
  const segments = [root, random.pick(NAMESPACES), random.pick(COLLECTIONS), random.pick(NAMES)]
  const depth = random.chance(0.75) ? 4 : 1 + random.below(4)
  const query: string[] = []
  for (let i = random.below(3); i > 0; i--) query.push(`${random.pick(QUERY_NAMES)}=${random.pick(QUERY_VALUES)}`)
  const path = segments.slice(0, depth).join('/') + (query.length > 0 ? `?${query.join('&')}` : '')
  const method = random.pick(METHODS)
  const call = method === 'GET' || method === 'HEAD' || method === 'TRACE' ? {} : oddBody(random)
  const as: User = random.chance(0.8) ? 'guest' : random.pick(['other', 'none', 'bad', 'whisk.system'] as const)
  return [method, path, { ...call, as, headers: { ...call.headers, ...random.pick(HEADERS) } }]
}

/** Everything that is stored, without what a request that happens to be right may change. */
function stateOf({ store }: Harness): string {
  const all: WhiskEntity[] = []
  for (const namespace of ['guest', 'other', 'whisk.system', 'nobody']) {
    for (const type of ['action', 'package', 'trigger', 'rule'] as const)
      all.push(...store.entities.list({ type, namespace }))
  }
  return JSON.stringify(all)
}

describe('malformed requests', () => {
  let api: Harness

  beforeAll(async () => {
    api = openApi()
    await api.set('PUT', 'packages/p', { parameters: [{ key: 'x', value: 1 }] })
    await api.set('PUT', 'actions/p/a', { exec: JS })
    await api.set('PUT', 'packages/b', { binding: { namespace: '_', name: 'p' } })
    await api.set('PUT', 'actions/a', { exec: JS })
    await api.set('PUT', 'actions/s', { exec: { kind: 'sequence', components: ['/_/a', '/_/b/a'] } })
    await api.set('PUT', 'triggers/t')
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/b/a' })
    api.store.activations.put(anActivation({ activationId: ID }))
  })

  it(`answers ${REQUESTS} of them with what the request did wrong, and nothing else happens`, async () => {
    const random = generator(SEED)
    const failures: string[] = []
    const statuses = new Map<number, number>()
    let refused = 0
    const before = stateOf(api)
    for (let i = 0; i < REQUESTS; i++) {
      const [method, path, call] = oddRequest(random)
      const answer = await api.call(method, path, call)
      const { status } = answer
      statuses.set(status, (statuses.get(status) ?? 0) + 1)
      const what = `#${i} ${method} ${path} ${JSON.stringify(call)?.slice(0, 300)} → ${status} ${answer.text.slice(0, 200)}`
      if (status >= 500 && status !== 501) failures.push(what)
      const unchanged = stateOf(api) === before
      if (status >= 400) {
        refused += 1
        if (!unchanged) failures.push(`changed the state: ${what}`)
        if (method !== 'HEAD' && path.startsWith('/api/v1/') && answer.error === undefined)
          failures.push(`no envelope: ${what}`)
      } else if (!unchanged) {
        // It was right after all: begin anew, so that later requests meet the same state.
        await restore(api, before)
      }
    }
    expect(failures.slice(0, 10)).toEqual([])
    expect(refused).toBeGreaterThan(5000)
    expect([...statuses.keys()].sort()).toEqual(expect.arrayContaining([200, 400, 401, 403, 404, 405, 406, 409, 415]))
  }, 120_000)
})

async function restore({ store }: Harness, before: string): Promise<void> {
  const entities = JSON.parse(before) as WhiskEntity[]
  for (const namespace of ['guest', 'other', 'whisk.system', 'nobody']) {
    for (const type of ['action', 'package', 'trigger', 'rule'] as const) {
      for (const { namespace: path, name } of store.entities.list({ type, namespace }))
        store.entities.delete(`${path}/${name}`)
    }
  }
  for (const entity of entities.reverse()) store.entities.put(entity)
  await store.committed()
}
