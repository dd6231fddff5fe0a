import { describe, expect, it } from 'vitest'
import { JsonNumber } from '../../src/entity/json.ts'
import { memoryStore } from './open-memory.ts'
import { reopened } from './reopened.ts'

describe('documents', () => {
  it('are kept by collection and id', () => {
    const { store, reopen } = reopened()
    store.documents.put('alarms', 'x', 'guest', { n: new JsonNumber('1.0') })
    store.documents.put('apis', 'x', 'guest', { path: '/a' })
    store.documents.put('apis', 'x', 'guest', { path: '/b' })
    const { documents } = reopen()
    expect(documents.get('alarms', 'x')).toEqual({ n: new JsonNumber('1.0') })
    expect(documents.get('apis', 'x')).toEqual({ path: '/b' })
    expect(documents.get('apis', 'y')).toBeUndefined()
    expect(documents.delete('apis', 'x')).toBe(true)
    expect(documents.delete('apis', 'x')).toBe(false)
    expect(documents.get('apis', 'x')).toBeUndefined()
    expect(documents.get('alarms', 'x')).toBeDefined()
  })

  it('are listed in the order of ids, of all namespaces or of one', () => {
    const { store } = memoryStore()
    store.documents.put('c', 'b', 'guest', { v: 1 })
    store.documents.put('c', 'a', 'other', { v: 2 })
    store.documents.put('c', 'c', 'guest', { v: 3 })
    store.documents.put('d', 'a', 'guest', { v: 4 })
    expect(store.documents.list('c').map(({ id }) => id)).toEqual(['a', 'b', 'c'])
    expect(store.documents.list('c', 'guest')).toEqual([
      { id: 'b', namespace: 'guest', document: { v: 1 } },
      { id: 'c', namespace: 'guest', document: { v: 3 } },
    ])
  })

  it('move between namespaces, and back when one is rolled back', () => {
    const { store } = memoryStore()
    store.documents.put('c', 'a', 'guest', { v: 1 })
    store.checkpoints.create('clean', 'guest')
    store.documents.put('c', 'a', 'other', { v: 2 })
    expect(store.documents.list('c', 'guest')).toEqual([])
    store.checkpoints.rollback('clean', 'guest')
    expect(store.documents.list('c')).toEqual([{ id: 'a', namespace: 'guest', document: { v: 1 } }])
  })
})
