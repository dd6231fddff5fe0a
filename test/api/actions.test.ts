// Actions: create, update, get, delete, in the default package and in others.
import { beforeEach, describe, expect, it } from 'vitest'
import { type Call, type Harness, JS, openApi } from './harness.ts'
import { NS, type Row, rows } from './rows.ts'

const GONE = 'The requested resource does not exist.'
const CONFORMANCE = 'Resource by this name exists but is not in this collection.'
const malformed = (detail: string) => `The request content was malformed:\n${detail}`
const no = (names: string) => `The supplied authentication is not authorized to access '${names}'.`
const put = (body: unknown): Call => ({ body })
const MB = 1024 * 1024

let api: Harness
beforeEach(() => {
  api = openApi()
})

describe('creating', () => {
  it('answers the action with the kind resolved and all defaults', async () => {
    const { json } = await api.set('PUT', 'actions/a', { exec: { kind: 'nodejs:default', code: '' } })
    expect(json).toEqual({
      annotations: [
        { key: 'provide-api-key', value: false },
        { key: 'exec', value: 'nodejs:20' },
      ],
      exec: { kind: 'nodejs:20', code: '', binary: false },
      limits: { concurrency: 1, logs: 10, memory: 256, timeout: 60000 },
      name: 'a',
      namespace: 'guest',
      parameters: [],
      publish: false,
      updated: api.clock.now() - 1,
      version: '0.0.1',
    })
  })

  rows(() => api, [
    [
      'PUT',
      'actions/x',
      415,
      /Content-Type \[text\/plain\] is not supported/,
      { raw: 'x', headers: { 'content-type': 'text/plain' } },
    ],
    ['PUT', 'actions/x', 400, /Unexpected end-of-input at input index 0/],
    [
      'PUT',
      'actions/x',
      400,
      malformed(`Unexpected character 'b' at input index 1 (line 1, position 2), expected '"':\n{bad\n ^\n`),
      { raw: '{bad', headers: { 'content-type': 'application/json' } },
    ],
    ['PUT', 'actions/x', 400, malformed("Object expected in field 'exec'"), put([])],
    ['PUT', 'actions/x', 400, 'exec undefined', put({ publish: true })],
    ['PUT', 'actions/x?overwrite=true', 400, 'exec undefined', put({})],
    ['PUT', 'actions/x', 400, malformed('JSON object expected'), put({ exec: '' })],
    [
      'PUT',
      'actions/x',
      400,
      /^The request content was malformed:\nThe specified runtime 'foobar' is not supported/,
      put({ exec: { kind: 'foobar', code: 'x' } }),
    ],
    [
      'PUT',
      'actions/x',
      400,
      malformed("'main' must be a string defined in 'exec' for 'java:8' actions"),
      put({ exec: { kind: 'java:8', code: 'x' } }),
    ],
    ['PUT', 'actions/x', 400, malformed('parameters malformed!'), put({ exec: JS, parameters: {} })],
    ['PUT', 'actions/x', 400, malformed('semantic version malformed'), put({ exec: JS, version: '0.0.0' })],
    ['PUT', 'actions/x', 400, malformed('Expected JsBoolean, but got "yes"'), put({ exec: JS, publish: 'yes' })],
    [
      'PUT',
      'actions/x?overwrite=maybe',
      400,
      "The query parameter 'overwrite' was malformed:\n'maybe' is not a valid Boolean value",
      put({ exec: JS }),
    ],
    [
      'PUT',
      'actions/x',
      400,
      'requirement failed: memory size 513 MB exceeds allowed threshold of 512 MB',
      put({ limits: { memory: 513 } }),
    ],
    [
      'PUT',
      'actions/x',
      400,
      'requirement failed: duration 0 milliseconds below allowed threshold of 100 milliseconds',
      put({ exec: JS, limits: { timeout: 0 } }),
    ],
    [
      'PUT',
      'actions/x',
      400,
      'requirement failed: concurrency 2 exceeds allowed threshold of 1',
      put({ exec: JS, limits: { concurrency: 2 } }),
    ],
    [
      'PUT',
      'actions/x',
      400,
      'Max action instance concurrency must not exceed your namespace concurrency of 30.',
      put({ exec: JS, limits: { instances: 40 } }),
    ],
    [
      'PUT',
      'actions/x',
      413,
      /^parameters larger than allowed: \d+ > 1048576 bytes\.$/,
      put({ exec: JS, parameters: [{ key: 'a', value: 'x'.repeat(MB) }] }),
    ],
    [
      'PUT',
      'actions/x?overwrite=x',
      413,
      /^annotations larger than allowed:/,
      put({ annotations: [{ key: 'a', value: 'x'.repeat(MB) }], publish: 7 }),
    ],
    ['PUT', '/other/actions/a', 403, no('other/a'), put({ exec: JS })],
    [
      'PUT',
      'actions/x',
      400,
      /^The 'nodejs:18' runtime is no longer supported\./,
      put({ exec: { kind: 'nodejs:18', code: '' } }),
    ],
  ] as Row[])

  it('keeps the key annotation that the body gives, and puts the kind over any exec annotation', async () => {
    const annotations = [
      { key: 'provide-api-key', value: '' },
      { key: 'exec', value: 'foo' },
    ]
    const { json } = await api.set('PUT', 'actions/a', { exec: JS, annotations })
    expect(json).toMatchObject({
      annotations: [
        { key: 'provide-api-key', value: '' },
        { key: 'exec', value: 'nodejs:20' },
      ],
    })
  })

  it('refuses code beyond 48 MB', async () => {
    const answer = await api.call(
      'PUT',
      `${NS}/_/actions/a`,
      put({ exec: { kind: 'nodejs:20', code: 'x'.repeat(48 * MB + 1) } }),
    )
    expect(answer.error).toBe('exec larger than allowed: 50331649 > 50331648 bytes.')
  })

  it('refuses names that another collection has, whatever overwrite says', async () => {
    await api.set('PUT', 'triggers/t1')
    for (const query of ['', '?overwrite=true']) {
      const answer = await api.call('PUT', `${NS}/_/actions/t1${query}`, put({ exec: JS }))
      expect([answer.status, answer.error]).toEqual([409, CONFORMANCE])
    }
  })

  it('obeys the limits and the kinds of the namespace', async () => {
    const refused = async (body: unknown) => (await api.call('PUT', `${NS}/_/actions/a`, put(body))).error
    api.limit('guest', { maxActionMemory: 128, minActionLogs: 3, maxParameterSize: '100 B', concurrentInvocations: 2 })
    expect(await refused({ exec: JS, limits: { memory: 512 } })).toBe(
      'requirement failed: memory size 512 MB exceeds allowed threshold of 128 MB',
    )
    expect(await refused({ exec: JS, limits: { logs: 1 } })).toBe(
      'requirement failed: log size 1 MB below allowed threshold of 3 MB',
    )
    expect(await refused({ exec: JS, parameters: [{ key: 'a', value: 'x'.repeat(100) }] })).toBe(
      'parameters larger than allowed: 103 > 100 bytes.',
    )
    expect(await refused({ exec: JS, limits: { instances: 3 } })).toMatch(/namespace concurrency of 2\.$/)
    api.limit('guest', { allowedKinds: ['python:3.10'] })
    expect(await refused({ exec: JS })).toBe(
      "The supplied authentication is not authorized to access actions of kind 'nodejs:20'.",
    )
    expect(await refused({ exec: { kind: 'python:default', code: 'x' } })).toBeUndefined()
  })
})

