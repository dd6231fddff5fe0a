import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { resolveConfig } from '../src/config.ts'
import { startedAt } from '../src/container/process-table.ts'
import { type Logger, silentLogger } from '../src/log.ts'
import { type RunningServer, startServer } from '../src/server.ts'

let home: string
const started: RunningServer[] = []
const formerRunDir = process.env.OPENWHISK_RUN_DIR

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ow-server-'))
  mkdirSync(join(home, 'project'))
  process.env.OPENWHISK_RUN_DIR = join(home, 'run')
})
afterEach(async () => {
  await Promise.all(started.splice(0).map(server => server.close()))
  rmSync(home, { recursive: true, force: true })
  process.env.OPENWHISK_RUN_DIR = formerRunDir
  if (formerRunDir === undefined) delete process.env.OPENWHISK_RUN_DIR
})

async function start(given: Record<string, unknown> = {}, log?: Logger): Promise<RunningServer> {
  const { config } = resolveConfig({
    given: { port: 0, driver: 'process', prewarm: false, ephemeral: true, ...given },
    env: {},
    cwd: join(home, 'project'),
    home,
  })
  const server = await startServer(config, { log })
  started.push(server)
  return server
}

/** The whole answer, byte for byte as text; `path` goes out as it is. */
function ask(
  url: string,
  path: string,
  { method = 'GET', headers = {}, body }: { method?: string; headers?: Record<string, string>; body?: string } = {},
): Promise<{ status: number; headers: NodeJS.Dict<string | string[]>; text: string }> {
  return new Promise((resolve, reject) => {
    const { hostname, port } = new URL(url)
    const outgoing = request(
      { host: hostname.replace(/[[\]]/g, ''), port, path, method, headers, agent: false },
      answer => {
        let text = ''
        answer.on('data', chunk => {
          text += String(chunk)
        })
        answer.on('end', () => resolve({ status: answer.statusCode ?? 0, headers: answer.headers, text }))
      },
    )
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}

const basic = (auth: string) => ({ authorization: `Basic ${Buffer.from(auth).toString('base64')}` })

describe('startServer', () => {
  it('answers on 127.0.0.1, ::1 and localhost, and on the gateway’s own port', async () => {
    const server = await start()
    for (const host of ['127.0.0.1', '[::1]', 'localhost']) {
      expect((await ask(`http://${host}:${server.port}`, '/ping')).text).toBe('pong')
    }
    expect(server.url).toBe(`http://localhost:${server.port}`)
    expect(server.gateway).toMatch(/^http:\/\/localhost:\d+$/)
    expect((await ask(server.gateway ?? '', '/no/such/api')).status).toBe(404)
  })

  it('is ready, and says so', async () => {
    const server = await start()
    expect(await ask(server.url, '/ready')).toMatchObject({ status: 200, text: '{"ready":true}' })
  })

  it('has the two accounts, and those of the configuration', async () => {
    const auth = `cafebabe-cafe-babe-cafe-babecafebabe:${'k'.repeat(64)}`
    const server = await start({ users: { 'other.user': auth } })
    expect(server.accounts.map(({ namespace }) => namespace)).toEqual(['guest', 'whisk.system', 'other.user'])
    for (const { namespace, auth: key } of server.accounts) {
      const { text } = await ask(server.url, '/api/v1/namespaces', { headers: basic(key) })
      expect(JSON.parse(text)).toEqual([namespace])
    }
    expect(server.auth).toBe(server.accounts[0]?.auth)
  })

  it('writes a run file for its owner alone, and removes it when it closes', async () => {
    const server = await start()
    const path = join(home, 'run', `${server.port}.json`)
    expect(JSON.parse(readFileSync(path, 'utf8'))).toEqual({
      pid: process.pid,
      machine: hostname(),
      process: startedAt(process.pid),
      url: server.url,
      apihost: server.apihost,
      gateway: server.gateway,
      token: server.token,
      version: expect.any(String),
      startedAt: expect.any(Number),
    })
    expect(statSync(path).mode & 0o777).toBe(0o600)
    expect(statSync(join(home, 'run')).mode & 0o777).toBe(0o700)
    await server.close()
    expect(readdirSync(join(home, 'run'))).toEqual([])
  })

  it('goes on without a run file where none can be written, and says how to have one', async () => {
    process.env.OPENWHISK_RUN_DIR = '/dev/null/run'
    const warned: string[] = []
    const server = await start({}, { ...silentLogger, warn: message => warned.push(message) })
    expect((await ask(server.url, '/ping')).text).toBe('pong')
    expect(warned).toEqual([expect.stringMatching(/\/dev\/null\/run.*ENOTDIR.*OPENWHISK_RUN_DIR/)])
    await server.close()
  })

  it('keeps the data directory to its owner, and out of version control', async () => {
    const dataDir = join(home, 'project', '.openwhisk')
    mkdirSync(join(home, 'project', '.git'))
    const server = await start({ ephemeral: false })
    expect(server.dataDir).toBe(dataDir)
    expect(statSync(dataDir).mode & 0o777).toBe(0o700)
    expect(readFileSync(join(dataDir, '.gitignore'), 'utf8')).toBe('*\n')
    for (const file of readdirSync(dataDir)) {
      expect([file, statSync(join(dataDir, file)).mode & 0o077]).toEqual([file, 0])
    }
  })

  it('refuses a data directory that another server uses', async () => {
    const dataDir = join(home, 'state')
    const server = await start({ ephemeral: false, dataDir })
    await expect(start({ ephemeral: false, dataDir })).rejects.toMatchObject({ exitCode: 3 })
    await expect(start({ ephemeral: false, dataDir, clean: true })).rejects.toMatchObject({ exitCode: 3 })
    expect((await ask(server.url, '/ready')).status).toBe(200)
  })

  it('removes its own files with --clean, and nobody else’s', async () => {
    const dataDir = join(home, 'state')
    const first = await start({ ephemeral: false, dataDir })
    const path = '/api/v1/namespaces/_/packages/p'
    const headers = { ...basic(first.auth), 'content-type': 'application/json' }
    expect((await ask(first.url, path, { method: 'PUT', headers, body: '{}' })).status).toBe(200)
    await first.close()
    writeFileSync(join(dataDir, 'mine.txt'), 'mine')
    const second = await start({ ephemeral: false, dataDir })
    expect((await ask(second.url, path, { headers })).status).toBe(200)
    await second.close()
    const third = await start({ ephemeral: false, dataDir, clean: true })
    expect((await ask(third.url, path, { headers })).status).toBe(404)
    expect(readFileSync(join(dataDir, 'mine.txt'), 'utf8')).toBe('mine')
  })

  it('refuses a port that is taken, and leaves nothing behind', async () => {
    const other = createServer()
    await new Promise<void>(resolve => other.listen(0, '127.0.0.1', resolve))
    const { port } = other.address() as AddressInfo
    await expect(start({ port })).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(`port ${port} .* with --port N`),
    })
    await expect(start({ apiGwPort: port })).rejects.toMatchObject({
      exitCode: 4,
      message: expect.stringMatching(`port ${port} .* with --api-gw-port N`),
    })
    await new Promise(resolve => other.close(resolve))
    expect((await start({ port })).port).toBe(port)
  })

  it('refuses an address that is not this machine’s', async () => {
    const refused = { exitCode: 4, message: expect.stringMatching(/192\.0\.2\.1.*--host/) }
    await expect(start({ host: '192.0.2.1' })).rejects.toMatchObject(refused)
  })

  it('refuses a manifest that cannot be read', async () => {
    const manifest = join(home, 'runtimes.json')
    await expect(start({ manifest })).rejects.toMatchObject({ exitCode: 2 })
    writeFileSync(manifest, '{"runtimes": 7}')
    await expect(start({ manifest })).rejects.toMatchObject({ exitCode: 2 })
  })

  it('serves https with a certificate made for the run', async () => {
    const server = await start({ https: true })
    expect(server.url).toMatch(/^https:/)
    const https = await import('node:https')
    const answer = await new Promise<{ text: string; names: string | undefined }>((resolve, reject) => {
      https
        .get(`${server.url}/ping`, { rejectUnauthorized: false, agent: false }, response => {
          const names = 'getPeerCertificate' in response.socket ? certificateNames(response.socket) : undefined
          response.on('data', chunk => resolve({ text: String(chunk), names }))
        })
        .on('error', reject)
    })
    expect(answer.text).toBe('pong')
    expect(answer.names).toContain('DNS:localhost')
  })

  it('runs beside another one in the same process', async () => {
    const [first, second] = await Promise.all([start(), start()])
    expect(first.port).not.toBe(second.port)
    await first.close()
    expect((await ask(second.url, '/ping')).status).toBe(200)
  })

  it('gives the answer of an invoke that is on its way when it closes', async () => {
    const server = await start()
    const headers = { ...basic(server.auth), 'content-type': 'application/json' }
    const path = '/api/v1/namespaces/_/actions/slow'
    const code = 'function main() { return new Promise(done => setTimeout(done, 600, { done: true })) }'
    await ask(server.url, path, { method: 'PUT', headers, body: JSON.stringify({ exec: { kind: 'nodejs:20', code } }) })
    const running = new Promise<void>(resolve => {
      const stop = server.events.subscribe(({ type }) => {
        if (type !== 'activation.started') return
        stop()
        resolve()
      })
    })
    const answer = ask(server.url, `${path}?blocking=true&result=true`, { method: 'POST', headers, body: '{}' })
    await running
    const [{ text }] = await Promise.all([answer, server.close()])
    expect(JSON.parse(text)).toEqual({ done: true })
    await expect(ask(server.url, '/ping')).rejects.toMatchObject({ code: 'ECONNREFUSED' })
  })
})

