// NAME
//   bench.mjs - what the server costs, as ratios to what it is compared with in the same run
//
// USAGE
//   npm run bench [-- --only start,warm,cold] [--driver process,docker] [--rounds N] [--json FILE]
//
//   --only NAMES    some of: start (start-up and idle memory), warm (blocking invoke of a warm action), cold (first
//                   invoke of a new action)
//   --driver NAMES  process, docker; both unless said, docker when an engine with the image is there
//   --rounds N      how often each pair is measured, in turn (5); figures are medians over rounds
//   --json FILE     write the figures there too
//
// Milliseconds say much about the machine and little about the server: compare ratios and differences.

import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { httpClient, median, times } from './measure.mjs'
import { ACTIONS, authorization, bareRuntimes, CODE, dockerUnavailable, startServer } from './subjects.mjs'

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: 'start,warm,cold' },
    driver: { type: 'string', default: 'process,docker' },
    rounds: { type: 'string', default: '5' },
    json: { type: 'string' },
  },
})
const rounds = Number(options.rounds)
const figures = []

function report(name, driver, values, target) {
  figures.push({ name, driver, ...values, target })
  const shown = Object.entries(values).map(([key, value]) => `${key} ${value.toFixed(2)}`)
  console.log(`${name.padEnd(22)} ${driver.padEnd(8)} ${shown.join('  ').padEnd(64)} ${target ?? ''}`.trimEnd())
}

async function start() {
  const bare = []
  const ready = []
  const memory = []
  for (let round = 0; round < rounds * 3; round++) {
    const [empty] = await times(1, () => spawnSync(process.execPath, ['-e', '0']))
    bare.push(empty)
    const server = await startServer('--ephemeral', '--driver', 'process')
    ready.push(server.readyMs)
    // What is loaded after the start is part of it.
    if (round < rounds) {
      await new Promise(resolve => setTimeout(resolve, 500))
      memory.push(server.memory())
    }
    await server.stop()
  }
  const ratio = median(ready) / median(bare)
  report('start-up', '-', { 'ready ms': median(ready), 'node -e 0 ms': median(bare), ratio }, 'ratio <= 4')
  report('idle memory', '-', { MB: median(memory) }, '<= 90')
}

/** A server with clients, and one action in it. */
async function serve(driver, call) {
  const server = await startServer(
    '--data-dir',
    `state-${driver}-${figures.length}`,
    '--driver',
    driver,
    '--log-level',
    'info',
  )
  const client = httpClient(server.place)
  const put = name => {
    const body = JSON.stringify({ exec: { kind: 'nodejs:20', code: CODE } })
    return client.send('PUT', `${ACTIONS}/${name}`, body, authorization)
  }
  const invoke = async name => {
    const answer = await client.send('POST', `${ACTIONS}/${name}?blocking=true`, '{"name":"x"}', authorization)
    if (answer.status !== 200) throw new Error(`${answer.status} ${answer.text}`)
  }
  try {
    await call({ put, invoke })
  } finally {
    client.close()
    await server.stop()
  }
}

const WARM_CALLS = 500

async function warm(driver) {
  const runtime = await bareRuntimes[driver]()
  await runtime.init()
  const direct = []
  const served = []
  await serve(driver, async ({ put, invoke }) => {
    await put('hello')
    // Both sides have compiled what they run before anything counts.
    await times(WARM_CALLS, () => runtime.run())
    await times(WARM_CALLS, () => invoke('hello'))
    for (let round = 0; round < rounds; round++) {
      direct.push(median(await times(WARM_CALLS, () => runtime.run())))
      served.push(median(await times(WARM_CALLS, () => invoke('hello'))))
    }
  })
  await runtime.remove()
  const [invokeMs, runMs] = [median(served), median(direct)]
  const values = { 'invoke ms': invokeMs, '/run ms': runMs, 'added ms': invokeMs - runMs, ratio: invokeMs / runMs }
  report('warm blocking invoke', driver, values, 'added <= 0.40')
}

async function cold(driver) {
  const direct = []
  const served = []
  await serve(driver, async ({ put, invoke }) => {
    for (let round = 0; round < rounds * 2; round++) {
      let runtime
      direct.push(
        ...(await times(1, async () => {
          runtime = await bareRuntimes[driver]()
          await runtime.init()
          await runtime.run()
        })),
      )
      await runtime.remove()
      await put(`cold${round}`)
      served.push(...(await times(1, () => invoke(`cold${round}`))))
    }
  })
  const [invokeMs, bareMs] = [median(served), median(direct)]
  const values = { 'invoke ms': invokeMs, 'bare ms': bareMs, 'added ms': invokeMs - bareMs, ratio: invokeMs / bareMs }
  report('cold blocking invoke', driver, values, 'added <= 10')
}

const drivers = options.driver.split(',').filter(driver => {
  const why = driver === 'docker' ? dockerUnavailable() : undefined
  if (why !== undefined) console.log(`docker: skipped, ${why}`)
  return why === undefined
})
console.log(`Node.js ${process.version}, ${rounds} rounds, medians\n`)
for (const name of options.only.split(',')) {
  if (name === 'start') await start()
  else for (const driver of drivers) await { warm, cold }[name](driver)
}
if (options.json) writeFileSync(options.json, `${JSON.stringify(figures, undefined, 2)}\n`)