describe('updating', () => {
  const update = (body: unknown) => api.set('PUT', 'actions/a?overwrite=true', body)

  beforeEach(async () => {
    await api.set('PUT', 'actions/a', {
      exec: JS,
      parameters: [{ key: 'p', value: 1 }],
      annotations: [{ key: 'k', value: 'v' }],
      limits: { memory: 128 },
    })
  })

  it('is refused without overwrite', async () => {
    const answer = await api.call('PUT', `${NS}/_/actions/a`, put({ exec: JS }))
    expect([answer.status, answer.error]).toEqual([409, 'resource already exists'])
  })

  it('keeps what the body leaves out, and raises the patch version', async () => {
    const before = (await api.call('GET', `${NS}/_/actions/a`)).json
    const { json } = await update({ updated: 1, name: 'other' })
    expect(json).toEqual({ ...(before as object), version: '0.0.2', updated: api.clock.now() - 1 })
  })

  it('merges annotations, removes those of delAnnotations, and adds no provide-api-key', async () => {
    const { json } = await update({ annotations: [{ key: 'l', value: 2 }], delAnnotations: ['k', 'provide-api-key'] })
    expect(json).toMatchObject({
      annotations: [
        { key: 'exec', value: 'nodejs:20' },
        { key: 'l', value: 2 },
      ],
    })
  })

  it('replaces parameters as a whole, and merges limits', async () => {
    const { json } = await update({ parameters: [{ key: 'q', value: 2 }], limits: { timeout: 100 } })
    expect(json).toMatchObject({ parameters: [{ key: 'q', value: 2 }], limits: { memory: 128, timeout: 100 } })
  })

  it('refuses to keep a deprecated runtime, and lets it be replaced, read and deleted', async () => {
    const stored = api.store.entities.get('guest/a')
    if (stored?.entityType !== 'action') throw new Error('no action')
    api.store.entities.put({ ...stored, exec: { kind: 'nodejs:18', code: 'x', binary: false } })
    const refused = await api.call('PUT', `${NS}/_/actions/a?overwrite=true`, put({ publish: true }))
    expect(refused.error).toMatch(/You may read and delete but not update or invoke this action\.$/)
    expect((await api.call('GET', `${NS}/_/actions/a`)).status).toBe(200)
    expect((await update({ exec: JS })).json).toMatchObject({ exec: { kind: 'nodejs:20' } })
  })

  it('tells the engine and who listens, after it is stored', async () => {
    api.invoker.changed.length = 0
    api.events.length = 0
    await update({ publish: true })
    expect(api.invoker.changed).toEqual(['guest/a'])
    expect(api.events).toEqual([
      expect.objectContaining({
        type: 'entity.changed',
        namespace: 'guest',
        entity: 'guest/a',
        entityType: 'action',
        change: 'put',
      }),
    ])
  })
})

