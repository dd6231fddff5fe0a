import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import type { Store } from '../../src/store/store.ts'
import { anAction, anActivation, aPackage, aQueued, aTrigger } from '../builders.ts'
import { memoryStore } from './open-memory.ts'
import { reopened } from './reopened.ts'

const actions = (store: Store, namespace = 'guest') =>
  store.entities
    .list({ type: 'action', namespace })
    .map(({ name, version }) => `${name}@${version}`)
    .sort()

describe('rollback', () => {
  it('puts back what was changed, deleted and created, and names it', () => {
    const { store } = memoryStore()
    const { entities, documents, checkpoints } = store
    const code = { kind: 'nodejs:20', code: 'original', binary: false }
    entities.put(anAction({ name: 'changed', exec: code }))
    entities.put(anAction({ name: 'deleted', namespace: 'guest/things' }))
    entities.put(anAction({ name: 'same' }))
    documents.put('alarms', 'guest/ring', 'guest', { cron: '* * * * *' })
    documents.put('alarms', 'guest/gone', 'guest', { cron: '1 * * * *' })
    checkpoints.create('clean', 'guest')
    entities.put(anAction({ name: 'changed', exec: { ...code, code: 'edited' }, version: '0.0.2' }))
    entities.put(anAction({ name: 'changed', version: '0.0.3' }))
    entities.delete('guest/things/deleted')
    entities.put(aTrigger({ name: 'created' }))
    documents.put('alarms', 'guest/ring', 'guest', { cron: '2 * * * *' })
    documents.delete('alarms', 'guest/gone')
    documents.put('alarms', 'guest/new', 'guest', {})
    expect(checkpoints.rollback('clean', 'guest').sort()).toEqual([
      'guest/changed',
      'guest/created',
      'guest/things/deleted',
    ])
    expect(entities.get('guest/changed')).toEqual(anAction({ name: 'changed', exec: code }))
    expect(entities.get('guest/things/deleted')).toEqual(anAction({ name: 'deleted', namespace: 'guest/things' }))
    expect(entities.get('guest/created')).toBeUndefined()
    expect(documents.list('alarms', 'guest')).toEqual([
      { id: 'guest/gone', namespace: 'guest', document: { cron: '1 * * * *' } },
      { id: 'guest/ring', namespace: 'guest', document: { cron: '* * * * *' } },
    ])
  })

  it('can be repeated: the checkpoint stays', () => {
    const { store } = memoryStore()
    store.entities.put(anAction())
    store.checkpoints.create('clean', 'guest')
    for (let n = 0; n < 3; n++) {
      store.entities.delete('guest/hello')
      expect(store.checkpoints.rollback('clean', 'guest')).toEqual(['guest/hello'])
      expect(store.checkpoints.rollback('clean', 'guest')).toEqual([])
    }
  })

  it('leaves other namespaces alone', () => {
    const { store } = memoryStore()
    store.checkpoints.create('clean', 'guest')
    store.entities.put(anAction({ namespace: 'other' }))
    store.documents.put('alarms', 'x', 'other', {})
    expect(store.checkpoints.rollback('clean', 'guest')).toEqual([])
    expect(actions(store, 'other')).toEqual(['hello@0.0.1'])
    expect(store.documents.list('alarms', 'other')).toHaveLength(1)
  })

  it('works in a later life', () => {
    const { store, reopen } = reopened()
    store.entities.put(anAction())
    store.checkpoints.create('clean', 'guest')
    const next = reopen()
    next.entities.put(anAction({ version: '0.0.2' }))
    expect(reopen().checkpoints.rollback('clean', 'guest')).toEqual(['guest/hello'])
  })

  it('fails with notFound for a name that was never given', () => {
    const { store } = memoryStore()
    store.checkpoints.create('clean', 'other')
    expect(() => store.checkpoints.rollback('clean', 'guest')).toThrow(
      expect.objectContaining({ code: 'notFound', message: "There is no checkpoint 'clean' of namespace 'guest'." }),
    )
  })

  it('goes to the last place a name was given to', () => {
    const { store } = memoryStore()
    store.checkpoints.create('clean', 'guest')
    store.entities.put(anAction())
    store.checkpoints.create('clean', 'guest')
    store.entities.put(aTrigger())
    expect(store.checkpoints.rollback('clean', 'guest')).toEqual(['guest/ring'])
  })

  it('brings back what reset emptied', () => {
    const { store } = memoryStore()
    store.entities.put(aPackage())
    store.entities.put(anAction())
    store.documents.put('alarms', 'x', 'guest', {})
    store.checkpoints.create('full', 'guest')
    expect(store.checkpoints.reset('guest').sort()).toEqual(['guest/hello', 'guest/things'])
    expect(store.documents.list('alarms', 'guest')).toEqual([])
    expect(store.checkpoints.rollback('full', 'guest').sort()).toEqual(['guest/hello', 'guest/things'])
    expect(store.documents.list('alarms', 'guest')).toHaveLength(1)
  })

  it('restores any of several checkpoints, in any order, as often as asked', () => {
    const key = fc.constantFrom('a', 'b', 'c')
    const name = fc.constantFrom('one', 'two', 'three')
    const step = fc.oneof(
      { weight: 4, arbitrary: fc.record({ put: key, version: fc.nat(3) }) },
      { weight: 2, arbitrary: fc.record({ remove: key }) },
      { weight: 2, arbitrary: fc.record({ create: name }) },
      { weight: 3, arbitrary: fc.record({ rollback: name }) },
      { weight: 1, arbitrary: fc.constant({ undone: true }) },
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 60 }), steps => {
        const { store } = memoryStore()
        let model = new Map<string, number>()
        const checkpoints = new Map<string, Map<string, number>>()
        for (const step of steps) {
          if ('put' in step) {
            store.entities.put(anAction({ name: step.put, version: `0.0.${step.version}` }))
            model.set(step.put, step.version)
          } else if ('remove' in step) {
            store.entities.delete(`guest/${step.remove}`)
            model.delete(step.remove)
          } else if ('create' in step) {
            store.checkpoints.create(step.create, 'guest')
            checkpoints.set(step.create, new Map(model))
          } else if ('rollback' in step) {
            const target = checkpoints.get(step.rollback)
            if (!target) continue
            const differs = [...new Set([...model.keys(), ...target.keys()])].filter(
              key => model.get(key) !== target.get(key),
            )
            const changed = store.checkpoints.rollback(step.rollback, 'guest')
            expect(changed.sort()).toEqual(differs.map(key => `guest/${key}`).sort())
            model = new Map(target)
          } else {
            const undone = () => {
              store.entities.put(anAction({ name: 'a', version: '9.9.9' }))
              store.checkpoints.create('one', 'guest')
              throw new Error('undo')
            }
            expect(() => store.transaction(undone)).toThrow('undo')
          }
          expect(actions(store)).toEqual([...model].map(([key, version]) => `${key}@0.0.${version}`).sort())
        }
        store.close()
      }),
      { numRuns: 80 },
    )
  })
})

