import { describe, expect, it } from 'vitest'
import type { Subject } from '../../src/entity/identity.ts'
import { anIdentity, aSubject, GUEST } from '../builders.ts'
import { memoryStore } from './open-memory.ts'
import { reopened } from './reopened.ts'

const byGuestKey = (store: ReturnType<typeof memoryStore>['store']) =>
  store.subjects.identityByKey(GUEST.uuid, GUEST.key)

describe('subjects', () => {
  it('keep their namespaces, in order', () => {
    const { store, reopen } = reopened()
    const subject: Subject = {
      subject: 'team',
      blocked: true,
      namespaces: [
        { name: 'zoo', uuid: 'u1', key: 'k1' },
        { name: 'ark', uuid: 'u2', key: 'k2' },
      ],
    }
    store.subjects.put(subject)
    store.subjects.put(aSubject())
    const { subjects } = reopen()
    expect(subjects.get('team')).toEqual(subject)
    expect(subjects.get('nobody')).toBeUndefined()
    expect(subjects.list()).toEqual([aSubject(), subject])
    for (const { name } of subject.namespaces) expect(subjects.list(name)).toEqual([subject])
    expect(subjects.list('nobody')).toEqual([])
  })

  it('are identified by both halves of a key, with the limits of the namespace', () => {
    const { store } = memoryStore()
    store.subjects.put(aSubject())
    expect(byGuestKey(store)).toEqual(anIdentity())
    expect(byGuestKey(store)).toBe(byGuestKey(store))
    expect(store.subjects.identityByKey(GUEST.uuid, 'other')).toBeUndefined()
    expect(store.subjects.identityByKey('other', GUEST.key)).toBeUndefined()
    store.subjects.setLimits('guest', { invocationsPerMinute: 3, allowedKinds: ['nodejs:20'] })
    expect(byGuestKey(store)?.limits).toEqual({ invocationsPerMinute: 3, allowedKinds: ['nodejs:20'] })
  })

  it('are unknown while they are blocked', () => {
    const { store } = memoryStore()
    store.subjects.put(aSubject())
    expect(byGuestKey(store)).toBeDefined()
    store.subjects.put(aSubject({ blocked: true }))
    expect(byGuestKey(store)).toBeUndefined()
    expect(store.subjects.identityByNamespace('guest')).toBeUndefined()
    store.subjects.put(aSubject())
    expect(byGuestKey(store)).toBeDefined()
  })

  it('lose the keys they had', () => {
    const { store } = memoryStore()
    store.subjects.put(aSubject())
    expect(byGuestKey(store)).toBeDefined()
    store.subjects.put(aSubject({ namespaces: [{ name: 'guest', uuid: GUEST.uuid, key: 'new' }] }))
    expect(byGuestKey(store)).toBeUndefined()
    expect(store.subjects.identityByKey(GUEST.uuid, 'new')).toBeDefined()
    expect(store.subjects.delete('guest')).toBe(true)
    expect(store.subjects.identityByKey(GUEST.uuid, 'new')).toBeUndefined()
    expect(store.subjects.delete('guest')).toBe(false)
  })

  it('act for a namespace: the first of those that are not blocked', () => {
    const { store } = memoryStore()
    const shared = (subject: string) => aSubject({ subject, namespaces: [{ name: 'shared', uuid: subject, key: 'k' }] })
    store.subjects.put(shared('bravo'))
    store.subjects.put(shared('alpha'))
    expect(store.subjects.identityByNamespace('shared')?.subject).toBe('alpha')
    store.subjects.put({ ...shared('alpha'), blocked: true })
    expect(store.subjects.identityByNamespace('shared')?.subject).toBe('bravo')
    expect(store.subjects.identityByNamespace('nobody')).toBeUndefined()
  })

  it('are forgotten when their creation is rolled back', () => {
    const { store } = memoryStore()
    const failing = () =>
      store.transaction(() => {
        store.subjects.put(aSubject())
        expect(byGuestKey(store)).toBeDefined()
        throw new Error('undo')
      })
    expect(failing).toThrow('undo')
    expect(byGuestKey(store)).toBeUndefined()
  })
})

describe('limits', () => {
  it('belong to the namespace and outlive its subjects', () => {
    const { store } = memoryStore()
    store.subjects.put(aSubject())
    store.subjects.setLimits('guest', { maxPayloadSize: '1 MB' })
    store.subjects.delete('guest')
    expect(store.subjects.limits('guest')).toEqual({ maxPayloadSize: '1 MB' })
    expect(store.subjects.deleteLimits('guest')).toBe(true)
    expect(store.subjects.deleteLimits('guest')).toBe(false)
    expect(store.subjects.limits('guest')).toBeUndefined()
  })

  it('count as none when they do not parse', () => {
    const { store, edit, reopen } = reopened()
    store.subjects.put(aSubject())
    store.subjects.setLimits('guest', { invocationsPerMinute: 3 })
    edit(db => db.exec("UPDATE limits SET document = '{'"))
    expect(reopen().subjects.identityByKey(GUEST.uuid, GUEST.key)?.limits).toEqual({})
  })
})
