// For tests of the Docker driver: whether there is an engine with the test images, a factory, and a look behind it.

import Docker from 'dockerode'
import { describe, test } from 'vitest'
import type { Container, ContainerRequest, RuntimeAnswer } from '../../src/container/container.ts'
import {
  type DockerFactory,
  type DockerFactoryOptions,
  dockerFactory,
  probeDocker,
} from '../../src/container/docker.ts'
import { silentLogger } from '../../src/log.ts'

export const FIXTURE = 'openwhisk-test/fixture:1'

export const engine = new Docker()

/** Why the Docker tests cannot run; undefined when they can. */
async function whyNot(): Promise<string | undefined> {
  try {
    await probeDocker()
    await engine.getImage(FIXTURE).inspect()
    return undefined
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return /no such image/i.test(reason) ? 'the test images are missing; .ci/images builds them' : reason
  }
}

const unavailable = await whyNot()

/** A `describe` that skips, saying why, without an engine; fails instead when OPENWHISK_TEST_REQUIRE_DOCKER is 1. */
export function describeDocker(title: string, body: () => void): void {
  if (unavailable === undefined) describe(title, body)
  else if (process.env.OPENWHISK_TEST_REQUIRE_DOCKER !== '1') describe.skip(`${title} (skipped: ${unavailable})`, body)
  else {
    describe(title, () => {
      test('finds a Docker engine and the test images', () => {
        throw new Error(unavailable)
      })
    })
  }
}

let counter = 0

/** The id of one test's server: short, and another one each time. */
export function instanceId(): string {
  return `t${process.pid}x${++counter}`
}

export function openFactory(options: Partial<DockerFactoryOptions> = {}): Promise<DockerFactory> {
  return dockerFactory({
    instanceId: instanceId(),
    log: silentLogger,
    pull: 'never',
    apiHost: () => 'http://172.17.0.1:1',
    ...options,
  })
}

export function aRequest(request: Partial<ContainerRequest> = {}): ContainerRequest {
  return {
    name: `${++counter}_guest_hello`,
    kind: 'blackbox',
    image: FIXTURE,
    userImage: true,
    keepsLogs: true,
    memoryMb: 128,
    cpuShares: 128,
    env: {},
    transid: 'test',
    ...request,
  }
}

const CALL = { timeoutMs: 10_000, maxResponseBytes: 1_048_576, truncationBytes: 1_048_576 }

/** Gives the fixture what it is to do at `/run` (see images/fixture.mjs). */
export function initialize(container: Container, script: object, timeoutMs = CALL.timeoutMs): Promise<RuntimeAnswer> {
  return container.initialize(JSON.stringify({ value: { code: JSON.stringify(script) } }), { ...CALL, timeoutMs })
}

export function run(container: Container, timeoutMs = CALL.timeoutMs): Promise<RuntimeAnswer> {
  return container.run(JSON.stringify({ value: {} }), { ...CALL, timeoutMs })
}

/** The names of all containers, running or not, of one server. */
export async function containersOf(id: string, docker = engine): Promise<string[]> {
  const found = await docker.listContainers({
    all: true,
    filters: { label: [`org.openwhisk.standalone.server=${id}`] },
  })
  return found.flatMap(({ Names }) => Names.map(name => name.slice(1)))
}
