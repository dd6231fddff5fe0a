import { chmodSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { imageName, registryAuth } from '../../src/container/docker-auth.ts'
import { EngineError, type RegistryAuth } from '../../src/container/docker-engine.ts'
import { createImages, type PullPolicy } from '../../src/container/docker-images.ts'
import { silentLogger } from '../../src/log.ts'

let configDir: string

beforeEach(() => {
  configDir = mkdtempSync(join(tmpdir(), 'ow-docker-images-'))
})
afterEach(() => {
  rmSync(configDir, { recursive: true })
})

const writeConfig = (config: object) => writeFileSync(join(configDir, 'config.json'), JSON.stringify(config))
const base64 = (text: string) => Buffer.from(text).toString('base64')

describe('imageName', () => {
  test.each([
    ['alpine', '', 'alpine:latest'],
    ['me/tool:1', '', 'me/tool:1'],
    ['docker.io/me/tool', '', 'docker.io/me/tool:latest'],
    ['ghcr.io/me/tool', 'ghcr.io', 'ghcr.io/me/tool:latest'],
    ['host:5000/tool', 'host:5000', 'host:5000/tool:latest'],
    ['localhost/tool:x', 'localhost', 'localhost/tool:x'],
    ['tool@sha256:ab', '', 'tool@sha256:ab'],
  ])('takes %s apart', (image, registry, full) => {
    expect(imageName(image)).toEqual({ registry, full })
  })
})

describe('registryAuth', () => {
  test("finds the plain entry of an image's registry", async () => {
    writeConfig({
      auths: {
        'https://index.docker.io/v1/': { auth: base64('hub:pass:word') },
        'host:5000': { auth: base64('me:secret') },
        'token.example': { identitytoken: 'tok', auth: base64('me:') },
        'empty.example': {},
      },
    })
    expect(await registryAuth('tool', configDir)).toEqual({
      serveraddress: 'https://index.docker.io/v1/',
      username: 'hub',
      password: 'pass:word',
    })
    expect(await registryAuth('host:5000/tool', configDir)).toMatchObject({ username: 'me', password: 'secret' })
    expect(await registryAuth('token.example/tool', configDir)).toMatchObject({ identitytoken: 'tok' })
    expect(await registryAuth('empty.example/tool', configDir)).toBeUndefined()
    expect(await registryAuth('other.example/tool', configDir)).toBeUndefined()
  })

  test('asks the credential program, and goes without when it fails', async () => {
    const program = join(configDir, 'docker-credential-fake')
    writeFileSync(
      program,
      `#!/bin/sh\nread server\n[ "$server" = host:5000 ] || exit 1\necho '{"Username":"me","Secret":"from a program"}'\n`,
    )
    chmodSync(program, 0o755)
    const path = process.env.PATH
    process.env.PATH = `${configDir}${delimiter}${path}`
    try {
      writeConfig({ credHelpers: { 'host:5000': 'fake', 'gone:1': 'not-installed' }, credsStore: 'fake' })
      expect(await registryAuth('host:5000/tool', configDir)).toEqual({
        serveraddress: 'host:5000',
        username: 'me',
        password: 'from a program',
      })
      expect(await registryAuth('gone:1/tool', configDir)).toBeUndefined()
      expect(await registryAuth('tool', configDir)).toBeUndefined()
    } finally {
      process.env.PATH = path
    }
  })

  test('is nothing without a configuration', async () => {
    expect(await registryAuth('tool', join(configDir, 'none'))).toBeUndefined()
  })
})

describe('createImages', () => {
  interface Pull {
    image: string
    auth: RegistryAuth | undefined
    settle(error?: Error): void
  }

  function setup(policy: PullPolicy) {
    const pulls: Pull[] = []
    const clock = { now: 0 }
    const engine = {
      pull: (image: string, auth: RegistryAuth | undefined) =>
        new Promise<void>((resolve, reject) => {
          pulls.push({ image, auth, settle: error => (error ? reject(error) : resolve()) })
        }),
    }
    const images = createImages(engine, { policy, configDir, log: silentLogger, now: () => clock.now })
    const next = async (): Promise<Pull> => {
      while (pulls.length === 0) await new Promise(resolve => setImmediate(resolve))
      return pulls.shift() ?? Promise.reject(new Error('no pull'))
    }
    return { images, pulls, next, clock }
  }

  test('with `missing` pulls only what the engine does not have, once for all who wait', async () => {
    const { images, pulls, next } = setup('missing')
    await images.prepare('me/tool', true)
    const waiting = [images.fetch('me/tool', true), images.fetch('me/tool', true)]
    const pull = await next()
    expect(pull.image).toBe('me/tool:latest')
    pull.settle()
    await Promise.all(waiting)
    expect(pulls).toEqual([])
  })

  test('with `never` fails at once', async () => {
    const { images, pulls } = setup('never')
    await images.prepare('me/tool', true)
    await expect(images.fetch('me/tool', true)).rejects.toMatchObject({ reason: 'pull', message: 'me/tool' })
    expect(pulls).toEqual([])
  })

  test("with `always` pulls a managed image once and a user's before every container", async () => {
    const { images, pulls, next } = setup('always')
    for (const [image, userImage, times] of [
      ['openwhisk/a', false, 1],
      ['me/tool', true, 2],
    ] as const) {
      const first = images.prepare(image, userImage)
      ;(await next()).settle()
      await first
      const second = images.prepare(image, userImage)
      if (times === 2) (await next()).settle()
      await second
    }
    expect(pulls).toEqual([])
  })

  test('with `always` goes on when the pull fails: the image may be there', async () => {
    const { images, next } = setup('always')
    const preparing = images.prepare('me/tool', true)
    ;(await next()).settle(new EngineError(500, 'no such host'))
    await preparing
  })

  test('remembers for half a minute that a managed image could not be had, not that the engine was gone', async () => {
    const { images, next, clock } = setup('missing')
    const failing = async (image: string, userImage: boolean, error: EngineError) => {
      const fetching = images.fetch(image, userImage)
      const failure = error.status === undefined ? error : { reason: 'pull', message: image }
      const failed = expect(fetching).rejects.toMatchObject(failure)
      ;(await next()).settle(error)
      await failed
    }
    await failing('openwhisk/a', false, new EngineError(undefined, 'connect ENOENT'))
    await failing('openwhisk/a', false, new EngineError(404, 'not found'))
    await expect(images.fetch('openwhisk/a', false)).rejects.toMatchObject({ reason: 'pull' })
    clock.now += 30_000
    await failing('openwhisk/a', false, new EngineError(404, 'not found'))
    await failing('me/tool', true, new EngineError(404, 'not found'))
    await failing('me/tool', true, new EngineError(404, 'not found'))
  })
})
