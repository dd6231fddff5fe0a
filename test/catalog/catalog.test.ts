import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { describe, expect, it } from 'vitest'
import { catalog, catalogActions } from '../../src/catalog/catalog.ts'
import { toEntities } from '../../src/catalog/catalog-package.ts'
import { compileAction } from '../../src/catalog/compile.ts'
import { JsonNumber, type JsonObject, type JsonValue } from '../../src/entity/json.ts'

const ENV = { __OW_API_HOST: 'http://localhost:3233', __OW_NAMESPACE: 'guest', __OW_ACTION_NAME: '/whisk.system/x/y' }

async function run(name: string, args: JsonObject | readonly JsonValue[], env: Record<string, string> = ENV) {
  const lines: string[] = []
  const action = catalogActions().get(`whisk.system/${name}`)
  if (!action) throw new Error(`no action ${name}`)
  const result = await action(args, { env, log: (stream, line) => lines.push(`${stream}: ${line}`) })
  return { result, lines }
}

/** A server that answers every request alike and remembers them; calls `use` with its URL. */
async function withServer<T>(
  answer: (request: { method: string; url: string; body: string }) => object,
  use: (url: string) => Promise<T>,
): Promise<T> {
  const server = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    response.end(JSON.stringify(answer({ method: request.method ?? '', url: request.url ?? '', body })))
  })
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  try {
    return await use(`http://127.0.0.1:${(server.address() as AddressInfo).port}`)
  } finally {
    server.closeAllConnections()
    await new Promise(resolve => server.close(resolve))
  }
}

describe('catalog actions', () => {
  it.each([
    ['utils/echo', { a: 1 }, { a: 1 }],
    ['utils/echo', [1, { error: 2 }], [1, { error: 2 }]],
    ['utils/cat', { lines: [4, 2, 3] }, { lines: [4, 2, 3], payload: '4\n2\n3' }],
    ['utils/split', { payload: 'one,two', separator: ',' }, { lines: ['one', 'two'], payload: 'one,two' }],
    ['utils/split', { payload: 'a\r\nb\nc' }, { lines: ['a', 'b', 'c'], payload: 'a\r\nb\nc' }],
    ['utils/sort', { lines: [4, 2, 3] }, { lines: [2, 3, 4], length: 3 }],
    ['utils/head', { lines: [4, 2, 3], num: 2 }, { lines: [4, 2], num: 2 }],
    ['utils/head', { lines: [4, 2, 3] }, { lines: [4], num: 1 }],
    ['utils/smash', { a: 1, $fieldName: 'p' }, { p: { a: 1 } }],
    ['utils/smash', { a: 1 }, { error: "Expected an argument '$fieldName' of type 'string'." }],
    ['utils/namespace', {}, { namespace: 'guest' }],
    ['utils/hosturl', { web: true, path: 'x' }, { url: 'http://localhost:3233/api/v1/web/guest/default/x' }],
    [
      'utils/hosturl',
      { web: true, path: 'p/x', ext: '.json' },
      { url: 'http://localhost:3233/api/v1/web/guest/p/x.json' },
    ],
    [
      'utils/hosturl',
      { path: 't', trigger: true },
      { url: 'http://localhost:3233/api/v1/namespaces/guest/triggers/t' },
    ],
    ['utils/hosturl', { path: 'p/t', trigger: true }, { error: 'triggers are not allowed in packages.' }],
    ['utils/hosturl', { web: true, trigger: true }, { error: 'triggers are not allowed for web actions.' }],
    [
      'utils/hosturl',
      { web: true, ext: '.exe' },
      { error: 'extension for web action must be one of [".html", ".http", ".json", ".svg", ".text"].' },
    ],
    ['samples/greeting', {}, { payload: 'Hello, stranger from somewhere!' }],
    ['samples/greeting', { payload: 'Cat', place: 'Narrowsburg' }, { payload: 'Hello, Cat from Narrowsburg!' }],
    ['samples/cat', { lines: [1, 2] }, { lines: [1, 2], payload: '1\n2\n' }],
    ['samples/cat', {}, { error: 'You must specify a lines parameter!' }],
    ['samples/head', { lines: [1, 2, 3], num: 2 }, { lines: [1, 2], num: 2 }],
    ['samples/helloWorld', { payload: 'Cat' }, {}],
    ['samples/printParams', { x: 1, b: 5 }, { params: { b: 5, x: 1 } }],
    ['samples/wordCount', { payload: 'Five fuzzy felines' }, { count: 3 }],
    ['samples/wordCountAsync', { payload: 'Five fuzzy felines' }, { count: 3 }],
    ['samples/countdown', { n: 0 }, {}],
    ['slack/post', {}, { error: 'No text provided' }],
    ['slack/post', { text: 'x' }, { error: 'No Webhook URL provided' }],
    ['websocket/send', {}, { error: 'You must specify a uri parameter.' }],
    ['websocket/send', { uri: 'ws://x' }, { error: 'You must specify a payload parameter.' }],
  ] as [string, JsonObject | JsonValue[], JsonValue][])('%s of %j is %j', async (name, args, expected) => {
    expect((await run(name, args)).result).toEqual(expected)
  })

  it('answers the date as text', async () => {
    expect((await run('utils/date', {})).result).toEqual({ date: expect.stringMatching(/^\d{4}-\d\d-\d\dT.*Z$/) })
  })

  it('logs what the catalog logs', async () => {
    expect((await run('utils/cat', { lines: [1] })).lines).toEqual([
      'stdout: cat: returning {"lines":[1],"payload":"1"}',
    ])
    expect((await run('samples/helloWorld', { payload: 'Cat' })).lines).toEqual(['stdout: hello Cat!'])
    expect((await run('samples/countdown', { n: '0' })).lines).toEqual(['stdout: 0', 'stdout: Happy New Year!'])
    expect((await run('samples/wordCount', { payload: 'a b' })).lines).toEqual([
      "stdout: The message 'a b' has 2 words",
    ])
  })

  it('keeps numbers that JavaScript cannot hold', async () => {
    const big = new JsonNumber('12345678901234567890')
    expect((await run('utils/echo', { big })).result).toEqual({ big })
  })

  it('fails the way a runtime does when main throws', async () => {
    const split = catalogActions().get('whisk.system/utils/split')
    expect(() => split?.({}, { env: ENV, log: () => {} })).toThrow(TypeError)
  })

  it('leaves the arguments it was given alone', async () => {
    const lines = [3, 1, 2]
    await run('utils/sort', { lines })
    expect(lines).toEqual([3, 1, 2])
  })

  it('counts down by invoking itself with one less', async () => {
    const seen: unknown[] = []
    await withServer(
      request => {
        seen.push(request)
        return { activationId: 'x' }
      },
      async url => {
        const env = {
          ...ENV,
          __OW_API_HOST: url,
          __OW_API_KEY: 'u:k',
          __OW_ACTION_NAME: '/whisk.system/samples/countdown',
        }
        expect((await run('samples/countdown', { n: 2 }, env)).result).toEqual({ activationId: 'x' })
      },
    )
    expect(seen).toEqual([
      { method: 'POST', url: '/api/v1/namespaces/whisk.system/actions/samples/countdown', body: '{"n":1}' },
    ])
  })

  it('posts to Slack as a form', async () => {
    const bodies: string[] = []
    await withServer(
      ({ body }) => {
        bodies.push(body)
        return {}
      },
      async url => {
        expect((await run('slack/post', { url, text: 'hi', channel: 'c' })).result).toEqual({})
      },
    )
    expect(new URLSearchParams(bodies[0]).get('payload')).toBe(
      '{"channel":"c","username":"Simple Message Bot","text":"hi"}',
    )
  })

  it('registers and removes a GitHub hook for a trigger', async () => {
    const calls: string[] = []
    let hook = {}
    await withServer(
      ({ method, url, body }) => {
        calls.push(`${method} ${url}`)
        if (method === 'POST') hook = { ...JSON.parse(body), url: `${base}/hook/1` }
        return method === 'GET' ? [hook] : {}
      },
      async url => {
        base = url
        const env = { ...ENV, __OW_API_KEY: 'u:k' }
        const args = {
          baseUrl: url,
          username: 'me',
          accessToken: 't',
          repository: 'r',
          events: 'push',
          triggerName: '/guest/t',
        }
        await run('github/webhook', { ...args, lifecycleEvent: 'CREATE' }, env)
        expect(hook).toMatchObject({
          events: ['push'],
          config: { url: 'http://u:k@localhost:3233/api/v1/namespaces/guest/triggers/t' },
        })
        await run('github/webhook', { ...args, lifecycleEvent: 'DELETE' }, env)
      },
    )
    expect(calls).toEqual(['POST /repos/me/r/hooks', 'GET /repos/me/r/hooks', 'DELETE /hook/1'])
  })

  let base = ''
})