describe('the undo journal', () => {
  const notes = (edit: ReturnType<typeof reopened>['edit']) => {
    let count = Number.NaN
    edit(db => {
      count = Number(db.prepare('SELECT count(*) FROM undo').pluck().get())
    })
    return count
  }

  it('is empty without checkpoints, and after each rollback to the newest', () => {
    const { store, edit, reopen } = reopened()
    for (let n = 0; n < 5; n++) store.entities.put(anAction({ version: `0.0.${n}` }))
    expect(notes(edit)).toBe(0)
    const next = reopen()
    next.checkpoints.create('clean', 'guest')
    for (let n = 0; n < 5; n++) next.entities.put(anAction({ version: `0.1.${n}` }))
    next.checkpoints.rollback('clean', 'guest')
    expect(notes(edit)).toBe(0)
  })

  it('holds one note of a thing for each checkpoint, however often it changes', () => {
    const { store, edit } = reopened()
    for (const checkpoint of ['one', 'two']) {
      store.checkpoints.create(checkpoint, 'guest')
      for (let n = 0; n < 5; n++) store.entities.put(anAction({ version: `0.1.${n}` }))
    }
    for (let n = 0; n < 5; n++) {
      store.checkpoints.rollback('one', 'guest')
      store.entities.put(anAction({ version: `0.2.${n}` }))
    }
    expect(notes(edit)).toBe(2)
  })
})

describe('drop', () => {
  it('forgets everything of a namespace, and nothing of others', () => {
    const { store } = memoryStore()
    for (const namespace of ['guest', 'other']) {
      store.entities.put(anAction({ namespace }))
      store.documents.put('alarms', namespace, namespace, {})
      store.activations.put(anActivation({ namespace }))
      store.queue.put(aQueued({ identity: { ...aQueued().identity, namespace: { name: namespace, uuid: 'u' } } }))
      store.subjects.setLimits(namespace, { invocationsPerMinute: 1 })
      store.checkpoints.create('clean', namespace)
    }
    store.checkpoints.drop('guest')
    expect(actions(store)).toEqual([])
    expect(store.activations.count({ namespace: 'guest' })).toBe(0)
    expect(store.subjects.limits('guest')).toBeUndefined()
    expect(store.queue.all().map(entry => entry.identity.namespace.name)).toEqual(['other'])
    expect(store.documents.list('alarms').map(({ id }) => id)).toEqual(['other'])
    expect(() => store.checkpoints.rollback('clean', 'guest')).toThrow()
    expect(actions(store, 'other')).toEqual(['hello@0.0.1'])
    expect(store.activations.count({ namespace: 'other' })).toBe(1)
    expect(store.subjects.limits('other')).toEqual({ invocationsPerMinute: 1 })
    expect(store.checkpoints.rollback('clean', 'other')).toEqual([])
  })
})
