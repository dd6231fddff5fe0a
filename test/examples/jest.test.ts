// examples/jest. Jest is no dependency of ours: it is installed for this test, in CI and where somebody asks for it.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Example, exampleFolder } from './example.ts'

const wanted = Boolean(process.env.CI || process.env.OPENWHISK_TEST_INSTALL)

describe.skipIf(!wanted)('examples/jest (CI or OPENWHISK_TEST_INSTALL=1: installs Jest)', () => {
  let example: Example
  beforeAll(() => {
    example = exampleFolder('jest')
  })
  afterAll(() => example.remove())

  it('passes, and leaves nothing behind', async context => {
    const installed = await example.run(
      'npm',
      'install',
      '--no-save',
      '--prefer-offline',
      '--ignore-scripts',
      '--fetch-timeout=30000',
      '--fetch-retries=1',
      'jest@30',
    )
    if (installed.code !== 0) return context.skip(`Jest cannot be installed here: ${installed.output}`)
    const { code, output } = await example.run('npx', '--no-install', 'jest')
    expect(output).toContain('Tests:       2 passed, 2 total')
    expect(code, output).toBe(0)
    expect(output).not.toContain('did not exit')
    await example.expectNothingLeft()
  }, 300_000)
})