describe('compileAction', () => {
  const context = { env: {}, log: () => {} }

  it('answers a rejected promise as an application error', async () => {
    expect(await compileAction('function main() { return Promise.reject("x") }')({}, context)).toEqual({ error: 'x' })
    expect(await compileAction('async function main() { throw new RangeError("far") }')({}, context)).toMatchObject({
      error: { name: 'RangeError', message: 'far' },
    })
  })

  it('shows an action nothing of the server but the environment it was given', async () => {
    const source = 'function main() { return { keys: Object.keys(process), env: process.env } }'
    expect(await compileAction(source)({}, { ...context, env: { A: '1' } })).toEqual({ keys: ['env'], env: { A: '1' } })
  })
})

describe('the catalog', () => {
  const entities = catalog.flatMap(pack => toEntities(pack, 'nodejs:20', 1))

  it('shares every package but the one behind the alarms', () => {
    const hidden = entities.filter(entity => entity.entityType === 'package' && !entity.publish)
    expect(hidden.map(({ name }) => name)).toEqual(['alarmsWeb'])
  })

  it('describes every action', () => {
    for (const entity of entities) {
      if (entity.entityType !== 'action') continue
      expect(entity.annotations.map(({ key }) => key)).toEqual(expect.arrayContaining(['description', 'exec']))
    }
  })

  it('binds what tells the feeds of the alarms apart', () => {
    const parameters = (name: string) =>
      entities.find(entity => entity.namespace === 'whisk.system/alarms' && entity.name === name)
    expect(parameters('once')).toMatchObject({ parameters: [{ key: 'fireOnce', value: true }] })
    expect(parameters('interval')).toMatchObject({ parameters: [{ key: 'isInterval', value: true }] })
  })
})
