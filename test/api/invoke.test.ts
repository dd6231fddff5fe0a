// Invoking: what is checked in which order, what waits, and what each outcome answers.
import { beforeEach, describe, expect, it } from 'vitest'
import { WhiskError } from '../../src/errors.ts'
import { type Call, type Harness, JS, openApi } from './harness.ts'
import { NS, rows } from './rows.ts'

const ACTION = `${NS}/_/actions/a`
const GONE = 'The requested resource does not exist.'
const inQuery = (name: string, detail: string) => `The query parameter '${name}' was malformed:\n${detail}`
const TIMEOUT = inQuery('timeout', 'Timeout must be number of milliseconds up to 60000.')
const NO_OBJECT = 'The request content was malformed:\nJSON object expected'

let api: Harness
beforeEach(async () => {
  api = openApi()
  await api.set('PUT', 'actions/a', { exec: JS, parameters: [{ key: 'p', value: 1 }] })
  await api.set('PUT', 'packages/shared', { publish: true }, 'other')
  await api.set('PUT', 'actions/shared/a', { exec: JS }, 'other')
})

const invoke = (query = '', call: Call = {}) => api.call('POST', `${ACTION}${query}`, call)

/** Waits until the request stands at its wait. */
async function untilInvoked(): Promise<void> {
  const deadline = Date.now() + 15_000
  while (api.clock.pending === 0) {
    if (Date.now() > deadline) throw new Error('nothing waits')
    await new Promise(resolve => setImmediate(resolve))
  }
}

describe('a request that does not wait', () => {
  it('answers 202 with the id, in the body and in a header', async () => {
    for (const query of ['', '?result=true', '?timeout=5']) {
      const answer = await invoke(query)
      expect(answer.status).toBe(202)
      expect(answer.text).toMatch(/^{"activationId":"[0-9a-f]{32}"}$/)
      expect(answer.headers.get('x-openwhisk-activation-id')).toBe(answer.text.slice(17, 49))
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
    }
  })

  it('hands the payload, the caller and the parameters on', async () => {
    await invoke('', { body: { x: 1 }, headers: { 'x-request-id': 'tid' } })
    expect(api.invoker.invoked).toEqual([
      expect.objectContaining({
        payload: { x: 1 },
        blocking: false,
        transid: 'tid',
        startedAt: api.clock.now(),
        start: undefined,
        identity: expect.objectContaining({ subject: 'guest' }),
        action: expect.objectContaining({ parameters: [{ key: 'p', value: 1 }] }),
      }),
    ])
  })

  it('takes an absent and an empty JSON body for no payload', async () => {
    await invoke()
    await invoke('', { headers: { 'content-type': 'application/json' } })
    expect(api.invoker.invoked.map(request => request.payload)).toEqual([undefined, undefined])
  })
})

describe('a request that waits', () => {
  it('answers the record', async () => {
    const answer = await invoke('?blocking=true')
    expect(answer.status).toBe(200)
    expect(answer.json).toMatchObject({
      namespace: 'guest',
      name: 'a',
      logs: [],
      response: { result: { ok: true }, status: 'success', success: true },
    })
    expect(answer.json).not.toHaveProperty('response.statusCode')
    expect(answer.headers.get('x-openwhisk-activation-id')).toMatch(/^[0-9a-f]{32}$/)
  })

  const outcomes = [
    [0, { ok: 1 }, 200, 'success'],
    [1, { error: 'x' }, 502, 'application error'],
    [2, { error: 'x' }, 502, 'action developer error'],
    [3, { error: 'x' }, 500, 'whisk internal error'],
  ] as const
  for (const [statusCode, result, status, words] of outcomes) {
    it(`answers ${status} for ${words}, and the result alone when asked`, async () => {
      api.invoker.answer = { statusCode, result }
      const record = await invoke('?blocking=true')
      expect([record.status, record.headers.has('x-openwhisk-activation-id')]).toEqual([status, true])
      expect(record.json).toMatchObject({ response: { result, status: words, success: status === 200 } })
      const bare = await invoke('?blocking=true&result=true')
      expect([bare.status, bare.json]).toEqual([status, result])
    })
  }

  it('answers an array bare, asked for or not', async () => {
    api.invoker.answer = { statusCode: 0, result: [1, { b: 2 }] }
    expect((await invoke('?blocking=true')).text).toBe('[1,{"b":2}]')
  })

  it('answers an empty object when there is no result', async () => {
    api.invoker.answer = { statusCode: 0 }
    expect((await invoke('?blocking=true&result=true')).text).toBe('{}')
  })

  it('answers 202 when its time is up, and the record is there later', async () => {
    let release = () => {}
    api.invoker.hold = new Promise(resolve => {
      release = resolve
    })
    const waiting = invoke('?blocking=true&result=true&timeout=500')
    await untilInvoked()
    await api.clock.advance(499)
    expect(api.clock.pending).toBe(1)
    await api.clock.advance(1)
    const answer = await waiting
    expect(answer.status).toBe(202)
    release()
    await api.invoker.hold
    const id = answer.headers.get('x-openwhisk-activation-id')
    expect((await api.call('GET', `${NS}/_/activations/${id}`)).status).toBe(200)
  })

  it('waits a minute unless told, and leaves no timer behind', async () => {
    api.invoker.hold = new Promise(() => {})
    const waiting = invoke('?blocking=true')
    await untilInvoked()
    await api.clock.advance(60_000)
    expect((await waiting).status).toBe(202)
    api.invoker.hold = undefined
    await invoke('?blocking=true')
    expect(api.clock.pending).toBe(0)
  })
})

