import { describe, expect, it } from 'vitest'
import { Cache } from '../../src/store/cache.ts'

describe('Cache', () => {
  it('gives what was set until it is deleted', () => {
    const cache = new Cache<string>(10)
    cache.set('a', 'first', 1)
    cache.set('a', 'second', 1)
    expect(cache.get('a')).toBe('second')
    cache.delete('a')
    expect(cache.get('a')).toBeUndefined()
    cache.set('b', 'b', 1)
    cache.clear()
    expect(cache.get('b')).toBeUndefined()
  })

  it('loses what was not asked for while two capacities passed, and keeps what was', () => {
    const cache = new Cache<number>(10)
    cache.set('idle', 0, 1)
    cache.set('used', 0, 1)
    for (let n = 0; n < 40; n++) {
      cache.set(`other${n}`, n, 1)
      cache.get('used')
    }
    expect(cache.get('idle')).toBeUndefined()
    expect(cache.get('used')).toBe(0)
    expect(cache.get('other39')).toBe(39)
    expect(cache.get('other10')).toBeUndefined()
  })

  it('keeps one thing that is larger than it may be', () => {
    const cache = new Cache<string>(10)
    cache.set('large', 'value', 1000)
    expect(cache.get('large')).toBe('value')
    cache.set('next', 'value', 1)
    cache.set('more', 'value', 1)
    expect(cache.get('next')).toBe('value')
  })

  it('does not give an old value back after a deletion', () => {
    const cache = new Cache<string>(2)
    cache.set('a', 'old', 1)
    cache.set('b', '', 1)
    cache.set('c', '', 1)
    cache.set('a', 'new', 1)
    cache.delete('a')
    expect(cache.get('a')).toBeUndefined()
  })
})
