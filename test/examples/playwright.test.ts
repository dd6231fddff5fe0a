// examples/playwright, in a browser of this machine.

import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { createServer } from 'node:http'
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

/** A port that is free now, and that no other program is given by chance. */
async function freePort(): Promise<number> {
  for (;;) {
    const port = 20_000 + Math.floor(Math.random() * 10_000)
    const server = createServer().listen(port, '127.0.0.1')
    const isFree = await once(server, 'listening').then(
      () => true,
      () => false,
    )
    await new Promise(resolve => server.close(resolve))
    if (isFree) return port
  }
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
