// The typed API over HTTP, for a server in another process.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { connectOpenWhisk, type OpenWhisk, type OpenWhiskConnection, startOpenWhisk } from '../src/index.ts'
import { aFolder } from './e2e/server.ts'

const folder = aFolder()
const former = { ...process.env }
let server: OpenWhisk
let ow: OpenWhiskConnection

beforeAll(async () => {
  process.env.OPENWHISK_RUN_DIR = folder.path
  server = await startOpenWhisk({ driver: 'process', prewarm: false, configFile: false, clock: 'virtual' })
  ow = connectOpenWhisk(server)
})
afterAll(async () => {
  await server.stop()
  process.env = former
  folder.remove()
})

describe('connectOpenWhisk', () => {
  it('makes namespaces, invokes, waits, and puts them back', async () => {
    const ns = await ow.namespace()
    const code = 'const main = args => ({ ...args, n: args.n + 1 })'
    await ns.request('PUT', '/actions/inc', { exec: { kind: 'nodejs:20', code } })
    await ns.checkpoint()
    expect(await ns.invoke('inc', { n: 1 })).toMatchObject({ response: { result: { n: 2 } } })
    await ns.request('DELETE', '/actions/inc')
    await expect(ns.invoke('inc')).rejects.toMatchObject({ code: 'REQUEST', status: 404 })
    await ns.rollback()
    expect(await ns.invoke('inc', { n: 2 })).toMatchObject({ response: { result: { n: 3 } } })
    await ns.delete()
    await expect(ns.request('GET', '/actions')).rejects.toMatchObject({ code: 'REQUEST', status: 401 })
    await ow.namespace('mine')
    await expect(ow.namespace('mine')).rejects.toMatchObject({ code: 'REQUEST', status: 409 })
  })

  it('moves the clock', async () => {
    const before = server.clock.now()
    await ow.clock.advance('1h')
    expect(server.clock.now() - before).toBeGreaterThanOrEqual(3_600_000)
    await expect(ow.clock.advance('soon')).rejects.toMatchObject({ code: 'USAGE' })
  })

  it('follows the events until the loop ends', async () => {
    const ns = await ow.namespace()
    const events = ow.events({ type: ['entity', 'activation.ended'], namespace: ns.name })
    // Nobody reads yet: what happens is told all the same.
    await ns.request('PUT', '/packages/p', {})
    expect((await events.next()).value).toMatchObject({ type: 'entity.changed', namespace: ns.name })
    await ns.request('PUT', '/actions/a', { exec: { kind: 'nodejs:20', code: 'function main() {}' } })
    const invoked = ns.invoke('a')
    for await (const event of events) if (event.type === 'activation.ended') break
    expect(await invoked).toMatchObject({ response: { success: true } })
    expect(await events.next()).toEqual({ done: true, value: undefined })
  })

  it('ends the events for all who wait when the reader leaves', async () => {
    const events = ow.events()
    const waiting = [events.next(), events.next()]
    await events.return?.()
    expect(await Promise.all([...waiting, events.next()])).toEqual(Array(3).fill({ done: true, value: undefined }))
    await expect(ow.events().return?.()).resolves.toEqual({ done: true, value: undefined })
  })

  it('ends the events when the server stops', async () => {
    const other = await startOpenWhisk({ driver: 'process', prewarm: false, configFile: false })
    const connection = connectOpenWhisk(other)
    const events = connection.events({ type: 'entity.changed' })
    const { name, request } = await connection.namespace()
    await request('PUT', '/packages/p', {})
    const seen: unknown[] = []
    const loop = async () => {
      for await (const { namespace } of events) seen.push(namespace)
    }
    await Promise.all([loop(), other.stop()])
    expect(seen).toEqual([name])
    await expect(connection.events().next()).rejects.toThrow('fetch failed')
  })

  it('finds the server that the environment names, as `exec` sets it', async () => {
    expect(() => connectOpenWhisk()).toThrow('OPENWHISK_CONTROL_URL')
    process.env.OPENWHISK_CONTROL_URL = `${server.url}/_control/v1`
    process.env.OPENWHISK_CONTROL_TOKEN = server.token
    expect((await connectOpenWhisk().namespace()).name).toMatch(/^test-/)
    process.env.OPENWHISK_CONTROL_TOKEN = 'wrong'
    await expect(connectOpenWhisk().namespace()).rejects.toMatchObject({ code: 'REQUEST', status: 401 })
    await expect(connectOpenWhisk().events().next()).rejects.toMatchObject({ code: 'REQUEST', status: 401 })
  })
})
