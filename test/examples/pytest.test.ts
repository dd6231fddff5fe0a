// examples/pytest: with a server that it starts, and under `exec`.

import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { ROOT } from '../linked.ts'
import { type Example, exampleFolder } from './example.ts'

const hasPytest = spawnSync('python3', ['-m', 'pytest', '--version']).status === 0

describe.skipIf(!hasPytest)('examples/pytest (needs python3 -m pytest)', () => {
  let example: Example
  beforeAll(() => {
    example = exampleFolder('pytest')
  })
  afterAll(() => example.remove())

  const PYTEST = ['python3', '-m', 'pytest', '-q', '-p', 'no:cacheprovider'] as const

  it('passes with a server of its own, and leaves nothing behind', async () => {
    const { code, output } = await example.run(...PYTEST)
    expect(output).toContain('4 passed')
    expect(code, output).toBe(0)
    await example.expectNothingLeft()
  }, 60_000)

  it('passes under `exec`, and leaves nothing behind', async () => {
    const bin = join(ROOT, 'bin', 'openwhisk-standalone.cjs')
    const { code, output } = await example.run(process.execPath, bin, 'exec', '--', ...PYTEST)
    expect(output).toContain('4 passed')
    expect(code, output).toBe(0)
    await example.expectNothingLeft()
  }, 60_000)
})
