// An App Builder project built, deployed and undeployed by Adobe's `@adobe/aio-lib-runtime`, which is behind `aio rt` and
// `aio app deploy`. It brings webpack and a hundred megabytes, so it is no dependency of this project: `.ci/clients`
// installs it into a folder of its own, named by OPENWHISK_TEST_CLIENTS.

import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest'
import type { OpenWhisk } from '../../src/index.ts'
import { startInProcess } from './in-process.ts'
import { type Answer, clientOf, eventually, GUEST, type OpenWhiskClient } from './server.ts'

const clients = process.env.OPENWHISK_TEST_CLIENTS ?? ''
const installed = existsSync(join(clients, 'node_modules', '@adobe', 'aio-lib-runtime'))
const required = process.env.OPENWHISK_TEST_REQUIRE_CLIENTS === '1'
const WHY = 'OPENWHISK_TEST_CLIENTS names no folder with @adobe/aio-lib-runtime; .ci/clients makes one'

/** What the tests use of the package, which has no types. */
interface AioRuntime {
  init(options: object): Promise<AioClient>
  buildActions(config: object): Promise<string[]>
  deployActions(config: object, options: object, log: Log): Promise<Answer>
  undeployActions(config: object, log: Log): Promise<void>
  utils: {
    processPackage(packages: object, ...rest: readonly [object, object, object, boolean, object]): Entities
    syncProject(
      name: string,
      path: string,
      content: string,
      ...rest: readonly [Entities, AioClient, Log]
    ): Promise<void>
    getProjectEntities(name: string, isHash: boolean, client: AioClient): Promise<Entities>
    undeployPackage(entities: Entities, client: AioClient, log: Log): Promise<void>
  }
}
type Log = (line: string) => void
type Entities = Readonly<Record<string, unknown>>
interface AioClient {
  triggers: Record<'create' | 'delete', (options: object) => Promise<Answer>>
  routes: Record<'list', (options?: object) => Promise<Answer>>
}

const FILES = {
  // Bundled by webpack: one file that imports another.
  'actions/greet/index.js':
    "const { polite } = require('../polite')\nexports.main = ({ name = 'stranger', city }) => ({ greeting: polite(name), city })\n",
  'actions/polite.js': "exports.polite = name => 'Good day, ' + name\n",
  'actions/page.js':
    "exports.main = ({ __ow_method, q }) => ({ statusCode: 200, headers: { 'x-seen': __ow_method }, body: { q } })\n",
  // Zipped as it is: a folder.
  'actions/folder/package.json': '{ "name": "folder", "version": "1.0.0", "main": "start.js" }\n',
  'actions/folder/start.js': "exports.main = args => ({ ...require('./data.json'), ...args })\n",
  'actions/folder/data.json': '{ "from": "a file" }\n',
}

const action = (path: string, more: object = {}) => ({ function: `actions/${path}`, runtime: 'nodejs:20', ...more })

/** The manifest of `app.config.yaml`, read. */
const manifest = (actions: object = {}) => ({
  packages: {
    shop: {
      license: 'Apache-2.0',
      inputs: { city: 'Bern' },
      actions: {
        greet: action('greet/index.js', {
          inputs: { name: 'you' },
          limits: { timeout: 30000, memorySize: 128, logSize: 1 },
          annotations: { about: 'greets' },
        }),
        page: action('page.js', { web: 'yes' }),
        folder: action('folder'),
        ...actions,
      },
      sequences: { both: { actions: 'greet, folder', web: true } },
      triggers: { visit: { inputs: { name: 'trigger' } } },
      rules: { onVisit: { trigger: 'visit', action: 'greet' } },
      apis: { shopApi: { shop: { page: { page: { method: 'get', response: 'http' } } } } },
      dependencies: { tools: { location: '/whisk.system/utils', inputs: { bound: true } } },
    },
  },
})

let server: OpenWhisk
let stop: () => Promise<void>
let ow: OpenWhiskClient
let root: string

// Nearly every test starts processes, beside other files that do.
vi.setConfig({ testTimeout: 60_000 })

beforeAll(async () => {
  ;({ server, stop } = await startInProcess())
  ow = clientOf(server.url)
  root = mkdtempSync(join(tmpdir(), 'ow-aio-'))
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(root, path, '..'), { recursive: true })
    writeFileSync(join(root, path), text)
  }
})
afterAll(async () => {
  await stop()
  rmSync(root, { recursive: true, force: true })
})

/** What `aio app` makes of `app.config.yaml`, `.env` and `.aio`. */
const configOf = (full: object) => ({
  root,
  app: { name: 'shop', version: '1.0.0', hasBackend: true, hasFrontend: false, hostname: 'x', defaultHostname: 'x' },
  ow: { apihost: server.url, apiversion: 'v1', namespace: 'guest', auth: GUEST, package: 'shop' },
  actions: { src: join(root, 'actions'), dist: join(root, 'dist'), devRemote: false },
  manifest: { src: join(root, 'manifest.yml'), packagePlaceholder: '__APP_PACKAGE__', full },
})

const namesOf = (list: Answer) =>
  Object.values(list)
    .map(({ name }) => String(name))
    .sort()

async function everything(): Promise<Record<string, string[]>> {
  const entries = ['actions', 'packages', 'triggers', 'rules'].map(async collection => [
    collection,
    namesOf((await server.request('GET', `/${collection}`)) as unknown as Answer),
  ])
  return Object.fromEntries(await Promise.all(entries))
}

function loadAio(): AioRuntime {
  if (!installed) throw new Error(WHY)
  return createRequire(join(clients, 'package.json'))('@adobe/aio-lib-runtime') as AioRuntime
}

