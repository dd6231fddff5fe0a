// `--help`: one screen with every option by group, the other commands, examples and exit codes.

import { type ConfigKey, GROUPS, OPTIONS, type Option } from '../config-options.ts'
import { VERSION } from '../version.ts'
import type { Paint } from './terminal.ts'

/** Options that share a line with another one, and what the line says of both. */
const SHARED: Readonly<Partial<Record<ConfigKey, readonly [companion: ConfigKey, help: string]>>> = {
  cert: ['key', 'certificate and private key (PEM)'],
  apiGwPort: ['apiGw', "the API gateway's port (3234; beside another --port: any), or none"],
  dockerHost: ['dockerNetwork', "engine and network (the docker CLI's choice, bridge)"],
  ephemeral: ['clean', 'nothing on disk; empty the data directory first'],
  retentionAge: ['retentionCount', 'keep records so long (7d), so many (1000000); 0: all'],
  containerEnv: ['addHost', 'variables and host names for all actions'],
  idleTimeout: ['pauseGrace', 'remove idle containers after (10m), pause after (off)'],
  clock: ['seed', 'real, or virtual: can be moved forward; repeatable ids'],
  verbose: ['quiet', 'log level debug; errors only'],
}

const COLUMN = 41

export function helpText(paint: Paint): string {
  return [
    `openwhisk-standalone ${VERSION}: the whole Apache OpenWhisk platform in one process`,
    `${paint.bold('Usage')}  openwhisk-standalone [start] [options]      serve the API; Ctrl-C stops`,
    '       openwhisk-standalone COMMAND --help         more on one command',
    ...GROUPS.flatMap(group => groupLines(group, paint)),
    paint.bold('Commands'),
    '  exec -- COMMAND   status   wait   doctor   logs [-f] [ACTION]   fire TRIGGER   recycle [ACTION]',
    '  clock advance T   checkpoint|rollback [NAME]   reset   completion SHELL',
    '  user create|get|delete|list|block|unblock|whois   limits get|set|delete   as wskadmin',
    paint.bold('Examples'),
    '  openwhisk-standalone --port 0 --ephemeral         any free port, nothing on disk',
    '  openwhisk-standalone exec -- npm test             a server for the time of one command',
    '  OPENWHISK_PORT=4000 openwhisk-standalone          as { "port": 4000 } in openwhisk.config.json',
    paint.bold('Exit codes'),
    '  0 done  1 failed  2 wrong usage or Node.js  3 data directory in use, too new or unreadable',
    '  4 port taken or address not available  5 demanded driver not available  130/143 second signal',
  ].join('\n')
}

function groupLines(group: (typeof GROUPS)[number], paint: Paint): string[] {
  const lines = [paint.bold(group)]
  const companions = new Set(Object.values(SHARED).map(([companion]) => companion))
  for (const key of Object.keys(OPTIONS) as ConfigKey[]) {
    const option: Option<unknown> = OPTIONS[key]
    if (option.group !== group || option.flag === undefined || companions.has(key)) continue
    const [companion, help] = SHARED[key] ?? [undefined, option.help]
    lines.push(line(companion ? `${flagText(option)}, ${flagText(OPTIONS[companion])}` : flagText(option), help))
  }
  return [...lines, ...(EXTRA[group] ?? []).map(([flags, help]) => line(flags, help))]
}

/** Flags that are about the command itself and no part of the settled configuration. */
const EXTRA: Readonly<Partial<Record<(typeof GROUPS)[number], readonly (readonly [string, string])[]>>> = {
  Server: [['-c, --config-file FILE', 'JSON of these options (openwhisk.config.json, package.json#openwhisk)']],
  Log: [
    ['--print-config', 'show every value and where it came from'],
    ['-V, --version, -h, --help', ''],
  ],
}

const line = (flags: string, help: string) => `  ${flags.padEnd(COLUMN)} ${help}`.trimEnd()

function flagText({ flag, short, argument }: Option<unknown>): string {
  const long = argument === undefined ? `--${flag}` : `--${flag} ${argument}`
  return short === undefined ? long : `-${short}, ${long}`
}
