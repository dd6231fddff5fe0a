// Triggers: create, update, get, delete, fire.
import { beforeEach, describe, expect, it } from 'vitest'
import { type Call, type Harness, JS, openApi } from './harness.ts'
import { NS, type Row, rows } from './rows.ts'

const GONE = 'The requested resource does not exist.'
const CONFORMANCE = 'Resource by this name exists but is not in this collection.'
const no = (names: string) => `The supplied authentication is not authorized to access '${names}'.`
const malformed = (detail: string) => `The request content was malformed:\n${detail}`
const feed = (value: unknown): Call => ({ body: { annotations: [{ key: 'feed', value }] } })

let api: Harness
beforeEach(async () => {
  api = openApi()
  await api.set('PUT', 'actions/a', { exec: JS })
  await api.set('PUT', 'triggers/t', { parameters: [{ key: 'a', value: 1 }] })
})

describe('triggers', () => {
  it('have empty limits, no rules at first, and count versions', async () => {
    expect((await api.set('PUT', 'triggers/new')).json).toEqual({
      annotations: [],
      limits: {},
      name: 'new',
      namespace: 'guest',
      parameters: [],
      publish: false,
      updated: api.clock.now() - 1,
      version: '0.0.1',
    })
    expect((await api.set('PUT', 'triggers/t?overwrite=true')).json).toMatchObject({
      version: '0.0.2',
      parameters: [{ key: 'a', value: 1 }],
    })
  })

  it('show their rules', async () => {
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
    expect((await api.call('GET', `${NS}/_/triggers/t`)).json).toMatchObject({
      rules: { 'guest/r': { action: { name: 'a', path: 'guest' }, status: 'active' } },
      version: '0.0.1',
    })
  })

  it('keep their rules in an update, and show them when deleted', async () => {
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
    await api.set('PUT', 'triggers/t?overwrite=true', { parameters: [] })
    expect((await api.call('DELETE', `${NS}/_/triggers/t`)).json).toHaveProperty(['rules', 'guest/r'])
    expect((await api.call('GET', `${NS}/_/rules/r`)).json).toMatchObject({ status: 'inactive' })
  })

  it('are checked for a feed when created, not when updated', async () => {
    expect((await api.call('PUT', `${NS}/_/triggers/t?overwrite=true`, feed('a,b'))).status).toBe(200)
  })

  rows(
    () => api,
    [
      ['PUT', 'triggers/t', 409, 'resource already exists', { body: {} }],
      ['PUT', 'triggers/a', 409, CONFORMANCE, { body: {} }],
      ['PUT', 'triggers/a?overwrite=true', 409, CONFORMANCE, { body: {} }],
      ['GET', 'triggers/a', 409, CONFORMANCE],
      ['DELETE', 'triggers/a', 409, CONFORMANCE],
      ['POST', 'triggers/a', 409, CONFORMANCE],
      ['GET', 'triggers/gone', 404, GONE],
      ['DELETE', 'triggers/gone', 404, GONE],
      ['POST', 'triggers/gone', 404, GONE],
      ...([['GET'], ['DELETE'], ['POST']] as const).map(
        ([method]): Row => [method, '/guest/triggers/t', 403, no('guest/t'), { as: 'other' }],
      ),
      ['PUT', '/guest/triggers/t', 403, no('guest/t'), { as: 'other', raw: '{' }],
      ['GET', '/guest/triggers', 403, no('guest'), { as: 'other' }],
      ['PUT', 'triggers/x', 200, undefined, feed('xyz')],
      ['PUT', 'triggers/x', 400, 'Feed name is not valid', feed('')],
      ['PUT', 'triggers/x', 400, 'Feed name is not valid', feed(7)],
      ['PUT', 'triggers/x', 400, malformed('Object expected'), { body: { limits: 7 } }],
      ['PUT', 'triggers/x', 400, malformed('JSON object expected'), { body: { exec: 7 } }],
      [
        'PUT',
        'triggers/x',
        413,
        /^parameters larger than allowed/,
        { body: { parameters: [{ key: 'a', value: 'x'.repeat(1048576) }] } },
      ],
      ['POST', 'triggers/t', 413, /^Request larger than allowed: 1048577 >/, { raw: 'x'.repeat(1048577) }],
      ['POST', 'triggers/t', 400, malformed('JSON object expected'), { body: [1] }],
      ['POST', 'triggers/t', 415, /\[text\/plain\]/, { raw: 'x', headers: { 'content-type': 'text/plain' } }],
    ],
  )
})

describe('firing', () => {
  const fire = (call: Call = {}) => api.call('POST', `${NS}/_/triggers/t`, call)

  it('answers 204 and nothing else while no rule is active', async () => {
    const without = await fire({ body: { a: 1 } })
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
    await api.set('POST', 'rules/r', { status: 'inactive' })
    const inactive = await fire()
    for (const answer of [without, inactive]) {
      expect([answer.status, answer.text]).toEqual([204, ''])
      expect(answer.headers.has('x-openwhisk-activation-id')).toBe(false)
      expect(answer.headers.has('content-type')).toBe(false)
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    }
  })

  it('answers 202 with the id once a rule is active', async () => {
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
    const answer = await fire({ body: { x: 1 }, headers: { foo: 'Bar', 'x-ow-extra-logging': 'on' } })
    expect(answer.status).toBe(202)
    expect(answer.text).toBe(`{"activationId":"${answer.headers.get('x-openwhisk-activation-id')}"}`)
    const [request] = api.invoker.fired
    expect(request).toMatchObject({ payload: { x: 1 }, headers: { foo: 'Bar' }, trigger: { name: 't' } })
    expect(request?.headers).toHaveProperty('authorization')
    for (const header of ['content-type', 'content-length', 'x-ow-extra-logging']) {
      expect(request?.headers).not.toHaveProperty(header)
    }
  })

  it('takes no body for an empty payload, and ignores the query', async () => {
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
    expect((await api.call('POST', `${NS}/_/triggers/t?blocking=x&timeout=0`)).status).toBe(202)
    expect(api.invoker.fired[0]?.payload).toEqual({})
  })

  it('ends when its rule is deleted', async () => {
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
    await api.set('DELETE', 'rules/r')
    expect((await fire()).status).toBe(204)
  })
})
