import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { type ConfigSources, printConfig, resolveConfig } from '../src/config.ts'
import { formatDuration, formatSize, nearest, parseDuration, parseSize } from '../src/units.ts'

let cwd: string
let home: string

beforeEach(() => {
  cwd = mkdtempSync(join(tmpdir(), 'ow-config-'))
  home = mkdtempSync(join(tmpdir(), 'ow-home-'))
})
afterEach(() => {
  for (const folder of [cwd, home]) rmSync(folder, { recursive: true, force: true })
})

const resolve = (sources: ConfigSources = {}) => resolveConfig({ env: {}, cwd, home, ...sources })
const write = (name: string, content: unknown) => {
  const path = join(cwd, name)
  writeFileSync(path, typeof content === 'string' ? content : JSON.stringify(content))
  return path
}
/** The sentence of a refusal; its exit code is 2 in every case. */
const refusal = (sources: ConfigSources) => {
  try {
    resolve(sources)
  } catch (error) {
    expect(error).toMatchObject({ name: 'ExitError', exitCode: 2 })
    return error instanceof Error ? error.message : ''
  }
  throw new Error('nothing was refused')
}

describe('resolveConfig', () => {
  it('has the documented defaults', () => {
    const { config, origins } = resolve()
    expect(config).toMatchObject({
      port: 3233,
      apiGwPort: 3234,
      driver: 'auto',
      pull: 'missing',
      sync: 'normal',
      stopTimeout: 10_000,
      idleTimeout: 600_000,
      retentionAge: 7 * 86_400_000,
      retentionCount: 1_000_000,
      queueMemory: 256 * 2 ** 20,
      limits: { preset: 'off' },
      clock: 'real',
      logLevel: 'info',
    })
    expect(config.userMemory).toBeGreaterThanOrEqual(1024)
    expect(new Set(Object.values(origins))).toEqual(new Set(['default']))
  })

  it('prefers the flag to the environment, that to the config file, and that to the default', () => {
    const file = write('openwhisk.config.json', { port: 1, pull: 'never', seed: 7 })
    const env = { OPENWHISK_PORT: '2', OPENWHISK_PULL: 'always' }
    const { config, origins } = resolve({ given: { port: '3' }, env })
    expect(config).toMatchObject({ port: 3, pull: 'always', seed: 7, driver: 'auto' })
    expect(origins).toMatchObject({ port: '--port', pull: 'OPENWHISK_PULL', seed: file, driver: 'default' })
  })

  it('freezes what it settled, to the bottom', () => {
    const { config } = resolve({ given: { containerEnv: ['A=1'] } })
    expect(Object.isFrozen(config)).toBe(true)
    expect(Object.isFrozen(config.containerEnv)).toBe(true)
  })

  it('takes the gateway to any free port when the API is not on its default one', () => {
    expect(resolve({ given: { port: '0' } }).config.apiGwPort).toBe(0)
    expect(resolve({ given: { port: '0', apiGwPort: '99' } }).config.apiGwPort).toBe(99)
    expect(resolve({ given: { apiGw: false } }).config.apiGw).toBe(false)
  })

  it('reads the configuration of the recorded server', () => {
    write('openwhisk.config.json', {
      users: { 'other.user': `cafebabe-cafe-babe-cafe-babecafebabe:${'k'.repeat(64)}` },
      userMemory: '8192m',
      allowOrigin: '*',
      limits: { preset: 'apache', invocationsPerMinute: 600000, concurrentInvocations: 1000, firesPerMinute: 600000 },
    })
    expect(resolve().config).toMatchObject({
      userMemory: 8192,
      allowOrigin: ['*'],
      limits: { preset: 'apache', invocationsPerMinute: 600000, concurrentInvocations: 1000, firesPerMinute: 600000 },
    })
  })

  it.each([
    ['containerEnv', ['A=1', 'B=x=y'], 'A=1,B=x=y', { A: '1', B: 'x=y' }],
    ['addHost', ['a:1.2.3.4', 'b:::1'], 'a:1.2.3.4,b:::1', ['a:1.2.3.4', 'b:::1']],
    ['prewarm', ['nodejs:20=2'], 'nodejs:20=2', { 'nodejs:20': 2 }],
    ['allowedHosts', 'a,b', 'a,b', ['a', 'b']],
    ['userMemory', '2g', '2g', 2048],
    ['idleTimeout', '90s', '90s', 90_000],
    ['pauseGrace', 'off', 'off', undefined],
    ['ephemeral', true, 'yes', true],
  ] as const)('reads %s from a flag and from the environment', (key, flag, variable, expected) => {
    const name = `OPENWHISK_${key.replace(/[A-Z]/g, letter => `_${letter}`).toUpperCase()}`
    expect(resolve({ given: { [key]: flag } }).config[key]).toEqual(expected)
    expect(resolve({ env: { [name]: variable } }).config[key]).toEqual(expected)
  })

  it.each([
    [{ given: { prewarm: false } }],
    [{ env: { OPENWHISK_NO_PREWARM: '1' } }],
    [{ env: { OPENWHISK_PREWARM: 'false' } }],
  ])('switches stem cells off: %j', sources => {
    expect(resolve(sources).config.prewarm).toBe(false)
  })

  it('reads limits of a file, with units', () => {
    const path = write('limits.json', {
      preset: 'apache',
      maxActionMemory: '2g',
      maxActionTimeout: '5m',
      maxPayload: '4mb',
    })
    expect(resolve({ given: { limits: path } }).config.limits).toEqual({
      preset: 'apache',
      maxActionMemory: 2048,
      maxActionTimeout: 300_000,
      maxPayload: 4 * 2 ** 20,
    })
  })

  it.each([
    [{ given: { port: 'x' } }, "--port: 'x' is not a whole number from 0 to 65535"],
    [{ given: { port: '70000' } }, "--port: '70000' is not a whole number from 0 to 65535"],
    [{ given: { driver: 'podman' } }, "--driver: 'podman' is not one of auto, docker, process"],
    [{ given: { userMemory: '512' } }, "--user-memory: '512' is not a size such as 512m or 2g"],
    [{ given: { stopTimeout: 'soon' } }, "--stop-timeout: 'soon' is not a duration such as 500ms, 30s or 10m"],
    [{ given: { containerEnv: ['A'] } }, "--container-env: 'A' is not of the form K=V"],
    [{ env: { OPENWHISK_PULL: 'x' } }, "OPENWHISK_PULL: 'x' is not one of missing, always, never"],
    [{ given: { cert: 'a.pem' } }, '--cert and --key go together: give both or none'],
    [{ given: { limits: { invocationPerMinute: 1 } } }, "did you mean 'invocationsPerMinute'?"],
  ])('refuses %j in a sentence', (sources, sentence) => {
    expect(refusal(sources)).toContain(sentence)
  })
})