describe('reading and deleting', () => {
  beforeEach(async () => {
    await api.set('PUT', 'actions/a', { exec: JS })
    await api.set('PUT', 'triggers/t1')
  })

  it('leaves the code out when asked', async () => {
    const { json } = await api.call('GET', `${NS}/_/actions/a?code=false`)
    expect(json).toMatchObject({ exec: { kind: 'nodejs:20', binary: false } })
    expect(json).not.toHaveProperty('exec.code')
    expect(json).not.toHaveProperty('binding')
  })

  it('answers the deleted action, and then that there is none', async () => {
    const deleted = await api.call('DELETE', `${NS}/_/actions/a`)
    expect(deleted.json).toMatchObject({ name: 'a', exec: { code: JS.code } })
    expect((await api.call('DELETE', `${NS}/_/actions/a`)).error).toBe(GONE)
    expect(api.invoker.changed.at(-1)).toBe('guest/a')
  })

  rows(
    () => api,
    [
      ['GET', 'actions/xyz', 404, GONE],
      ['GET', 'actions/t1', 409, CONFORMANCE],
      ['DELETE', 'actions/t1', 409, CONFORMANCE],
      [
        'GET',
        'actions/a?code=maybe',
        400,
        "The query parameter 'code' was malformed:\n'maybe' is not a valid Boolean value",
      ],
      ['GET', '/guest/actions/a', 403, no('guest/a'), { as: 'other' }],
      ['DELETE', '/guest/actions/a', 403, no('guest/a'), { as: 'other' }],
      ['GET', '/guest/actions', 403, no('guest'), { as: 'other' }],
    ],
  )
})

