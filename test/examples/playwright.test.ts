// examples/playwright, in a browser of this machine.

import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Example, exampleFolder } from './example.ts'

const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
]
const browser = [process.env.CHROME_PATH, ...BROWSERS].find(path => path !== undefined && existsSync(path))

/** A port that is free now. */
async function freePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>(resolve => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise(resolve => server.close(resolve))
  return port
}

describe.skipIf(!browser)('examples/playwright (needs a browser; CHROME_PATH names one)', () => {
  let example: Example
  beforeAll(() => {
    example = exampleFolder('playwright', ['@playwright/test', 'playwright', 'playwright-core'])
  })
  afterAll(() => example.remove())

  it('passes, and leaves nothing behind', async () => {
    Object.assign(example.env, { CHROME_PATH: browser, PORT: String(await freePort()), CI: '1' })
    const cli = join(example.path, 'node_modules/@playwright/test/cli.js')
    const { code, output } = await example.run(process.execPath, cli, 'test', '--reporter=line')
    expect(output).toContain('1 passed')
    expect(code, output).toBe(0)
    await example.expectNothingLeft()
  }, 90_000)
})