describe('what is wrong with a request', () => {
  rows(
    () => api,
    [
      ['POST', 'actions/missing', 404, GONE],
      [
        'POST',
        '/guest/actions/a',
        403,
        "The supplied authentication is not authorized to access 'guest/a'.",
        { as: 'other' },
      ],
      ['POST', 'actions/a?timeout=0', 400, TIMEOUT],
      ['POST', 'actions/a?timeout=65000', 400, TIMEOUT],
      ['POST', 'actions/a?timeout=x', 400, TIMEOUT],
      ['POST', 'actions/a?timeout=', 400, TIMEOUT],
      ['POST', 'actions/a?blocking=foo', 400, inQuery('blocking', "'foo' is not a valid Boolean value")],
      ['POST', 'actions/a?result=maybe', 400, inQuery('result', "'maybe' is not a valid Boolean value"), { raw: '{' }],
      ['POST', 'actions/a', 400, NO_OBJECT, { body: [1] }],
      ['POST', 'actions/a', 400, NO_OBJECT, { body: 'x' }],
      ['POST', 'actions/missing', 400, NO_OBJECT, { body: [1] }],
      ['POST', 'actions/a', 415, /\[text\/plain\]/, { raw: 'x', headers: { 'content-type': 'text/plain' } }],
      [
        'POST',
        'actions/a',
        415,
        /\[application\/x-www-form-urlencoded\]/,
        { raw: 'a=1', headers: { 'content-type': 'application/x-www-form-urlencoded' } },
      ],
      [
        'POST',
        'actions/missing?blocking=x',
        413,
        'Request larger than allowed: 1048577 > 1048576 bytes.',
        { raw: 'x'.repeat(1048577) },
      ],
    ],
  )

  it('is told with the namespace’s own bound for the payload', async () => {
    api.limit('guest', { maxPayloadSize: '10 B' })
    expect((await invoke('', { body: { long: 'x'.repeat(10) } })).error).toMatch(
      /^Request larger than allowed: \d+ > 10 bytes\.$/,
    )
  })

  it('is what the engine says, word for word', async () => {
    api.invoker.answer = () => {
      throw new WhiskError('badRequest', 'Request defines parameters that are not allowed (e.g., reserved properties).')
    }
    const answer = await invoke('?blocking=true', { body: { p: 1 } })
    expect([answer.status, answer.error]).toEqual([
      400,
      'Request defines parameters that are not allowed (e.g., reserved properties).',
    ])
  })
})

describe('foreign actions', () => {
  it('of a published package run in the caller’s namespace', async () => {
    const answer = await api.call('POST', `${NS}/other/actions/shared/a?blocking=true`)
    expect(answer.json).toMatchObject({ namespace: 'guest', subject: 'guest' })
  })

  it('are passed with the binding they were reached through', async () => {
    await api.set('PUT', 'packages/b', { binding: { namespace: 'other', name: 'shared' } })
    await api.call('POST', `${NS}/_/actions/b/a`)
    expect(api.invoker.invoked[0]?.action.binding).toBe('guest/b')
  })
})

describe('throttles', () => {
  it('count every request, before rights and existence', async () => {
    api.limit('guest', { invocationsPerMinute: 2 })
    expect((await api.call('POST', `${NS}/_/actions/missing`)).status).toBe(404)
    expect((await api.call('POST', `${NS}/other/actions/secret`)).status).toBe(403)
    const refused = await invoke()
    expect([refused.status, refused.error]).toEqual([
      429,
      'Too many requests in the last minute (count: 3, allowed: 2).',
    ])
    expect(refused.headers.get('access-control-allow-origin')).toBe('*')
    expect(refused.headers.has('retry-after')).toBe(false)
    await api.clock.advance(60_000)
    expect((await invoke()).status).toBe(202)
  })

  it('refuse while too many are in flight', async () => {
    api.limit('guest', { concurrentInvocations: 1 })
    const uuid = api.store.subjects.identityByNamespace('guest')?.namespace.uuid ?? ''
    api.throttler.started(uuid)
    expect((await invoke()).error).toBe('Too many concurrent requests in flight (count: 1, allowed: 1).')
    api.throttler.ended(uuid)
    expect((await invoke()).status).toBe(202)
  })

  it('do not count what changes entities or rules', async () => {
    api.limit('guest', { invocationsPerMinute: 0, firesPerMinute: 0 })
    await api.set('PUT', 'triggers/t')
    await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
    expect((await api.call('POST', `${NS}/_/rules/r`, { body: { status: 'inactive' } })).status).toBe(200)
    expect((await api.call('POST', `${NS}/_/triggers/t`)).error).toBe(
      'Too many requests in the last minute (count: 1, allowed: 0).',
    )
  })
})

describe('kinds of start', () => {
  it('are demanded by a header, and told by one', async () => {
    api.invoker.startKind = 'warm'
    const answer = await invoke('?blocking=true', { headers: { 'x-ow-start': 'Warm' } })
    expect(api.invoker.invoked[0]?.start).toBe('warm')
    expect(answer.headers.get('x-ow-start')).toBe('warm')
  })

  it('are not demanded by a word that is none', async () => {
    await invoke('', { headers: { 'x-ow-start': 'never' } })
    expect(api.invoker.invoked[0]?.start).toBeUndefined()
  })
})

it('keeps no record for a namespace that stores none', async () => {
  api.limit('guest', { storeActivations: false })
  const answer = await invoke('?blocking=true')
  expect(answer.status).toBe(200)
  const id = answer.headers.get('x-openwhisk-activation-id')
  expect((await api.call('GET', `${NS}/_/activations/${id}`)).status).toBe(404)
})
