// The process driver: action containers as child processes of this server, for machines without Docker.
// No sandbox: an action may do what the user who started the server may do.

import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { realClock } from '../clock.ts'
import { messages } from '../messages.ts'
import {
  type Container,
  ContainerError,
  type ContainerFactory,
  type ContainerRequest,
  type FactoryOptions,
} from './container.ts'
import { createMemoryWatch } from './memory-watch.ts'
import { startProcessContainer } from './process-container.ts'
import { createRuntimes, type ProcessRuntimes, type RuntimeOptions } from './process-runtimes.ts'
import { type ContainerFolder, newContainerId, openRunFolder, type RunFolder, removeLeftovers } from './run-folder.ts'
import { hasShell } from './shell.ts'
import { startWatchdog, type Watchdog } from './watchdog.ts'

export interface ProcessFactoryOptions extends FactoryOptions, RuntimeOptions {
  /** Where the folders of containers are made; the system's place for temporary files unless told. */
  tmpDir?: string
  /** What actions see as `__OW_API_HOST`. */
  apiHost: () => string
  /** For every container. */
  containerEnv?: Readonly<Record<string, string>>
}

/** The server's own variables that containers get: those that say where programs and texts are. */
const INHERITED = /^(PATH|HOME|LANG|LC_[A-Z]+)$/

const inheritedEnv = (): Record<string, string> => {
  const env: Record<string, string> = {}
  for (const [key, value] of Object.entries(process.env)) {
    if (value !== undefined && INHERITED.test(key)) env[key] = value
  }
  return env
}

const environmentOf = (options: ProcessFactoryOptions, request: ContainerRequest, folder: ContainerFolder) => ({
  ...inheritedEnv(),
  // Images run in UTC, so dates look as they will there.
  TZ: 'UTC',
  PWD: folder.work,
  TMPDIR: folder.tmp,
  __OW_API_HOST: options.apiHost(),
  ...options.containerEnv,
  ...request.env,
})

/** Throws what the reference says of an image that cannot be had. */
const checkRunnable = (runtimes: ProcessRuntimes, { kind, image, userImage }: ContainerRequest) => {
  if (userImage) throw new ContainerError('pull', messages.imagePullError(image))
  if (runtimes.supports(kind)) return
  throw new ContainerError('provision', `The process driver cannot run ${kind}: that needs Docker.`)
}

const stopping = () => new ContainerError('provision', 'The server is stopping.')

/**
 * Makes containers of child processes. Kinds nodejs:* run on this Node.js or the one configured for the kind,
 * python:* on `python3`. They end with the server, however that ends.
 */
export const processFactory = (options: ProcessFactoryOptions): ContainerFactory => {
  const tmpDir = options.tmpDir ?? tmpdir()
  const runtimes = createRuntimes(options)
  const memory = createMemoryWatch()
  /** Those of which something may be left. */
  const containers = new Map<string, Container>()
  const starting = new Set<Promise<unknown>>()
  let opened: { folder: RunFolder; watchdog: Watchdog } | undefined
  let closed = false

  // Nothing is made or started before the first container is wanted.
  const open = () => {
    if (closed) throw stopping()
    if (!opened) {
      const folder = openRunFolder(tmpDir)
      opened = { folder, watchdog: startWatchdog(folder.path, hasShell() ? undefined : runtimes.watchdogProgram()) }
    }
    return opened
  }

  const start = async (request: ContainerRequest): Promise<Container> => {
    checkRunnable(runtimes, request)
    const runtime = await runtimes.commandFor(request.kind, () => join(open().folder.path, 'cache'))
    const { folder, watchdog } = open()
    const place = folder.add(runtime.modules)
    const id = newContainerId()
    const container = await startProcessContainer({
      id,
      name: `ow-${options.instanceId}-${request.name}`,
      runtime,
      memoryMb: request.memoryMb,
      folder: place,
      clock: options.clock ?? realClock,
      memory,
      env: { ...environmentOf(options, request, place), ...runtime.env },
      onStarted(group) {
        watchdog.add(group)
        folder.record(place, group)
      },
      onEnded(group) {
        watchdog.remove(group)
        containers.delete(id)
      },
      removeFolder: () => folder.remove(place),
    })
    containers.set(id, container)
    return container
  }

  return {
    driver: 'process',
    supports: runtimes.supports,
    async create(request) {
      const creation = start(request)
      starting.add(creation)
      try {
        const container = await creation
        if (!closed) return container
        await container.destroy()
        throw stopping()
      } finally {
        starting.delete(creation)
      }
    },
    async cleanup() {
      const count = await removeLeftovers(tmpDir)
      if (count > 0) options.log.info(`Removed ${count} leftovers of servers that are no more`)
      return count
    },
    healthy: () => !closed,
    async close() {
      closed = true
      await Promise.allSettled(starting)
      await Promise.all([...containers.values()].map(container => container.destroy()))
      memory.close()
      await opened?.watchdog.close()
      await opened?.folder.close()
    },
  }
}
