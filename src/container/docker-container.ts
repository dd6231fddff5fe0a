// One action container in an engine: its output, its HTTP, its end.

import type { Readable } from 'node:stream'
import type { Logger } from '../log.ts'
import { createClient } from './client.ts'
import type { Container } from './container.ts'
import type { DockerEngine } from './docker-engine.ts'
import { createDemultiplexer } from './docker-frames.ts'
import { LogCollector } from './logs.ts'

/** After a connection failure: how long the engine may take to say that the memory limit was the reason. */
const OOM_DEADLINE_MS = 2_000
const OOM_POLL_MS = 5
/** The notice of an exhausted memory can come after the container's end, on a busy machine long after. */
const OOM_NOTICE_MS = 1_000
/** Output takes its way through the engine: what was written before an answer may come this much after it. */
const DRAIN_MS = 20
/** How long a run waits at most until its lines can be seen. */
const ATTACH_WAIT_MS = 1_000
/** What a process ends with that was killed. */
const KILLED = 137

/** Where its runtime proxy listens. */
export interface ContainerAddress {
  readonly host: string
  readonly port: number
}

export interface DockerContainer extends Container {
  readonly address: ContainerAddress
  /** Its address is somebody else's now. */
  lost(): void
  /** The engine said that it ran out of memory. */
  ranOutOfMemory(): void
}

export interface DockerContainerParts {
  id: string
  name: string
  address: ContainerAddress
  /** The attachment: frames of stdout and stderr. Undefined where nobody wants its output so far. */
  output: Readable | undefined
  /** Whether its runtime says nothing in its logs of requests that it does not know. */
  silent: boolean
  engine: Pick<DockerEngine, 'attach' | 'inspect' | 'wait' | 'pause' | 'unpause'>
  log: Logger
  /** Removes it from the engine; never rejects. */
  remove(): Promise<void>
}

/** Takes over a container that was just started. */
export function openDockerContainer(parts: DockerContainerParts): DockerContainer {
  const { id, name, address, silent, engine, remove } = parts
  const collector = new LogCollector({ drainMs: DRAIN_MS })
  let output = parts.output
  let attaching: Promise<void> | undefined
  let gone = false
  let outOfMemory = false
  let destroying: Promise<void> | undefined
  let settleExited: () => void = () => undefined
  const exited = new Promise<void>(resolve => {
    settleExited = resolve
  })
  const client = createClient(address, { gone: () => gone, outOfMemory: wasOutOfMemory })

  function lost(): void {
    gone = true
    settleExited()
  }

  // The engine ends the attachment before it gives the address to another container, so from here on nothing is sent,
  // unless it turns out that the container lives and has merely closed its outputs.
  async function outputEnded(): Promise<void> {
    endOfOutput()
    await checkLife()
  }

  async function checkLife(): Promise<void> {
    if (gone) return
    gone = true
    const state = await engine.inspect(id).catch(() => undefined)
    gone = destroying !== undefined || !state?.running
    if (!gone) await engine.wait(id).catch(() => undefined)
    lost()
  }

  function endOfOutput(): void {
    collector.end('stdout')
    collector.end('stderr')
  }

  async function wasOutOfMemory(): Promise<boolean> {
    const deadline = performance.now() + OOM_DEADLINE_MS
    while (!outOfMemory && performance.now() < deadline) {
      const state = await engine.inspect(id).catch(() => undefined)
      if (!state) return outOfMemory
      if (state.oomKilled) return true
      if (!state.running) return state.exitCode === KILLED && (await noticed())
      await pause(OOM_POLL_MS)
    }
    return outOfMemory
  }

  async function noticed(): Promise<boolean> {
    const deadline = performance.now() + OOM_NOTICE_MS
    while (!outOfMemory && performance.now() < deadline) await pause(OOM_POLL_MS)
    return outOfMemory
  }

  async function destroy(): Promise<void> {
    gone = true
    client.close()
    await remove()
    output?.destroy()
    endOfOutput()
    settleExited()
  }

  function read(attachment: Readable): void {
    output = attachment
    attachment.on(
      'data',
      createDemultiplexer((stream, bytes) => collector.feed(stream, bytes)),
    )
    attachment.on('error', () => undefined)
    attachment.on('close', outputEnded)
  }

  /** Reads its output from now on, for listeners. */
  async function attach(): Promise<void> {
    const attachment = await engine.attach(id).catch(() => undefined)
    attaching = undefined
    if (attachment === undefined) return
    if (gone) attachment.destroy()
    else read(attachment)
  }

  if (output) read(output)
  // Without an attachment whose end tells it first. The engine may free the address a moment before it answers this; to be
  // called there, another container would have to have it, and to listen, within that moment.
  else engine.wait(id).then(checkLife, checkLife)

  return {
    id,
    name,
    driver: 'docker',
    address,
    exited,
    lost,
    ranOutOfMemory() {
      outOfMemory = true
    },
    initialize: (body, options) => client.initialize(body, options),
    run: (body, options) => client.run(body, options),
    logs: request => collector.collect(request),
    onLogLine(listener) {
      collector.onLine(listener)
      if (output || !listener) return
      attaching ??= attach()
      return atMost(ATTACH_WAIT_MS, attaching)
    },
    ...(silent && { warmUp: () => client.warmUp() }),
    async suspend() {
      client.dropIdle()
      await engine.pause(id)
    },
    resume: () => engine.unpause(id),
    destroy() {
      destroying ??= destroy()
      return destroying
    },
  }
}

/** Settles with `work`, or when the time is over. */
async function atMost(ms: number, work: Promise<void>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const over = new Promise<void>(resolve => {
    timer = setTimeout(resolve, ms)
  })
  await Promise.race([work, over])
  clearTimeout(timer)
}

function pause(ms: number): Promise<void> {
  return new Promise(resolve => {
    setTimeout(resolve, ms)
  })
}
