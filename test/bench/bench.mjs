// NAME
//   bench.mjs - what the server costs, as ratios to what it is compared with in the same run
//
// USAGE
//   npm run bench [-- --only start,warm,…] [--driver process,docker] [--rounds N] [--records N] [--json FILE]
//
//   --only NAMES    some of:
//                     start      start-up against `node -e 0`, and idle memory
//                     warm       blocking invokes and web actions on one connection, against the runtime's own /run
//                     many       32 connections, against the container's own rate or a bare proxy
//                     accept     durable non-blocking accepts, against parsing the same body
//                     get        reading an action on 32 connections, against a bare route with the same bytes
//                     cold       first invokes, against the steps of the driver alone
//                     prewarmed  first invokes that find a stem cell, against /init and /run alone
//                     million    lists and accepts at a million records (3 GB of disk for some minutes)
//   --driver NAMES  process, docker; both unless said, docker when an engine with the image is there
//   --rounds N      how often each pair is measured, in turn (5); figures are medians over rounds
//   --records N     how many records `million` means
//   --json FILE     write the figures there too
//
// Both sides of a comparison are measured in turn, by one load generator in a process of its own, or by wrk where that
// is installed and more than one connection is asked for. Milliseconds and rates say much about the machine and little
// about the server: compare ratios and differences. On two cores, which load, server and containers share.

import { writeFileSync } from 'node:fs'
import { cpus } from 'node:os'
import { parseArgs } from 'node:util'
import * as figures from './figures.mjs'
import { hasWrk } from './measure.mjs'
import { million } from './million.mjs'
import { dockerUnavailable } from './subjects.mjs'

const MEASURES = { ...figures, million }
const PER_DRIVER = new Set(['warm', 'many', 'cold', 'prewarmed'])

const { values: options } = parseArgs({
  options: {
    only: { type: 'string', default: Object.keys(MEASURES).join(',') },
    driver: { type: 'string', default: 'process,docker' },
    rounds: { type: 'string', default: '5' },
    records: { type: 'string', default: '1000000' },
    json: { type: 'string' },
  },
})
const rounds = Number(options.rounds)
const rows = []

const round = value => (value >= 100 ? Math.round(value) : Number(value.toPrecision(3)))

/** `result` is the figure itself, `target` what it should be. */
function report(name, driver, values, result, target, met) {
  rows.push({ name, driver, ...values, result, target, met })
  const shown = Object.entries(values).map(([key, value]) => `${key} ${round(value)}`)
  const cells = [name.padEnd(22), driver.padEnd(8), result.padEnd(26), target.padEnd(12), met ? '  ' : '! ']
  console.log(cells.join(' ') + shown.join('  '))
}

const names = options.only.split(',')
for (const name of names) {
  if (Object.hasOwn(MEASURES, name)) continue
  console.error(`bench.mjs: no figure is called ${name}; the top of the file says which there are`)
  process.exit(2)
}
const drivers = options.driver.split(',').filter(driver => {
  const why = driver === 'docker' ? dockerUnavailable() : undefined
  if (why !== undefined) console.log(`docker: skipped, ${why}`)
  return why === undefined
})
const generator = hasWrk() ? 'wrk for many connections' : 'no wrk'
console.log(`Node.js ${process.version}, ${cpus().length} cores, ${rounds} rounds, medians, ${generator}\n`)
for (const name of names) {
  const common = { rounds, report, records: Number(options.records) }
  if (!PER_DRIVER.has(name)) await MEASURES[name](common)
  else for (const driver of drivers) await MEASURES[name]({ ...common, driver })
}
if (options.json) writeFileSync(options.json, `${JSON.stringify(rows, undefined, 2)}\n`)
