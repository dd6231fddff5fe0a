import { PassThrough, type Readable } from 'node:stream'
import { describe, expect, test } from 'vitest'
import { openDockerContainer } from '../../src/container/docker-container.ts'
import type { ContainerState, DockerEngine } from '../../src/container/docker-engine.ts'
import { silentLogger } from '../../src/log.ts'

/** A frame of the engine's attachment. */
const frame = (text: string) => Buffer.concat([Buffer.from([1, 0, 0, 0, 0, 0, 0, text.length]), Buffer.from(text)])

/** A container without an attachment, in an engine that does what `overrides` say. */
const open = (overrides: Partial<DockerEngine> = {}, silent = true) => {
  const state: Partial<ContainerState> = { running: false }
  const engine = {
    attach: async () => new PassThrough() as Readable,
    inspect: async () => state as ContainerState,
    wait: () => new Promise<void>(() => {}),
    pause: async () => undefined,
    unpause: async () => undefined,
    ...overrides,
  }
  const container = openDockerContainer({
    id: 'c1',
    name: 'ow-1_guest_hello',
    address: { host: '127.0.0.1', port: 1 },
    output: undefined,
    silent,
    engine,
    log: silentLogger,
    remove: async () => undefined,
  })
  return { container, state }
}

describe('a container whose output nobody wanted so far', () => {
  test('is told to be gone when the engine says that it does not run', async () => {
    const { container } = open({ wait: async () => undefined })
    await container.exited
  })

  test('is told to be gone when the engine is', async () => {
    const refused = () => Promise.reject(new Error('ECONNREFUSED'))
    const { container } = open({ wait: refused, inspect: refused })
    await container.exited
  })

  test('lives on when only the engine stopped waiting', async () => {
    let waits = 0
    const { container, state } = open({
      wait: () => (++waits === 1 ? Promise.resolve() : new Promise(() => {})),
    })
    state.running = true
    let isGone = false
    void container.exited.then(() => {
      isGone = true
    })
    await new Promise(resolve => setTimeout(resolve, 20))
    expect([waits, isGone]).toEqual([2, false])
  })

  test('is attached to once when somebody listens, and its lines are passed on', async () => {
    const output = new PassThrough()
    let attachments = 0
    const attach = async () => {
      attachments += 1
      return output as Readable
    }
    const { container } = open({ attach })
    const lines: string[] = []
    await container.onLogLine(({ line }) => lines.push(line))
    output.write(frame('one\n'))
    await new Promise(resolve => setImmediate(resolve))
    container.onLogLine(undefined)
    output.write(frame('unheard\n'))
    await new Promise(resolve => setImmediate(resolve))
    await container.onLogLine(({ line }) => lines.push(line))
    output.write(frame('two\n'))
    await new Promise(resolve => setImmediate(resolve))
    expect([attachments, lines]).toEqual([1, ['one', 'two']])
  })

  test('is attached to again after an attachment failed', async () => {
    let attempts = 0
    const attach = () => (++attempts === 1 ? Promise.reject(new Error('no')) : Promise.resolve(new PassThrough()))
    const { container } = open({ attach })
    await container.onLogLine(() => undefined)
    await container.onLogLine(() => undefined)
    await container.onLogLine(() => undefined)
    expect(attempts).toBe(2)
  })

  test('holds nobody up for long when the engine does not answer', async () => {
    const { container } = open({ attach: () => new Promise(() => {}) })
    expect(await container.onLogLine(() => undefined)).toBeUndefined()
  })

  test('destroys an attachment that comes after its end', async () => {
    const output = new PassThrough()
    let attached = (_: Readable) => {}
    const { container } = open({
      attach: () =>
        new Promise(resolve => {
          attached = resolve
        }),
    })
    const following = container.onLogLine(() => undefined)
    await container.destroy()
    attached(output)
    await following
    expect(output.destroyed).toBe(true)
  })
})

test('only a runtime that says nothing of it is warmed up', () => {
  expect([open().container.warmUp, open({}, false).container.warmUp]).toEqual([expect.any(Function), undefined])
})
