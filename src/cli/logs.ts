// `logs [-f] [action]`: the log lines of a running server's activations, past ones or as they are written.

import type { Command } from 'commander'
import { ExitError } from '../errors.ts'
import type { WhiskEvent } from '../events.ts'
import { control, requireServer } from './find-server.ts'
import { choiceOf } from './status.ts'
import { followEvents } from './stream.ts'
import { createPaint, print, wantsColor } from './terminal.ts'

interface Options {
  follow?: true
  namespace?: string
  limit: string
  port?: string
  dataDir?: string
}

export function register(program: Command): void {
  program
    .command('logs')
    .description('show what actions print')
    .argument('[action]', '[package/]name, or /namespace/[package/]name')
    .option('-f, --follow', 'go on with what they print from now on')
    .option('--namespace <ns>', 'of this namespace', 'guest')
    .option('-l, --limit <n>', 'of so many past activations', '10')
    .option('--port <n>', 'the server on this port')
    .option('-d, --data-dir <dir>', 'the server of this data directory')
    .action(logs)
}

interface PastActivation {
  name: string
  activationId: string
  logs: string[]
}

async function logs(action: string | undefined, options: Options): Promise<void> {
  if (!/^\d{1,3}$/.test(options.limit)) throw new ExitError(2, `--limit: '${options.limit}' is not a whole number`)
  const server = requireServer(choiceOf(options))
  const absolute = action?.startsWith('/') ? action.slice(1).split('/') : undefined
  const namespace = absolute?.[0] ?? options.namespace ?? 'guest'
  const name = absolute ? absolute.slice(1).join('/') : action
  const paint = createPaint(wantsColor(process.stdout))
  const query = new URLSearchParams({ namespace, limit: options.limit, ...(name && { name }) })
  const printPast = async () => {
    const past = (await control(server, 'GET', `/logs?${query}`)) as PastActivation[]
    for (const { name, logs } of past) for (const line of logs) print(`${paint.dim(name)} ${line}`)
    return past
  }
  if (!options.follow) {
    await printPast()
    return
  }
  const printLine = ({ at, action, stream, line }: WhiskEvent) => {
    const text = `${new Date(at).toISOString()} ${stream}: ${line}`
    print(`${paint.dim(action?.split('/').slice(1).join('/') ?? '')} ${stream === 'stderr' ? paint.red(text) : text}`)
  }
  // What comes while the past is read waits, so that nothing is missed, and is dropped where the past has it already.
  let waiting: WhiskEvent[] | undefined = []
  await followEvents(
    server,
    { type: 'activation.log', namespace, action: name },
    event => (waiting ? waiting.push(event) : printLine(event)),
    async () => {
      const printed = new Set((await printPast()).map(({ activationId }) => activationId))
      for (const event of waiting ?? []) if (!printed.has(event.activationId ?? '')) printLine(event)
      waiting = undefined
    },
  )
}
