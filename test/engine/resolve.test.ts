// Resolving actions: through packages and bindings, parameters merged, and the same object while nothing changed.
import { describe, expect, it } from 'vitest'
import { realName, resolveAction } from '../../src/engine/resolve.ts'
import type { Parameters, WhiskAction, WhiskEntity, WhiskPackage } from '../../src/entity/whisk-entity.ts'
import type { WhiskError } from '../../src/errors.ts'
import type { EntityStore } from '../../src/store/store.ts'

const common = { version: '0.0.1', annotations: [], updated: 1, publish: false }
const parameters = (values: Record<string, number>): Parameters =>
  Object.entries(values).map(([key, value]) => ({ key, value }))

const aPackage = (id: string, own: Record<string, number>, binding?: WhiskPackage['binding']): WhiskPackage => {
  const [namespace = '', name = ''] = id.split('/')
  const base = { ...common, entityType: 'package' as const, namespace, name, parameters: parameters(own) }
  return binding === undefined ? base : { ...base, binding }
}

const anAction = (id: string, own: Record<string, number> = {}): WhiskAction => ({
  ...common,
  entityType: 'action',
  namespace: id.slice(0, id.lastIndexOf('/')),
  name: id.slice(id.lastIndexOf('/') + 1),
  parameters: parameters(own),
  exec: { kind: 'nodejs:20', code: '', binary: false },
  limits: { timeout: 60000, memory: 256, logs: 10, concurrency: 1 },
})

function entities(...all: WhiskEntity[]): { entities: EntityStore } {
  const byId = new Map<string, WhiskEntity>()
  const put = (entity: WhiskEntity) => void byId.set(`${entity.namespace}/${entity.name}`, entity)
  all.forEach(put)
  return { entities: { get: id => byId.get(id), put, delete: id => byId.delete(id), list: () => [], count: () => 0 } }
}

const world = () =>
  entities(
    aPackage('guest/p', { a: 1, b: 1, c: 1 }),
    aPackage('guest/b', { b: 2, c: 2 }, { namespace: 'guest', name: 'p' }),
    aPackage('guest/bb', { c: 3, d: 3 }, { namespace: 'guest', name: 'b' }),
    aPackage('guest/dangling', {}, { namespace: 'guest', name: 'gone' }),
    aPackage('guest/round', {}, { namespace: 'guest', name: 'round' }),
    anAction('guest/plain', { x: 1 }),
    anAction('guest/p/x', { c: 9 }),
  )

const values = (resolved: Parameters) => Object.fromEntries(resolved.map(({ key, value }) => [key, value]))

describe('resolveAction', () => {
  it('gives an action of the default package with its own parameters', () => {
    const resolved = resolveAction(world(), 'guest/plain')
    expect(values(resolved.parameters)).toEqual({ x: 1 })
    expect(resolved.binding).toBeUndefined()
  })

  it('merges package < action', () => {
    expect(values(resolveAction(world(), 'guest/p/x').parameters)).toEqual({ a: 1, b: 1, c: 9 })
  })

  it('merges package < binding < action through a binding, and names the binding', () => {
    const resolved = resolveAction(world(), 'guest/b/x')
    expect(values(resolved.parameters)).toEqual({ a: 1, b: 2, c: 9 })
    expect(resolved.binding).toBe('guest/b')
    expect(resolved.action.namespace).toBe('guest/p')
    expect(values(resolved.action.parameters)).toEqual({ c: 9 })
  })

  it('follows a binding to a binding, the outer one winning', () => {
    const resolved = resolveAction(world(), 'guest/bb/x')
    expect(values(resolved.parameters)).toEqual({ a: 1, b: 2, c: 9, d: 3 })
    expect(resolved.binding).toBe('guest/bb')
  })

  it('gives the same object while nothing changed, and a new one once a package or the action did', () => {
    const store = world()
    const first = resolveAction(store, 'guest/b/x')
    expect(resolveAction(store, 'guest/b/x')).toBe(first)
    store.entities.put(aPackage('guest/p', { a: 5 }))
    const second = resolveAction(store, 'guest/b/x')
    expect(values(second.parameters)).toEqual({ a: 5, b: 2, c: 9 })
    store.entities.put(anAction('guest/p/x', { c: 0 }))
    expect(values(resolveAction(store, 'guest/b/x').parameters)).toEqual({ a: 5, b: 2, c: 0 })
  })

  const failures: [string, string][] = [
    ['guest/nope', 'notFound'],
    ['guest/p/nope', 'notFound'],
    ['guest/nope/x', 'notFound'],
    ['guest/dangling/x', 'notFound'],
    ['guest/p', 'conflict'],
    ['guest/plain/x', 'conflict'],
    ['guest/round/x', 'unprocessable'],
  ]
  for (const [fqn, code] of failures) {
    it(`fails with ${code} for ${fqn}`, () => {
      expect(() => resolveAction(world(), fqn)).toThrow(expect.objectContaining({ code }) as WhiskError)
    })
  }
})

describe('realName', () => {
  const cases: [string, string][] = [
    ['guest/any', 'guest/any'],
    ['guest/p/any', 'guest/p/any'],
    ['guest/b/any', 'guest/p/any'],
    ['guest/bb/any', 'guest/p/any'],
  ]
  for (const [fqn, expected] of cases) {
    it(`gives ${expected} for ${fqn}, though there is no such action`, () => {
      expect(realName(world(), fqn)).toBe(expected)
    })
  }

  it('fails with notFound when the package is missing', () => {
    expect(() => realName(world(), 'guest/nope/x')).toThrow(expect.objectContaining({ code: 'notFound' }) as WhiskError)
  })
})