describe('the config file', () => {
  it('is openwhisk.config.json before package.json#openwhisk', () => {
    write('package.json', { name: 'x', openwhisk: { port: 1 } })
    expect(resolve().config.port).toBe(1)
    expect(resolve().origins.port).toBe(`${join(cwd, 'package.json')}#openwhisk`)
    write('openwhisk.config.json', { port: 2 })
    expect(resolve().config.port).toBe(2)
  })

  it('is the named one before all others', () => {
    write('openwhisk.config.json', { port: 2 })
    write('mine.json', { port: 3 })
    expect(resolve({ configFile: 'mine.json' }).config.port).toBe(3)
    expect(resolve({ env: { OPENWHISK_CONFIG_FILE: 'mine.json' } }).config.port).toBe(3)
    expect(resolve({ configFile: false }).config.port).toBe(3233)
  })

  it('refuses an unknown key and names the nearest known one', () => {
    const path = write('openwhisk.config.json', { userMemmory: '1g' })
    expect(refusal({})).toBe(`config file ${path}: unknown key 'userMemmory'; did you mean 'userMemory'?`)
  })

  it('says what to do with the HOCON file of the jar', () => {
    write('application.conf', 'include classpath("standalone.conf")\nwhisk { container-pool { user-memory: 2048 m } }')
    expect(refusal({ configFile: 'application.conf' })).toMatch(
      /HOCON file of openwhisk-standalone\.jar; write .* as JSON/,
    )
  })

  it('refuses what is no JSON, no object, or not there', () => {
    write('a.json', '{')
    write('b.json', '[]')
    expect(refusal({ configFile: 'a.json' })).toContain('not JSON')
    expect(refusal({ configFile: 'b.json' })).toContain('not a JSON object')
    expect(refusal({ configFile: 'c.json' })).toContain('there is no such file')
  })
})

