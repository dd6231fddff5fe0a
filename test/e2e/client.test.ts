// The whole server through the real `openwhisk` client, on each driver.

import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { describeDocker } from './docker.ts'
import {
  aFolder,
  build,
  clientOf,
  eventually,
  type OpenWhiskClient,
  type ServerProcess,
  startProcess,
} from './server.ts'

const CODE = `
function main(args) {
  console.log('hello', args.name)
  console.error('careful')
  if (args.fail) return { error: args.fail }
  if (args.crash) throw new Error('boom')
  return { greeting: 'hello ' + args.name, seen: args.fixed }
}`

describe('process driver', () => suite('process'))
describeDocker('docker driver', () => suite('docker'))

function suite(driver: 'process' | 'docker'): void {
  const folder = aFolder()
  let server: ServerProcess
  let ow: OpenWhiskClient

  const start = async () => {
    server = await startProcess({
      cwd: folder.path,
      args: ['--driver', driver, '--pull', 'never', '-d', 'state', '--no-prewarm'],
    })
    ow = clientOf(server.url)
  }
  beforeAll(async () => {
    build()
    await start()
  })
  afterAll(async () => {
    await server.end()
    folder.remove()
  })

  it('creates, updates, gets and lists an action', async () => {
    await ow.actions.create({ name: 'hello', action: CODE, kind: 'nodejs:20', params: { fixed: 1 } })
    await expect(ow.actions.create({ name: 'hello', action: CODE })).rejects.toMatchObject({ statusCode: 409 })
    expect(
      await ow.actions.update({ name: 'hello', action: CODE, kind: 'nodejs:20', params: { fixed: 2 } }),
    ).toMatchObject({
      version: '0.0.2',
    })
    expect(await ow.actions.get({ name: 'hello' })).toMatchObject({
      name: 'hello',
      parameters: [{ key: 'fixed', value: 2 }],
      exec: { kind: 'nodejs:20', binary: false },
    })
    expect(await ow.actions.list()).toMatchObject([{ name: 'hello', version: '0.0.2' }])
  })

  it('invokes it: blocking, for its result only, and without waiting', async () => {
    const record = await ow.actions.invoke({ name: 'hello', params: { name: 'you' }, blocking: true })
    expect(record).toMatchObject({ response: { success: true, result: { greeting: 'hello you', seen: 2 } } })
    expect(await ow.actions.invoke({ name: 'hello', params: { name: 'me' }, blocking: true, result: true })).toEqual({
      greeting: 'hello me',
      seen: 2,
    })
    const { activationId } = await ow.actions.invoke({ name: 'hello', params: { name: 'later' } })
    const later = await eventually(() => ow.activations.get({ name: String(activationId) }))
    expect(later).toMatchObject({ response: { result: { greeting: 'hello later' } } })
  })

  it('answers 502 for what the action failed with', async () => {
    const failing = ow.actions.invoke({ name: 'hello', params: { fail: 'no' }, blocking: true })
    await expect(failing).rejects.toMatchObject({
      statusCode: 502,
      error: { response: { status: 'application error', result: { error: 'no' } } },
    })
    const crashing = ow.actions.invoke({ name: 'hello', params: { crash: true }, blocking: true })
    await expect(crashing).rejects.toMatchObject({
      statusCode: 502,
      error: {
        response: { status: 'action developer error', result: { error: 'An error has occurred: Error: boom' } },
      },
    })
  })

  it('shows records, logs and results of activations', async () => {
    const { activationId } = await ow.actions.invoke({ name: 'hello', params: { name: 'logs' }, blocking: true })
    const name = String(activationId)
    expect(await ow.activations.get({ name })).toMatchObject({ activationId, name: 'hello', namespace: 'guest' })
    const { logs } = await ow.activations.logs({ name })
    const lines = Object.values(logs ?? {}).map(line => String(line).replace(/^\S+ /, ''))
    expect(lines.map(line => line.trim()).sort()).toEqual(['stderr: careful', 'stdout: hello logs'])
    expect(await ow.activations.result({ name })).toMatchObject({ success: true, result: { greeting: 'hello logs' } })
    const list = await ow.activations.list({ limit: 1 })
    expect(list).toMatchObject([{ activationId, name: 'hello', statusCode: 0 }])
  })

  it('runs Python', async () => {
    const code = 'def main(args):\n  print("hi")\n  return {"from": "python", "n": args.get("n", 0) + 1}\n'
    await ow.actions.create({ name: 'py', action: code, kind: 'python:3' })
    expect(await ow.actions.invoke({ name: 'py', params: { n: 1 }, blocking: true, result: true })).toEqual({
      from: 'python',
      n: 2,
    })
  })

  it('reaches itself from an action, with the key it was given', async () => {
    const code = `
      const openwhisk = require('openwhisk')
      async function main() {
        const ow = openwhisk()
        return { result: await ow.actions.invoke({ name: 'hello', params: { name: 'inside' }, blocking: true, result: true }) }
      }`
    const annotations = { 'provide-api-key': true }
    await ow.actions.create({ name: 'callback', action: code, kind: 'nodejs:20', annotations })
    const answer = await ow.actions.invoke({ name: 'callback', blocking: true, result: true })
    expect(answer).toMatchObject({ result: { greeting: 'hello inside' } })
  })

  it('keeps its state over a restart', async () => {
    const { activationId } = await ow.actions.invoke({ name: 'hello', params: { name: 'kept' }, blocking: true })
    expect(await server.end('SIGINT')).toBe(0)
    expect(server.stderr()).toMatch(/stopped: \d+ containers? removed; the state is in .*state/)
    await start()
    expect(await ow.actions.get({ name: 'hello' })).toMatchObject({ version: '0.0.2' })
    expect(await ow.activations.get({ name: String(activationId) })).toMatchObject({ activationId })
    const answer = await ow.actions.invoke({ name: 'hello', params: { name: 'again' }, blocking: true, result: true })
    expect(answer).toMatchObject({ greeting: 'hello again' })
  })

  it('deletes an action', async () => {
    await ow.actions.delete({ name: 'hello' })
    await expect(ow.actions.get({ name: 'hello' })).rejects.toMatchObject({ statusCode: 404 })
  })
}
