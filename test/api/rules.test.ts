// Rules: references, links in triggers, changes of status.
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { WhiskError } from '../../src/errors.ts'
import { type Call, type Harness, JS, openApi } from './harness.ts'
import { NS, rows } from './rows.ts'

const GONE = 'The requested resource does not exist.'
const CONFORMANCE = 'Resource by this name exists but is not in this collection.'
const no = (names: string) => `The supplied authentication is not authorized to access '${names}'.`
const malformed = (detail: string) => `The request content was malformed:\n${detail}`
const TOO_SHORT = malformed(
  'requirement failed: The fully qualified name of the entity must contain at least the namespace and the name of the entity.',
)
const rule = (trigger: unknown, action: unknown): Call => ({ body: { trigger, action } })
const status = (value: unknown): Call => ({ body: { status: value } })

let api: Harness
beforeEach(async () => {
  api = openApi()
  await api.set('PUT', 'actions/a', { exec: JS })
  await api.set('PUT', 'actions/a2', { exec: JS })
  await api.set('PUT', 'packages/p')
  await api.set('PUT', 'actions/p/x', { exec: JS })
  await api.set('PUT', 'packages/b', { binding: { namespace: '_', name: 'p' } })
  await api.set('PUT', 'triggers/t')
  await api.set('PUT', 'triggers/t2')
})

const linksOf = async (trigger: string) => {
  const { json } = await api.call('GET', `${NS}/_/triggers/${trigger}`)
  return typeof json === 'object' && json !== null && 'rules' in json ? json.rules : undefined
}
const statusOf = async (name: string) => {
  const { json } = await api.call('GET', `${NS}/_/rules/${name}`)
  return typeof json === 'object' && json !== null && 'status' in json ? json.status : undefined
}

describe('creating a rule', () => {
  it('links it to its trigger, active', async () => {
    expect((await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a', status: 'inactive' })).json).toEqual({
      action: { name: 'a', path: 'guest' },
      annotations: [],
      name: 'r',
      namespace: 'guest',
      publish: false,
      status: 'active',
      trigger: { name: 't', path: 'guest' },
      updated: api.clock.now() - 1,
      version: '0.0.1',
    })
    expect(await linksOf('t')).toEqual({ 'guest/r': { action: { name: 'a', path: 'guest' }, status: 'active' } })
  })

  rows(
    () => api,
    [
      ['PUT', 'rules/r', 200, undefined, rule({ path: 'guest', name: 't' }, { path: '_', name: 'a' })],
      ['PUT', 'rules/r', 200, undefined, rule('/_/t', '/_/p/x')],
      ['PUT', 'rules/r', 200, undefined, rule('/_/t', '/_/b/x')],
      ['PUT', 'rules/r', 400, TOO_SHORT, rule('t', '/_/a')],
      ['PUT', 'rules/r', 400, TOO_SHORT, rule('/_/t', 'a')],
      ['PUT', 'rules/r', 400, 'trigger /guest/bogus does not exist', rule('/_/bogus', '/_/a')],
      ['PUT', 'rules/r', 400, 'trigger /guest/bogus does not exist', rule('/_/bogus', '/_/bogus')],
      ['PUT', 'rules/r', 400, 'action /guest/bogus does not exist', rule('/_/t', '/_/bogus')],
      ['PUT', 'rules/r', 400, 'action /guest/b/bogus does not exist', rule('/_/t', '/_/b/bogus')],
      ['PUT', 'rules/r', 404, GONE, rule('/_/t', '/_/nopackage/x')],
      [
        'PUT',
        'rules/r',
        400,
        /^document type class .*\.WhiskAction did not match expected type class .*\.WhiskTrigger\.$/,
        rule('/_/a', '/_/a'),
      ],
      ['PUT', 'rules/r', 400, 'rule requires a valid trigger and a valid action', { body: {} }],
      ['PUT', 'rules/r', 400, 'rule requires a valid trigger and a valid action', rule('/_/t', null)],
      ['PUT', 'rules/r', 403, no('other/t'), rule('/other/t', '/_/a')],
      ['PUT', 'rules/r', 403, no('other/a, other/t'), rule('/other/t', '/other/a')],
      // Only actions are in packages.
      ['PUT', 'rules/r', 400, 'trigger /guest/none/t does not exist', rule('/_/none/t', '/_/a')],
      ['PUT', 'rules/r', 400, 'trigger /guest/a/t does not exist', rule('/_/a/t', '/_/a')],
      ['PUT', 'rules/r', 403, no('other/p/t'), rule('/other/p/t', '/_/a')],
      ['PUT', 'rules/r', 403, no('other/a, other/p/t'), rule('/other/p/t', '/other/a')],
      ['PUT', 'rules/r', 403, no('nobody/p'), rule('/other/t', '/nobody/p/a')],
      ['PUT', '/guest/rules/r', 403, no('guest/r'), { as: 'other', raw: '{' }],
      ['PUT', 'rules/a', 409, CONFORMANCE, rule('/_/t', '/_/a')],
      [
        'PUT',
        'rules/r',
        413,
        /^annotations larger than allowed/,
        { body: { annotations: [{ key: 'a', value: 'x'.repeat(1048576) }] } },
      ],
    ],
  )

  it('is refused when a referenced document cannot be read', async () => {
    const { get } = api.store.entities
    const spy = vi.spyOn(api.store.entities, 'get').mockImplementation(id => {
      if (id === 'guest/a') throw new WhiskError('internal', 'Resource is corrupted and cannot be read.')
      return get(id)
    })
    const answer = await api.call('PUT', `${NS}/_/rules/r`, rule('/_/t', '/_/a'))
    spy.mockRestore()
    expect([answer.status, answer.error]).toEqual([400, 'Resource is corrupted and cannot be read.'])
  })
})

