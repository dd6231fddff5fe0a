// What the published API does in one namespace, of a server in this process or of another one.

import { type Activation, type Json, OpenWhiskError, type OpenWhiskNamespace } from './public.ts'

/** How to reach a server. */
export interface Transport {
  readonly url: string
  /** A request to the REST API or the web actions. */
  fetch(request: Request): Promise<Response>
  /** A request to the control interface (`path` below `/_control/v1`). */
  control(method: string, path: string, body?: object): Promise<Response>
}

/** How long one request may wait: `fetch` gives up an answer that has not begun within five minutes. */
const ROUND_MS = 60_000

/** The JSON of an answer; fails with OpenWhiskError `REQUEST` and the server's sentence. */
export async function read(response: Response): Promise<Json> {
  const text = await response.text()
  let body: Json = text
  try {
    body = JSON.parse(text)
  } catch {
    // Text it is: `OK`, or nothing.
  }
  if (response.ok) return body
  const told = typeof body === 'object' && body !== null && !Array.isArray(body) ? body.error : body
  throw new OpenWhiskError('REQUEST', String(told || `status ${response.status}`), { status: response.status })
}

/** One namespace of a server, as `OpenWhiskNamespace` says. */
export function namespaceOf(server: Transport, name: string, auth: string): OpenWhiskNamespace {
  const authorization = `Basic ${Buffer.from(auth).toString('base64')}`
  const send = (method: string, namespace: string, path: string, body?: object, headers: Record<string, string> = {}) =>
    server.fetch(
      new Request(new URL(`/api/v1/namespaces/${encodeURIComponent(namespace)}${path}`, server.url), {
        method,
        headers: { authorization, ...(body && { 'content-type': 'application/json' }), ...headers },
        body: body && JSON.stringify(body),
      }),
    )
  /** `[pkg/]name` here, or `/ns/[pkg/]name` anywhere. */
  const locate = (entity: string): [namespace: string, path: string] => {
    const [namespace = '', ...rest] = entity.startsWith('/') ? entity.slice(1).split('/') : [name, ...entity.split('/')]
    return [namespace, rest.map(encodeURIComponent).join('/')]
  }
  const record = async (id: string) =>
    (await read(await send('GET', name, `/activations/${id}`))) as unknown as Activation
  const snapshot = (operation: string) => async (checkpoint?: string) => {
    await read(await server.control('POST', `/${operation}`, { name: checkpoint, namespace: name }))
  }
  return {
    name,
    auth,
    async invoke(action, params = {}, { start } = {}) {
      const [namespace, path] = locate(action)
      const headers: Record<string, string> = start ? { 'x-ow-start': start } : {}
      const answer = await send('POST', namespace, `/actions/${path}?blocking=true`, params, headers)
      const id = answer.headers.get('x-openwhisk-activation-id')
      if (id === null) throw await read(answer).then(body => new OpenWhiskError('FAILED', JSON.stringify(body)))
      await answer.body?.cancel()
      if (answer.status !== 202) return record(id)
      return recordToCome(id)
    },
    async fire(trigger, payload = {}) {
      const [namespace, path] = locate(trigger)
      const answer = (await read(await send('POST', namespace, `/triggers/${path}`, payload))) as {
        activationId?: string
      }
      return answer.activationId
    },
    waitForActivation: wait,
    request: async (method, path, body) => read(await send(method, name, path, body)),
    checkpoint: snapshot('checkpoint'),
    rollback: snapshot('rollback'),
    reset: () => snapshot('reset')(),
    async delete() {
      await read(await server.control('DELETE', `/namespaces/${encodeURIComponent(name)}`))
    },
  }

  /** For what takes longer than a blocking invoke waits: there is no saying how long, with the queue before it. */
  async function recordToCome(id: string): Promise<Activation> {
    const query = new URLSearchParams({ namespace: name, activationId: id, timeout: String(ROUND_MS) })
    for (;;) {
      const waited = await server.control('GET', `/wait?${query}`)
      if (waited.status !== 404) return (await read(waited)) as unknown as Activation
      await waited.body?.cancel()
      // A namespace that is gone will have no record: its key is refused.
      const answer = await send('GET', name, `/activations/${id}`)
      if (answer.status !== 404) return (await read(answer)) as unknown as Activation
      await answer.body?.cancel()
    }
  }

  async function wait(options: Parameters<OpenWhiskNamespace['waitForActivation']>[0]): Promise<Activation> {
    const query = new URLSearchParams({ namespace: name })
    for (const [key, value] of Object.entries(options)) if (value !== undefined) query.set(key, String(value))
    return (await read(await server.control('GET', `/wait?${query}`))) as unknown as Activation
  }
}
