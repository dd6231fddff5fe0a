import { spawn } from 'node:child_process'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Database from 'better-sqlite3'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { ExitError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import { storeHolder } from '../../src/store/lock.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { anAction, anActivation } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'

let folder: string
let path: string
const opened: Store[] = []
const open = (file = path, sync?: 'normal' | 'full') => {
  const store = openStore({ path: file, clock: fakeClock(), log: silentLogger, sync })
  opened.push(store)
  return store
}
const refusal = (file = path): ExitError => {
  try {
    open(file)
  } catch (error) {
    if (error instanceof ExitError) return error
    throw error
  }
  throw new Error('It opened.')
}
const modeOf = (file: string) => (statSync(file).mode & 0o777).toString(8)

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'store-'))
  path = join(folder, 'data', 'openwhisk.db')
})
afterEach(() => {
  for (const store of opened.splice(0)) store.close()
  rmSync(folder, { recursive: true })
})

describe('openStore', () => {
  it('keeps what was written for the next one', () => {
    const first = open()
    const action = anAction()
    const activation = anActivation()
    first.entities.put(action)
    first.activations.put(activation)
    first.close()
    const second = open()
    expect(second.entities.get('guest/hello')).toEqual(action)
    expect(second.activations.get('guest', activation.activationId)).toEqual(activation)
  })

  it.each(['normal', 'full'] as const)('writes with sync %s', async sync => {
    const store = open(path, sync)
    store.entities.put(anAction())
    await store.committed()
    expect(store.healthy).toBe(true)
  })

  it('makes a folder 0700 with files 0600', async () => {
    const store = open()
    store.entities.put(anAction())
    await store.committed()
    expect(modeOf(join(folder, 'data'))).toBe('700')
    for (const file of [path, `${path}-wal`, `${path}.lock`, `${path}.pid`])
      expect([file, modeOf(file)]).toEqual([file, '600'])
  })

  it('narrows an empty folder and files of before, but not a folder of other things', () => {
    mkdirSync(join(folder, 'data'), { mode: 0o755 })
    open().close()
    expect(modeOf(join(folder, 'data'))).toBe('700')
    chmodSync(path, 0o644)
    open().close()
    expect(modeOf(path)).toBe('600')
    const shared = join(folder, 'shared')
    mkdirSync(shared)
    chmodSync(shared, 0o755)
    writeFileSync(join(shared, 'notes.txt'), '')
    open(join(shared, 'openwhisk.db')).close()
    expect(modeOf(shared)).toBe('755')
  })

  it('refuses a second store on the same file, naming the process', () => {
    const first = open()
    const error = refusal()
    expect(error.exitCode).toBe(3)
    expect(error.message).toContain(`in use by process ${process.pid}.`)
    expect(storeHolder(path)).toEqual({ pid: process.pid })
    expect(refusal().exitCode).toBe(3)
    first.entities.put(anAction())
    first.close()
    expect(storeHolder(path)).toBeUndefined()
    expect(existsSync(`${path}.pid`)).toBe(false)
    expect(open().entities.get('guest/hello')).toBeDefined()
  })

  it('is refused to another process, and free again when that one is killed', async () => {
    open().close()
    const script = `
      const Database = require(${JSON.stringify(createRequire(import.meta.url).resolve('better-sqlite3'))})
      new Database(${JSON.stringify(`${path}.lock`)}).exec('BEGIN EXCLUSIVE')
      require('fs').writeFileSync(${JSON.stringify(`${path}.pid`)}, String(process.pid))
      console.log('locked')
      setInterval(() => {}, 1000)`
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    await new Promise(resolve => child.stdout.once('data', resolve))
    expect(storeHolder(path)).toEqual({ pid: child.pid })
    expect(refusal().message).toContain(`process ${child.pid}`)
    const gone = new Promise(resolve => child.once('exit', resolve))
    child.kill('SIGKILL')
    await gone
    expect(readFileSync(`${path}.pid`, 'utf8')).toBe(String(child.pid))
    expect(storeHolder(path)).toBeUndefined()
    open()
  })

  it('says that nobody holds a store that does not exist', () => {
    expect(storeHolder(path)).toBeUndefined()
    expect(existsSync(join(folder, 'data'))).toBe(false)
  })

  it('refuses a newer schema', () => {
    open().close()
    const db = new Database(path)
    db.pragma('journal_mode = DELETE')
    db.pragma('user_version = 99')
    db.close()
    const before = readFileSync(path)
    const error = refusal()
    expect(error.exitCode).toBe(3)
    expect(error.message).toMatch(/schema version 99; .*Use a newer one/)
    expect(readFileSync(path).equals(before)).toBe(true)
    expect(storeHolder(path)).toBeUndefined()
  })

  it('refuses a database of another program', () => {
    mkdirSync(join(folder, 'data'))
    const db = new Database(path)
    db.exec('CREATE TABLE theirs (a)')
    db.pragma('user_version = 99')
    db.close()
    const before = readFileSync(path)
    expect(refusal()).toMatchObject({ exitCode: 3, message: `${path} is a database of another program.` })
    expect(readFileSync(path).equals(before)).toBe(true)
  })

  it('refuses a file that is no database', () => {
    mkdirSync(join(folder, 'data'))
    writeFileSync(path, 'These are my notes, not yours. '.repeat(100))
    expect(refusal()).toMatchObject({ exitCode: 3 })
    expect(refusal().message).toMatch(/damaged or no database/)
    expect(readFileSync(path, 'utf8')).toContain('my notes')
  })

  it('refuses a damaged database', () => {
    open().close()
    const bytes = readFileSync(path)
    bytes.fill(0x5a, 100, 4096)
    writeFileSync(path, bytes)
    expect(refusal()).toMatchObject({ exitCode: 3 })
  })

  it.each([5, 5000])('refuses a damaged lock of %i bytes, and says so to whoever asks for its holder', bytes => {
    open().close()
    writeFileSync(`${path}.lock`, 'x'.repeat(bytes))
    const error = refusal()
    expect(error).toMatchObject({
      exitCode: 3,
      message: expect.stringMatching(/openwhisk\.db\.lock is damaged .*--clean/),
    })
    expect(() => storeHolder(path)).toThrow(error.message)
  })

  it('refuses a folder that cannot be made', () => {
    writeFileSync(join(folder, 'data'), '')
    expect(refusal()).toMatchObject({ exitCode: 3 })
    expect(refusal().message).toMatch(/cannot be used/)
  })

  it('leaves nothing behind for :memory:', () => {
    open(':memory:').entities.put(anAction())
    expect(readdirSync('.').filter(name => name.startsWith(':memory:'))).toEqual([])
  })
})
