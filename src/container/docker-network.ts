// Where containers are reached, and where they reach this server: decided once, when the driver starts.

import { createSocket } from 'node:dgram'
import { BlockList } from 'node:net'
import { release } from 'node:os'
import { ExitError } from '../errors.ts'
import { type BridgeNetwork, type DockerEngine, EngineError } from './docker-engine.ts'
import type { EngineHost } from './docker-host.ts'

export type Addressing = {
  /** The host part of `__OW_API_HOST`. */
  actionHost: string
  /** An address of this machine on which the server should listen too, so that actions can call it. */
  hostAddress: string | undefined
} & (
  | { type: 'bridge' }
  /** Port 8080 is published; `bindTo` is where the engine listens, `reachAt` where we connect to. */
  | { type: 'published'; bindTo: string; reachAt: string }
)

const INSIDE = 'host.docker.internal'
/** A route is asked for with a port, whichever. */
const ANY_PORT = 9

/**
 * The containers' own addresses when this machine has a foot in their network, else ports published on loopback (or,
 * with an engine on another machine, on that machine). Fails with ExitError 5 when there is no such network.
 */
export async function chooseAddressing(
  engine: Pick<DockerEngine, 'gateway' | 'describe'>,
  host: EngineHost,
  network: string,
  publishPorts: boolean,
): Promise<Addressing> {
  if (network === 'host' || network === 'none' || network.startsWith('container:')) {
    throw new ExitError(
      5,
      `--docker-network ${network} gives containers no address of their own; name a bridge network`,
    )
  }
  const [gateway, description] = await Promise.all([gatewayOf(engine, network), engine.describe()])
  const footing = description.kernel === release() && !description.rootless ? await footIn(gateway) : undefined
  if (footing && !publishPorts) return { type: 'bridge', actionHost: footing, hostAddress: footing }
  const remote = host.address.host
  if (remote === undefined || isLoopback(remote)) {
    const there = { type: 'published', bindTo: '127.0.0.1', reachAt: '127.0.0.1' } as const
    return { ...there, actionHost: footing ?? INSIDE, hostAddress: footing }
  }
  const own = await ownAddressTowards(remote)
  return { type: 'published', bindTo: '0.0.0.0', reachAt: remote, actionHost: own ?? INSIDE, hostAddress: own }
}

async function gatewayOf(engine: Pick<DockerEngine, 'gateway'>, network: string): Promise<BridgeNetwork | undefined> {
  try {
    return await engine.gateway(network)
  } catch (error) {
    if (!(error instanceof EngineError) || error.status !== 404) throw error
    // Podman calls its default network otherwise, and takes `bridge` for it when a container is made.
    if (network === 'bridge') return undefined
    throw new ExitError(5, `the Docker network "${network}" does not exist`)
  }
}

/** Our own address within a network: the gateway's, or that of a container which we run in ourselves. */
async function footIn(network: BridgeNetwork | undefined): Promise<string | undefined> {
  const [base = '', bits] = network?.subnet.split('/') ?? []
  if (!network || !base || bits === undefined) return undefined
  const own = await ownAddressTowards(network.gateway)
  const subnet = new BlockList()
  subnet.addSubnet(base, Number(bits), 'ipv4')
  return own !== undefined && subnet.check(own) ? own : undefined
}

function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || host.startsWith('127.')
}

/**
 * The address that this machine shows to a host; the host's own when that is this machine. Only asks for the route,
 * so it works too for a bridge that is down because it has no containers yet; sends nothing.
 */
function ownAddressTowards(host: string): Promise<string | undefined> {
  return new Promise(resolve => {
    const socket = createSocket('udp4')
    const end = (address: string | undefined) => {
      resolve(address)
      socket.close()
    }
    socket.on('error', () => end(undefined))
    socket.connect(ANY_PORT, host, () => end(socket.address().address))
  })
}
