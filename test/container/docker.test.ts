import { once } from 'node:events'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { realClock } from '../../src/clock.ts'
import type { Container } from '../../src/container/container.ts'
import { ContainerError } from '../../src/container/container.ts'
import type { DockerFactory } from '../../src/container/docker.ts'
import {
  aRequest,
  containersOf,
  describeDocker,
  engine,
  FIXTURE,
  initialize,
  instanceId,
  openFactory,
  run,
} from './docker-engine.ts'
import { eventually } from './driving.ts'

const LOGS = { limitBytes: 10_485_760, waitForSentinel: true, developerError: false }

describeDocker('the Docker driver', () => {
  const id = instanceId()
  let factory: DockerFactory
  const made: Container[] = []

  async function create(request: Parameters<typeof aRequest>[0] = {}): Promise<Container> {
    const container = await factory.create(aRequest(request))
    made.push(container)
    return container
  }

  beforeAll(async () => {
    factory = await openFactory({
      instanceId: id,
      containerEnv: { EXTRA: 'for all' },
      addHosts: ['elsewhere:10.1.2.3'],
    })
  })
  afterEach(async () => {
    await Promise.all(made.splice(0).map(container => container.destroy()))
  })
  afterAll(async () => {
    await factory.close()
    expect(await containersOf(id)).toEqual([])
  })

  test('creates a container with the limits, labels, names and environment that OpenWhisk gives it', async () => {
    const container = await create({ name: '7_guest_hello', memoryMb: 256, cpuShares: 256, env: { OWN: 'a=b' } })
    const info = await engine.getContainer(container.id).inspect()
    expect(info.Name).toBe(`/ow-${id}-7_guest_hello`)
    expect(info.HostConfig).toMatchObject({
      Memory: 268_435_456,
      MemorySwap: 268_435_456,
      CpuShares: 256,
      PidsLimit: 1024,
      CapDrop: ['NET_RAW', 'NET_ADMIN'],
      Ulimits: [{ Name: 'nofile', Soft: 1024, Hard: 1024 }],
      ExtraHosts: ['host.docker.internal:host-gateway', 'elsewhere:10.1.2.3'],
      LogConfig: { Type: 'json-file' },
      NetworkMode: 'bridge',
      AutoRemove: false,
    })
    expect(info.Config.Env).toEqual(
      expect.arrayContaining(['__OW_API_HOST=http://172.17.0.1:1', 'EXTRA=for all', 'OWN=a=b']),
    )
    expect(info.Config.Labels).toMatchObject({
      'org.openwhisk.standalone.server': id,
      'org.openwhisk.standalone.server.pid': String(process.pid),
    })
  })

  test('initializes, runs and collects the lines of each run', async () => {
    const container = await create()
    expect(await initialize(container, { run: { body: '{"a":1}', print: 'one\ntwo' } })).toMatchObject({ status: 200 })
    for (let i = 0; i < 2; i++) {
      expect(await run(container)).toMatchObject({ type: 'response', status: 200, body: '{"a":1}' })
      const { lines, failed } = await container.logs(LOGS)
      expect(failed).toBe(false)
      expect(lines.map(line => line.slice(31))).toEqual(['stdout: one', 'stdout: two'])
    }
  })

  test('shows lines to a listener as they are written', async () => {
    const container = await create()
    const seen: unknown[] = []
    container.onLogLine(line => seen.push(line))
    await initialize(container, { run: { print: 'now' } })
    await run(container)
    await container.logs(LOGS)
    expect(seen).toEqual([{ stream: 'stdout', line: 'now' }])
  })

  test('has the engine keep nothing of an action without logs, and yet shows its lines to a listener', async () => {
    const container = await create({ keepsLogs: false })
    expect((await engine.getContainer(container.id).inspect()).HostConfig.LogConfig?.Type).toBe('none')
    await initialize(container, { run: { print: 'unheard' } })
    await run(container)
    const seen: unknown[] = []
    await container.onLogLine(line => seen.push(line))
    await run(container)
    await eventually('the line', () => seen.length > 0)
    expect(seen).toEqual([{ stream: 'stdout', line: 'unheard' }])
    container.onLogLine(undefined)
    expect(await run(container)).toMatchObject({ type: 'response', status: 200 })
    expect(container.logs({ ...LOGS, limitBytes: 0 })).toEqual({ lines: [], failed: false })
  })

  test.each([
    ['as it is', false],
    ['while its lines are shown', true],
  ])('notices the end of a container without logs, %s', async (_, shown) => {
    const container = await create({ keepsLogs: false })
    await initialize(container, { run: { body: '{}' } })
    if (shown) await container.onLogLine(() => undefined)
    await engine.getContainer(container.id).kill()
    await container.exited
    const next = await create()
    await initialize(next, {})
    expect(await run(container)).toMatchObject({ type: 'connectionError', beforeResponse: true })
  })

  test('tells an exhausted memory from another end', async () => {
    const [greedy, quitter] = await Promise.all([create(), create()])
    await initialize(greedy, { run: { allocate: true } })
    expect(await run(greedy)).toMatchObject({ type: 'connectionError', outOfMemory: true })
    await initialize(quitter, { run: { exit: 1 } })
    expect(await run(quitter)).toMatchObject({ type: 'connectionError', outOfMemory: false })
    await Promise.all([greedy.exited, quitter.exited])
  })

  test('does not take a container for out of memory that somebody killed', async () => {
    const container = await create()
    await initialize(container, { run: { hang: true } })
    const running = run(container)
    await engine.getContainer(container.id).kill()
    expect(await running).toMatchObject({ type: 'connectionError', outOfMemory: false })
  })

  test('sends nothing to the address of a container that died idle', async () => {
    const container = await create()
    await initialize(container, {})
    await engine.getContainer(container.id).kill()
    await container.exited
    const next = await create()
    await initialize(next, { run: { body: '{"next":true}' } })
    expect(await run(container)).toMatchObject({ type: 'connectionError', beforeResponse: true })
    expect(await run(next)).toMatchObject({ body: '{"next":true}' })
  })

  test('retries the initialization of a container that never listens until the time is over', async () => {
    const container = await create({ image: 'openwhisk-test/silent:1' })
    expect(await initialize(container, {}, 300)).toMatchObject({ type: 'timeout' })
  })

  test('ends the initialization of a container that dies at its start with the time limit', async () => {
    const container = await create({ image: 'openwhisk-test/dies:1' }).catch((error: unknown) => error)
    // Dead before it had an address: the start failed.
    if (container instanceof ContainerError) expect(container.reason).toBe('provision')
    else expect(await initialize(container as Container, {}, 300)).toMatchObject({ type: 'timeout' })
  })

  test('freezes and thaws a container, and removes a frozen one', async () => {
    const container = await create()
    await initialize(container, { run: { body: '{"thawed":true}' } })
    await container.suspend?.()
    expect((await engine.getContainer(container.id).inspect()).State.Paused).toBe(true)
    await container.resume?.()
    expect(await run(container)).toMatchObject({ body: '{"thawed":true}' })
    await container.suspend?.()
    await container.destroy()
    await expect(engine.getContainer(container.id).inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('removes a container once, however often that is asked', async () => {
    const container = await create()
    const running = run(container)
    await Promise.all([container.destroy(), container.destroy()])
    await container.destroy()
    await container.exited
    expect(await running).toMatchObject({ type: 'connectionError', outOfMemory: false })
    await expect(engine.getContainer(container.id).inspect()).rejects.toMatchObject({ statusCode: 404 })
  })

  test('names the image whose command does not exist, and leaves no container', async () => {
    const creating = factory.create(aRequest({ image: 'openwhisk-test/no-command:1' }))
    await expect(creating).rejects.toMatchObject({
      reason: 'command',
      message: 'executable file not found in image openwhisk-test/no-command:1',
    })
    expect(await containersOf(id)).toEqual([])
  })

  test('fails with `provision` when the engine refuses the container', async () => {
    const creating = factory.create(aRequest({ memoryMb: 1 }))
    await expect(creating).rejects.toMatchObject({ reason: 'provision' })
  })

  test('creates many at a time and removes them all', async () => {
    const containers = await Promise.all(Array.from({ length: 6 }, () => create()))
    expect(new Set(containers.map(({ name }) => name)).size).toBe(6)
    const answers = await Promise.all(containers.map(container => initialize(container, {})))
    expect(answers.map(answer => answer.type)).toEqual(Array(6).fill('response'))
  })

  test('lets an action reach this machine by __OW_API_HOST and as host.docker.internal', async () => {
    const heard: string[] = []
    const server = createServer((request, response) => {
      heard.push(`${request.headers.host} ${request.url}`)
      response.end('{}')
    }).listen(0, factory.hostAddress ?? '0.0.0.0')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const container = await create()
    const hosts = [factory.actionHost, 'host.docker.internal']
    const fetches = hosts.map(host => `http://${host}:${port}/called`)
    await initialize(container, { run: { fetch: fetches } })
    expect(await run(container)).toMatchObject({ status: 200 })
    expect(heard.sort()).toEqual(hosts.map(host => `${host}:${port} /called`).sort())
    server.close()
  })
})

describeDocker('a Docker factory', () => {
  test("publishes a port on loopback where the containers' addresses are out of reach", async () => {
    const factory = await openFactory({ publishPorts: true })
    const container = await factory.create(aRequest())
    await initialize(container, { run: { body: '{"published":true}' } })
    expect(await run(container)).toMatchObject({ body: '{"published":true}' })
    const info = await engine.getContainer(container.id).inspect()
    expect(info.NetworkSettings.Ports['8080/tcp']).toEqual([{ HostIp: '127.0.0.1', HostPort: expect.any(String) }])
    await factory.close()
  })

  test('uses a network by name, and refuses one that does not exist or gives no addresses', async () => {
    const network = await engine.createNetwork({ Name: `ow-test-${instanceId()}` })
    const { Name: name } = await network.inspect()
    const factory = await openFactory({ network: name })
    try {
      const container = await factory.create(aRequest())
      expect(await initialize(container, {})).toMatchObject({ status: 200 })
      const info = await engine.getContainer(container.id).inspect()
      expect(Object.keys(info.NetworkSettings.Networks)).toEqual([name])
    } finally {
      await factory.close()
      await network.remove()
    }
    await expect(openFactory({ network: name })).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringContaining(name),
    })
    await expect(openFactory({ network: 'host' })).rejects.toMatchObject({ exitCode: 5 })
  })

  test.each([
    ['never', false],
    ['missing', true],
    ['always', true],
  ] as const)(
    'with --pull %s: says that an image cannot be had',
    async (pull, asks) => {
      const factory = await openFactory({ pull })
      const startedAt = realClock.now()
      await expect(factory.create(aRequest({ image: 'nosuch.invalid/image:1' }))).rejects.toMatchObject({
        reason: 'pull',
        message: 'nosuch.invalid/image:1',
        ...(asks && { cause: expect.any(Error) }),
      })
      expect(realClock.now() - startedAt).toBeLessThan(30_000)
      await factory.close()
    },
    60_000,
  )

  test('falls back to the local image when a pull fails', async () => {
    const factory = await openFactory({ pull: 'always' })
    const container = await factory.create(aRequest())
    expect(await initialize(container, {})).toMatchObject({ status: 200 })
    await factory.close()
  }, 60_000)

  test('removes what it is still creating when it is closed', async () => {
    const id = instanceId()
    const factory = await openFactory({ instanceId: id })
    const creating = [factory.create(aRequest()), factory.create(aRequest())]
    const outcomes = Promise.allSettled(creating)
    await factory.close()
    await outcomes
    expect(await containersOf(id)).toEqual([])
    await expect(factory.create(aRequest())).rejects.toThrow(ContainerError)
  })

  test("removes the containers of dead servers and nobody else's", async () => {
    const leave = (labels: Record<string, string>) => engine.createContainer({ Image: FIXTURE, Labels: labels })
    const server = 'org.openwhisk.standalone.server'
    const alive = await openFactory()
    const own = await alive.create(aRequest())
    const { Labels: livingLabels } = (await engine.getContainer(own.id).inspect()).Config
    const dead = await leave({ ...livingLabels, [server]: 'dead', [`${server}.pid`]: '4194999' })
    const reused = await leave({ ...livingLabels, [server]: 'reused', [`${server}.started`]: 'boot:1' })
    const otherMachine = await leave({
      ...livingLabels,
      [server]: 'far',
      [`${server}.pid`]: '4194999',
      [`${server}.host`]: 'far',
    })
    const stranger = await leave({ something: 'else' })
    const factory = await openFactory()
    try {
      expect(await factory.cleanup()).toBeGreaterThanOrEqual(2)
      for (const gone of [dead, reused]) await expect(gone.inspect()).rejects.toMatchObject({ statusCode: 404 })
      for (const kept of [engine.getContainer(own.id), otherMachine, stranger]) await kept.inspect()
    } finally {
      await Promise.all([otherMachine, stranger].map(container => container.remove({ force: true })))
      await Promise.all([factory.close(), alive.close()])
    }
  })

  test('says which engine did not answer', async () => {
    await expect(openFactory({ dockerHost: 'unix:///nonexistent/docker.sock' })).rejects.toMatchObject({
      exitCode: 5,
      message: 'no Docker engine answered: unix:///nonexistent/docker.sock (--docker-host): there is no such socket',
    })
  })

  test('is healthy while its engine answers', async () => {
    const factory = await openFactory()
    await vi.waitFor(() => expect(factory.healthy()).toBe(true))
    await factory.close()
  })
})
