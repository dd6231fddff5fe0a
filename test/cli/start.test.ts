// `start` as its users meet it: what it prints, how it ends, what it refuses.

import { once } from 'node:events'
import { closeSync, existsSync, openSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { OPTIONS } from '../../src/config-options.ts'
import { runningServers } from '../../src/run-file.ts'
import { aFolder, build, command, eventually, GUEST, spawnCommand, startProcess } from '../e2e/server.ts'

const folders: (() => void)[] = []
let cwd: string

beforeAll(build)
beforeEach(() => {
  const folder = aFolder()
  cwd = folder.path
  folders.push(folder.remove)
})
afterAll(() => {
  for (const remove of folders) remove()
})

const PLAIN = ['--driver', 'process', '--no-prewarm']

describe('a start', () => {
  it('says what to know and ends with the line that says it is ready', async () => {
    const server = await startProcess({ cwd, args: [...PLAIN, '-d', 'state'] })
    const lines = server.stdout().trimEnd().split('\n')
    expect(lines[0]).toMatch(/^openwhisk-standalone \d+\.\d+\.\d+, ready in \d+ ms$/)
    expect(lines.at(-1)).toBe(`openwhisk-standalone is ready at ${server.url}`)
    expect(server.stdout()).toContain(`wsk property set --apihost ${server.url} --auth ${GUEST}`)
    expect(server.stdout()).toMatch(/driver +process: as demanded/)
    expect(server.stdout()).toContain(join(cwd, 'state'))
    expect(server.stdout()).toMatch(/whisk\.system +789c46b1/)
    expect(await server.end('SIGINT')).toBe(0)
    expect(server.stderr()).toContain(`the state is in ${join(cwd, 'state')}`)
  })

  it('says why the process driver was chosen where no engine answers', async () => {
    const env = { DOCKER_HOST: `unix://${join(cwd, 'none.sock')}` }
    const server = await startProcess({ cwd, args: ['--ephemeral', '--no-prewarm'], env })
    expect(server.stdout()).toMatch(/driver +process: no Docker engine answered: unix:.*none\.sock/)
    await server.end()
  })

  it('writes JSON lines, one of them saying ready, with --log-format json', async () => {
    const file = join(cwd, 'log')
    const child = startProcess({ cwd, args: [...PLAIN, '--ephemeral', '--log-format', 'json', '--log-file', file] })
    // It never says its sentence: the ready line is JSON.
    child.catch(() => {})
    const run = await eventually(() => runningServers(join(cwd, 'run'))[0])
    process.kill(run.pid, 'SIGTERM')
    await expect(child).rejects.toThrow('"message":"ready"')
    const lines = readFileSync(file, 'utf8').trim().split('\n')
    expect(lines.map(line => JSON.parse(line).level)).toContain('info')
  })

  it.skipIf(!existsSync('/dev/full'))('goes on without its log file where the disk is full', async () => {
    const server = await startProcess({ cwd, args: [...PLAIN, '--ephemeral', '--log-file', '/dev/full', '-v'] })
    expect((await fetch(`${server.url}/ready`)).status).toBe(200)
    expect(await server.end()).toBe(0)
    expect(server.stderr().match(/ENOSPC/g)).toHaveLength(1)
  })

  it('takes the flags of the jar, and says once that they mean nothing here', async () => {
    const args = [...PLAIN, '--ephemeral', '--api-gw', '--couchdb', '--no-ui', '--user-events']
    const server = await startProcess({ cwd, args })
    await server.end()
    expect(server.stderr().match(/accepted, but without meaning here/g)).toHaveLength(1)
    expect(server.stderr()).toContain('--api-gw, --couchdb, --user-events, --no-ui')
  })

  it('takes the duplicate of a signal that npm sends for one', async () => {
    const server = await startProcess({ cwd, args: [...PLAIN, '--ephemeral'] })
    server.child.kill('SIGINT')
    server.child.kill('SIGINT')
    const [code] = await once(server.child, 'exit')
    expect(code).toBe(0)
  })

  it.runIf(existsSync('/dev/full'))('serves on when its output is lost, and says so', async () => {
    const output = openSync('/dev/full', 'w')
    const child = spawnCommand({ cwd, args: ['--port', '0', ...PLAIN, '--ephemeral'], output })
    let said = ''
    child.stderr?.on('data', chunk => {
      said += chunk
    })
    await eventually(() => said.includes('standard output is lost: ENOSPC') || undefined)
    const { url } = await eventually(() => runningServers(join(cwd, 'run'))[0])
    expect(await (await fetch(`${url}/ping`)).text()).toBe('pong')
    child.kill()
    expect(await once(child, 'exit')).toEqual([0, null])
    expect((await command({ cwd, args: ['--help'], output })).code).toBe(1)
    closeSync(output)
  })

  it('obeys NO_COLOR and FORCE_COLOR', async () => {
    const plain = await startProcess({ cwd, args: [...PLAIN, '--ephemeral'] })
    await plain.end()
    expect(plain.stdout() + plain.stderr()).not.toContain('\u001b')
    const env = { NO_COLOR: undefined, FORCE_COLOR: '1' }
    const coloured = await command({ cwd, args: ['--help'], env })
    expect(coloured.stdout).toContain('\u001b[1m')
  })
})

describe('a start that cannot be', () => {
  it.each([
    [['--prot', '1'], 2, "error: unknown option '--prot'\n(Did you mean --port?)"],
    [['strat'], 2, "unknown command 'strat'; did you mean 'start'?"],
    [['--driver', 'podman'], 2, "--driver: 'podman' is not one of auto, docker, process"],
    [['--config-file', 'none.json'], 2, 'there is no such file'],
    [['--log-file', 'none/x.log'], 2, 'openwhisk-standalone: --log-file: ENOENT'],
  ])('ends %j with exit code %i', async (args, code, sentence) => {
    const result = await command({ cwd, args })
    expect(result.code).toBe(code)
    expect(result.stderr).toContain(sentence)
    expect(result.stdout).toBe('')
  })

  it('ends with 5 when the demanded driver is not available', async () => {
    const args = ['--port', '0', '--driver', 'docker', '--docker-host', `unix://${join(cwd, 'none.sock')}`]
    const { code, stderr } = await command({ cwd, args })
    expect([code, stderr]).toEqual([5, expect.stringContaining('no Docker engine answered')])
  })

  it('ends with 4 when the port is taken, the default one too where nobody watches', async () => {
    const other = createServer()
    other.listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as AddressInfo
    const { code, stderr } = await command({ cwd, args: [...PLAIN, '--port', String(port), '--ephemeral'] })
    other.close()
    expect([code, stderr]).toEqual([4, expect.stringContaining(`port ${port} on 127.0.0.1 is in use`)])
  })

  it('ends with 3 when another server has the data directory', async () => {
    const args = [...PLAIN, '-d', 'state']
    const server = await startProcess({ cwd, args })
    const { code, stderr } = await command({ cwd, args: ['--port', '0', ...args] })
    await server.end()
    expect([code, stderr]).toEqual([3, expect.stringContaining('in use')])
  })
})

describe('what needs no server', () => {
  it('prints every value with its origin', async () => {
    writeFileSync(join(cwd, 'openwhisk.config.json'), '{"seed": 5}')
    const { code, stdout } = await command({
      cwd,
      args: ['--print-config', '-p', '0'],
      env: { OPENWHISK_PULL: 'never' },
    })
    expect(code).toBe(0)
    expect(stdout).toMatch(/^port +?= 0 {2}\(--port\)$/m)
    expect(stdout).toMatch(/^pull +?= "never" {2}\(OPENWHISK_PULL\)$/m)
    expect(stdout).toMatch(/^seed +?= 5 {2}\(.*openwhisk\.config\.json\)$/m)
  })

  it('shows one screen of help with every flag, examples and exit codes', async () => {
    const { code, stdout } = await command({ cwd, args: ['--help'] })
    expect(code).toBe(0)
    expect(stdout.trimEnd().split('\n').length).toBeLessThanOrEqual(55)
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(120)
    for (const option of Object.values(OPTIONS))
      if (option.flag !== undefined) expect(stdout).toContain(`--${option.flag}`)
    expect(stdout).toMatch(/Examples[\s\S]*Exit codes/)
  })

  it('completes words in three shells', async () => {
    for (const shell of ['bash', 'zsh', 'fish']) {
      const { code, stdout } = await command({ cwd, args: ['completion', shell] })
      expect(code).toBe(0)
      expect(stdout).toContain('ephemeral')
      expect(stdout).toContain('whois')
    }
    expect((await command({ cwd, args: ['completion', 'tcsh'] })).code).toBe(2)
  })

  it('refuses an old Node.js in one sentence, in a language that it reads', () => {
    const entry = readFileSync(join(import.meta.dirname, '../../bin/openwhisk-standalone.cjs'), 'utf8')
    expect(entry).not.toMatch(/=>|`|\b(const|let|class|async)\b|\?\.|\?\?/)
    const said: string[] = []
    let exitCode: number | undefined
    const run = new Function('process', 'console', 'require', entry.replace(/^#!.*\n/, ''))
    run(
      {
        versions: { node: '16.20.2' },
        version: 'v16.20.2',
        execPath: '/node',
        exit: (code: number) => {
          exitCode = code
        },
      },
      { error: (line: string) => said.push(line) },
      () => {
        throw new Error('nothing may load')
      },
    )
    expect([exitCode, said]).toEqual([
      2,
      ['openwhisk-standalone needs Node.js 20.19 or later; this is v16.20.2 (/node).'],
    ])
  })
})
