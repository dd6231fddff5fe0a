// Finds the running server that a command is about, and talks to its control interface.

import { ExitError } from '../errors.ts'
import { type RunFile, runningServers } from '../run-file.ts'

export interface ServerChoice {
  /** `--port` */
  port?: number
  /** The data directory that this working directory would use, or that `--data-dir` names. */
  dataDir?: string
  /** True when `--data-dir` was given: then no other server will do. */
  exact?: boolean
}

/**
 * By port, else the one that serves the data directory, else the only one that runs. Undefined when none does; fails
 * with ExitError 2 when several would do.
 */
export function findServer({ port, dataDir, exact }: ServerChoice, running = runningServers()): RunFile | undefined {
  if (port !== undefined) {
    const found = running.find(server => portOf(server) === port)
    if (!found) throw new ExitError(1, `no server of this user runs on port ${port}${others(running)}`)
    return found
  }
  const own = running.find(server => dataDir !== undefined && server.dataDir === dataDir)
  if (own || exact) return own
  if (running.length > 1) throw new ExitError(2, `several servers run${others(running)}; say which with --port`)
  return running[0]
}

/** The same, but fails with ExitError 1 when none runs. */
export function requireServer(choice: ServerChoice): RunFile {
  const found = findServer(choice)
  if (!found) throw new ExitError(1, 'no server runs; start one with `openwhisk-standalone`')
  return found
}

export const portOf = ({ url }: Pick<RunFile, 'url'>): number => Number(new URL(url).port)

const others = (running: readonly RunFile[]) =>
  running.length === 0 ? '' : ` (there is ${running.map(server => server.url).join(', ')})`

export interface Answer {
  status: number
  /** The parsed JSON, or the text. */
  body: unknown
}

/** One request to a server; `path` starts with a slash. Fails with ExitError 1 when it does not answer. */
export async function ask(server: RunFile, method: string, path: string, body?: unknown): Promise<Answer> {
  const { request } = await (server.url.startsWith('https:') ? import('node:https') : import('node:http'))
  const text = body === undefined ? undefined : JSON.stringify(body)
  return new Promise((resolve, reject) => {
    const outgoing = request(
      new URL(path, server.url),
      {
        method,
        agent: false,
        // The certificate may be the server's own; the run file, which only this user can write, vouches for it.
        rejectUnauthorized: false,
        headers: {
          authorization: `Bearer ${server.token}`,
          ...(text !== undefined && { 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }),
        },
      },
      response => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () =>
          resolve({ status: response.statusCode ?? 0, body: parsed(Buffer.concat(chunks).toString()) }),
        )
        response.on('error', reject)
      },
    )
    outgoing.on('error', error =>
      reject(new ExitError(1, `the server at ${server.url} does not answer: ${error.message}`, { cause: error })),
    )
    outgoing.end(text)
  })
}

/** A request to the control interface. Fails with ExitError 1 and the server's sentence. */
export async function control(server: RunFile, method: string, path: string, body?: unknown): Promise<unknown> {
  const answer = await ask(server, method, `/_control/v1${path}`, body)
  if (answer.status < 300) return answer.body
  const { body: refusal } = answer
  const sentence = typeof refusal === 'object' && refusal !== null && 'error' in refusal ? refusal.error : refusal
  throw new ExitError(1, `the server at ${server.url} refused: ${String(sentence)}`)
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}
