// Which driver makes an action's container, and what is asked of it.

import { type Container, ContainerError, type ContainerFactory, type ContainerRequest } from '../container/container.ts'
import type { ExecManifest } from '../entity/manifest.ts'
import type { Logger } from '../log.ts'
import type { ContainerProxy } from './container-proxy.ts'
import type { ExecutableAction } from './profile.ts'

/** What the engine asks of the manifest. */
export type Runtimes = Pick<ExecManifest, 'resolveKind' | 'blackboxes'>

export interface DriverOptions {
  /** In order of preference. */
  readonly factories: () => readonly ContainerFactory[]
  readonly runtimes: Runtimes
  readonly userMemoryMb: number
  /** For every action container. */
  readonly containerEnv: Readonly<Record<string, string>>
  readonly log: Logger
}

const BLACKBOX = 'blackbox'
/**
 * Families of kinds whose runtimes write their sentinels before they answer: those of Node.js and Ruby, and those behind
 * the ActionLoop proxy. Those of Java and .NET answer first.
 */
const SENTINELS_FIRST = new Set(['nodejs', 'python', 'go', 'php', 'ruby', 'rust', 'swift'])
/** How long an image that was not to be had is not asked for again while another driver can do without. */
const MISSING_IMAGE_MS = 300_000
const DOCKER_CPU_SHARES = 1024

export class Drivers {
  readonly #options: DriverOptions
  /** When images were last found to be missing. */
  readonly #missing = new Map<string, number>()

  readonly #native: ReadonlySet<string>

  constructor(options: DriverOptions) {
    this.#options = options
    this.#native = new Set(options.runtimes.blackboxes.map(withTag))
  }

  /** The image an action runs in, as it was resolved. */
  imageOf(action: ExecutableAction): string {
    const { exec } = action
    if ('image' in exec) return exec.image
    return this.#options.runtimes.resolveKind(exec.kind)?.image ?? exec.kind
  }

  sentinelled(action: ExecutableAction): boolean {
    const { exec } = action
    // Of the images that users name, the platform's own are known to write sentinels.
    if ('image' in exec) return this.#native.has(withTag(exec.image))
    return this.#options.runtimes.resolveKind(exec.kind)?.sentinelledLogs ?? true
  }

  /** Whether its runtime writes both sentinels of a run before it answers, so that all it writes later is a later run's. */
  sentinelsFirst(action: ExecutableAction): boolean {
    const { exec } = action
    return !('image' in exec) && SENTINELS_FIRST.has(exec.kind.split(':', 1)[0] ?? '') && this.sentinelled(action)
  }

  /** A container for an action. Fails with ContainerError. */
  create(proxy: ContainerProxy, action: ExecutableAction, namespace: string, transid: string): Promise<Container> {
    // Node.js runtimes refuse a second run beside the first unless they are told before they start.
    const shared: Record<string, string> = action.limits.concurrency > 1 ? { __OW_ALLOW_CONCURRENT: 'true' } : {}
    return this.#create({
      name: containerName(proxy.number, namespace, action.name),
      kind: action.exec.kind,
      image: this.imageOf(action),
      userImage: action.exec.kind === BLACKBOX,
      memoryMb: action.limits.memory,
      cpuShares: this.#cpuShares(action.limits.memory),
      keepsLogs: action.limits.logs > 0,
      env: { ...shared, ...this.#options.containerEnv },
      transid,
    })
  }

  /** A container without code. Fails with ContainerError. */
  createStemCell(proxy: ContainerProxy): Promise<Container> {
    const { kind, memoryMb } = proxy
    const image = this.#options.runtimes.resolveKind(kind)?.image
    if (image === undefined) return Promise.reject(noRuntime(kind))
    return this.#create({
      name: containerName(proxy.number, 'prewarm', kind),
      kind,
      image,
      userImage: false,
      memoryMb,
      cpuShares: this.#cpuShares(memoryMb),
      keepsLogs: true,
      env: this.#options.containerEnv,
      transid: 'sid_invokerWarmup',
    })
  }

  async #create(request: ContainerRequest): Promise<Container> {
    const hasImage = request.userImage || this.#options.runtimes.resolveKind(request.kind) !== undefined
    // Differs from OpenWhisk, which can no longer read an action whose kind is gone from the manifest: here it runs where
    // that takes no image.
    const able = this.#options
      .factories()
      .filter(factory => factory.supports(request.kind) && (hasImage || factory.driver !== 'docker'))
    const known = this.#missing.get(request.image)
    const isMissing = known !== undefined && performance.now() - known < MISSING_IMAGE_MS
    const usable = isMissing && able.length > 1 ? able.slice(1) : able
    const [first, ...others] = usable
    if (first === undefined) throw hasImage ? this.#noDriver(request) : noRuntime(request.kind)
    try {
      return await first.create(request)
    } catch (error) {
      const next = others[0]
      const unobtainable = error instanceof ContainerError && error.reason === 'pull' && !request.userImage
      if (!unobtainable || next === undefined) throw error
      this.#missing.set(request.image, performance.now())
      this.#options.log.warn(
        `image ${request.image} is not to be had (${error.message}); ${request.kind} runs in the ${next.driver} driver`,
        { transid: request.transid },
      )
      return next.create(request)
    }
  }

  #noDriver(request: ContainerRequest): ContainerError {
    const { kind, image, userImage, transid } = request
    const what = userImage ? `image ${image}` : `kind ${kind} (image ${image})`
    this.#options.log.warn(`${what} needs the docker driver: start a Docker engine, then this server again`, {
      transid,
    })
    return new ContainerError(userImage ? 'pull' : 'provision', `No driver here runs ${what}.`)
  }

  #cpuShares(memoryMb: number): number {
    const containers = Math.max(1, Math.floor(this.#options.userMemoryMb / memoryMb))
    return Math.max(2, Math.floor(DOCKER_CPU_SHARES / containers))
  }
}

const noRuntime = (kind: string) => new ContainerError('provision', `There is no runtime '${kind}'.`)

/** OpenWhisk: a missing tag is `latest`, and nothing else is equal to it. */
function withTag(image: string): string {
  return image.slice(image.lastIndexOf('/') + 1).includes(':') ? image : `${image}:latest`
}

/** `12_guest_hello`. OpenWhisk: all but letters, digits and `_` is left out. */
export function containerName(number: number, prefix: string, suffix: string): string {
  return `${number}_${strip(prefix)}_${strip(suffix)}`
}

const strip = (text: string): string => text.replace(/[^A-Za-z0-9_]/g, '')
