// `user …` and `limits …`: wskadmin's commands, on a running server or, when none runs, on the store itself.

import { type Command, Option as Flag } from 'commander'
import { realClock } from '../clock.ts'
import { type AdminRequest, type AdminResult, LIMITS, runAdmin } from '../control/admin.ts'
import { databasePath, prepareDataDir } from '../data-dir.ts'
import { ExitError } from '../errors.ts'
import { silentLogger } from '../log.ts'
import { storeHolder } from '../store/lock.ts'
import { openStore } from '../store/open.ts'
import { control, findServer } from './find-server.ts'
import { choiceOf } from './status.ts'
import { print } from './terminal.ts'

interface Verb {
  group: 'user' | 'limits'
  usage: string
  description: string
  options?: readonly (readonly [flags: string, description: string])[]
}

const NAMESPACE = ['-n, --namespace <ns>', 'the namespace (-ns too); the subject’s own unless given'] as const

const VERBS: readonly Verb[] = [
  {
    group: 'user',
    usage: 'create <subject>',
    description: 'make a subject, or give one a further namespace; prints the key',
    options: [
      ['-u, --auth <uuid:key>', 'the key to use'],
      NAMESPACE,
      ['-r, --revoke', 'replace the key of a namespace that exists'],
      ['-g, --genonly', 'print a new key and store nothing'],
      ['-s, --silent', 'print nothing'],
    ],
  },
  {
    group: 'user',
    usage: 'delete <subject>',
    description: 'delete a subject or one of its namespaces',
    options: [NAMESPACE],
  },
  {
    group: 'user',
    usage: 'get <subject>',
    description: 'print the key',
    options: [NAMESPACE, ['-a, --all', 'all namespaces with their keys']],
  },
  { group: 'user', usage: 'whois <uuid:key>', description: 'print whose key it is' },
  {
    group: 'user',
    usage: 'list <namespace>',
    description: 'print the identities of a namespace',
    options: [
      ['-p, --pick <n>', 'how many (1)'],
      ['-a, --all', 'all of them'],
      ['-k, --key', 'keys only'],
    ],
  },
  { group: 'user', usage: 'block <subject...>', description: 'refuse the keys of subjects' },
  { group: 'user', usage: 'unblock <subject...>', description: 'accept them again' },
  {
    group: 'limits',
    usage: 'set <namespace>',
    description: 'set limits of a namespace; those not named stay',
    options: Object.entries(LIMITS).map(([name, type]) => [
      type === 'kinds' ? `--${name} <kind...>` : `--${name} <${type}>`,
      '',
    ]),
  },
  { group: 'limits', usage: 'get <namespace>', description: 'print the limits that are set' },
  { group: 'limits', usage: 'delete <namespace>', description: 'back to the system’s limits' },
]

export function register(program: Command): void {
  const groups = {
    user: program.command('user').description('create, delete, show, block and unblock users, as wskadmin'),
    limits: program.command('limits').description('limits of a namespace, as wskadmin'),
  }
  for (const { group, usage, description, options = [] } of VERBS) {
    const command = groups[group].command(usage).description(description)
    for (const [flags, help] of options) command.addOption(new Flag(flags, help))
    command
      .option('--port <n>', 'the running server to talk to')
      .option('-d, --data-dir <dir>', 'the data directory to work on')
      .action(async (...parameters: unknown[]) => {
        const given: Record<string, unknown> = command.opts()
        const positional = parameters.slice(0, command.registeredArguments.length).flat().map(String)
        await run({ command: `${group} ${command.name()}`, arguments: positional, options: given })
      })
  }
}

/**
 * OpenWhisk: wskadmin spells the namespace's short flag with two letters, which is `-n s` to everybody else. Words of
 * other commands stay: they may be a command line of their own.
 */
export function spellOutNamespace(argv: readonly string[]): readonly string[] {
  if (!['user', 'limits'].includes(argv[2] ?? '')) return argv
  return argv.map(argument => (argument === '-ns' ? '--namespace' : argument))
}

async function run(request: AdminRequest): Promise<void> {
  const { exitCode, stdout, stderr } = await execute(request)
  if (stdout !== '') print(stdout)
  if (stderr !== '') process.stderr.write(`${stderr}\n`)
  process.exitCode = exitCode
}

async function execute({ options: given, ...rest }: AdminRequest): Promise<AdminResult> {
  const { port, dataDir: namedDir, ...options } = given
  const request = { ...rest, options }
  const choice = choiceOf({ port, dataDir: namedDir } as { port?: string; dataDir?: string })
  const { dataDir } = choice
  const server = findServer(choice)
  if (server) return (await control(server, 'POST', '/admin', request)) as AdminResult
  const holder = storeHolder(databasePath(dataDir))
  if (holder) throw new ExitError(3, `the data directory ${dataDir} is in use by process ${holder.pid ?? '?'}`)
  prepareDataDir(dataDir)
  const store = openStore({ path: databasePath(dataDir), clock: realClock, log: silentLogger })
  try {
    const result = runAdmin(store.subjects, request)
    await store.committed()
    return result
  } finally {
    store.close()
  }
}
