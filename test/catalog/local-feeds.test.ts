import { appendFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LocalFeeds } from '../../src/catalog/local-feeds.ts'
import { realClock } from '../../src/clock.ts'
import type { JsonObject } from '../../src/entity/json.ts'
import { silentLogger } from '../../src/log.ts'
import { GUEST } from '../builders.ts'
import { storeOnDisk } from '../store/open-memory.ts'

let folder: string
let parts: ReturnType<typeof storeOnDisk>
let feeds: LocalFeeds
/** The paths whose changes fired the trigger. */
let fired: unknown[]
let call: (lifecycleEvent: string, params?: JsonObject) => Promise<unknown>

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ow-feeds-'))
  parts = storeOnDisk()
  fired = []
  const { documents, committed } = parts.store
  feeds = new LocalFeeds({
    documents,
    committed,
    clock: realClock,
    log: silentLogger,
    publicUrl: () => 'http://localhost',
    async request(_method, _path, _apikey, body) {
      fired.push(body.path)
      return { status: 202, body: undefined }
    },
  })
  const { uuid, key } = GUEST
  const identity = { subject: 'guest', namespace: { name: 'guest', uuid }, authkey: { uuid, key }, limits: {} }
  const watch = feeds.handlers().get('whisk.system/local/watch')
  call = async (lifecycleEvent, params = {}) =>
    watch?.({ lifecycleEvent, triggerName: '/guest/ring', ...params }, { identity })
})
afterEach(() => {
  feeds.close()
  parts.store.close()
  rmSync(folder, { recursive: true })
})

const aPath = (name: string) => {
  const path = join(folder, name)
  mkdirSync(path)
  return path
}
const changes = async (path: string) => {
  const file = join(path, 'file')
  appendFileSync(file, 'x')
  await vi.waitFor(() => expect(fired).toContain(file), { timeout: 10_000 })
  fired = []
}

describe('the watch feed', () => {
  it('goes on with a watch that could not be removed or updated', async () => {
    const [one, two] = [aPath('one'), aPath('two')]
    expect(await call('CREATE', { path: one })).toMatchObject({ status: 'success' })
    parts.disk.full = true
    await expect(call('DELETE')).rejects.toMatchObject({ code: 'unavailable' })
    await changes(one)
    await expect(call('UPDATE', { path: two })).rejects.toMatchObject({ code: 'unavailable' })
    await changes(one)
    parts.disk.full = false
    await call('UPDATE', { path: two })
    await changes(two)
    await call('DELETE')
    expect(await call('READ')).toHaveProperty('error')
  })

  it('has no watch that could not be created', async () => {
    parts.disk.full = true
    await expect(call('CREATE', { path: aPath('one') })).rejects.toMatchObject({ code: 'unavailable' })
    parts.disk.full = false
    writeFileSync(join(folder, 'one', 'file'), '')
    await new Promise(resolve => setTimeout(resolve, 200))
    expect(fired).toEqual([])
  })

  it('takes up the others where a path of one is gone', async () => {
    const kept = aPath('kept')
    const { documents } = parts.store
    const target = { apikey: '', namespace: 'guest', recursive: false }
    documents.put('watches', 'guest/a', 'guest', { ...target, name: 'a', path: join(folder, 'gone') })
    documents.put('watches', 'guest/b', 'guest', { ...target, name: 'b', path: kept })
    feeds.reload('guest')
    await changes(kept)
  })
})