async function deploy(full: object, log: Log = () => {}): Promise<Answer> {
  const aio = loadAio()
  const config = configOf(full)
  // Paths in manifests are relative to the project.
  const before = process.cwd()
  process.chdir(root)
  try {
    await aio.buildActions(config)
    return await aio.deployActions(config, {}, log)
  } finally {
    process.chdir(before)
  }
}

const title = '@adobe/aio-lib-runtime'
describe.skipIf(!installed && !required)(installed || required ? title : `${title} (skipped: ${WHY})`, () => {
  it('builds and deploys a project', async () => {
    const log: string[] = []
    const deployed = await deploy(manifest(), line => log.push(line))
    expect(log.join('\n')).toContain('Success: Deployment completed successfully.')
    expect(namesOf(deployed.actions ?? {})).toEqual(['shop/both', 'shop/folder', 'shop/greet', 'shop/page'])
    expect(await everything()).toEqual({
      actions: ['both', 'folder', 'greet', 'page'],
      packages: ['shop', 'tools'],
      triggers: ['visit'],
      rules: ['onVisit'],
    })
    expect(await ow.actions.get({ name: 'shop/greet' })).toMatchObject({
      exec: { kind: 'nodejs:20', binary: true },
      limits: { timeout: 30000, memory: 128, logs: 1 },
      annotations: expect.arrayContaining([
        { key: 'about', value: 'greets' },
        { key: 'whisk-managed', value: expect.objectContaining({ projectName: 'shop' }) },
      ]),
    })
  })

  it('has actions that run: bundled, zipped, in sequence, of a bound package', async () => {
    const invoke = (name: string, params = {}) => ow.actions.invoke({ name, params, blocking: true, result: true })
    expect(await invoke('shop/greet')).toEqual({ greeting: 'Good day, you', city: 'Bern' })
    expect(await invoke('shop/folder', { a: 1 })).toEqual({ from: 'a file', city: 'Bern', a: 1 })
    expect(await invoke('shop/both', { name: 'all' })).toEqual({
      from: 'a file',
      greeting: 'Good day, all',
      city: 'Bern',
    })
    expect(await invoke('tools/echo')).toEqual({ bound: true })
  })

  it('has a web action, also behind the API', async () => {
    const client = await loadAio().init({ apihost: server.url, api_key: GUEST, namespace: 'guest' })
    const { apis } = await client.routes.list({ basepath: '/shop' })
    const gateway = String(apis?.[0]?.value?.gwApiUrl)
    for (const url of [`${server.url}/api/v1/web/guest/shop/page`, `${gateway}/page`]) {
      const answer = await fetch(`${url}?q=1`)
      expect([url, answer.status, answer.headers.get('x-seen'), await answer.json()]).toEqual([
        url,
        200,
        'get',
        { q: '1' },
      ])
    }
  })

  it('has a rule that its trigger starts', async () => {
    const since = Date.now()
    expect(await server.fire('visit')).toEqual(expect.any(String))
    const record = await server.waitForActivation({ action: 'shop/greet', since })
    expect(record.response.result).toEqual({ greeting: 'Good day, trigger', city: 'Bern' })
  })

  it('deploys again: adds what is new and keeps what is there', async () => {
    await deploy(manifest({ extra: action('folder') }))
    expect((await everything()).actions).toEqual(['both', 'extra', 'folder', 'greet', 'page'])
    expect(await ow.actions.get({ name: 'shop/greet' })).toMatchObject({ version: '0.0.1' })
  })

  it('synchronises a project as `aio rt deploy sync` does: what is gone from its manifest is removed', async () => {
    const { init, utils } = loadAio()
    const client = await init({ apihost: server.url, api_key: GUEST, namespace: 'guest' })
    const plain = { function: join(root, 'actions', 'page.js'), runtime: 'nodejs:20' }
    const sync = async (actions: object, triggers: object) => {
      const packages = { yard: { actions, triggers } }
      const entities = utils.processPackage(packages, {}, {}, {}, false, {})
      await utils.syncProject('yard', 'manifest.yml', JSON.stringify(packages), entities, client, () => {})
    }
    const before = await everything()
    await sync({ one: plain, two: plain }, { first: {}, second: {} })
    await sync({ two: plain, three: plain }, { second: {} })
    expect(await everything()).toMatchObject({
      actions: [...(before.actions ?? []), 'three', 'two'].sort(),
      packages: ['shop', 'tools', 'yard'],
      triggers: ['second', 'visit'],
    })
    await utils.undeployPackage(await utils.getProjectEntities('yard', false, client), client, () => {})
    expect(await everything()).toEqual(before)
  })

  it('creates and deletes a trigger with a feed', async () => {
    const client = await loadAio().init({ apihost: server.url, api_key: GUEST, namespace: 'guest' })
    const parameters = [{ key: 'cron', value: '* * * * * *' }]
    await client.triggers.create({ name: 'tick', trigger: { feed: '/whisk.system/alarms/alarm', parameters } })
    expect((await everything()).triggers).toContain('tick')
    await client.triggers.delete({ name: 'tick' })
    expect((await everything()).triggers).toEqual(['visit'])
  })

  it('undeploys everything', async () => {
    const log: string[] = []
    await loadAio().undeployActions(configOf(manifest()), line => log.push(line))
    expect(log.join('\n')).toContain('Success: Undeployment completed successfully.')
    expect(await everything()).toEqual({ actions: [], packages: [], triggers: [], rules: [] })
    const client = await loadAio().init({ apihost: server.url, api_key: GUEST, namespace: 'guest' })
    expect(await eventually(() => client.routes.list())).toMatchObject({ apis: [] })
    await expect(loadAio().undeployActions(configOf(manifest()), () => {})).rejects.toThrow(
      'cannot undeploy actions for package shop, as it was not deployed.',
    )
  })
})
