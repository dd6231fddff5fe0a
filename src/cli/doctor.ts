// `doctor`: looks whether this machine has what a server needs, and says what to do where it has not.

import { execFile } from 'node:child_process'
import { accessSync, constants, existsSync } from 'node:fs'
import { availableParallelism, release, totalmem } from 'node:os'
import { dirname } from 'node:path'
import type { Command } from 'commander'
import { type Config, resolveConfig } from '../config.ts'
import { databasePath } from '../data-dir.ts'
import { embedded } from '../embedded/embedded.ts'
import { ExitError, messageOf } from '../errors.ts'
import { listen, PortTaken } from '../listen.ts'
import { runningServers } from '../run-file.ts'
import { VERSION } from '../version.ts'
import { createPaint, print, wantsColor } from './terminal.ts'

type Outcome = 'ok' | 'note' | 'problem'

interface Finding {
  readonly check: string
  /** A problem keeps a server from starting; a note does not. */
  readonly outcome: Outcome
  readonly detail: string
}

export function register(program: Command): void {
  program
    .command('doctor')
    .description('look whether this machine has what a server needs')
    .option('--json', 'as JSON')
    .option('-d, --data-dir <dir>', 'the data directory to look at')
    .option('-p, --port <n>', 'the port to look at')
    .action(doctor)
}

async function doctor({ json, ...given }: { json?: true; dataDir?: string; port?: string }): Promise<void> {
  const findings = await examine(resolveConfig({ given }).config)
  if (json) print(JSON.stringify({ version: VERSION, findings }, undefined, 2))
  else show(findings)
  if (findings.some(({ outcome }) => outcome === 'problem')) process.exitCode = 1
}

function show(findings: readonly Finding[]): void {
  const paint = createPaint(wantsColor(process.stdout))
  const mark = { ok: paint.green('ok     '), note: paint.yellow('note   '), problem: paint.red('problem') }
  const width = Math.max(...findings.map(({ check }) => check.length))
  for (const { check, outcome, detail } of findings) print(`${mark[outcome]}  ${check.padEnd(width)}  ${detail}`)
}

/** What there is to find for this configuration; each check stands alone. */
export async function examine(config: Config): Promise<Finding[]> {
  return [
    { check: 'openwhisk-standalone', outcome: 'ok', detail: VERSION },
    { check: 'Node.js', outcome: 'ok', detail: `${process.version} (${process.execPath})` },
    machine(),
    await sqlite(),
    dataDirectory(config),
    await freePort(config.port),
    await docker(config),
    await python(config),
  ]
}

function machine(): Finding {
  const detail = `${process.platform} ${release()} ${process.arch}, ${availableParallelism()} cores, ${Math.round(totalmem() / 2 ** 30)} GB`
  return { check: 'machine', outcome: 'ok', detail }
}

async function sqlite(): Promise<Finding> {
  try {
    const { default: Database } = await import('better-sqlite3')
    const db = new Database(':memory:')
    const version = db.prepare<[], { version: string }>('SELECT sqlite_version() AS version').get()?.version
    db.close()
    return { check: 'SQLite', outcome: 'ok', detail: `${version}` }
  } catch (error) {
    const remedy = embedded()
      ? 'set OPENWHISK_CACHE_DIR to a folder that can be written and may hold programs'
      : 'reinstall with `npm rebuild better-sqlite3`'
    const detail = `better-sqlite3 does not load (${messageOf(error)}); ${remedy}`
    return { check: 'SQLite', outcome: 'problem', detail }
  }
}

function dataDirectory({ dataDir }: Config): Finding {
  const check = 'data directory'
  const nearest = existing(dataDir)
  try {
    accessSync(nearest, constants.W_OK | constants.X_OK)
  } catch {
    return {
      check,
      outcome: 'problem',
      detail: `${dataDir}: ${nearest} cannot be written; choose another with --data-dir`,
    }
  }
  const server = runningServers().find(running => running.dataDir === dataDir)
  if (server) return { check, outcome: 'note', detail: `${dataDir} is in use by the server at ${server.url}` }
  return { check, outcome: 'ok', detail: existsSync(databasePath(dataDir)) ? dataDir : `${dataDir} (to be made)` }
}

const existing = (path: string): string => (existsSync(path) ? path : existing(dirname(path)))

async function freePort(port: number): Promise<Finding> {
  const check = `port ${port}`
  try {
    const hosts = ['127.0.0.1', '::1']
    const listener = await listen({ hosts, optionalHosts: hosts, port, handler: (_, response) => response.end() })
    await listener.close(Promise.resolve())
    return { check, outcome: 'ok', detail: 'free' }
  } catch (error) {
    const detail = error instanceof PortTaken ? 'in use; choose another with --port' : messageOf(error)
    return { check, outcome: 'note', detail }
  }
}

async function docker(config: Config): Promise<Finding> {
  const check = 'Docker'
  try {
    const { probeDocker } = await import('../container/docker.ts')
    const { url, source } = await probeDocker(config.dockerHost)
    return { check, outcome: 'ok', detail: `an engine answers at ${url} (${source})` }
  } catch (error) {
    if (!(error instanceof ExitError)) throw error
    const outcome = config.driver === 'docker' ? 'problem' : 'note'
    return { check, outcome, detail: `${error.message}; actions run as processes` }
  }
}

function python(config: Config): Promise<Finding> {
  const check = 'Python'
  return new Promise(resolve => {
    execFile(config.python, ['--version'], { timeout: 10_000 }, (error, stdout, stderr) => {
      if (error) {
        const detail = `${config.python} does not run (${error.message.split('\n')[0]}); python actions need Docker then`
        resolve({ check, outcome: 'note', detail })
      } else resolve({ check, outcome: 'ok', detail: `${(stdout || stderr).trim()} (${config.python})` })
    })
  })
}
