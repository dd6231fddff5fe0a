import { describe, expect, it } from 'vitest'
import { decodeVersion, nextPatch, parseVersion } from '../../src/entity/semver.ts'

describe('versions', () => {
  it.each([
    ['1', '1.0.0'],
    ['01.02', '1.2.0'],
    ['1.2.', '1.2.0'],
    ['1.2.3.4', '1.2.3'],
    ['0.0.1', '0.0.1'],
    ['+1.0.0', '1.0.0'],
    ['2147483647', '2147483647.0.0'],
  ])('%j is read as %s', (text, version) => {
    expect(parseVersion(text)).toBe(version)
  })

  it.each(['', '.', '0.0.0', '0', 'xyz', '-1', '.1', '1..2', ' 1', '1.2.x', '2147483648'])('%j is refused', text => {
    expect(parseVersion(text)).toBeUndefined()
    expect(() => decodeVersion(text)).toThrow('The request content was malformed:\nsemantic version malformed')
  })

  it('that are no string are refused', () => {
    expect(() => decodeVersion(5)).toThrow('semantic version malformed')
    expect(decodeVersion(undefined)).toBeUndefined()
  })

  it('bump their patch', () => {
    expect(nextPatch('1.2.9')).toBe('1.2.10')
  })
})
