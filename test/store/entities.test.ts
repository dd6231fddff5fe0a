import { describe, expect, it } from 'vitest'
import { JsonNumber } from '../../src/entity/json.ts'
import type { WhiskEntity } from '../../src/entity/whisk-entity.ts'
import { anAction, aPackage, aRule, aTrigger } from '../builders.ts'
import { EPOCH } from '../fakes/clock.ts'
import { memoryStore } from './open-memory.ts'
import { reopened } from './reopened.ts'

const names = (entities: readonly WhiskEntity[]) => entities.map(({ namespace, name }) => `${namespace}/${name}`)

describe('entities', () => {
  const examples: Record<string, WhiskEntity> = {
    'an action with code': anAction({
      exec: { kind: 'nodejs:20', code: '"\u0000é\u{1f600}\n', binary: false, main: 'm' },
    }),
    'an action with empty code': anAction({ exec: { kind: 'nodejs:20', code: '', binary: false } }),
    'a blackbox without code': anAction({ exec: { kind: 'blackbox', image: 'me/mine', binary: false } }),
    'a sequence': anAction({ exec: { kind: 'sequence', components: ['/guest/a', '/guest/p/b'] } }),
    'numbers as they were written': anAction({
      parameters: [
        { key: 'price', value: new JsonNumber('1.0') },
        { key: 'deep', value: { big: [new JsonNumber('12345678901234567890')], b: null }, init: true },
      ],
    }),
    'a packaged action': anAction({ namespace: 'guest/things' }),
    'a package': aPackage({ annotations: [{ key: 'description', value: 'x' }] }),
    'a binding': aPackage({ binding: { namespace: 'whisk.system', name: 'utils' } }),
    'a trigger': aTrigger(),
    'a rule': aRule(),
  }
  it.each(Object.entries(examples))('keep %s', (_, entity) => {
    const { store, reopen } = reopened()
    store.entities.put(entity)
    expect(reopen().entities.get(`${entity.namespace}/${entity.name}`)).toEqual(entity)
  })

  it('keep the order of the rules of a trigger', () => {
    const { store, reopen } = reopened()
    const action = { path: 'guest', name: 'hello' }
    const rules = { 'guest/z': { action, status: 'active' }, 'guest/a': { action, status: 'inactive' } } as const
    store.entities.put(aTrigger({ rules }))
    const trigger = reopen().entities.get('guest/ring')
    expect(trigger).toMatchObject({ rules })
    expect(trigger?.entityType === 'trigger' && Object.keys(trigger.rules ?? {})).toEqual(['guest/z', 'guest/a'])
  })

  it('are the same object until they change', () => {
    const { store } = memoryStore()
    const action = anAction()
    store.entities.put(action)
    expect(store.entities.get('guest/hello')).toBe(action)
    expect(store.entities.list({ type: 'action', namespace: 'guest' })[0]).toBe(action)
    const changed = anAction({ version: '0.0.2' })
    store.entities.put(changed)
    expect(store.entities.get('guest/hello')).toBe(changed)
  })

  it('are decoded once', () => {
    const { store, reopen } = reopened()
    store.entities.put(anAction())
    const again = reopen()
    expect(again.entities.get('guest/hello')).toBe(again.entities.get('guest/hello'))
  })

  it('are as they were after a transaction that failed', () => {
    const { store } = memoryStore()
    const action = anAction()
    store.entities.put(action)
    const failing = () =>
      store.transaction(() => {
        store.entities.put(anAction({ version: '0.0.2' }))
        store.entities.put(anAction({ name: 'new' }))
        throw new Error('undo')
      })
    expect(failing).toThrow('undo')
    expect(store.entities.get('guest/hello')).toEqual(action)
    expect(store.entities.get('guest/new')).toBeUndefined()
  })

  it('go when they are deleted', () => {
    const { store } = memoryStore()
    store.entities.put(anAction())
    expect(store.entities.delete('guest/hello')).toBe(true)
    expect(store.entities.get('guest/hello')).toBeUndefined()
    expect(store.entities.delete('guest/hello')).toBe(false)
  })

  it('share one id space', () => {
    const { store } = memoryStore()
    store.entities.put(anAction({ name: 'x' }))
    store.entities.put(aTrigger({ name: 'x' }))
    expect(store.entities.get('guest/x')?.entityType).toBe('trigger')
    expect(store.entities.count({ type: 'action', namespace: 'guest' })).toBe(0)
  })

  it('are listed by type and namespace, the last updated first', () => {
    const { store } = memoryStore()
    store.entities.put(anAction({ name: 'first', updated: EPOCH }))
    store.entities.put(anAction({ name: 'third', updated: EPOCH + 2 }))
    store.entities.put(anAction({ name: 'second', namespace: 'guest/things', updated: EPOCH + 1 }))
    store.entities.put(anAction({ name: 'foreign', namespace: 'other' }))
    store.entities.put(aTrigger())
    const all = { type: 'action', namespace: 'guest' } as const
    expect(names(store.entities.list(all))).toEqual(['guest/third', 'guest/things/second', 'guest/first'])
    expect(names(store.entities.list({ ...all, skip: 1, limit: 1 }))).toEqual(['guest/things/second'])
    expect(names(store.entities.list({ ...all, skip: 3 }))).toEqual([])
    expect(names(store.entities.list({ ...all, package: 'things' }))).toEqual(['guest/things/second'])
    expect(names(store.entities.list({ ...all, package: '' }))).toEqual(['guest/third', 'guest/first'])
    expect(store.entities.count(all)).toBe(3)
    expect(store.entities.count({ ...all, package: 'things' })).toBe(1)
  })

  it('move up in lists when they are updated', () => {
    const { store } = memoryStore()
    store.entities.put(anAction({ name: 'a', updated: EPOCH }))
    store.entities.put(anAction({ name: 'b', updated: EPOCH + 1 }))
    store.entities.put(anAction({ name: 'a', updated: EPOCH + 2 }))
    expect(names(store.entities.list({ type: 'action', namespace: 'guest' }))).toEqual(['guest/a', 'guest/b'])
  })

  it('show foreign namespaces only published packages that are no bindings', () => {
    const { store } = memoryStore()
    store.entities.put(aPackage({ name: 'private' }))
    store.entities.put(aPackage({ name: 'public', publish: true }))
    store.entities.put(aPackage({ name: 'bound', publish: true, binding: { namespace: 'a', name: 'b' } }))
    const query = { type: 'package', namespace: 'guest' } as const
    expect(store.entities.count(query)).toBe(3)
    expect(names(store.entities.list({ ...query, publicOnly: true }))).toEqual(['guest/public'])
    expect(store.entities.count({ ...query, publicOnly: true })).toBe(1)
  })

  it.each(['{"entityType":"action"', '[]', '{}'])('fail with internal where the stored text is %s', document => {
    const { store, reopen, edit } = reopened()
    store.entities.put(anAction())
    edit(db => db.prepare('UPDATE entities SET document = ?').run(document))
    expect(() => reopen().entities.get('guest/hello')).toThrow(
      expect.objectContaining({ code: 'internal', message: 'Resource is corrupted and cannot be read.' }),
    )
  })
})
