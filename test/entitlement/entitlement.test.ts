// Rights: ownership, visibility of packages, and the outcomes of package lookups, told to owners only.
import { describe, expect, it } from 'vitest'
import { createEntitlement, type Privilege, type Resource } from '../../src/entitlement/entitlement.ts'
import type { Identity, UserLimits } from '../../src/entity/identity.ts'
import type { WhiskAction, WhiskEntity, WhiskPackage } from '../../src/entity/whisk-entity.ts'
import { WhiskError } from '../../src/errors.ts'
import type { EntityStore } from '../../src/store/store.ts'

const common = { version: '0.0.1', annotations: [], updated: 1, parameters: [] }

const aPackage = (id: string, rest: Partial<WhiskPackage> = {}): WhiskPackage => {
  const [namespace = '', name = ''] = id.split('/')
  return { ...common, entityType: 'package', namespace, name, publish: false, ...rest }
}

const anAction = (id: string): WhiskAction => ({
  ...common,
  entityType: 'action',
  namespace: id.slice(0, id.lastIndexOf('/')),
  name: id.slice(id.lastIndexOf('/') + 1),
  publish: true,
  exec: { kind: 'nodejs:20', code: '', binary: false },
  limits: { timeout: 60000, memory: 256, logs: 10, concurrency: 1 },
})

/** Entities in memory; `guest/corrupt` and `other/corrupt` cannot be read. */
function entities(...all: WhiskEntity[]): { entities: EntityStore } {
  const byId = new Map(all.map(entity => [`${entity.namespace}/${entity.name}`, entity]))
  return {
    entities: {
      get(id) {
        if (id.endsWith('/corrupt')) throw new WhiskError('internal', 'Resource is corrupted and cannot be read.')
        return byId.get(id)
      },
      put: entity => void byId.set(`${entity.namespace}/${entity.name}`, entity),
      delete: id => byId.delete(id),
      list: () => [],
      count: () => 0,
    },
  }
}

const store = entities(
  aPackage('guest/own'),
  aPackage('other/private'),
  aPackage('other/public', { publish: true }),
  aPackage('other/binding', { publish: true, binding: { namespace: 'other', name: 'public' } }),
  aPackage('guest/toOwn', { binding: { namespace: 'guest', name: 'own' } }),
  aPackage('guest/toGone', { binding: { namespace: 'guest', name: 'gone' } }),
  aPackage('guest/toPublic', { binding: { namespace: 'other', name: 'public' } }),
  aPackage('guest/toPrivate', { binding: { namespace: 'other', name: 'private' } }),
  aPackage('guest/toForeignGone', { binding: { namespace: 'other', name: 'gone' } }),
  aPackage('guest/toForeignBinding', { binding: { namespace: 'other', name: 'binding' } }),
  aPackage('guest/toSelf', { binding: { namespace: 'guest', name: 'toSelf' } }),
  anAction('guest/action'),
  anAction('other/action'),
)

const guest = (limits: UserLimits = {}): Identity => ({
  subject: 'guest',
  namespace: { name: 'guest', uuid: 'u' },
  authkey: { uuid: 'u', key: 'k' },
  limits,
})

const entitlement = createEntitlement(store)

/** `ok`, or `status sentence`. */
function outcome(fn: () => void): string {
  try {
    fn()
    return 'ok'
  } catch (error) {
    if (error instanceof WhiskError) return `${error.status} ${error.message}`
    throw error
  }
}

const no = (names: string) => `403 The supplied authentication is not authorized to access '${names}'.`
const missing = '404 The requested resource does not exist.'
const conformance = '409 Resource by this name exists but is not in this collection.'
const corrupt = '500 Resource is corrupted and cannot be read.'

const ALL: Privilege[] = ['READ', 'PUT', 'DELETE', 'ACTIVATE']