describe('packaged actions', () => {
  const PERMITTED = 'Operation not permitted on package binding.'

  beforeEach(async () => {
    await api.set('PUT', 'packages/p', {
      parameters: [
        { key: 'x', value: 'p' },
        { key: 'y', value: 'p' },
        { key: 'z', value: 'p' },
      ],
    })
    await api.set('PUT', 'packages/b', {
      binding: { namespace: '_', name: 'p' },
      parameters: [
        { key: 'y', value: 'b' },
        { key: 'z', value: 'b' },
      ],
    })
    await api.set('PUT', 'packages/gone')
    await api.set('PUT', 'packages/dangling', { binding: { namespace: '_', name: 'gone' } })
    await api.set('DELETE', 'packages/gone')
    await api.set('PUT', 'actions/p/a', { exec: JS, parameters: [{ key: 'z', value: 'a' }] })
    await api.set('PUT', 'triggers/t1')
    await api.set('PUT', 'packages/shared', { publish: true }, 'other')
    await api.set('PUT', 'actions/shared/a', { exec: JS }, 'other')
    await api.set('PUT', 'packages/secret', {}, 'other')
    await api.set('PUT', 'packages/foreign', { binding: { namespace: 'other', name: 'shared' } })
  })

  it('are in the namespace of their package, and list its parameters below their own', async () => {
    expect((await api.call('GET', `${NS}/_/actions/p/a`)).json).toMatchObject({
      namespace: 'guest/p',
      parameters: [
        { key: 'x', value: 'p' },
        { key: 'y', value: 'p' },
        { key: 'z', value: 'a' },
      ],
    })
  })

  it('show the binding’s parameters between, and the binding where the code is left out', async () => {
    const full = (await api.call('GET', `${NS}/_/actions/b/a`)).json
    expect(full).toMatchObject({
      namespace: 'guest/p',
      parameters: [
        { key: 'x', value: 'p' },
        { key: 'y', value: 'b' },
        { key: 'z', value: 'a' },
      ],
    })
    expect(full).not.toHaveProperty('binding')
    expect((await api.call('GET', `${NS}/_/actions/b/a?code=false`)).json).toMatchObject({ binding: 'guest/b' })
  })

  it('show what a changed package gives them at once', async () => {
    await api.call('GET', `${NS}/_/actions/b/a`)
    await api.set('PUT', 'packages/p?overwrite=true', { parameters: [{ key: 'new', value: 1 }] })
    expect((await api.call('GET', `${NS}/_/actions/b/a`)).text).toContain('"key":"new"')
  })

  it('are listed with their package, through a binding too, and among all actions', async () => {
    const names = async (path: string) => {
      const { json } = await api.call('GET', `${NS}/_/${path}`)
      return Array.isArray(json) ? json.map(item => `${item.namespace}/${item.name}`) : json
    }
    expect(await names('actions/p/')).toEqual(['guest/p/a'])
    expect(await names('actions/b/')).toEqual(['guest/p/a'])
    expect(await names('actions')).toEqual(['guest/p/a'])
    expect(await names('actions/foreign/')).toEqual(['other/shared/a'])
    expect((await api.call('GET', `${NS}/_/actions/p/?count=true`)).json).toEqual({ actions: 1 })
  })

  it('are refused in missing packages before their body is looked at', async () => {
    const call: Call = { raw: '{', headers: { 'content-type': 'text/plain' } }
    expect((await api.call('PUT', `${NS}/_/actions/none/a`, call)).error).toBe(GONE)
  })

  rows(
    () => api,
    [
      ['PUT', 'actions/none/a', 404, GONE, put({ exec: JS })],
      ['PUT', 'actions/b/a', 400, PERMITTED, put({ exec: JS })],
      ['DELETE', 'actions/b/a', 400, PERMITTED],
      ['PUT', 'actions/dangling/a', 400, PERMITTED, put({ exec: JS })],
      ['DELETE', 'actions/dangling/a', 400, PERMITTED],
      ['PUT', 'actions/t1/a', 409, CONFORMANCE, put({ exec: JS })],
      ['GET', 'actions/t1/a', 409, CONFORMANCE],
      ['GET', 'actions/p', 409, CONFORMANCE],
      ['GET', 'actions/p/missing', 404, GONE],
      ['GET', 'actions/missing/a', 404, GONE],
      ['GET', 'actions/missing/', 404, GONE],
      ['GET', 'actions/missing/?limit=x', 404, GONE],
      ['GET', 'actions/dangling/a', 404, GONE],
      ['POST', 'actions/missing/a', 404, GONE],
      ['DELETE', 'actions/p/missing', 404, GONE],
      ['DELETE', 'actions/none/a', 404, GONE],
      ['GET', '/other/actions/shared/a', 200],
      ['GET', '/other/actions/shared/none', 404, GONE],
      ['GET', '/other/actions/secret/a', 403, no('other/secret')],
      ['GET', '/other/actions/secret/', 403, no('other/secret')],
      ['POST', '/other/actions/secret/a', 403, no('other/secret')],
      ['PUT', '/other/actions/shared/a', 403, no('other/shared/a'), put({ exec: JS })],
      ['DELETE', '/other/actions/shared/a', 403, no('other/shared/a')],
    ],
  )

  it('are out of reach once the foreign package behind a binding is private', async () => {
    expect((await api.call('GET', `${NS}/_/actions/foreign/a`)).status).toBe(200)
    await api.set('PUT', 'packages/shared?overwrite=true', { publish: false }, 'other')
    expect((await api.call('GET', `${NS}/_/actions/foreign/a`)).error).toBe(no('guest/foreign'))
  })
})
