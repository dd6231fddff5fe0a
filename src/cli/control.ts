// The commands that are single requests to a running server: recycle, clock, checkpoint, rollback, reset.

import type { Command } from 'commander'
import { ExitError } from '../errors.ts'
import { parseDuration } from '../units.ts'
import { control, requireServer } from './find-server.ts'
import { choiceOf } from './status.ts'
import { print } from './terminal.ts'

interface Options {
  namespace?: string
  all?: true
  port?: string
  dataDir?: string
}

const send = (options: Options, path: string, body: object) =>
  control(requireServer(choiceOf(options)), 'POST', path, body) as Promise<Record<string, unknown>>

function command(program: Command, name: string, description: string): Command {
  return program
    .command(name)
    .description(description)
    .option('--port <n>', 'the server on this port')
    .option('-d, --data-dir <dir>', 'the server of this data directory')
}

export function register(program: Command): void {
  command(program, 'recycle', 'remove idle containers, so that the next run is cold')
    .argument('[action]', 'name, or /namespace/[package/]name; all actions unless said')
    .action(async (action: string | undefined, options: Options) => {
      const { removed } = await send(options, '/recycle', { action })
      print(`${String(removed)} ${removed === 1 ? 'container' : 'containers'} removed`)
    })
  const clock = program.command('clock').description('move a virtual clock on')
  command(clock, 'advance', 'run everything that falls due within this time')
    .argument('<duration>', 'such as 90s, 15m, 24h')
    .action(async (duration: string, options: Options) => {
      const by = parseDuration(duration)
      if (by === undefined) throw new ExitError(2, `'${duration}' is not a duration such as 500ms, 30s, 10m or 24h`)
      const { now } = await send(options, '/clock/advance', { by })
      print(new Date(Number(now)).toISOString())
    })
  const snapshots = {
    checkpoint: 'remember the state of a namespace',
    rollback: 'put a namespace back to a checkpoint',
    reset: 'empty a namespace',
  }
  for (const [operation, description] of Object.entries(snapshots)) {
    const snapshot = command(program, operation, description)
      .option('--namespace <ns>', 'this namespace (guest)')
      .option('--all', 'all namespaces')
    if (operation !== 'reset') snapshot.argument('[name]', 'of the checkpoint', 'default')
    snapshot.action(async (...given: unknown[]) => {
      const options = given.at(operation === 'reset' ? 0 : 1) as Options
      const name = operation === 'reset' ? undefined : given[0]
      const { namespaces } = await send(options, `/${operation}`, {
        name,
        namespace: options.namespace,
        all: options.all,
      })
      print(`${operation} of ${(namespaces as string[]).join(', ')}`)
    })
  }
}