describe('rights on collections and entities', () => {
  const cases: [Privilege[], Resource, string][] = [
    [['READ'], { collection: 'actions', namespace: 'guest' }, 'ok'],
    [['READ'], { collection: 'actions', namespace: 'other' }, no('other')],
    [['READ'], { collection: 'triggers', namespace: 'other' }, no('other')],
    [['READ'], { collection: 'rules', namespace: 'other' }, no('other')],
    [['READ'], { collection: 'activations', namespace: 'other' }, no('other')],
    [['READ'], { collection: 'limits', namespace: 'other' }, no('other')],
    [['READ'], { collection: 'packages', namespace: 'other' }, 'ok'],
    [['READ'], { collection: 'packages', namespace: 'nobody' }, 'ok'],
    [ALL, { collection: 'triggers', namespace: 'guest', entity: 't' }, 'ok'],
    [ALL, { collection: 'triggers', namespace: 'other', entity: 't' }, no('other/t')],
    [ALL, { collection: 'rules', namespace: 'other', entity: 'r' }, no('other/r')],
    [ALL, { collection: 'actions', namespace: 'guest', entity: 'a' }, 'ok'],
    [ALL, { collection: 'actions', namespace: 'other', entity: 'action' }, no('other/action')],
    [['READ'], { collection: 'activations', namespace: 'other', entity: 'id' }, no('other/id')],
    [['PUT', 'DELETE'], { collection: 'actions', namespace: 'guest/nope', entity: 'a' }, 'ok'],
    [['PUT', 'DELETE'], { collection: 'actions', namespace: 'other/public', entity: 'a' }, no('other/public/a')],
    [['PUT', 'DELETE'], { collection: 'packages', namespace: 'guest', entity: 'nope' }, 'ok'],
    [['PUT', 'DELETE'], { collection: 'packages', namespace: 'other', entity: 'public' }, no('other/public')],
  ]
  for (const [privileges, resource, expected] of cases) {
    const name = [resource.collection, resource.namespace, resource.entity].filter(Boolean).join(' ')
    it(`answers ${expected.slice(0, 3)} to ${privileges.join(', ')} on ${name}`, () => {
      for (const privilege of privileges) {
        expect(outcome(() => entitlement.check(guest(), privilege, resource))).toBe(expected)
      }
    })
  }
})

describe('reading a package, and reading or activating its actions', () => {
  // Third column: the path that a refusal names.
  const cases: [string, string][] = [
    ['guest/own', 'ok'],
    ['guest/toOwn', 'ok'],
    ['guest/toPublic', 'ok'],
    ['other/public', 'ok'],
    ['other/private', no('other/private')],
    ['other/binding', no('other/binding')],
    ['other/gone', no('other/gone')],
    ['other/action', no('other/action')],
    ['other/corrupt', no('other/corrupt')],
    ['nobody/x', no('nobody/x')],
    ['guest/gone', missing],
    ['guest/toGone', missing],
    ['guest/action', conformance],
    ['guest/corrupt', corrupt],
    ['guest/toPrivate', no('guest/toPrivate')],
    ['guest/toForeignGone', no('guest/toForeignGone')],
    ['guest/toForeignBinding', no('guest/toForeignBinding')],
    ['guest/toSelf', "422 Package binding 'guest/toSelf' contains a circular reference."],
  ]
  for (const [id, expected] of cases) {
    it(`answers ${expected.slice(0, 3)} for ${id}`, () => {
      const [namespace = '', entity = ''] = id.split('/')
      expect(outcome(() => entitlement.check(guest(), 'READ', { collection: 'packages', namespace, entity }))).toBe(
        expected,
      )
      for (const privilege of ['READ', 'ACTIVATE'] as const) {
        const action: Resource = { collection: 'actions', namespace: id, entity: 'a' }
        expect(outcome(() => entitlement.check(guest(), privilege, action))).toBe(expected)
      }
    })
  }
})

describe('several resources at once', () => {
  const components = (...names: string[]) => outcome(() => entitlement.checkComponents(guest(), 'ACTIVATE', names))

  it('lists the refused ones sorted, once each', () => {
    expect(components('/whisk.system/b', '/whisk.system/a', '/guest/c', '/whisk.system/b')).toBe(
      no('whisk.system/a, whisk.system/b'),
    )
  })

  it('lets the refusal of a package come before those of plain actions', () => {
    expect(components('/other/z', '/nobody/p/a')).toBe(no('nobody/p'))
  })

  it('lets the missing package of the owner come before refusals', () => {
    expect(components('/other/z', '/guest/gone/a')).toBe(missing)
  })

  it('accepts own actions whether they exist or not, and those of published packages', () => {
    expect(components('/guest/nope', '/guest/own/nope', '/other/public/x')).toBe('ok')
  })
})

describe('kinds', () => {
  const kind = (own: string[] | undefined, system: string[]) =>
    outcome(() =>
      createEntitlement(store, { allowedKinds: system }).checkKind(guest({ allowedKinds: own }), 'nodejs:20'),
    )
  const refusal = "403 The supplied authentication is not authorized to access actions of kind 'nodejs:20'."
  const cases: [string[] | undefined, string[], string][] = [
    [undefined, [], 'ok'],
    [[], [], 'ok'],
    [['python:3.10'], [], refusal],
    [['python:3.10', 'nodejs:20'], [], 'ok'],
    [['python:3.10'], ['nodejs:20'], 'ok'],
    [undefined, ['python:3.10'], refusal],
  ]
  for (const [own, system, expected] of cases) {
    it(`answers ${expected.slice(0, 3)} with ${own?.join() ?? 'none'} of the namespace, ${system.join() || 'none'} of the system`, () => {
      expect(kind(own, system)).toBe(expected)
    })
  }
})
