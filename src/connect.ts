// The published API for a server in another process, over HTTP.

import { createEventQueue, type EventQueue } from './event-queue.ts'
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
  /** Settles when the streams that were asked for are open: what is requested after them is told in them. */
  let opened: Promise<unknown> = Promise.resolve()
  const transport: Transport = {
    url,
    fetch: async request => {
      await opened
      return fetch(request)
    },
    control: async (method, path, body) => {
      await opened
      return fetch(controlUrl(path), { method, headers, body: body && JSON.stringify(body) })
    },
  }
  return {
    url,
    token,
    async namespace(name) {
      const made = (await read(await transport.control('POST', '/namespaces', { name }))) as Record<string, string>
      return namespaceOf(transport, made.namespace ?? '', made.auth ?? '')
    },
    events(filter) {
      const stream = followRemote(controlUrl('/events'), headers, filter)
      opened = Promise.all([opened, stream.opened])
      return stream.events
    },
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

/**
 * Events as they come, from now on: what nobody has read yet waits here. `opened` settles when none can be missed any
 * more, or when there is no stream.
 */
function followRemote(
  url: URL,
  headers: Readonly<Record<string, string>>,
  filter: EventFilter = {},
): { events: AsyncIterableIterator<OpenWhiskEvent>; opened: Promise<void> } {
  for (const [key, value] of Object.entries(filter)) if (value !== undefined) url.searchParams.set(key, String(value))
  const abort = new AbortController()
  const queue = createEventQueue(() => abort.abort())
  const open = async () => {
    const { signal } = abort
    const answer = await fetch(url, { headers: { ...headers, accept: 'application/x-ndjson' }, signal })
    if (!answer.ok || !answer.body) throw await read(answer).then(() => new OpenWhiskError('FAILED', 'no stream'))
    // However it breaks off: the server is gone, or the reader has left.
    pump(answer.body, queue).then(queue.end, () => queue.end())
  }
  return { events: queue.events, opened: open().catch(queue.end) }
}

async function pump(body: ReadableStream<Uint8Array>, queue: EventQueue): Promise<void> {
  const decoder = new TextDecoder()
  let rest = ''
  for await (const chunk of body) {
    const lines = (rest + decoder.decode(chunk, { stream: true })).split('\n')
    rest = lines.pop() ?? ''
    for (const line of lines) if (line) queue.push(JSON.parse(line))
  }
}
