import { spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import { fakeClock } from '../fakes/clock.ts'

let folder: string
let path: string
// Beside the modules, where the bundle finds the driver.
const bundle = fileURLToPath(new URL(`../../node_modules/.store-writer-${process.pid}.mjs`, import.meta.url))

beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  path = join(folder, 'openwhisk.db')
  await build({
    entryPoints: [fileURLToPath(new URL('writer.ts', import.meta.url))],
    bundle: true,
    platform: 'node',
    format: 'esm',
    external: ['better-sqlite3'],
    loader: { '.sql': 'text' },
    outfile: bundle,
  })
})
afterAll(() => {
  rmSync(bundle, { force: true })
  rmSync(folder, { recursive: true })
})

interface Outcome {
  written: number[]
  lines: string[]
}

/** Runs the writer; with `killAfter`, kills it once it has acknowledged that many writes. */
const runWriter = (options: { payload: number; killAfter?: number; limitKb?: number }) =>
  new Promise<Outcome>((resolve, reject) => {
    const { payload, killAfter, limitKb } = options
    const limit = limitKb === undefined ? '' : `ulimit -f ${limitKb}; `
    const command = `${limit}exec "$0" "$@"`
    const args = ['-c', command, process.execPath, bundle, path, String(payload)]
    const child = spawn('bash', args, { stdio: ['ignore', 'pipe', 'inherit'] })
    const outcome: Outcome = { written: [], lines: [] }
    createInterface({ input: child.stdout }).on('line', line => {
      const written = /^written (\d+)$/.exec(line)
      if (written) outcome.written.push(Number(written[1]))
      else outcome.lines.push(line)
      if (killAfter !== undefined && outcome.written.length === killAfter) child.kill('SIGKILL')
    })
    child.on('error', reject)
    child.on('close', () => resolve(outcome))
  })

const check = (written: readonly number[]) => {
  const store = openStore({ path, clock: fakeClock(), log: silentLogger })
  const queued = new Set(store.queue.all().map(entry => Number(entry.activationId.slice(24))))
  const missing = written.filter(n => store.entities.get(`guest/a${n}`) === undefined)
  // All or none of each transaction, whether it was acknowledged or not.
  const actions = store.entities.list({ type: 'action', namespace: 'guest' }).map(({ name }) => Number(name.slice(1)))
  const torn = actions.filter(n => !queued.has(n))
  const count = actions.length
  store.close()
  return { missing, torn, count, queued: queued.size }
}

describe('what was acknowledged', () => {
  it.each([1, 17, 150])('is there after kill -9 (after %i writes)', async killAfter => {
    const { written } = await runWriter({ payload: 10, killAfter })
    expect(written.length).toBeGreaterThanOrEqual(killAfter)
    const found = check(written)
    expect(found).toMatchObject({ missing: [], torn: [], queued: found.count })
    expect(found.count).toBeGreaterThanOrEqual(written.length)
  })

  it('is all that is there when the disk is full, and the server lives', async () => {
    const { written, lines } = await runWriter({ payload: 100_000, limitKb: 6_000 })
    expect(written.length).toBeGreaterThan(3)
    expect(lines.slice(0, -1)).toEqual(lines.slice(0, -1).map(() => 'failed unavailable healthy false'))
    expect(lines.length).toBeGreaterThanOrEqual(4)
    const found = check(written)
    expect(found).toMatchObject({ missing: [], torn: [], queued: found.count })
    expect(lines.at(-1)).toBe(`alive with ${found.count}`)
  })
})
