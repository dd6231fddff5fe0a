// The figures of the bench. Each starts what it compares, measures both sides in turn, and reports medians over rounds.

import { spawnSync } from 'node:child_process'
import { load, median, throughput, times } from './measure.mjs'
import { bareRuntimes, drained, folder, startBare, startServer } from './subjects.mjs'

const WARM_CALLS = 500
/** What both sides have compiled before anything counts. */
const WARM_UP = { connections: 1, calls: 3000 }

/** `limits` of an action whose container takes many runs at once and keeps no logs. */
const SHARED = { limits: { concurrency: 200, logs: 0 } }

let folders = 0
const state = () => ['--data-dir', `state${++folders}`]

/** Measures pairs in turn: `sides` by name, each gives a number. Resolves with the median of each. */
async function inTurn(rounds, sides) {
  const samples = Object.fromEntries(Object.keys(sides).map(name => [name, []]))
  for (let round = 0; round < rounds; round++) {
    for (const [name, measure] of Object.entries(sides)) samples[name].push(await measure(round))
  }
  return Object.fromEntries(Object.entries(samples).map(([name, values]) => [name, median(values)]))
}

/** Start-up, and what the server holds when nothing goes on. */
export async function start({ rounds, report }) {
  const memory = []
  const { ready, bare } = await inTurn(rounds * 3, {
    async bare() {
      const [ms] = await times(1, () => spawnSync(process.execPath, ['-e', '0']))
      return ms
    },
    async ready(round) {
      const server = await startServer('--ephemeral', '--driver', 'process', '--no-prewarm')
      // What is loaded after the start is part of it.
      if (round % 3 === 0) {
        await new Promise(resolve => setTimeout(resolve, 500))
        memory.push(server.memory())
      }
      await server.stop()
      return server.readyMs
    },
  })
  const values = { 'ready ms': ready, 'node -e 0 ms': bare }
  report('start-up', '', values, `${(ready / bare).toFixed(2)} x node -e 0`, '<= 4 x', ready / bare <= 4)
  report('idle memory', '', {}, `${Math.round(median(memory))} MB`, '<= 90 MB', median(memory) <= 90)
}

/**
 * One connection: a blocking invoke, and the same action as a web action, against the runtime's own `/run`. What a bare
 * proxy adds, without a store and without logs, says what the machine takes for two more hops.
 */
export async function warm({ driver, rounds, report }) {
  const runtime = await bareRuntimes[driver]()
  await runtime.init()
  const bare = await startBare(runtime)
  const server = await startServer(...state(), '--driver', driver, '--no-prewarm')
  await server.put('hello', { annotations: [{ key: 'web-export', value: true }] })
  const blocking = server.shots.blocking('hello')
  const web = server.shots.web('hello')
  for (const target of [blocking, web, runtime.shot, bare.proxy]) await load(target, WARM_UP)
  const p50 = target => async () => (await load(target, { calls: WARM_CALLS })).p50
  const { run, proxy, invoke, webAction } = await inTurn(rounds * 3, {
    run: p50(runtime.shot),
    proxy: p50(bare.proxy),
    invoke: p50(blocking),
    webAction: p50(web),
  })
  await server.stop()
  bare.stop()
  await runtime.remove()
  const added = invoke - run
  const measured = { 'invoke ms': invoke, '/run ms': run, 'proxy ms': proxy }
  const result = `+ ${added.toFixed(2)} ms (proxy + ${(proxy - run).toFixed(2)})`
  report('warm blocking invoke', driver, measured, result, '<= 0.40 ms', added <= 0.4)
  const ratio = webAction / invoke
  const values = { 'web ms': webAction, 'invoke ms': invoke }
  report('warm web action', driver, values, `${ratio.toFixed(2)} x the invoke`, '<= 1.3 x', ratio <= 1.3)
}

/** 32 connections, one action that shares its container and keeps no logs. */
export async function many({ driver, rounds, report }) {
  const runtime = await bareRuntimes[driver]()
  await runtime.init()
  const bare = driver === 'process' ? await startBare(runtime) : undefined
  const other = bare?.proxy ?? runtime.shot
  const server = await startServer(...state(), '--driver', driver, '--no-prewarm')
  await server.put('hello', SHARED)
  const blocking = server.shots.blocking('hello')
  for (const target of [blocking, other]) await load(target, { ...WARM_UP, connections: 32 })
  const rate = target => () => throughput(target, { connections: 32, folder })
  const { served, compared } = await inTurn(rounds, { compared: rate(other), served: rate(blocking) })
  await server.stop()
  bare?.stop()
  await runtime.remove()
  const share = served / compared
  const values = { 'invokes/s': served, [bare ? 'proxy/s' : '/run/s']: compared }
  const [name, least] = bare ? ['a bare proxy', 6000 / 16_000] : ['the container', 0.8]
  const target = `>= ${Math.round(least * 100)} %`
  report('32 connections', driver, values, `${Math.round(share * 100)} % of ${name}`, target, share >= least)
}