describe('the data directory', () => {
  it('is in the home folder where there is no project', () => {
    expect(resolve().config.dataDir).toBe(join(home, '.openwhisk', 'standalone'))
  })

  it.each(['package.json', 'manifest.yaml', 'app.config.yaml', '.git', '.openwhisk'])(
    'is in a project with %s',
    marker => {
      mkdirSync(join(cwd, marker))
      if (marker !== 'package.json') return expect(resolve().config.dataDir).toBe(join(cwd, '.openwhisk'))
      rmSync(join(cwd, marker), { recursive: true })
      write(marker, {})
      expect(resolve().config.dataDir).toBe(join(cwd, '.openwhisk'))
    },
  )

  it('is not the folder of the run files when the home folder is a project', () => {
    mkdirSync(join(home, '.openwhisk'))
    mkdirSync(join(home, '.git'))
    expect(resolve({ cwd: home }).config.dataDir).toBe(join(home, '.openwhisk', 'standalone'))
  })
})

describe('printConfig', () => {
  it('shows each value with its origin, as a config file would hold it, and no keys of accounts', () => {
    const auth = `cafebabe:${'k'.repeat(64)}`
    const path = write('openwhisk.config.json', { users: { other: auth }, idleTimeout: '90s' })
    const text = printConfig(resolve({ given: { port: '0', userMemory: '2g' } }))
    expect(text).toMatch(/^port +?= 0 {2}\(--port\)$/m)
    expect(text).toMatch(/^userMemory +?= "2g" {2}\(--user-memory\)$/m)
    expect(text).toContain(`idleTimeout    = "90s"  (${path})`)
    expect(text).toMatch(/^driver +?= "auto" {2}\(default\)$/m)
    expect(text).toContain('["other"]')
    expect(text).not.toContain('kkkk')
  })
})

describe('units', () => {
  it.each([
    ['512m', 512 * 2 ** 20],
    ['1 GB', 2 ** 30],
    ['64KiB', 65_536],
    ['100 b', 100],
    ['1.5g', 1.5 * 2 ** 30],
    ['512', undefined],
    ['m', undefined],
    ['-1m', undefined],
  ])('reads the size %s', (text, expected) => expect(parseSize(text)).toBe(expected))

  it.each([
    ['500ms', 500],
    ['30', 30_000],
    ['1h30m', 5_400_000],
    ['7d', 604_800_000],
    ['0', 0],
    ['10 m', 600_000],
    ['m', undefined],
    ['ten', undefined],
  ])('reads the duration %s', (text, expected) => expect(parseDuration(text)).toBe(expected))

  it.each(['90s', '7d', '1500ms', '10m', '0s'])('prints the duration %s as it reads it', text => {
    expect(formatDuration(parseDuration(text) ?? -1)).toBe(text)
  })

  it.each(['512m', '2g', '100b'])('prints the size %s as it reads it', text => {
    expect(formatSize(parseSize(text) ?? -1)).toBe(text)
  })

  it('finds the nearest word, or none', () => {
    expect(nearest('prot', ['port', 'host'])).toBe('port')
    expect(nearest('entirely-different', ['port', 'host'])).toBeUndefined()
  })
})
