// `status` and `wait`: what a running server is doing, and waiting until one answers.

import type { Command } from 'commander'
import { resolveConfig } from '../config.ts'
import { ExitError } from '../errors.ts'
import { type RunFile, runningServers } from '../run-file.ts'
import { ask, control, findServer, requireServer, type ServerChoice } from './find-server.ts'
import { createPaint, print, wantsColor } from './terminal.ts'

interface Options {
  port?: string
  dataDir?: string
  json?: true
  timeout?: string
}

export function register(program: Command): void {
  program
    .command('status')
    .description('show a running server')
    .option('--port <n>', 'the server on this port')
    .option('-d, --data-dir <dir>', 'the server of this data directory')
    .option('--json', 'as JSON')
    .action(status)
  program
    .command('wait')
    .description('wait until a server is ready')
    .option('--timeout <seconds>', 'at most so long', '30')
    .option('--port <n>', 'the server on this port')
    .option('-d, --data-dir <dir>', 'the server of this data directory')
    .action(wait)
}

/** What the flags and the working directory say about the server that is meant. */
export function choiceOf({ port, dataDir }: { port?: string; dataDir?: string }): ServerChoice & { dataDir: string } {
  if (port !== undefined && !/^\d{1,5}$/.test(port)) throw new ExitError(2, `--port: '${port}' is not a port`)
  const { config, origins } = resolveConfig({ given: { dataDir } })
  return {
    port: port === undefined ? undefined : Number(port),
    dataDir: config.dataDir,
    exact: origins.dataDir !== 'default',
  }
}

async function status(options: Options): Promise<void> {
  const server = requireServer(choiceOf(options))
  const { token: _token, process: _process, ...about } = server
  const ready = await ask(server, 'GET', '/ready')
  const inside = await control(server, 'GET', '/status')
  const all = { ...about, ready: ready.status === 200, ...(typeof inside === 'object' ? inside : {}) }
  if (options.json) return print(JSON.stringify(all, undefined, 2))
  const paint = createPaint(wantsColor(process.stdout))
  const width = Math.max(...Object.keys(all).map(key => key.length))
  for (const [key, value] of Object.entries(all)) {
    if (value === undefined) continue
    const shown = key === 'startedAt' ? new Date(Number(value)).toISOString() : flat(value)
    print(`${paint.dim(key.padEnd(width))}  ${shown}`)
  }
}

const flat = (value: unknown) => (typeof value === 'string' ? value : JSON.stringify(value))

const POLL_MS = 50

/** Also for a server that is only about to start: looks again until the time is up. */
async function wait(options: Options): Promise<void> {
  const seconds = Number(options.timeout)
  if (!(seconds >= 0)) throw new ExitError(2, `--timeout: '${options.timeout}' is no number of seconds`)
  const choice = choiceOf(options)
  const deadline = Date.now() + seconds * 1000
  let reason = 'no server runs'
  for (;;) {
    const outcome = await look(choice)
    if (outcome.server) return print(outcome.server.url)
    reason = outcome.reason ?? reason
    if (Date.now() >= deadline) throw new ExitError(1, `not ready within ${seconds} seconds: ${reason}`)
    await new Promise(resolve => setTimeout(resolve, POLL_MS))
  }
}

async function look(choice: ServerChoice): Promise<{ server?: RunFile; reason?: string }> {
  try {
    const server = findServer(choice, runningServers())
    if (!server) return {}
    const { status, body } = await ask(server, 'GET', '/ready')
    return status === 200 ? { server } : { reason: flat(body) }
  } catch (error) {
    // Several servers: waiting does not help.
    if (!(error instanceof ExitError) || error.exitCode !== 1) throw error
    return { reason: error.message }
  }
}