/** Durable non-blocking accepts while what was accepted runs, against parsing the same body. */
export async function accept({ rounds, report }) {
  const bare = await startBare()
  const server = await startServer(...state(), '--driver', 'process', '--no-prewarm', '--user-memory', '1g')
  await server.put('hello')
  const target = server.shots.accept('hello')
  for (const side of [target, bare.parse]) await load(side, WARM_UP)
  const { accepted, parsed } = await inTurn(rounds, {
    parsed: async () => (await load(bare.parse, { milliseconds: 1000 })).rate,
    async accepted() {
      await drained(server)
      return (await load(target, { milliseconds: 1000 })).rate
    },
  })
  await drained(server)
  await server.stop()
  bare.stop()
  const share = accepted / parsed
  const values = { 'accepts/s': accepted, 'parses/s': parsed }
  report('durable accept', 'process', values, `${Math.round(share * 100)} % of parsing`, '>= 50 %', share >= 0.5)
}

/** Reading an action, 32 connections, against a route that answers the same bytes. */
export async function get({ rounds, report }) {
  const bare = await startBare()
  const server = await startServer(...state(), '--driver', 'process', '--no-prewarm')
  await server.put('hello')
  const target = server.shots.get('hello')
  await bare.setBytes(await server.get(target.path))
  for (const side of [target, bare.bytes]) await load(side, { connections: 32, calls: 20_000 })
  const rate = side => () => throughput(side, { connections: 32, folder })
  const { served, compared } = await inTurn(rounds, { compared: rate(bare.bytes), served: rate(target) })
  await server.stop()
  bare.stop()
  const share = served / compared
  const values = { 'gets/s': served, 'bare/s': compared }
  report('GET action', '', values, `${Math.round(share * 100)} % of a bare route`, '>= 60 %', share >= 0.6)
}

/** What was made or removed comes to rest: engines go on for a moment after their answer. */
const rest = () => new Promise(resolve => setTimeout(resolve, 300))

/** The first invoke of a new action, against the steps of the driver alone. */
export async function cold({ driver, rounds, report }) {
  // Memory for all of them: none has to be removed to make room for the next.
  const server = await startServer(...state(), '--driver', driver, '--no-prewarm', '--user-memory', '16g')
  const { invoke, bare } = await inTurn(rounds * 3, {
    async bare() {
      await rest()
      let runtime
      const [ms] = await times(1, async () => {
        runtime = await bareRuntimes[driver]()
        await runtime.init()
        await runtime.run()
      })
      await runtime.remove()
      return ms
    },
    async invoke(round) {
      await server.put(`cold${round}`)
      await rest()
      const [ms] = await times(1, () => server.invoke(`cold${round}`))
      return ms
    },
  })
  await server.stop()
  const added = invoke - bare
  const values = { 'invoke ms': invoke, 'bare ms': bare }
  report('cold start', driver, values, `${signed(added)} ms`, '<= 10 ms', added <= 10)
}

/**
 * The first invoke of an action that finds a stem cell, against `/init` and `/run` of an equal fresh container. What a
 * warm invoke adds after the same rest says what a server that was idle takes to wake up on this machine.
 */
export async function prewarmed({ driver, rounds, report }) {
  const server = await startServer(...state(), '--driver', driver, '--prewarm', 'nodejs:20=1')
  const stemCell = async () => {
    while ((await server.gauge('gauge_containerPool_prewarmCount_counter')) < 1) {
      await new Promise(resolve => setTimeout(resolve, 20))
    }
    await rest()
  }
  const warmRuntime = await bareRuntimes[driver]()
  await warmRuntime.init()
  await server.put('warm')
  for (let call = 0; call < 100; call++) {
    await server.invoke('warm')
    await warmRuntime.run()
  }
  const rested = async call => {
    await rest()
    const [ms] = await times(1, call)
    return ms
  }
  const { invoke, bare, warmInvoke, warmRun } = await inTurn(rounds * 3, {
    warmInvoke: () => rested(() => server.invoke('warm')),
    warmRun: () => rested(() => warmRuntime.run()),
    async bare() {
      await stemCell()
      const runtime = await bareRuntimes[driver]()
      await runtime.ready()
      await rest()
      const [ms] = await times(1, async () => {
        await runtime.init()
        await runtime.run()
      })
      await runtime.remove()
      return ms
    },
    async invoke(round) {
      await server.put(`first${round}`)
      await stemCell()
      const [ms] = await times(1, () => server.invoke(`first${round}`))
      return ms
    },
  })
  await server.stop()
  await warmRuntime.remove()
  const added = invoke - bare
  const values = { 'invoke ms': invoke, '/init + /run ms': bare, 'warm ms': warmInvoke, '/run ms': warmRun }
  const result = `${signed(added)} ms (a warm one ${signed(warmInvoke - warmRun)})`
  report('first call, prewarmed', driver, values, result, '<= + 1 ms', added <= 1)
}

const signed = ms => `${ms < 0 ? '-' : '+'} ${Math.abs(ms).toFixed(1)}`
