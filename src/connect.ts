// The published API for a server in another process, over HTTP.

import { namespaceOf, read, type Transport } from './namespace.ts'
import {
  type EventFilter,
  type OpenWhiskAddress,
  type OpenWhiskConnection,
  OpenWhiskError,
  type OpenWhiskEvent,
} from './public.ts'
import { parseDuration } from './units.ts'

/**
 * A server that runs already. Without an address it is the one that `openwhisk-standalone exec` set the variables
 * OPENWHISK_CONTROL_URL and OPENWHISK_CONTROL_TOKEN for. Fails with OpenWhiskError `USAGE` when there is none.
 */
export function connectOpenWhisk(address: OpenWhiskAddress = fromEnvironment()): OpenWhiskConnection {
  const { url, token } = address
  const headers = { authorization: `Bearer ${token}` }
  const controlUrl = (path: string) => new URL(`/_control/v1${path}`, url)
  const transport: Transport = {
    url,
    fetch: request => fetch(request),
    control: (method, path, body) => fetch(controlUrl(path), { method, headers, body: body && JSON.stringify(body) }),
  }
  return {
    url,
    token,
    async namespace(name) {
      const made = (await read(await transport.control('POST', '/namespaces', { name }))) as Record<string, string>
      return namespaceOf(transport, made.namespace ?? '', made.auth ?? '')
    },
    events: filter => followRemote(controlUrl('/events'), headers, filter),
    clock: { advance: by => advance(transport, by) },
  }
}

function fromEnvironment(): OpenWhiskAddress {
  const { OPENWHISK_CONTROL_URL: url, OPENWHISK_CONTROL_TOKEN: token } = process.env
  if (!url || !token) {
    throw new OpenWhiskError('USAGE', 'OPENWHISK_CONTROL_URL and OPENWHISK_CONTROL_TOKEN do not name a server')
  }
  return { url: new URL(url).origin, token }
}

/** Fails with OpenWhiskError: `USAGE` for what is no duration, `REQUEST` when the clock is not virtual. */
export async function advance(server: Pick<Transport, 'control'>, by: string | number): Promise<void> {
  const ms = typeof by === 'number' ? by : parseDuration(by)
  if (ms === undefined) throw new OpenWhiskError('USAGE', `'${by}' is not a duration such as 30s, 10m or 24h`)
  await read(await server.control('POST', '/clock/advance', { by: ms }))
}

async function* followRemote(
  url: URL,
  headers: Readonly<Record<string, string>>,
  filter: EventFilter = {},
): AsyncGenerator<OpenWhiskEvent, void, undefined> {
  for (const [key, value] of Object.entries(filter)) if (value !== undefined) url.searchParams.set(key, String(value))
  const abort = new AbortController()
  const { signal } = abort
  try {
    const answer = await fetch(url, { headers: { ...headers, accept: 'application/x-ndjson' }, signal })
    if (!answer.ok || !answer.body) throw await read(answer).then(() => new OpenWhiskError('FAILED', 'no stream'))
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of answer.body) {
      const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
      rest = lines.pop() ?? ''
      for (const line of lines) if (line) yield JSON.parse(line)
    }
  } finally {
    abort.abort()
  }
}