describe('the protocol', () => {
  it.each([
    ['a method that is none of HTTP’s common ones', '/ping', { method: 'PROPFIND' }, 501, 'Unsupported HTTP method'],
    [
      'a URI that is too long',
      `/${'a'.repeat(9000)}`,
      {},
      414,
      'URI length exceeds the configured limit of 8192 characters',
    ],
    [
      'an announced body beyond 50 MB',
      '/ping',
      { headers: { 'content-length': '52428801' } },
      400,
      'Request too large',
    ],
  ])('refuses %s in plain text, without a transaction id', async (_, path, options, status, text) => {
    const server = await start()
    const answer = await ask(server.url, path, options)
    expect(answer).toMatchObject({ status, text })
    expect(answer.headers['content-type']).toBe('text/plain; charset=UTF-8')
    expect(answer.headers['x-request-id']).toBeUndefined()
  })

  it('answers 421 to a foreign Host, 403 to a foreign Origin, and both to those that are allowed', async () => {
    const strict = await start()
    expect((await ask(strict.url, '/ping', { headers: { host: 'evil.example' } })).status).toBe(421)
    const refused = await ask(strict.url, '/ping', { headers: { origin: 'https://evil.example' } })
    expect(refused.status).toBe(403)
    expect(refused.text).toContain('--allow-origin')
    const open = await start({ allowedHosts: 'evil.example', allowOrigin: '*' })
    expect(
      (await ask(open.url, '/ping', { headers: { host: 'evil.example', origin: 'https://x.example' } })).status,
    ).toBe(200)
  })

  it('lets no page create an API or an alarm with the public keys', async () => {
    const server = await start()
    const headers = {
      origin: 'https://evil.example',
      authorization: `Basic ${Buffer.from(server.auth).toString('base64')}`,
      'content-type': 'application/json',
    }
    for (const action of ['apimgmt/createApi.http', 'apimgmt/getApi.json', 'alarmsWeb/alarmWebAction.http']) {
      const path = `/api/v1/web/whisk.system/${action}`
      for (const method of ['OPTIONS', 'POST', 'GET']) {
        const answer = await ask(server.url, path, { method, headers })
        expect(answer.status).toBe(403)
        expect(answer.headers['access-control-allow-origin']).toBeUndefined()
      }
    }
    expect((await ask(server.gateway ?? '', `/v2/x/apis`, { headers })).status).toBe(403)
  })

  it('asks for the token below /_control', async () => {
    const server = await start()
    expect((await ask(server.url, '/_control/v1/status')).status).toBe(401)
    const headers = { authorization: `Bearer ${server.token}` }
    const { status, text } = await ask(server.url, '/_control/v1/status', { headers })
    expect([status, JSON.parse(text)]).toMatchObject([200, { driver: 'process', url: server.url, containers: [] }])
  })
})

function certificateNames(socket: object): string | undefined {
  return (socket as { getPeerCertificate(): { subjectaltname?: string } }).getPeerCertificate().subjectaltname
}
