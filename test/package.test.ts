// What is shipped, used from a folder outside: as an ES module, as CommonJS, and by the type checker.

import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { type LinkedFolder, linkedFolder, ROOT } from './linked.ts'

let folder: LinkedFolder
beforeAll(() => {
  folder = linkedFolder(['@types/node', 'undici-types'])
})
afterAll(() => folder.remove())

function run(file: string, source: string): string {
  writeFileSync(join(folder.path, file), source)
  return execFileSync(process.execPath, [file], {
    cwd: folder.path,
    encoding: 'utf8',
    env: { ...process.env, OPENWHISK_RUN_DIR: join(folder.path, 'run'), HOME: folder.path },
  })
}

const USE = `
  const ow = await startOpenWhisk({ driver: 'process', prewarm: false })
  await ow.request('PUT', '/actions/hello', { exec: { kind: 'nodejs:20', code: 'function main() { return { a: 1 } }' } })
  const { response } = await ow.invoke('hello')
  await ow.stop()
  const failure = await startOpenWhisk({ driver: 'none' }).catch(error => error)
  console.log(JSON.stringify([response.result, failure instanceof OpenWhiskError, failure.code]))`
const SEEN = '[{"a":1},true,"USAGE"]\n'

describe('the package', () => {
  it('is an ES module', () => {
    expect(run('use.mjs', `import { OpenWhiskError, startOpenWhisk } from 'openwhisk-standalone'\n${USE}`)).toBe(SEEN)
  })

  it('is a CommonJS module', () => {
    const source = `const { OpenWhiskError, startOpenWhisk } = require('openwhisk-standalone')\n;(async () => {${USE}\n})()`
    expect(run('use.cjs', source)).toBe(SEEN)
  })

  it('tells the type checker what it takes and gives', () => {
    const good = `
      import { type Activation, OpenWhiskError, type OpenWhiskNamespace, startOpenWhisk } from 'openwhisk-standalone'
      export async function test(): Promise<number> {
        await using ow = await startOpenWhisk({ port: 0, store: 'memory', driver: 'process', clock: 'virtual', limits: 'apache' })
        const ns: OpenWhiskNamespace = await ow.namespace()
        const { response }: Activation = await ns.invoke('hello', { name: 'you' }, { start: 'cold' })
        for await (const event of ow.events({ type: 'activation.log' })) console.log(event.at, event.activationId)
        await ow.clock.advance('24h')
        try { await ow.stop() } catch (error) { if (error instanceof OpenWhiskError) console.log(error.code) }
        return response.success ? ow.port : 0
      }`
    // Every line after the import is wrong.
    const bad = `import { startOpenWhisk } from 'openwhisk-standalone'
      startOpenWhisk({ drver: 'process' })
      startOpenWhisk({ driver: 'podman' })
      startOpenWhisk().then(ow => ow.invoke(1))
      startOpenWhisk().then(ow => ow.port.length)`
    const files = { 'good.mts': good, 'good.cts': good, 'bad.mts': bad, 'bad.cts': bad }
    for (const [file, source] of Object.entries(files)) writeFileSync(join(folder.path, file), source)
    const config = {
      compilerOptions: {
        strict: true,
        noEmit: true,
        target: 'es2023',
        module: 'nodenext',
        lib: ['es2023', 'esnext.disposable'],
        types: ['node'],
      },
      files: Object.keys(files),
    }
    writeFileSync(join(folder.path, 'tsconfig.json'), JSON.stringify(config))
    const tsc = join(ROOT, 'node_modules', 'typescript', 'bin', 'tsc')
    let output = ''
    try {
      execFileSync(process.execPath, [tsc, '-p', '.', '--pretty', 'false'], { cwd: folder.path, encoding: 'utf8' })
    } catch (error) {
      output = (error as { stdout: string }).stdout
    }
    const places = output.match(/^\w+\.[cm]ts\(\d+/gm)?.sort()
    const lines = [2, 3, 4, 5]
    expect(places, output).toEqual(['bad.cts', 'bad.mts'].flatMap(file => lines.map(line => `${file}(${line}`)))
  })
})
