// Sequences: what their PUT checks, in which order, and what becomes of their parameters.
import { beforeEach, describe, expect, it } from 'vitest'
import { type Call, type Harness, JS, openApi } from './harness.ts'
import { NS, rows } from './rows.ts'

const sequence = (...components: string[]) => ({ exec: { kind: 'sequence', components } })
const put = (...components: string[]): Call => ({ body: sequence(...components) })
const times = (n: number, name: string) => Array.from({ length: n }, () => name)
const CYCLIC = 'Sequence may not refer to itself.'
const LONG = 'Too many actions in the sequence.'
const MISSING = 'Sequence component does not exist.'
const no = (names: string) => `The supplied authentication is not authorized to access '${names}'.`

let api: Harness
beforeEach(async () => {
  api = openApi()
  await api.set('PUT', 'actions/a', { exec: JS })
  await api.set('PUT', 'packages/p')
  await api.set('PUT', 'actions/p/b', { exec: JS })
  await api.set('PUT', 'packages/bound', { binding: { namespace: '_', name: 'p' } })
  await api.set('PUT', 'triggers/t')
})

describe('a sequence', () => {
  it('has its components resolved, and them as its one parameter', async () => {
    const body = { ...sequence('/_/a', 'guest/p/b', '/_/bound/b'), parameters: [{ key: 'mine', value: 1 }] }
    const { json } = await api.set('PUT', 'actions/s', body)
    const components = ['/guest/a', '/guest/p/b', '/guest/bound/b']
    expect(json).toMatchObject({
      exec: { kind: 'sequence', components },
      parameters: [{ key: '_actions', value: components }],
    })
    expect((await api.call('GET', `${NS}/_/actions/s?code=false`)).json).toMatchObject({ exec: { components } })
  })

  rows(
    () => api,
    [
      ['PUT', 'actions/s', 200, undefined, put(...times(50, '/_/a'))],
      ['PUT', 'actions/s', 400, LONG, put(...times(51, '/_/a'))],
      ['PUT', 'actions/s', 400, 'No component specified for the sequence.', put()],
      ['PUT', 'actions/s', 400, MISSING, put('/_/a', '/_/none')],
      ['PUT', 'actions/s', 400, MISSING, put('/_/p/none')],
      ['PUT', 'actions/s', 409, 'Resource by this name exists but is not in this collection.', put('/_/t')],
      ['PUT', 'actions/s', 404, 'The requested resource does not exist.', put('/_/none/x')],
      ['PUT', 'actions/s', 403, no('other/x'), put('/_/a', '/other/x')],
      ['PUT', 'actions/s', 403, no('other/a, other/b'), put('/other/b', '/other/a')],
      ['PUT', 'actions/s', 403, no('nobody/p'), put('/nobody/p/x', '/other/y')],
      ['PUT', 'actions/s', 400, CYCLIC, put('/_/s')],
      ['PUT', 'actions/p/s', 400, CYCLIC, put('/_/bound/s')],
      ['PUT', 'actions/a', 409, 'resource already exists', put('/_/none')],
      [
        'PUT',
        'actions/s',
        400,
        /^requirement failed: memory size 1 MB below/,
        { body: { ...sequence('/other/x'), limits: { memory: 1 } } },
      ],
    ],
  )

  it('counts nested sequences by what they hold', async () => {
    await api.set('PUT', 'actions/ten', sequence(...times(10, '/_/a')))
    await api.set('PUT', 'actions/fifty', sequence(...times(5, '/_/ten')))
    expect((await api.call('PUT', `${NS}/_/actions/s`, put(...times(5, '/_/ten'), '/_/a'))).error).toBe(LONG)
    expect((await api.call('PUT', `${NS}/_/actions/s`, put('/_/fifty'))).status).toBe(200)
  })

  it('may not lead back to itself, directly, nested, or through a binding', async () => {
    await api.set('PUT', 'actions/inner', sequence('/_/a'))
    await api.set('PUT', 'actions/outer', sequence('/_/inner', '/_/a'))
    await api.set('PUT', 'actions/p/s', sequence('/_/a'))
    await api.set('PUT', 'actions/viaBinding', sequence('/_/bound/s'))
    const update = async (name: string, ...components: string[]) =>
      (await api.call('PUT', `${NS}/_/actions/${name}?overwrite=true`, put(...components))).error
    expect(await update('inner', '/_/inner')).toBe(CYCLIC)
    expect(await update('inner', '/_/a', '/_/outer')).toBe(CYCLIC)
    expect(await update('p/s', '/_/viaBinding')).toBe(CYCLIC)
    // An action that others use becomes a sequence.
    expect(await update('a', '/_/outer')).toBe(CYCLIC)
  })

  it('becomes an ordinary action without its parameters, and back', async () => {
    await api.set('PUT', 'actions/s', sequence('/_/a'))
    expect((await api.set('PUT', 'actions/s?overwrite=true', { publish: true })).json).toMatchObject({
      parameters: [{ key: '_actions', value: ['/guest/a'] }],
    })
    expect((await api.set('PUT', 'actions/s?overwrite=true', { exec: JS })).json).toMatchObject({ parameters: [] })
    expect((await api.set('PUT', 'actions/s?overwrite=true', sequence('/_/a'))).json).toMatchObject({
      annotations: expect.arrayContaining([{ key: 'exec', value: 'sequence' }]),
      parameters: [{ key: '_actions', value: ['/guest/a'] }],
    })
  })

  it('may outlive its components', async () => {
    await api.set('PUT', 'actions/s', sequence('/_/p/b'))
    await api.set('DELETE', 'actions/p/b')
    expect((await api.call('GET', `${NS}/_/actions/s`)).status).toBe(200)
  })

  it('is told from a circle of others that does not hold it', async () => {
    await api.set('PUT', 'actions/x', sequence('/_/a'))
    await api.set('PUT', 'actions/y', sequence('/_/x'))
    const x = api.store.entities.get('guest/x')
    if (x?.entityType === 'action')
      api.store.entities.put({ ...x, exec: { kind: 'sequence', components: ['/guest/y'] } })
    expect((await api.call('PUT', `${NS}/_/actions/s`, put('/_/x'))).error).toBe(CYCLIC)
  })
})
