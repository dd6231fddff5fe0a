// `exec [options] -- command`: a server for the time of one command, as `npm test` in CI wants it.

import { type ChildProcess, spawn } from 'node:child_process'
import { copyFileSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { constants, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import type { Command } from 'commander'
import { ExitError, messageOf } from '../errors.ts'
import { type RunningServer, startServer } from '../server.ts'
import { addConfigOptions, configOf, DUPLICATE_SIGNAL_MS, openLog } from './start.ts'
import { wantsColor } from './terminal.ts'

export function register(program: Command): void {
  const exec = program
    .command('exec')
    .description('run a command with a server of its own: a free port, nothing on disk unless said')
    .argument('<command...>')
    .option('--dump-on-failure <dir>', "keep activations, their logs and the server's log when the command fails")
  addConfigOptions(exec)
  exec.passThroughOptions().action((command: string[], given: Record<string, unknown>) => run(command, given))
}

async function run(command: readonly string[], given: Record<string, unknown>): Promise<void> {
  const { dumpOnFailure, ...flags } = given
  const resolved = configOf(flags)
  const { config, origins } = resolved
  const signals = watchSignals()
  const folder = mkdtempSync(join(tmpdir(), 'ow-exec-'))
  // However the process ends.
  process.once('exit', () => rmSync(folder, { recursive: true, force: true }))
  const logFile = join(folder, 'server.log')
  let dump = typeof dumpOnFailure === 'string' ? resolve(dumpOnFailure) : undefined
  const log = openLog({
    level: dump === undefined && origins.logLevel === 'default' ? 'warn' : config.logLevel,
    format: config.logFormat,
    file: config.logFile ?? (dump === undefined ? undefined : logFile),
    color: wantsColor(process.stderr),
  })
  try {
    const server = await startServer(
      {
        ...config,
        port: origins.port === 'default' ? 0 : config.port,
        apiGwPort: origins.apiGwPort === 'default' ? 0 : config.apiGwPort,
        ephemeral: config.ephemeral || origins.dataDir === 'default',
      },
      { log },
    )
    try {
      if (signals.early !== undefined) {
        process.exitCode = signalCode(signals.early)
        return
      }
      const properties = join(folder, 'wskprops')
      writeFileSync(properties, `APIHOST=${server.url}\nAUTH=${server.auth}\n`, { mode: 0o600 })
      const child = spawn(command[0] ?? '', command.slice(1), {
        stdio: 'inherit',
        env: { ...process.env, ...environment(server, properties), ...trust(server, join(folder, 'ca.pem')) },
      })
      signals.child = child
      process.exitCode = await exitCode(child, command[0] ?? '')
      if (process.exitCode !== 0 && dump !== undefined && !(await keepRecords(server, dump))) dump = undefined
    } finally {
      await server.close()
    }
  } finally {
    log.close()
    if (dump !== undefined && process.exitCode !== 0) await keepLog(config.logFile ?? logFile, dump)
  }
}

interface Signals {
  /** The command, once it was started. */
  child?: ChildProcess
  /** The signal that came before it. */
  early?: NodeJS.Signals
}

/**
 * A signal is the command's to act on; the server stops after it. One that comes before keeps the command from starting.
 * Where neither is left to be done, one ends the process at once.
 */
function watchSignals(): Signals {
  const signals: Signals = {}
  let obeyedAt = Number.NEGATIVE_INFINITY
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.on(signal, () => {
      const { child, early } = signals
      const now = performance.now()
      if (child === undefined ? early !== undefined : child.exitCode !== null || child.signalCode !== null) {
        if (now - obeyedAt > DUPLICATE_SIGNAL_MS) process.exit(signalCode(signal))
        return
      }
      obeyedAt = now
      if (child === undefined) signals.early = signal
      // A terminal sends Ctrl-C to the command too; twice might mean more than once.
      else if (signal !== 'SIGINT' || !process.stdin.isTTY) child.kill(signal)
    })
  }
  return signals
}

/** What clients of OpenWhisk look for, and what finds the control interface. */
const environment = (server: RunningServer, properties: string) => ({
  __OW_API_HOST: server.url,
  __OW_API_KEY: server.auth,
  OW_APIHOST: server.url,
  OW_AUTH: server.auth,
  WSK_CONFIG_FILE: properties,
  OPENWHISK_CONTROL_URL: `${server.url}/_control/v1`,
  OPENWHISK_CONTROL_TOKEN: server.token,
  ...(server.gateway !== undefined && { OPENWHISK_GATEWAY: server.gateway }),
})

/**
 * Lets Node.js clients take the certificate of our own making, beside those that the caller has them take, for which
 * `bundle` is made. Other clients have variables that replace the system's list, which is the caller's to decide.
 */
function trust({ certificateFile }: RunningServer, bundle: string): { NODE_EXTRA_CA_CERTS?: string } {
  if (certificateFile === undefined) return {}
  const { NODE_EXTRA_CA_CERTS: others } = process.env
  if (!others) return { NODE_EXTRA_CA_CERTS: certificateFile }
  try {
    writeFileSync(bundle, [others, certificateFile].map(file => readFileSync(file, 'utf8')).join('\n'))
    return { NODE_EXTRA_CA_CERTS: bundle }
  } catch {
    // Node.js does without a file that it cannot read.
    return { NODE_EXTRA_CA_CERTS: certificateFile }
  }
}

const signalCode = (signal: NodeJS.Signals | null) => 128 + (signal ? (constants.signals[signal] ?? 0) : 0)

/** The command's own exit code; 128 and the signal's number when one ended it, as shells do. */
function exitCode(child: ChildProcess, command: string): Promise<number> {
  return new Promise((resolve, reject) => {
    child.on('error', error => reject(new ExitError(1, `cannot run ${command}: ${error.message}`, { cause: error })))
    child.on('exit', (code, signal) => resolve(code ?? signalCode(signal)))
  })
}

/** `activations.ndjson`: every record of every user's namespace, complete with its logs, newest first. */
const keepRecords = (server: RunningServer, folder: string) =>
  tryToKeep(async () => {
    mkdirSync(folder, { recursive: true })
    const response = await server.control('GET', '/activations')
    writeFileSync(join(folder, 'activations.ndjson'), await response.text())
    process.stderr.write(`openwhisk-standalone: what happened is in ${folder}\n`)
  })

const keepLog = (file: string, folder: string) =>
  tryToKeep(() => {
    mkdirSync(folder, { recursive: true })
    if (existsSync(file)) copyFileSync(file, join(folder, 'server.log'))
  })

/** What cannot be kept changes nothing about how the command ended. */
async function tryToKeep(work: () => unknown): Promise<boolean> {
  try {
    await work()
    return true
  } catch (error) {
    process.stderr.write(`openwhisk-standalone: --dump-on-failure: ${messageOf(error)}\n`)
    return false
  }
}
