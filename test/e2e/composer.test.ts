// Compositions of Apache's `openwhisk-composer`, compiled, deployed and run by the whole server as it is in the sources.

import { execFile } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { OpenWhisk } from '../../src/index.ts'
import { startInProcess } from './in-process.ts'
import { type Answer, clientOf, eventually, GUEST, type OpenWhiskClient } from './server.ts'

const require = createRequire(import.meta.url)

interface Composition {
  compile(): object
}
type Case = [title: string, composition: Composition, params: object, result: object, fails?: true]
const { actions, cases, composer } = require('./compositions.cjs') as {
  actions: Readonly<Record<string, (...args: never) => unknown>>
  cases: readonly Case[]
  composer: Record<string, (...args: unknown[]) => Composition>
}
interface ComposerClient {
  compositions: { deploy(composition: object, overwrite: boolean): Promise<Answer[]> }
}
const execute = promisify(execFile)
const composerClient = require('openwhisk-composer/client') as (options: object) => ComposerClient

let server: OpenWhisk
let stop: () => Promise<void>
let ow: OpenWhiskClient
let composerOf: ComposerClient

// Nearly every test starts processes, beside other files that do.
vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  ;({ server, stop } = await startInProcess())
  ow = clientOf(server.url)
  composerOf = composerClient({ apihost: server.url, api_key: GUEST })
  for (const [name, main] of Object.entries(actions)) {
    await ow.actions.create({ name, action: `const main = ${main}`, kind: 'nodejs:default' })
  }
})
afterAll(() => stop())

/** One of composer's combinators, by name. */
function composition(combinator: string, ...args: unknown[]): Composition {
  const make = composer[combinator]
  if (make === undefined) throw new Error(`composer has no ${combinator}`)
  return make(...args)
}

const deploy = (name: string, composition: Composition) =>
  composerOf.compositions.deploy({ ...composition.compile(), name }, true)

/** What the composition ends with, and its record. */
async function run(name: string, params: object): Promise<{ failed: boolean; result: Answer; record: Answer }> {
  try {
    const record = await ow.actions.invoke({ name, params, blocking: true })
    return { failed: false, result: record.response?.result ?? {}, record }
  } catch (error) {
    const record = (error as { error: Answer }).error
    if (record?.response === undefined) throw error
    return { failed: true, result: record.response.result ?? {}, record }
  }
}

describe('the combinators of openwhisk-composer', () => {
  it.concurrent.each(cases.map(([title, ...rest], index) => [title, index, ...rest] as const))(
    'runs %s',
    async (_title, index, composition, params, result, fails = undefined) => {
      await deploy(`case${index}`, composition)
      const outcome = await run(`case${index}`, params)
      expect({ failed: outcome.failed, result: outcome.result }).toEqual({ failed: fails === true, result })
    },
  )
})

describe('a composition', () => {
  it('is compiled and deployed by the command lines that come with composer, and leaves the documented trace', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'ow-composer-'))
    const program = (name: string) => join(dirname(require.resolve('openwhisk-composer')), name)
    try {
      const file = join(folder, 'demo.json')
      writeFileSync(
        file,
        (await execute(process.execPath, [program('bin/compose.js'), program('samples/demo.js')])).stdout,
      )
      const options = ['-w', '--apihost', server.url, '-u', GUEST]
      const { stdout } = await execute(process.execPath, [program('bin/deploy.js'), 'demo', file, ...options])
      expect(stdout).toBe('ok: created actions /_/authenticate,/_/success,/_/failure,/_/demo\n')
    } finally {
      rmSync(folder, { recursive: true, force: true })
    }
    const { result, record } = await run('demo', { password: 'abc123' })
    expect(result).toEqual({ message: 'success' })
    const { activationId } = record
    expect(record).toMatchObject({
      annotations: expect.arrayContaining([
        { key: 'conductor', value: true },
        { key: 'kind', value: 'sequence' },
      ]),
      // Conductor, component, conductor, component, conductor.
      logs: [expect.anything(), expect.anything(), expect.anything(), expect.anything(), expect.anything()],
    })
    const steps = await Promise.all(
      Object.values(record.logs ?? {}).map(id => ow.activations.get({ name: String(id) })),
    )
    expect(steps.map(({ name }) => name)).toEqual(['demo', 'authenticate', 'demo', 'success', 'demo'])
    expect(steps.every(({ cause }) => cause === activationId)).toBe(true)
    expect((await run('demo', { password: 'passw0rd' })).result).toEqual({ message: 'failure' })
  })

  it('has its source in an annotation, and a key for its calls', async () => {
    await deploy('annotated', composition('seq', 'increment'))
    expect(await ow.actions.get('annotated')).toMatchObject({
      annotations: expect.arrayContaining([
        { key: 'conductor', value: expect.objectContaining({ type: 'seq' }) },
        { key: 'provide-api-key', value: true },
      ]),
      limits: { timeout: 60000, memory: 256, logs: 10 },
    })
  })

  it('calls other compositions and sequences, and works in sequences', async () => {
    await deploy('inner', composition('repeat', 2, 'increment'))
    await deploy('outer', composition('seq', 'inner', 'triple', 'inner'))
    await ow.actions.create({ name: 'around', sequence: ['/_/outer', '/_/half'] })
    await deploy('outermost', composition('seq', 'around', 'increment'))
    expect((await run('outermost', { n: 0 })).result).toEqual({ n: 5 })
  })

  it('binds default parameters, and takes them from its package', async () => {
    await ow.packages.create({ name: 'tools', package: { parameters: [{ key: 'm', value: 2 }] } })
    await deploy('tools/shown', composition('seq', 'show'))
    // They are in every call of the conductor, so also in the last one.
    expect((await run('tools/shown', { n: 1 })).result).toEqual({ m: 2, shown: { m: 2, n: 1 } })
  })

  it('starts part of itself in the background', async () => {
    await deploy('background', composition('async', 'increment', 'triple'))
    const { failed, result } = await run('background', { n: 1 })
    expect({ failed, result }).toMatchObject({
      failed: false,
      result: { method: 'async', activationId: expect.any(String) },
    })
    const record = await eventually(() => ow.activations.get({ name: String(result.activationId) }))
    expect(record).toMatchObject({ name: 'background', response: { result: { n: 6 } } })
  })

  it('ends with an error when it calls itself without end', async () => {
    await deploy('endless', composition('seq', 'endless'))
    expect(await run('endless', {})).toMatchObject({
      failed: true,
      result: { error: expect.stringMatching(/^Too many actions in the composition|exceed/i) },
    })
  })
})
