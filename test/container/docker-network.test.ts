import { release } from 'node:os'
import { describe, expect, test } from 'vitest'
import { type BridgeNetwork, EngineError } from '../../src/container/docker-engine.ts'
import type { EngineHost } from '../../src/container/docker-host.ts'
import { chooseAddressing } from '../../src/container/docker-network.ts'

const LOCAL: EngineHost = { address: { socketPath: '/docker.sock' }, url: 'unix:///docker.sock', source: 'a test' }
/** An address that is this machine's, as a bridge's would be. */
const REACHABLE: BridgeNetwork = { gateway: '127.0.0.1', subnet: '127.0.0.0/8' }
/** One that is nobody's (TEST-NET-3). */
const ELSEWHERE: BridgeNetwork = { gateway: '203.0.113.1', subnet: '203.0.113.0/24' }

function anEngine(network: BridgeNetwork | EngineError | undefined, { kernel = release(), rootless = false } = {}) {
  return {
    gateway: async () => {
      if (network instanceof EngineError) throw network
      return network
    },
    describe: async () => ({ kernel, rootless }),
  }
}

describe('chooseAddressing', () => {
  test("takes the containers' own addresses when this machine has the network's gateway", async () => {
    expect(await chooseAddressing(anEngine(REACHABLE), LOCAL, 'bridge', false)).toEqual({
      type: 'bridge',
      actionHost: '127.0.0.1',
      hostAddress: '127.0.0.1',
    })
  })

  const published = { type: 'published', bindTo: '127.0.0.1', reachAt: '127.0.0.1' }
  test.each([
    ['the gateway is not here', anEngine(ELSEWHERE)],
    ['the engine does not name its network', anEngine(undefined)],
    ['the engine runs on another kernel, as in a virtual machine', anEngine(REACHABLE, { kernel: 'other' })],
    ['the engine is rootless', anEngine(REACHABLE, { rootless: true })],
    ['the default network has another name', anEngine(new EngineError(404, 'no such network'))],
  ])('publishes ports on loopback when %s', async (_, engine) => {
    expect(await chooseAddressing(engine, LOCAL, 'bridge', false)).toEqual({
      ...published,
      actionHost: 'host.docker.internal',
      hostAddress: undefined,
    })
  })

  test('publishes ports when told to, and is called back at the gateway all the same', async () => {
    expect(await chooseAddressing(anEngine(REACHABLE), LOCAL, 'bridge', true)).toEqual({
      ...published,
      actionHost: '127.0.0.1',
      hostAddress: '127.0.0.1',
    })
  })

  test('publishes ports on the machine of an engine elsewhere, and is called back at the address shown to it', async () => {
    const host: EngineHost = {
      address: { host: '203.0.113.7', port: 2375 },
      url: 'tcp://203.0.113.7:2375',
      source: 'a test',
    }
    const chosen = await chooseAddressing(anEngine(ELSEWHERE), host, 'bridge', false)
    expect(chosen).toMatchObject({ type: 'published', bindTo: '0.0.0.0', reachAt: '203.0.113.7' })
    expect(chosen.hostAddress).not.toBe('203.0.113.7')
    expect(chosen.actionHost).toBe(chosen.hostAddress ?? 'host.docker.internal')
  })

  test.each(['host', 'none', 'container:other'])('refuses the network %s', async network => {
    await expect(chooseAddressing(anEngine(REACHABLE), LOCAL, network, false)).rejects.toMatchObject({ exitCode: 5 })
  })

  test('says which network does not exist', async () => {
    const engine = anEngine(new EngineError(404, 'no such network'))
    await expect(chooseAddressing(engine, LOCAL, 'mine', false)).rejects.toMatchObject({
      exitCode: 5,
      message: 'the Docker network "mine" does not exist',
    })
  })
})
