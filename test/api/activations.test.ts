// Activations, limits, and what all lists have in common.
import { beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { anActivation } from '../builders.ts'
import { EPOCH } from '../fakes/clock.ts'
import { type Harness, JS, openApi } from './harness.ts'
import { NS, type Row, rows } from './rows.ts'

const GONE = 'The requested resource does not exist.'
const NOT_FOUND = 'The requested resource could not be found.'
const no = (names: string) => `The supplied authentication is not authorized to access '${names}'.`
const inQuery = (name: string, detail: string) => `The query parameter '${name}' was malformed:\n${detail}`
const named = (name: string) =>
  inQuery('name', `Parameter may be a 'simple' name or 'package-name/simple' name: ${name}`)
const epoch = (name: string, value: string) =>
  inQuery(name, `Parameter is not a valid value for epoch seconds: ${value}`)
const id = (digit: string) => digit.repeat(32)

let api: Harness

describe('activations', () => {
  beforeAll(() => {
    api = openApi()
    const path = (value: string) => [{ key: 'path', value }]
    const { activations } = api.store
    activations.put(anActivation({ activationId: id('1'), start: EPOCH, name: 'xyz', annotations: path('guest/xyz') }))
    activations.put(
      anActivation({
        activationId: id('2'),
        start: EPOCH + 10,
        name: 'xyz',
        annotations: path('guest/pkg/xyz'),
        logs: ['line'],
      }),
    )
    activations.put({
      ...anActivation({
        activationId: id('3'),
        start: EPOCH + 20,
        name: 't',
        annotations: [],
        response: { statusCode: 0, result: {} },
      }),
      end: undefined,
      duration: undefined,
    })
    activations.put(anActivation({ activationId: id('4'), namespace: 'other', name: 'theirs' }))
  })

  const ids = async (query: string) => {
    const { json } = await api.call('GET', `${NS}/_/activations${query}`)
    return Array.isArray(json) ? json.map(item => item.activationId.slice(0, 1)).join('') : json
  }

  it('are listed newest first, by page, name and time', async () => {
    expect(await ids('')).toBe('321')
    expect(await ids('/?limit=0')).toBe('321')
    expect(await ids('?limit=1')).toBe('3')
    expect(await ids('?skip=1')).toBe('21')
    expect(await ids('?skip=100')).toBe('')
    expect(await ids('?name=xyz')).toBe('1')
    expect(await ids('?name=pkg/xyz')).toBe('2')
    expect(await ids('?name=//pkg/xyz/')).toBe('2')
    expect(await ids('?name=')).toBe('321')
    expect(await ids('?name=%20%20')).toBe('321')
    expect(await ids(`?since=${EPOCH + 10}`)).toBe('32')
    expect(await ids(`?upto=${EPOCH + 10}`)).toBe('21')
    expect(await ids(`?since=${EPOCH + 10}&upto=${EPOCH + 10}`)).toBe('2')
    expect(await ids('?since=-9223372036854775808&upto=9223372036854775807')).toBe('321')
  })

  it('are counted with the same filters, without the skipped ones', async () => {
    expect(await ids('?count=true')).toEqual({ activations: 3 })
    expect(await ids('?count=true&skip=2&limit=1')).toEqual({ activations: 1 })
    expect(await ids('?count=true&skip=9')).toEqual({ activations: 0 })
    expect(await ids('?count=true&name=xyz')).toEqual({ activations: 1 })
  })

  it('are summed up in lists, and shown whole with docs', async () => {
    const { json: short } = await api.call('GET', `${NS}/_/activations?skip=1&limit=1`)
    expect(Array.isArray(short) && Object.keys(short[0])).toEqual([
      'activationId',
      'annotations',
      'duration',
      'end',
      'name',
      'namespace',
      'publish',
      'start',
      'statusCode',
      'version',
    ])
    const { json: whole } = await api.call('GET', `${NS}/_/activations?skip=1&limit=1&docs=true`)
    expect(whole).toMatchObject([{ logs: ['line'], response: { status: 'success' }, subject: 'guest' }])
  })

  it('of triggers have no end and no duration', async () => {
    const { json } = await api.call('GET', `${NS}/_/activations/${id('3')}`)
    expect(json).not.toHaveProperty('end')
    expect(json).not.toHaveProperty('duration')
  })

  it('are read whole, and by their parts', async () => {
    const read = async (rest: string) => (await api.call('GET', `${NS}/_/activations/${id('2')}${rest}`)).json
    expect(await read('')).toMatchObject({ activationId: id('2'), response: { success: true } })
    expect(await read('/')).toEqual(await read(''))
    expect(await read('/logs')).toEqual({ logs: ['line'] })
    expect(await read('/result')).toEqual({ result: { ok: true }, size: 11, status: 'success', success: true })
  })

  const zeros = id('0')
  rows(
    () => api,
    [
      ['GET', '/guest/activations', 403, no('guest'), { as: 'other' }],
      ['GET', '/guest/activations?limit=x', 403, no('guest'), { as: 'other' }],
      ['GET', `/guest/activations/${id('1')}`, 403, no(`guest/${id('1')}`), { as: 'other' }],
      ['GET', `/guest/activations/${id('1')}/bogus`, 403, no(`guest/${id('1')}`), { as: 'other' }],
      ['GET', `activations/${id('4')}`, 404, GONE],
      ['GET', `activations/${zeros}`, 404, GONE],
      ['GET', `activations/${zeros}/logs?limit=x`, 404, GONE],
      ['GET', `activations/${zeros}/result`, 404, GONE],
      ['GET', `activations/${zeros}/bogus`, 404, NOT_FOUND],
      ['GET', `activations/${zeros}/logs/x`, 404, NOT_FOUND],
      ['GET', `activations/${'a'.repeat(31)}`, 400, 'Activation id length is 31 but must be 32.'],
      ['GET', `activations/${'a'.repeat(35)}`, 400, 'Activation id length is 35 but must be 32.'],
      ['GET', `activations/${'z'.repeat(32)}`, 400, 'The activation id is not valid.'],
      ['GET', `activations/${'A'.repeat(32)}/logs`, 400, 'The activation id is not valid.'],
      ['PUT', `activations/${zeros}`, 404, NOT_FOUND, { body: {} }],
      ['POST', `activations/${zeros}`, 404, NOT_FOUND],
      ['DELETE', 'activations/xyz', 404, NOT_FOUND],
      ['GET', 'activations?name=abc/xyz/123', 400, named('abc/xyz/123')],
      ['GET', 'activations?name=0%20', 400, named('0 ')],
      ['GET', 'activations?name=$', 400, named('$')],
      ['GET', 'activations?since=xxx', 400, epoch('since', 'xxx')],
      ['GET', 'activations?upto=yyy', 400, epoch('upto', 'yyy')],
      ['GET', 'activations?upto=', 400, epoch('upto', '')],
      ['GET', 'activations?since=9223372036854775808', 400, epoch('since', '9223372036854775808')],
      ['GET', 'activations?docs=true&count=true', 400, "The parameter 'docs' is not permitted with 'count'."],
      [
        'GET',
        'activations?upto=a&since=b&name=$&docs=c&count=d',
        400,
        inQuery('count', "'d' is not a valid Boolean value"),
      ],
      ['GET', 'activations?upto=a&since=b&name=$', 400, named('$')],
      ['GET', 'activations?upto=a&since=b', 400, epoch('since', 'b')],
    ],
  )
})

describe('logs on their way', () => {
  beforeEach(() => {
    api = openApi()
    api.store.activations.put(anActivation({ activationId: id('1'), logs: [] }), { logsPending: true })
  })

  it.each([
    `activations/${id('1')}`,
    `activations/${id('1')}/logs`,
    `activations/${id('1')}/result`,
    'activations',
    'activations?docs=true&name=hello',
  ])('are waited for by %s', async path => {
    let settle = () => {}
    api.invoker.settling = new Promise(resolve => {
      settle = resolve
    })
    const reading = api.call('GET', `${NS}/_/${path}`)
    await new Promise(resolve => setImmediate(resolve))
    api.store.activations.setLogs(id('1'), ['late'])
    settle()
    const { text } = await reading
    if (/docs|logs/.test(path)) expect(text).toContain('late')
    expect(api.invoker.asked).toEqual([id('1')])
  })

  it.each(['activations?count=true', 'activations?name=other', 'activations?docs=true&skip=1'])(
    'do not hold up %s',
    async path => {
      api.invoker.settling = new Promise(() => {})
      expect((await api.call('GET', `${NS}/_/${path}`)).status).toBe(200)
      expect(api.invoker.asked).toEqual([])
    },
  )
})

describe('limits', () => {
  beforeEach(() => {
    api = openApi({ limits: { preset: 'apache' } })
  })

  it('are those of the system for a namespace without its own', async () => {
    const expected = {
      concurrentInvocations: 30,
      firesPerMinute: 60,
      invocationsPerMinute: 60,
      maxActionConcurrency: 1,
      maxActionInstances: 30,
      maxActionLogs: 10,
      maxActionMemory: 512,
      maxActionTimeout: 300000,
      maxParameterSize: '1048576 B',
      minActionConcurrency: 1,
      minActionLogs: 0,
      minActionMemory: 128,
      minActionTimeout: 100,
    }
    expect((await api.call('GET', `${NS}/_/limits`)).json).toEqual(expected)
    expect((await api.call('GET', `${NS}/guest/limits/`)).json).toEqual(expected)
  })

  it('show what the namespace was given', async () => {
    api.limit('guest', {
      concurrentInvocations: 5,
      allowedKinds: ['nodejs:20'],
      storeActivations: false,
      maxParameterSize: '500 KB',
    })
    expect((await api.call('GET', `${NS}/_/limits`)).json).toMatchObject({
      concurrentInvocations: 5,
      maxActionInstances: 5,
      allowedKinds: ['nodejs:20'],
      storeActivations: false,
      maxParameterSize: '500 KB',
    })
  })

  rows(
    () => api,
    [
      ['GET', '/other/limits', 403, no('other')],
      ['GET', 'limits/x', 400, 'Inner entity level routes for limits are not yet implemented.'],
      ['PUT', 'limits', 404, NOT_FOUND, { body: {} }],
      ['DELETE', 'limits', 404, NOT_FOUND],
    ],
  )
})

describe('lists', () => {
  beforeAll(async () => {
    api = openApi()
    for (const name of ['one', 'two', 'three']) {
      await api.set('PUT', `actions/${name}`, { exec: JS, parameters: [{ key: 'p', value: 1 }] })
    }
  })

  it('show summaries, the last changed first', async () => {
    const { json } = await api.call('GET', `${NS}/_/actions?docs=true`)
    expect(json).toMatchObject([{ name: 'three', exec: { binary: false } }, { name: 'two' }, { name: 'one' }])
    expect(Array.isArray(json) && Object.keys(json[0])).toEqual([
      'annotations',
      'exec',
      'limits',
      'name',
      'namespace',
      'publish',
      'updated',
      'version',
    ])
    await api.set('PUT', 'actions/one?overwrite=true', { publish: true })
    expect((await api.call('GET', `${NS}/_/actions?limit=1`)).json).toMatchObject([{ name: 'one', publish: true }])
  })

  it('of actions count what is not skipped', async () => {
    expect((await api.call('GET', `${NS}/_/actions?count=yes&skip=1`)).json).toEqual({ actions: 2 })
    expect((await api.call('GET', `${NS}/_/actions?count=1&skip=7&limit=1`)).json).toEqual({ actions: 0 })
  })

  for (const collection of ['actions', 'triggers', 'rules', 'packages', 'activations']) {
    const range = (value: string) =>
      inQuery('limit', `The value '${value}' is not in the range of 0 to 200 for ${collection}.`)
    const integer = (name: string, value: string) =>
      inQuery(name, `The value '${value}' is not an integer for ${collection}.`)
    const bad: Row[] = [
      ['GET', `${collection}?limit=201`, 400, range('201')],
      ['GET', `${collection}?limit=-1`, 400, range('-1')],
      ['GET', `${collection}?limit=string`, 400, integer('limit', 'string')],
      ['GET', `${collection}?limit`, 400, integer('limit', '')],
      ['GET', `${collection}?limit=1.0`, 400, integer('limit', '1.0')],
      ['GET', `${collection}?limit=99999999999`, 400, integer('limit', '99999999999')],
      [
        'GET',
        `${collection}?skip=-1`,
        400,
        inQuery('skip', `The value '-1' is not greater than or equal to 0 for ${collection}.`),
      ],
      ['GET', `${collection}?skip=string&limit=x&count=z`, 400, integer('skip', 'string')],
      ['GET', `${collection}?limit=x&count=z`, 400, integer('limit', 'x')],
      ['GET', `${collection}?count=MAYBE`, 400, inQuery('count', "'maybe' is not a valid Boolean value")],
      ['GET', `${collection}?limit=-0&skip=%2B1&count=&foo=bar`, 200],
      ['GET', `${collection}?limit=1&limit=x`, 200],
      ['GET', `${collection}?limit=200`, 200],
    ]
    rows(() => api, bad)
  }
})
