// The image of examples/oci, as a CI service is: reached by other containers under a name.

import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { describeDocker } from '../container/docker-engine.ts'
import { eventually } from '../e2e/server.ts'
import { api, describeBinary, invokeNew, root } from './binary.ts'

const execute = promisify(execFile)
const docker = async (...args: string[]) => (await execute('docker', args)).stdout.trim()

const name = `openwhisk-standalone-test-${process.pid}`

// Every request from inside is a container of its own.
vi.setConfig({ testTimeout: 90_000 })

describeBinary('the image', () => {
  describeDocker('as a CI service', () => {
    let url = ''

    /** A request from another container of the same network, made by the executable in the part of Node.js. */
    const ask = async (host: string, path: string) => {
      const program = `require('node:http').get('http://' + process.argv[1], answer => {
        console.log(answer.statusCode)
        answer.destroy()
      })`
      const options = ['--rm', '--network', name, '--env', 'OPENWHISK_AS_NODE=1']
      return Number(await docker('run', ...options, name, '-e', program, `${host}${path}`))
    }

    const published = async () => {
      const [first = ''] = (await docker('port', name, '3233')).split('\n')
      return `http://localhost:${first.slice(first.lastIndexOf(':') + 1)}`
    }

    const healthy = () =>
      eventually(async () => {
        const status = await docker('inspect', '--format', '{{.State.Health.Status}}', name)
        return status === 'healthy' ? status : undefined
      }, 30_000)

    beforeAll(async () => {
      await execute(join(root, 'examples', 'oci', 'build'), [name])
      await docker('network', 'create', name)
      const options = ['--detach', '--name', name, '--network', name, '--network-alias', 'my-service']
      await docker('run', ...options, '--publish', '127.0.0.1:0:3233', name)
      await healthy()
      url = await published()
    }, 120_000)
    afterAll(async () => {
      await docker('rm', '--force', '--volumes', name).catch(() => undefined)
      await docker('network', 'rm', name).catch(() => undefined)
      await docker('rmi', name).catch(() => undefined)
    }, 60_000)

    it('serves the API on the published port and runs actions', async () => {
      const { response, logs } = await invokeNew(
        url,
        'whoami',
        'nodejs:20',
        'function main(args) { console.log("in the image"); return { ...args, user: process.getuid() } }',
        { x: 1 },
      )
      expect(response).toMatchObject({ success: true, result: { x: 1, user: 1000 } })
      expect(logs).toEqual([expect.stringContaining('in the image')])
    })

    it('answers under the name of the service, and to no name with a dot', async () => {
      expect(await ask('my-service:3233', '/ready')).toBe(200)
      expect(await ask(`${name}:3233`, '/ready')).toBe(200)
      expect(await status(url, 'rebound.example')).toBe(421)
    })

    it('stops at once when told, leaves no temporary files, and keeps its state', async () => {
      await docker('stop', name)
      // One that had to be killed after Docker's ten seconds would have 137.
      expect(await docker('inspect', '--format', '{{.State.ExitCode}}', name)).toBe('0')
      // What differs from the image: nothing, not even a folder in /tmp; the state is in the volume.
      expect(await docker('diff', name)).not.toMatch(/\/tmp\/./)
      await docker('start', name)
      await healthy()
      const { body } = await api(await published(), 'GET', '/actions')
      expect(body).toEqual([expect.objectContaining({ name: 'whoami' })])
    })
  })
})

/** The status of an answer to a request with this Host, which fetch does not let its users say. */
async function status(url: string, host: string): Promise<number> {
  const { get } = await import('node:http')
  return new Promise((resolve, reject) => {
    get(`${url}/ready`, { headers: { host } }, answer => {
      answer.resume()
      resolve(answer.statusCode ?? 0)
    }).on('error', reject)
  })
}
