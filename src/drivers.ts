// Which container drivers a server has: the demanded one, or Docker when an engine answers, else processes.

import type { Config } from './config.ts'
import type { ContainerFactory } from './container/container.ts'
import { processFactory } from './container/process.ts'
import { embedded } from './embedded/embedded.ts'
import { ExitError } from './errors.ts'
import type { Logger } from './log.ts'

export interface DriverContext {
  instanceId: string
  log: Logger
  /** `__OW_API_HOST` of containers, once the port is known; the host part is the driver's. */
  apiHost: (host: string) => string
}

export interface Drivers {
  /** The preferred one first. */
  readonly factories: readonly ContainerFactory[]
  readonly name: 'docker' | 'process'
  /** Why this one, for the start-up output. */
  readonly reason: string
  /** Host under which an action reaches this machine. */
  readonly actionHost: string
  /** The address of this machine on the containers' network: to listen on for callbacks. */
  readonly hostAddress: string | undefined
}

/** Fails with ExitError 5 when the demanded driver is not available. */
export async function chooseDrivers(config: Config, context: DriverContext): Promise<Drivers> {
  if (config.driver === 'process') return processOnly(config, context, 'as demanded')
  try {
    return await withDocker(config, context)
  } catch (error) {
    if (config.driver === 'docker' || !(error instanceof ExitError)) throw error
    return processOnly(config, context, error.message)
  }
}

/** OpenWhisk: loopback names work as they do for any client on this machine. */
const LOOPBACK = 'localhost'

function processOnly(config: Config, context: DriverContext, reason: string): Drivers {
  const factory = openProcessFactory(config, context)
  return { factories: [factory], name: 'process', reason, actionHost: LOOPBACK, hostAddress: undefined }
}

async function withDocker(config: Config, context: DriverContext): Promise<Drivers> {
  const { dockerFactory } = await import('./container/docker.ts')
  const docker = await dockerFactory({
    instanceId: context.instanceId,
    log: context.log,
    dockerHost: config.dockerHost,
    network: config.dockerNetwork,
    pull: config.pull,
    addHosts: config.addHost,
    containerEnv: config.containerEnv,
    apiHost: () => context.apiHost(docker.actionHost),
  })
  // Where Docker was merely found, a kind whose image cannot be had may still run as a process.
  const others = config.driver === 'auto' ? [openProcessFactory(config, context)] : []
  return {
    factories: [docker, ...others],
    name: 'docker',
    reason: `the engine at ${docker.engineUrl} (${docker.engineSource})`,
    actionHost: docker.actionHost,
    hostAddress: docker.hostAddress,
  }
}

function openProcessFactory(config: Config, context: DriverContext): ContainerFactory {
  return processFactory({
    instanceId: context.instanceId,
    log: context.log,
    nodePaths: config.nodePaths,
    python: config.python,
    apiHost: () => context.apiHost(LOOPBACK),
    containerEnv: config.containerEnv,
    ...embedded(),
  })
}
