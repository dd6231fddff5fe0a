// Follows the event stream of a running server: one JSON object a line, for `logs -f` and scripts.

import { ExitError } from '../errors.ts'
import type { WhiskEvent } from '../events.ts'
import type { RunFile } from '../run-file.ts'

/**
 * Calls `onEvent` for each event until the server ends the stream, and `onOpen` once when no later event can be missed.
 * Fails with ExitError 1 when it does not answer, or when `onOpen` fails.
 */
export async function followEvents(
  server: RunFile,
  filter: Readonly<Record<string, string | undefined>>,
  onEvent: (event: WhiskEvent) => void,
  onOpen: () => Promise<void> = async () => {},
): Promise<void> {
  const { request } = await (server.url.startsWith('https:') ? import('node:https') : import('node:http'))
  const url = new URL('/_control/v1/events', server.url)
  for (const [key, value] of Object.entries(filter)) if (value !== undefined) url.searchParams.set(key, value)
  const headers = { authorization: `Bearer ${server.token}`, accept: 'application/x-ndjson' }
  await new Promise<void>((resolve, reject) => {
    const failed = (error: Error) =>
      reject(new ExitError(1, `the server at ${server.url} does not answer: ${error.message}`, { cause: error }))
    // The run file, which only this user can write, vouches for a certificate of the server's own making.
    const outgoing = request(url, { agent: false, rejectUnauthorized: false, headers }, response => {
      if (response.statusCode !== 200) {
        response.resume()
        failed(new Error(`status ${response.statusCode}`))
        return
      }
      response.setEncoding('utf8')
      // The server's first bytes say that it has subscribed.
      response.once('data', () => onOpen().catch(reject))
      let rest = ''
      response.on('data', (chunk: string) => {
        const lines = (rest + chunk).split('\n')
        rest = lines.pop() ?? ''
        for (const line of lines) if (line) onEvent(JSON.parse(line))
      })
      response.on('close', resolve)
    })
    outgoing.on('error', failed)
    outgoing.end()
  })
}
