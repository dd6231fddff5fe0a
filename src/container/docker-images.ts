// When an image is pulled, and what a failing pull means.

import { messageOf } from '../errors.ts'
import type { Logger } from '../log.ts'
import { ContainerError } from './container.ts'
import { imageName, registryAuth } from './docker-auth.ts'
import { type DockerEngine, EngineError } from './docker-engine.ts'

export type PullPolicy = 'missing' | 'always' | 'never'

/** A managed image that could not be had is not asked for again this long: a machine without network stays quick. */
const FAILURE_MEMORY_MS = 30_000

interface Images {
  /** Before a container is created: pulls where the policy wants it first. Fails with ContainerError `pull`. */
  prepare(image: string, userImage: boolean): Promise<void>
  /** After the engine said that it has no such image: gets it, or fails with ContainerError `pull` (EngineError when it is gone). */
  fetch(image: string, userImage: boolean): Promise<void>
}

/**
 * Pulls of one image that overlap are one pull.
 *
 * OpenWhisk: with `always` a managed image is pulled once in a server's life, a user's before every container.
 * Differs from OpenWhisk: a failing pull falls back to the image that is there.
 */
export function createImages(
  engine: Pick<DockerEngine, 'pull'>,
  {
    policy,
    configDir,
    log,
    now = Date.now,
  }: { policy: PullPolicy; configDir: string; log: Logger; now?: () => number },
): Images {
  const pulling = new Map<string, Promise<void>>()
  const pulled = new Set<string>()
  const failures = new Map<string, { at: number; error: ContainerError }>()

  async function pull(image: string): Promise<void> {
    const startedAt = now()
    try {
      await engine.pull(imageName(image).full, await registryAuth(image, configDir))
    } catch (error) {
      if (error instanceof EngineError && error.status === undefined) throw error
      const why = messageOf(error).trim()
      const failure = new ContainerError('pull', image, { cause: error })
      failures.set(image, { at: now(), error: failure })
      log.warn(`could not pull ${image}: ${why}`)
      throw failure
    }
    pulled.add(image)
    failures.delete(image)
    log.info(`pulled ${image} in ${now() - startedAt} ms`)
  }

  function pullOnce(image: string): Promise<void> {
    const running = pulling.get(image)
    if (running) return running
    const started = pull(image).finally(() => pulling.delete(image))
    pulling.set(image, started)
    return started
  }

  return {
    async prepare(image, userImage) {
      if (policy !== 'always' || (!userImage && pulled.has(image))) return
      // The image may be here all the same: creating the container tells.
      await pullOnce(image).catch(() => undefined)
    },
    async fetch(image, userImage) {
      if (policy === 'never') throw new ContainerError('pull', image)
      const failure = failures.get(image)
      const remembered = policy === 'always' || !userImage
      if (failure && remembered && now() - failure.at < FAILURE_MEMORY_MS) throw failure.error
      await pullOnce(image)
    },
  }
}
