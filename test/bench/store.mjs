// What the store does at many records: node test/bench/store.mjs [--records 1000000] [--dir FOLDER] [--keep]
// Fills a store with records of 2 kB, and prints what inserting, listing, counting, reading and pruning cost at none
// and at all of them. Needs about 3 GB of disk for a million.

import { mkdirSync, mkdtempSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const { values: options } = parseArgs({
  options: {
    records: { type: 'string', default: '1000000' },
    dir: { type: 'string' },
    keep: { type: 'boolean', default: false },
    sync: { type: 'string', default: 'normal' },
  },
})
const RECORDS = Number(options.records)
const ROUND = Math.min(25_000, RECORDS / 4)
const EPOCH = Date.now() - RECORDS * 10

const folder = options.dir ? resolve(options.dir) : mkdtempSync(join(tmpdir(), 'store-bench-'))
mkdirSync(folder, { recursive: true })
const bundle = new URL('../../node_modules/.bench-store.cjs', import.meta.url).pathname
await build({
  stdin: {
    contents:
      "export { openStore } from './src/store/open.ts'; export { silentLogger } from './src/log.ts'; export { realClock } from './src/clock.ts'",
    resolveDir: new URL('../..', import.meta.url).pathname,
  },
  bundle: true,
  platform: 'node',
  format: 'cjs',
  external: ['better-sqlite3'],
  loader: { '.sql': 'text' },
  outfile: bundle,
})
const { default: parts } = await import(bundle)
const path = join(folder, 'openwhisk.db')
const open = () => parts.openStore({ path, clock: parts.realClock, log: parts.silentLogger, sync: options.sync })
let store = open()

const turn = () => new Promise(done => setImmediate(done))
let seed = 1
const random = n => {
  seed = (seed * 48271) % 2147483647
  return seed % n
}
const namespaceOf = () => (random(10) < 8 ? 'guest' : `team${random(19)}`)
const filler = 'lorem ipsum dolor sit amet '.repeat(45)
let made = 0

/** 2 kB, one in five in a package, started up to 100 ms before it is stored. */
const record = () => {
  const start = EPOCH + made * 10 - random(100)
  const namespace = namespaceOf()
  const action = `action${random(100)}`
  const packaged = random(5) === 0
  made++
  return {
    activationId:
      start.toString(16).padStart(12, '0') +
      made.toString(16).padStart(4, '0').slice(-4) +
      random(2 ** 31)
        .toString(16)
        .padStart(16, '0'),
    namespace,
    name: action,
    subject: namespace,
    version: '0.0.1',
    start,
    end: start + 12,
    duration: 12,
    response: { statusCode: 0, result: { text: filler, number: made }, size: filler.length },
    logs: [],
    annotations: [
      { key: 'path', value: packaged ? `${namespace}/tools/${action}` : `${namespace}/${action}` },
      { key: 'waitTime', value: 3 },
      { key: 'kind', value: 'nodejs:20' },
      { key: 'timeout', value: false },
      { key: 'limits', value: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 } },
    ],
    publish: false,
  }
}
const LOGS = ['2024-01-01T00:00:00.000000Z    stdout: this is a line of an action that logs one line in every run']
const identity = {
  subject: 'guest',
  namespace: { name: 'guest', uuid: 'u' },
  authkey: { uuid: 'u', key: 'k' },
  limits: {},
}

const quantile = (sorted, q) => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * q))]
const show = (title, samplesMs) => {
  const sorted = Float64Array.from(samplesMs).sort()
  const [p50, p99, max] = [quantile(sorted, 0.5), quantile(sorted, 0.99), sorted.at(-1)].map(ms => ms.toFixed(3))
  console.log(`${title.padEnd(58)} p50 ${p50.padStart(8)}  p99 ${p99.padStart(8)}  max ${max.padStart(8)} ms`)
}

/** Puts `count` records, `each` in a turn; the rate, and what a turn's work and commit took. */
const insert = async (title, count, each, put) => {
  const turns = []
  const cpu = process.cpuUsage()
  const begun = performance.now()
  for (let n = 0; n < count; n += each) {
    const from = performance.now()
    for (let k = 0; k < each; k++) put()
    await store.committed()
    turns.push(performance.now() - from)
  }
  const rate = (count / (performance.now() - begun)) * 1000
  const { user, system } = process.cpuUsage(cpu)
  const cpuUs = Math.round((user + system) / count)
  if (title) {
    console.log(`${title.padEnd(58)} ${Math.round(rate)}/s, ${cpuUs} us of processor each`)
    show('    a turn', turns)
  }
  return { rate, cpuUs }
}
const putRecord = () => store.activations.put(record())
/** All that the store does for one non-blocking invoke. */
const lifecycle = () => {
  const done = record()
  store.queue.put({
    activationId: done.activationId,
    type: 'action',
    state: 'queued',
    identity,
    transid: 't',
    entity: 'guest/hello',
    version: '0.0.1',
    acceptedAt: done.start,
    message: { payload: { name: 'Ada' } },
  })
  store.queue.started(done.activationId)
  store.activations.put(done, { logsPending: true })
  store.activations.setLogs(done.activationId, LOGS)
}
const inserts = async () => ({
  'records, one a turn': await insert('records, one a turn', ROUND, 1, putRecord),
  'records, 32 a turn': await insert('records, 32 a turn', ROUND, 32, putRecord),
  'lifecycles, one a turn': await insert('lifecycles, one a turn', ROUND, 1, lifecycle),
  'lifecycles, 32 a turn': await insert('lifecycles, 32 a turn', ROUND, 32, lifecycle),
})

