import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { OPTIONS } from '../src/config-options.ts'

const readme = readFileSync(join(import.meta.dirname, '..', 'README.md'), 'utf8')

describe('the README', () => {
  it('names every option', () => {
    const missing = Object.entries(OPTIONS)
      .map(([key, option]) => (option.flag === undefined ? `\`${key}\`` : `--${option.flag}`))
      .filter(name => !readme.includes(name))
    expect(missing).toEqual([])
  })

  it('names only folders and files that there are', () => {
    const [, tree = ''] = /## Project structure\n\n```\n([\s\S]*?)```/.exec(readme) ?? []
    const named = [...tree.matchAll(/^ {2}([\w*./ -]+?) {2,}/gm)].flatMap(([, names = '']) => names.split(/ +/))
    expect(named.length).toBeGreaterThan(12)
    const src = join(import.meta.dirname, '..', 'src')
    expect(named.filter(name => !existsSync(join(src, name.replace('*', ''))))).toEqual([])
  })
})
