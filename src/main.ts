// The command line: registers the commands, and turns failures into one sentence and an exit code.

import { Command, CommanderError } from 'commander'
import * as admin from './cli/admin.ts'
import * as completion from './cli/completion.ts'
import * as control from './cli/control.ts'
import * as doctor from './cli/doctor.ts'
import * as exec from './cli/exec.ts'
import * as fire from './cli/fire.ts'
import { helpText } from './cli/help.ts'
import * as logs from './cli/logs.ts'
import * as start from './cli/start.ts'
import * as status from './cli/status.ts'
import { createPaint, print, wantsColor } from './cli/terminal.ts'
import { ExitError, WhiskError } from './errors.ts'
import { VERSION } from './version.ts'

export { connectOpenWhisk, OpenWhiskError, startOpenWhisk } from './index.ts'

/** Runs the command line and sets the exit code. The process ends when nothing is left to do. */
export async function main(argv: readonly string[] = process.argv): Promise<void> {
  process.stdout.on('error', lostOutput)
  process.stderr.on('error', () => {})
  try {
    await createProgram().parseAsync(admin.spellOutNamespace(argv))
  } catch (error) {
    process.exitCode = report(error) || process.exitCode
  }
}

/** A reader that went away (`| head`) has what it wanted. For all else a server goes on, and a command has failed. */
function lostOutput(error: NodeJS.ErrnoException): void {
  if (error.code === 'EPIPE') process.exit(0)
  process.stderr.write(`openwhisk-standalone: standard output is lost: ${error.message}\n`)
  process.exitCode = 1
}

export function createProgram(): Command {
  const program = new Command('openwhisk-standalone')
    .version(VERSION, '-V, --version')
    .showSuggestionAfterError(true)
    .exitOverride()
    .enablePositionalOptions()
    .configureOutput({ writeOut: text => print(text.replace(/\n$/, '')) })
  for (const command of [start, admin, exec, status, logs, fire, control, doctor, completion]) command.register(program)
  // Of the program only: a command shows its own.
  program.configureHelp({ formatHelp: () => `${helpText(createPaint(wantsColor(process.stdout)))}\n` })
  return program
}

/** Prints a failure on stderr and returns its exit code. */
function report(error: unknown): number {
  // Commander has printed its own sentence; its exit code 1 for wrong usage is 2 here.
  if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2
  if (error instanceof ExitError || error instanceof WhiskError) {
    process.stderr.write(`openwhisk-standalone: ${error.message}\n`)
    return error instanceof ExitError ? error.exitCode : 1
  }
  process.stderr.write(
    `openwhisk-standalone: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}\n`,
  )
  return 1
}