describe('updating a rule', () => {
  beforeEach(() => api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' }))
  const update = (body: unknown) => api.call('PUT', `${NS}/_/rules/r?overwrite=true`, { body })

  it('is refused without overwrite', async () => {
    expect((await api.call('PUT', `${NS}/_/rules/r`, rule('/_/t', '/_/a'))).error).toBe('resource already exists')
  })

  it('keeps references and status', async () => {
    expect((await update({})).json).toMatchObject({ version: '0.0.2', status: 'active', action: { name: 'a' } })
    await api.set('POST', 'rules/r', { status: 'inactive' })
    expect((await update({ annotations: [] })).json).toMatchObject({ version: '0.0.3', status: 'inactive' })
  })

  it('updates the link with the action', async () => {
    await update({ action: '/_/a2' })
    expect(await linksOf('t')).toEqual({ 'guest/r': { action: { name: 'a2', path: 'guest' }, status: 'active' } })
  })

  it('moves the link, and its status, to another trigger', async () => {
    await api.set('POST', 'rules/r', { status: 'inactive' })
    expect((await update({ trigger: '/_/t2' })).json).toMatchObject({ status: 'inactive', trigger: { name: 't2' } })
    expect(await linksOf('t')).toEqual({})
    expect(await linksOf('t2')).toMatchObject({ 'guest/r': { status: 'inactive' } })
  })

  it('leaves it inactive when the trigger had lost the link', async () => {
    await api.set('DELETE', 'triggers/t')
    await api.set('PUT', 'triggers/t')
    expect((await update({})).json).toMatchObject({ status: 'inactive' })
    expect(await linksOf('t')).toMatchObject({ 'guest/r': { status: 'inactive' } })
  })

  it('is refused when a stored reference is gone', async () => {
    await api.set('DELETE', 'actions/a')
    expect((await update({})).error).toBe('action /guest/a does not exist')
    await api.set('DELETE', 'triggers/t')
    expect((await update({})).error).toBe('trigger /guest/t does not exist')
    expect((await update({ trigger: '/_/t2', action: '/_/a2' })).status).toBe(200)
  })
})

describe('the status of a rule', () => {
  beforeEach(() => api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' }))

  it('toggles in the trigger, and answers OK as text', async () => {
    for (const word of ['inactive', 'inactive', 'active', 'active']) {
      const answer = await api.call('POST', `${NS}/_/rules/r`, { body: { status: word, trigger: null, action: null } })
      expect([answer.status, answer.text]).toEqual([200, 'OK'])
      expect(answer.headers.get('content-type')).toBe('text/plain; charset=UTF-8')
      expect(await statusOf('r')).toBe(word)
    }
    expect((await api.call('GET', `${NS}/_/rules/r`)).json).toMatchObject({ version: '0.0.1' })
  })

  it('puts a link that is set again behind the others', async () => {
    await api.set('PUT', 'rules/r2', { trigger: '/_/t', action: '/_/a' })
    await api.set('POST', 'rules/r', { status: 'inactive' })
    const stored = api.store.entities.get('guest/t')
    expect(stored?.entityType === 'trigger' && Object.keys(stored.rules ?? {})).toEqual(['guest/r2', 'guest/r'])
  })

  it('is inactive without the trigger, or when the trigger lost the link', async () => {
    await api.set('DELETE', 'triggers/t')
    expect(await statusOf('r')).toBe('inactive')
    expect((await api.call('POST', `${NS}/_/rules/r`, status('inactive'))).status).toBe(200)
    const refused = await api.call('POST', `${NS}/_/rules/r`, status('active'))
    expect([refused.status, refused.error]).toEqual([404, 'Only rules with existing triggers can be activated'])
    await api.set('PUT', 'triggers/t')
    expect(await statusOf('r')).toBe('inactive')
    await api.set('POST', 'rules/r', { status: 'active' })
    expect(await linksOf('t')).toMatchObject({ 'guest/r': { status: 'active' } })
  })

  rows(
    () => api,
    [
      ['POST', 'rules/none', 400, /Unexpected end-of-input/],
      ['POST', 'rules/none', 400, malformed('key not found: status'), { body: {} }],
      ['POST', 'rules/none', 400, malformed('requirement failed: xxx is not a recognized rule state'), status('xxx')],
      ['POST', 'rules/none', 400, malformed('requirement failed: argument undefined'), status('')],
      ['POST', 'rules/none', 400, malformed('["active"] (of class spray.json.JsArray)'), status(['active'])],
      ['POST', 'rules/none', 413, /^Request larger than allowed: 1048577 >/, { raw: 'x'.repeat(1048577) }],
      ['POST', 'rules/none', 404, GONE, status('active')],
      ['POST', 'rules/t', 409, CONFORMANCE, status('active')],
      ['POST', '/guest/rules/r', 403, no('guest/r'), { as: 'other', ...status('active') }],
      ['GET', 'rules/none', 404, GONE],
      ['GET', 'rules/t', 409, CONFORMANCE],
      ['DELETE', 'rules/none', 404, GONE],
      ['DELETE', 'rules/t', 409, CONFORMANCE],
    ],
  )
})

describe('deleting a rule', () => {
  beforeEach(() => api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' }))

  it('answers it as inactive and takes the link away', async () => {
    expect((await api.call('DELETE', `${NS}/_/rules/r`)).json).toMatchObject({ name: 'r', status: 'inactive' })
    expect(await linksOf('t')).toEqual({})
  })

  it('works without the trigger', async () => {
    await api.set('DELETE', 'triggers/t')
    expect((await api.call('DELETE', `${NS}/_/rules/r`)).status).toBe(200)
  })

  it('leaves nothing in the way of a rule of that name for another trigger', async () => {
    await api.set('DELETE', 'rules/r')
    await api.set('PUT', 'rules/r', { trigger: '/_/t2', action: '/_/a' })
    expect(await linksOf('t2')).toMatchObject({ 'guest/r': { status: 'active' } })
  })
})

it('lists rules without their status', async () => {
  await api.set('PUT', 'rules/r', { trigger: '/_/t', action: '/_/a' })
  const { json } = await api.call('GET', `${NS}/_/rules`)
  expect(Array.isArray(json) && Object.keys(json[0])).toEqual([
    'action',
    'annotations',
    'name',
    'namespace',
    'publish',
    'trigger',
    'updated',
    'version',
  ])
})
