import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { realClock } from '../src/clock.ts'
import { resolveConfig } from '../src/config.ts'
import * as dataDirectory from '../src/data-dir.ts'
import { silentLogger } from '../src/log.ts'
import { openState } from '../src/state.ts'
import { storeHolder } from '../src/store/lock.ts'
import { aTrigger } from './builders.ts'

vi.mock('../src/data-dir.ts', { spy: true })

let folder: string
let dataDir: string
const lock = () => `${dataDirectory.databasePath(dataDir)}.lock`

const open = (clean = false) => {
  const { config } = resolveConfig({ given: { dataDir, clean }, env: {}, cwd: folder, home: folder })
  return openState(config, { clock: realClock, log: silentLogger })
}

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ow-state-'))
  dataDir = join(folder, '.openwhisk')
  const state = open()
  state.store.entities.put(aTrigger())
  state.close()
})
afterEach(() => {
  vi.restoreAllMocks()
  rmSync(folder, { recursive: true })
})

describe('--clean', () => {
  const cleaned = () => {
    const state = open(true)
    const trigger = state.store.entities.get('guest/ring')
    state.close()
    return trigger === undefined
  }

  it('has the lock while it removes the data, and leaves its file where it is', () => {
    const { ino } = statSync(lock())
    const holders: unknown[] = []
    vi.mocked(dataDirectory.cleanDataDir).mockImplementationOnce(() => {
      holders.push(storeHolder(dataDirectory.databasePath(dataDir)))
    })
    open(true).close()
    expect(holders).toEqual([{ pid: process.pid }])
    expect(cleaned()).toBe(true)
    expect(statSync(lock()).ino).toBe(ino)
    expect(readdirSync(dataDir).sort()).toEqual(['.gitignore', 'openwhisk.db', 'openwhisk.db.lock'])
  })

  it('is refused while a server uses the data', () => {
    const state = open()
    expect(() => open(true)).toThrow(expect.objectContaining({ exitCode: 3 }))
    expect(state.store.entities.get('guest/ring')).toBeDefined()
    state.close()
  })

  it.each([5, 5000])('takes a damaged lock of %i bytes for nobody’s', bytes => {
    writeFileSync(lock(), 'x'.repeat(bytes))
    expect(() => open()).toThrow(expect.objectContaining({ exitCode: 3 }))
    expect(cleaned()).toBe(true)
    open().close()
  })
})
