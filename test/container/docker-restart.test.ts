// A Docker engine that goes and comes back: a private one, beside the machine's own.

import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import Docker from 'dockerode'
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest'
import { ping } from '../../src/container/docker-host.ts'
import { aRequest, containersOf, FIXTURE, initialize, instanceId, openFactory, run } from './docker-engine.ts'

const BRIDGE = 'ow-test0'
const PATIENT = { timeout: 60_000, interval: 100 }

/** `dockerd` with everything of its own: socket, data, bridge, containerd. */
class PrivateEngine {
  readonly folder = mkdtempSync(join(tmpdir(), 'ow-engine-'))
  readonly socketPath = join(this.folder, 'docker.sock')
  #daemon: ChildProcess | undefined

  async start(): Promise<void> {
    const file = (name: string) => join(this.folder, name)
    const log = openSync(file('log'), 'a')
    const options = {
      host: `unix://${this.socketPath}`,
      'data-root': file('data'),
      'exec-root': file('exec'),
      pidfile: file('pid'),
      bridge: BRIDGE,
      iptables: 'false',
      'ip-masq': 'false',
      'containerd-namespace': 'ow-test',
      'containerd-plugins-namespace': 'ow-test-plugins',
    }
    const flags = Object.entries(options).map(([key, value]) => `--${key}=${value}`)
    this.#daemon = spawn('dockerd', flags, { stdio: ['ignore', log, log] })
    await vi.waitFor(async () => expect(await ping({ socketPath: this.socketPath })).toBeUndefined(), PATIENT)
  }

  async stop(signal: NodeJS.Signals = 'SIGTERM'): Promise<void> {
    const daemon = this.#daemon
    this.#daemon = undefined
    if (!daemon || daemon.exitCode !== null) return
    daemon.kill(signal)
    await once(daemon, 'exit')
    // Its containerd dies with it, but where nobody reaps the dead the next engine would take it for alive.
    rmSync(join(this.folder, 'exec/containerd/containerd.pid'), { force: true })
  }

  async remove(): Promise<void> {
    await this.stop()
    const mounts = readFileSync('/proc/mounts', 'utf8').split('\n')
    const below = mounts.flatMap(line => line.split(' ')[1] ?? []).filter(path => path.startsWith(this.folder))
    // What a killed engine leaves mounted.
    for (const path of below.reverse()) execFileSync('umount', ['--lazy', path])
    rmSync(this.folder, { recursive: true, force: true })
  }
}

// Starting an engine takes root and a bridge of its own, so it is asked for by name.
describe.skipIf(process.env.OPENWHISK_TEST_PRIVATE_ENGINE !== '1')(
  'the Docker driver, when its engine goes (OPENWHISK_TEST_PRIVATE_ENGINE=1)',
  () => {
    const engine = new PrivateEngine()
    const docker = new Docker({ socketPath: engine.socketPath })

    beforeAll(async () => {
      execFileSync('ip', ['link', 'add', BRIDGE, 'type', 'bridge'])
      execFileSync('ip', ['address', 'add', '172.31.99.1/24', 'dev', BRIDGE])
      execFileSync('ip', ['link', 'set', BRIDGE, 'up'])
      await engine.start()
      const image = spawn('docker', ['save', FIXTURE], { stdio: ['ignore', 'pipe', 'inherit'] })
      await docker.loadImage(image.stdout).then(stream => {
        stream.resume()
        return once(stream, 'end')
      })
    }, 120_000)

    afterAll(async () => {
      await engine.remove()
      execFileSync('ip', ['link', 'delete', BRIDGE])
    }, 60_000)

    test.each([
      ['SIGTERM', 'logs', true],
      ['SIGKILL', 'logs', true],
      ['SIGTERM', 'no logs', false],
      ['SIGKILL', 'no logs', false],
    ] as const)(
      'fails with ContainerErrors while it is gone (%s, %s) and goes on when it is back, leaving nothing',
      async (signal, _, keepsLogs) => {
        const id = instanceId()
        const factory = await openFactory({ instanceId: id, dockerHost: `unix://${engine.socketPath}` })
        const before = await factory.create(aRequest({ keepsLogs }))
        expect(await initialize(before, {})).toMatchObject({ status: 200 })

        await engine.stop(signal)
        await vi.waitFor(() => expect(factory.healthy()).toBe(false), PATIENT)
        await expect(factory.create(aRequest())).rejects.toMatchObject({ name: 'ContainerError', reason: 'provision' })
        await before.exited
        expect(await run(before)).toMatchObject({ type: 'connectionError' })
        await before.destroy()

        await engine.start()
        await vi.waitFor(() => expect(factory.healthy()).toBe(true), PATIENT)
        const after = await factory.create(aRequest())
        expect(await initialize(after, { run: { body: '{"back":true}' } })).toMatchObject({ status: 200 })
        expect(await run(after)).toMatchObject({ body: '{"back":true}' })
        await vi.waitFor(async () => expect(await containersOf(id, docker)).toEqual([after.name]), PATIENT)
        await factory.close()
        expect(await containersOf(id, docker)).toEqual([])
      },
      120_000,
    )
  },
)
