// Lists and accepts of a server whose store holds a million records, against one whose store holds none.
// What the store alone does at a million is measured by store.mjs.

import { rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { load, median, quantile, times } from './measure.mjs'
import { drained, folder, startServer } from './subjects.mjs'

const LISTS = 1000
const NAMES = 100
/** Between two records. */
const STEP_MS = 10

/** Fills the data directory with records of 2 kB, the youngest as old as this call. */
async function fill(dataDir, count) {
  // Where its require finds better-sqlite3.
  const outfile = fileURLToPath(new URL(`../../node_modules/.bench-fill-${process.pid}.cjs`, import.meta.url))
  await build({
    stdin: {
      contents: `export { openStore } from './src/store/open.ts'
        export { silentLogger } from './src/log.ts'
        export { realClock } from './src/clock.ts'`,
      resolveDir: fileURLToPath(new URL('../..', import.meta.url)),
    },
    bundle: true,
    platform: 'node',
    format: 'cjs',
    external: ['better-sqlite3'],
    loader: { '.sql': 'text' },
    outfile,
  })
  const { openStore, silentLogger, realClock } = createRequire(import.meta.url)(outfile)
  rmSync(outfile)
  const store = openStore({ path: join(dataDir, 'openwhisk.db'), clock: realClock, log: silentLogger })
  const text = 'lorem ipsum dolor sit amet '.repeat(45)
  const epoch = Date.now() - count * STEP_MS
  for (let n = 0; n < count; n++) {
    const start = epoch + n * STEP_MS
    const name = `action${(n * 7919) % NAMES}`
    store.activations.put({
      activationId: start.toString(16).padStart(12, '0') + n.toString(16).padStart(20, '0'),
      namespace: 'guest',
      name,
      subject: 'guest',
      version: '0.0.1',
      start,
      end: start + 12,
      duration: 12,
      response: { statusCode: 0, result: { text, number: n }, size: text.length },
      logs: ['2024-01-01T00:00:00.000000Z    stdout: this is a line of an action that logs one line in every run'],
      annotations: [
        { key: 'path', value: `guest/${name}` },
        { key: 'waitTime', value: 3 },
        { key: 'kind', value: 'nodejs:20' },
        { key: 'timeout', value: false },
        { key: 'limits', value: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 } },
      ],
      publish: false,
    })
    if (n % 100 === 99) await store.committed()
  }
  store.close()
  return epoch
}

const random = below => Math.floor(Math.random() * below)

/** Queries as clients send them: by name or not, from and up to some time or not, some pages on. */
function query(epoch, span, count) {
  const parts = [count ? 'count=true' : 'limit=200']
  if (random(2) === 0) parts.push(`name=action${random(NAMES)}`)
  const since = epoch + random(span)
  if (random(2) === 0) parts.push(`since=${since}`)
  if (random(2) === 0) parts.push(`upto=${since + random(epoch + span - since)}`)
  if (!count) parts.push(`skip=${random(1001)}`)
  return parts.join('&')
}

export async function million({ rounds, records, report }) {
  const none = await startServer('--data-dir', 'none', '--driver', 'process', '--no-prewarm', '--user-memory', '1g')
  const first = await startServer('--data-dir', 'million', '--driver', 'process', '--no-prewarm')
  await first.stop()
  const epoch = await fill(join(folder, 'million'), records)
  const args = ['--driver', 'process', '--no-prewarm', '--user-memory', '1g', '--retention-count', '0']
  const full = await startServer('--data-dir', 'million', ...args)

  for (const count of [false, true]) {
    const ask = () => full.get(full.shots.list(query(epoch, records * STEP_MS, count)).path)
    await times(20, ask)
    const samples = await times(LISTS, ask)
    const [p50, p99] = [median(samples), quantile(samples, 0.99)]
    report(
      count ? 'count at a million' : 'list at a million',
      '',
      { 'p50 ms': p50 },
      `p99 ${p99.toFixed(1)} ms`,
      '<= 20 ms',
      p99 <= 20,
    )
  }

  const rates = { none: [], full: [] }
  for (const server of [none, full]) {
    await server.put('hello')
    await load(server.shots.accept('hello'), { calls: 3000 })
  }
  for (let round = 0; round < rounds; round++) {
    for (const [name, server] of [
      ['none', none],
      ['full', full],
    ]) {
      await drained(server)
      rates[name].push((await load(server.shots.accept('hello'), { milliseconds: 3000 })).rate)
    }
  }
  for (const server of [none, full]) {
    await drained(server)
    await server.stop()
  }
  rmSync(join(folder, 'million'), { recursive: true })
  const [atNone, atAll] = [median(rates.none), median(rates.full)]
  const share = atAll / atNone
  const values = { 'accepts/s': atAll, 'at none': atNone }
  report(
    'accepts at a million',
    'process',
    values,
    `${Math.round(share * 100)} % of those at none`,
    '>= 80 %',
    share >= 0.8,
  )
}
