// examples/vitest, and what it is for: many tests over several workers, each in a namespace of its own.

import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type Example, exampleFolder } from './example.ts'

let example: Example
beforeAll(() => {
  example = exampleFolder('vitest', ['vitest', 'vite'])
})
afterAll(() => example.remove())

const vitest = (...args: string[]) =>
  example.run(process.execPath, join(example.path, 'node_modules/vitest/vitest.mjs'), 'run', ...args)

describe('examples/vitest', () => {
  it('passes, and leaves nothing behind', async () => {
    const { code, output } = await vitest()
    expect(output).toContain('3 passed')
    expect(code).toBe(0)
    await example.expectNothingLeft()
  }, 60_000)

  it('stands 100 tests over 4 workers, each in its own namespace, without a sleep', async () => {
    rmSync(join(example.path, 'greeting.test.js'))
    mkdirSync(join(example.path, 'workers'))
    for (let file = 0; file < 4; file++) writeFileSync(join(example.path, `many-${file}.test.js`), MANY)
    const { code, output } = await vitest('--reporter=json', '--outputFile=report.json')
    expect(code, output).toBe(0)
    const report = JSON.parse(readFileSync(join(example.path, 'report.json'), 'utf8'))
    expect(report).toMatchObject({ numPassedTests: 100, numTotalTests: 100, success: true })
    expect(readdirSync(join(example.path, 'workers'))).toHaveLength(4)
    await example.expectNothingLeft()
  }, 240_000)
})

/** One file of 25 tests; all files use the same names, in different namespaces. */
const MANY = `
import { writeFileSync } from 'node:fs'
import { expect } from 'vitest'
import { test } from './openwhisk.js'

writeFileSync('workers/' + process.pid, '')

for (let number = 0; number < 25; number++) {
  test('number ' + number, async ({ ns }) => {
    expect(await ns.request('GET', '/actions')).toEqual([])
    const code = 'function main({ n }) { console.log("got", n); return { sum: n + ' + number + ', ns: process.env.__OW_NAMESPACE } }'
    await ns.request('PUT', '/actions/add', { exec: { kind: 'nodejs:default', code } })
    await ns.request('PUT', '/triggers/event', {})
    await ns.request('PUT', '/rules/rule', { trigger: '/' + ns.name + '/event', action: '/' + ns.name + '/add' })
    const { response, logs } = await ns.invoke('add', { n: 1000 })
    expect(response.result).toEqual({ sum: 1000 + number, ns: ns.name })
    expect(logs).toEqual([expect.stringMatching(/stdout: got 1000$/)])
    await ns.checkpoint()
    const fired = ns.waitForActivation({ action: 'add' })
    await ns.fire('event', { n: 1 })
    expect((await fired).response.result.sum).toBe(1 + number)
    await ns.request('DELETE', '/rules/rule')
    await ns.rollback()
    expect(await ns.request('GET', '/rules')).toHaveLength(1)
    expect(await ns.request('GET', '/activations?name=add')).toHaveLength(2)
  })
}
`
