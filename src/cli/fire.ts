// `fire TRIGGER`: fires a trigger of a running server, once or for each line of standard input.

import { createInterface } from 'node:readline'
import type { Command } from 'commander'
import { ExitError } from '../errors.ts'
import { control, requireServer } from './find-server.ts'
import { choiceOf } from './status.ts'
import { print } from './terminal.ts'

interface Options {
  param?: [string, unknown][]
  lines?: true
  namespace: string
  port?: string
  dataDir?: string
}

export function register(program: Command): void {
  program
    .command('fire')
    .description('fire a trigger')
    .argument('<trigger>', 'name, or /namespace/name')
    .option(
      '-p, --param <key=value>',
      'part of the payload, JSON or text (repeatable; also: -p key value)',
      parameter,
      [],
    )
    .argument('[value...]')
    .option('--lines', 'once for each line of standard input: JSON objects, or text as { "line": … }')
    .option('--namespace <ns>', 'of this namespace', 'guest')
    .option('--port <n>', 'the server on this port')
    .option('-d, --data-dir <dir>', 'the server of this data directory')
    .action(fire)
}

/** `key=value`, or `key` whose value is the next bare word, as the wsk CLI writes it. */
function parameter(text: string, former: [string, unknown][]): [string, unknown][] {
  const at = text.indexOf('=')
  return [...former, at < 0 ? [text, undefined] : [text.slice(0, at), jsonOrText(text.slice(at + 1))]]
}

function jsonOrText(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

function payloadOf(params: readonly [string, unknown][], values: readonly string[]): Record<string, unknown> {
  const waiting = [...values]
  const payload: Record<string, unknown> = {}
  for (const [key, value] of params) {
    const word = value === undefined ? waiting.shift() : undefined
    if (value === undefined && word === undefined) throw new ExitError(2, `-p ${key} lacks its value`)
    payload[key] = word === undefined ? value : jsonOrText(word)
  }
  if (waiting.length > 0) throw new ExitError(2, `'${waiting[0]}' belongs to no -p`)
  return payload
}

async function fire(trigger: string, values: string[], options: Options): Promise<void> {
  const server = requireServer(choiceOf(options))
  const [namespace = '', name = ''] = trigger.startsWith('/')
    ? trigger.slice(1).split('/')
    : [options.namespace, trigger]
  const payload = payloadOf(options.param ?? [], values)
  const post = async (body: Record<string, unknown>) => {
    const answer = (await control(server, 'POST', '/fire', { namespace, trigger: name, payload: body })) as {
      activationId?: string
    }
    print(answer.activationId ?? 'no active rule')
  }
  if (!options.lines) return post(payload)
  for await (const line of createInterface({ input: process.stdin, crlfDelay: Number.POSITIVE_INFINITY })) {
    if (line.trim() === '') continue
    const value = jsonOrText(line)
    const isObject = typeof value === 'object' && value !== null && !Array.isArray(value)
    await post({ ...payload, ...(isObject ? value : { line }) })
  }
}
