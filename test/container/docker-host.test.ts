import { createHash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type Server } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { engineCandidates, findEngine, type HostSearch } from '../../src/container/docker-host.ts'

let home: string

beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'ow-docker-host-'))
})
afterEach(() => {
  rmSync(home, { recursive: true })
})

function search(options: Partial<HostSearch> = {}): HostSearch {
  return { env: {}, home, platform: 'linux', exists: () => true, ...options }
}

function writeConfig(config: object): void {
  mkdirSync(join(home, '.docker'), { recursive: true })
  writeFileSync(join(home, '.docker', 'config.json'), JSON.stringify(config))
}

function writeContext(name: string, host: string): string {
  const folder = createHash('sha256').update(name).digest('hex')
  const meta = join(home, '.docker/contexts/meta', folder)
  mkdirSync(meta, { recursive: true })
  writeFileSync(join(meta, 'meta.json'), JSON.stringify({ Name: name, Endpoints: { docker: { Host: host } } }))
  return folder
}

const tried = (options: Partial<HostSearch>) =>
  engineCandidates(search({ exists: () => false, ...options })).map(({ url, source }) => `${source}: ${url}`)

describe('engineCandidates', () => {
  test.each([
    ['unix:///a/docker.sock', 'unix:///a/docker.sock', { socketPath: '/a/docker.sock' }],
    ['unix://', 'unix:///var/run/docker.sock', { socketPath: '/var/run/docker.sock' }],
    ['tcp://engine:2375', 'tcp://engine:2375', { host: 'engine', port: 2375 }],
    ['tcp://engine', 'tcp://engine:2375', { host: 'engine', port: 2375 }],
    ['engine:99', 'tcp://engine:99', { host: 'engine', port: 99 }],
    ['https://engine', 'tcp://engine:2376', { host: 'engine', port: 2376, tls: { rejectUnauthorized: true } }],
    ['tcp://[::1]:5', 'tcp://[::1]:5', { host: '::1', port: 5 }],
    ['npipe:////./pipe/docker_engine', 'npipe:////./pipe/docker_engine', { socketPath: '//./pipe/docker_engine' }],
  ])('reads %s', (dockerHost, url, address) => {
    expect(engineCandidates(search({ dockerHost }))).toEqual([{ url, address, source: '--docker-host' }])
  })

  test.each(['ssh://me@there', 'tcp://a b', 'ftp://there'])('refuses %s with exit code 5', dockerHost => {
    expect(() => engineCandidates(search({ dockerHost }))).toThrow(expect.objectContaining({ exitCode: 5 }))
  })

  test('prefers the option, then DOCKER_HOST, then DOCKER_CONTEXT, then the current context, then the usual sockets', () => {
    writeConfig({ currentContext: 'colima' })
    writeContext('colima', 'unix:///colima.sock')
    writeContext('other', 'tcp://other:1')
    const env = { DOCKER_HOST: 'unix:///env.sock', DOCKER_CONTEXT: 'other' }
    expect(tried({ dockerHost: 'unix:///option.sock', env })).toEqual(['--docker-host: unix:///option.sock'])
    expect(tried({ env })).toEqual(['DOCKER_HOST: unix:///env.sock'])
    expect(tried({ env: { DOCKER_CONTEXT: 'other' } })).toEqual(['the docker context "other": tcp://other:1'])
    expect(tried({})).toEqual(['the docker context "colima": unix:///colima.sock'])
    expect(tried({ env: { DOCKER_CONTEXT: 'default' }, exists: path => path === '/var/run/docker.sock' })).toEqual([
      'the usual place: unix:///var/run/docker.sock',
    ])
  })

  test('reads the certificates of a context and of DOCKER_CERT_PATH', () => {
    const folder = writeContext('tls', 'tcp://secure:2376')
    const certificates = join(home, '.docker/contexts/tls', folder, 'docker')
    mkdirSync(certificates, { recursive: true })
    for (const name of ['ca', 'cert', 'key']) writeFileSync(join(certificates, `${name}.pem`), name)
    const tls = { ca: 'ca', cert: 'cert', key: 'key', rejectUnauthorized: true }
    expect(engineCandidates(search({ env: { DOCKER_CONTEXT: 'tls' } }))[0]?.address).toEqual({
      host: 'secure',
      port: 2376,
      tls,
    })
    const env = { DOCKER_HOST: 'tcp://secure', DOCKER_TLS_VERIFY: '1', DOCKER_CERT_PATH: certificates }
    expect(engineCandidates(search({ env }))[0]?.address).toEqual({ host: 'secure', port: 2376, tls })
  })

  test('refuses a context that does not exist', () => {
    expect(() => engineCandidates(search({ env: { DOCKER_CONTEXT: 'gone' } }))).toThrow(/the docker context "gone"/)
  })

  test('knows the sockets of rootless Docker, Docker Desktop, Colima, OrbStack and Podman', () => {
    const urls = engineCandidates(search({ env: { XDG_RUNTIME_DIR: '/run/user/7' } })).map(({ url }) => url)
    expect(urls).toEqual(
      expect.arrayContaining([
        'unix:///run/user/7/docker.sock',
        `unix://${home}/.docker/run/docker.sock`,
        `unix://${home}/.colima/default/docker.sock`,
        `unix://${home}/.orbstack/run/docker.sock`,
        'unix:///run/user/7/podman/podman.sock',
      ]),
    )
  })
})

describe('findEngine', () => {
  async function serving(path: string, status: number): Promise<Server> {
    const server = createServer((_, response) => response.writeHead(status).end('OK'))
    await new Promise<void>(resolve => server.listen(path, resolve))
    return server
  }

  test('takes the first of the usual sockets that answers', async () => {
    mkdirSync(join(home, '.colima/default'), { recursive: true })
    mkdirSync(join(home, '.orbstack/run'), { recursive: true })
    const broken = await serving(join(home, '.colima/default/docker.sock'), 503)
    const good = await serving(join(home, '.orbstack/run/docker.sock'), 200)
    const found = await findEngine(search({ exists: path => path.startsWith(home) && !path.includes('rd/') }))
    expect(found.url).toBe(`unix://${home}/.orbstack/run/docker.sock`)
    broken.close()
    good.close()
  })

  test('tries no other engine when the named one does not answer, and says why', async () => {
    const server = await serving(join(home, 'engine.sock'), 500)
    await expect(findEngine(search({ dockerHost: `unix://${home}/engine.sock` }))).rejects.toMatchObject({
      exitCode: 5,
      message: `no Docker engine answered: unix://${home}/engine.sock (--docker-host): it answered 500`,
    })
    server.close()
  })

  test('lists where it looked when there is no socket at all', async () => {
    await expect(findEngine(search({ exists: () => false }))).rejects.toMatchObject({
      exitCode: 5,
      message: expect.stringMatching(/^no Docker engine answered: no socket at \/var\/run\/docker\.sock, /),
    })
  })
})