const sample = async (title, count, run) => {
  const samples = []
  const busy = []
  for (let n = 0; n < count; n++) {
    const cpu = process.cpuUsage()
    const from = performance.now()
    run(n)
    samples.push(performance.now() - from)
    const { user, system } = process.cpuUsage(cpu)
    busy.push((user + system) / 1000)
    if (n % 50 === 0) await turn()
  }
  // On a busy machine the second line is the one to look at.
  show(title, samples)
  show('    processor time', busy)
}
const span = () => RECORDS * 10
const name = () => `${random(5) === 0 ? 'tools/' : ''}action${random(100)}`
const ranges = {
  'a namespace': () => ({}),
  'a name': () => ({ name: name() }),
  since: () => ({ since: EPOCH + random(span()) }),
  upto: () => ({ upto: EPOCH + random(span()) }),
  'since and upto': () => {
    const since = random(span())
    return { since: EPOCH + since, upto: EPOCH + since + random(span() - since) }
  },
  'a name, since and upto': () => ({ ...ranges['since and upto'](), name: name() }),
  'a name nobody has': () => ({ name: 'nobody' }),
}
const queries = async () => {
  for (const [title, range] of Object.entries(ranges)) {
    for (const namespace of ['guest', 'team3']) {
      const query = () => ({ namespace, ...range(), limit: 200, skip: random(1001) })
      await sample(`list 200, skip <= 1000: ${title}, ${namespace}`, 1000, () =>
        store.activations.listSummaries(query()),
      )
      await sample(`count: ${title}, ${namespace}`, 1000, () => store.activations.count(query()))
    }
  }
  await sample('list 200 whole records, skip <= 1000', 300, () =>
    store.activations.list({ namespace: 'guest', upto: EPOCH + random(span()), limit: 200, skip: random(1001) }),
  )
  await sample('list 30, skip 100000 or more', 50, n =>
    store.activations.listSummaries({ namespace: 'guest', limit: 30, skip: Math.round(RECORDS / 10) + n * 1000 }),
  )
  const known = store.activations.list({ namespace: 'guest', upto: EPOCH + span() / 2, limit: 1000 })
  await sample('get a record', 5000, n => store.activations.get('guest', known[n % known.length].activationId))
}

console.log(`Node ${process.version}, ${RECORDS} records, sync ${options.sync}, ${folder}`)
await insert('', 5000, 10, putRecord)
console.log('\nAt none:')
const none = await inserts()
const filling = performance.now()
while (made < RECORDS) await insert('', Math.min(10_000, RECORDS - made), 100, putRecord)
console.log(
  `\nFilled in ${Math.round((performance.now() - filling) / 1000)} s; ${Math.round(statSync(path).size / 2 ** 20)} MB, ${Math.round(process.memoryUsage.rss() / 2 ** 20)} MB resident`,
)
const reopening = performance.now()
store.close()
const closed = performance.now()
store = open()
console.log(`Closed in ${Math.round(closed - reopening)} ms, opened in ${(performance.now() - closed).toFixed(1)} ms`)
console.log(`\nAt ${RECORDS}:`)
const all = await inserts()
for (const [title, { rate, cpuUs }] of Object.entries(all))
  console.log(
    `${title}: ${Math.round((rate / none[title].rate) * 100)} % of the rate at none, ${Math.round((none[title].cpuUs / cpuUs) * 100)} % by processor time`,
  )
console.log('')
await queries()
console.log('')
const keep = { ageMs: 0, count: made - 50_000 }
await sample('the first prune', 1, () => store.activations.prune(keep))
await sample('a slice of prune', 150, () => store.activations.prune(keep))
await sample('prune with nothing to do', 100, () => store.activations.prune({ ageMs: 0, count: made * 2 }))
console.log(`${Math.round(process.memoryUsage.rss() / 2 ** 20)} MB resident`)
store.close()
rmSync(bundle)
if (!options.keep) rmSync(folder, { recursive: true })
