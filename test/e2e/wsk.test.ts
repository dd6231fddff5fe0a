// The real `wsk` command line against the whole server: what it prints, and its exit codes. Runs with the one that
// WSK_CLI names, or that is on the PATH.

import { execFile, execFileSync } from 'node:child_process'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { OpenWhisk } from '../../src/index.ts'
import { zipOf } from '../container/archives.ts'
import { startInProcess } from './in-process.ts'
import { aFolder, GUEST } from './server.ts'

const wsk = findWsk()
const title = 'the wsk command line'

function findWsk(): string | undefined {
  if (process.env.WSK_CLI !== undefined) return process.env.WSK_CLI
  try {
    return execFileSync('sh', ['-c', 'command -v wsk'], { encoding: 'utf8' }).trim()
  } catch {
    return undefined
  }
}

const MANIFEST = `
project:
  name: Demo
  packages:
    demo:
      inputs:
        city: Berlin
      actions:
        greet:
          function: greet.js
          inputs:
            name: you
          limits:
            timeout: 30000
        page:
          function: greet.js
          web-export: true
        zipped:
          function: zipped
          runtime: nodejs:20
        old:
          function: greet.py
      sequences:
        both:
          actions: greet, zipped
      triggers:
        manual:
          inputs:
            name: fired
        tick:
          feed: /whisk.system/alarms/alarm
          inputs:
            cron: '0 0 1 1 *'
      rules:
        onManual:
          trigger: manual
          action: greet
      apis:
        demo-api:
          greetings:
            hi:
              page:
                method: GET
                response: json
      dependencies:
        tools:
          location: /whisk.system/utils
`

const GREET = `function main(args) {
  console.log('greeting')
  if (args.fail) return { error: args.fail }
  return { greeting: 'Hello ' + args.name + (args.city ? ' in ' + args.city : '') }
}
`

const FILES = {
  'greet.js': GREET,
  'greet.py': 'def main(args):\n  return {"py": args.get("name")}\n',
  'parameters.json': '{ "name": "a file", "n": [1.10, 12345678901234567890] }',
  'project/manifest.yaml': MANIFEST,
  'project/greet.js': GREET,
  'project/greet.py': 'def main(args):\n  return args\n',
  'project/zipped/package.json': '{ "name": "zipped", "main": "index.js" }',
  'project/zipped/index.js': 'exports.main = args => ({ ...args, zipped: true })\n',
}

interface Outcome {
  code: number
  out: string
  err: string
}

const folder = aFolder()
let server: OpenWhisk
let stop: () => Promise<void>

beforeAll(async () => {
  ;({ server, stop } = await startInProcess())
  for (const [path, text] of Object.entries(FILES)) {
    mkdirSync(join(folder.path, path, '..'), { recursive: true })
    writeFileSync(join(folder.path, path), text)
  }
  writeFileSync(
    join(folder.path, 'a.zip'),
    Buffer.from(zipOf({ 'index.js': 'exports.main = () => ({ zip: 1 })' }), 'base64'),
  )
  await run(['property', 'set', '--apihost', server.url, '--auth', GUEST])
})
afterAll(async () => {
  await stop()
  folder.remove()
})

function run(args: readonly string[], cwd = folder.path): Promise<Outcome> {
  const { WSK_CONFIG_FILE: _, ...env } = process.env
  return new Promise(resolve => {
    execFile(wsk ?? 'wsk', args, { cwd, env: { ...env, HOME: folder.path, TZ: 'UTC' } }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : 0, out, err }),
    )
  })
}

/** A line as one types it; words in double quotes stay together. */
const words = (line: string) => (line.match(/"[^"]*"|\S+/g) ?? []).map(word => word.replace(/^"|"$/g, ''))

/** Command, what it prints (a part of stdout, or of stderr when it fails), and its exit code. */
type Row = [command: string, printed: string | RegExp, code?: number]

/** One after the other: they build on one another. */
function expectRows(rows: readonly Row[]): Promise<void> {
  return rows.reduce(
    (before, [line, printed, code = 0]) =>
      before.then(async () => {
        const outcome = await run(words(line))
        const seen = code === 0 ? outcome.out : outcome.err
        const matches = typeof printed === 'string' ? seen.includes(printed) : printed.test(seen)
        expect({ line, code: outcome.code, printed: matches ? printed : `${outcome.out}\n${outcome.err}` }).toEqual({
          line,
          code,
          printed,
        })
      }),
    Promise.resolve(),
  )
}

const ID = '[0-9a-f]{32}'
const WAY = 60_000

describe.skipIf(wsk === undefined)(wsk ? title : `${title} (skipped: no wsk on the PATH, and no WSK_CLI)`, () => {
  it('shows properties and namespaces', () =>
    expectRows([
      ['property get', /whisk namespace\t\tguest\n[\s\S]*whisk API build number\t\S+/],
      ['namespace list', 'namespaces\nguest\n'],
      [
        '-u a:b namespace list',
        /^error: Unable to obtain the list .*: The supplied authentication is invalid \(code \w+\)/,
        145,
      ],
    ]))

  it('creates, gets, updates, invokes and deletes actions', { timeout: WAY }, async () => {
    await expectRows([
      ['action create greet greet.js', 'ok: created action greet\n'],
      ['action create greet greet.js', /Unable to create action 'greet': resource already exists \(code/, 153],
      ['action invoke greet', new RegExp(`^ok: invoked /_/greet with id ${ID}\n$`)],
      ['action invoke greet -r -p name you', '{\n    "greeting": "Hello you"\n}\n'],
      [
        'action invoke greet -b -p name you',
        new RegExp(`^ok: invoked /_/greet with id ${ID}\n\\{\n[\\s\\S]*"success": true`),
      ],
      ['action invoke greet -r -p fail no', '{\n    "error": "no"\n}\n', 246],
      [
        'action invoke greet -b -p fail no',
        new RegExp(`^ok: invoked /_/greet with id ${ID}\n[\\s\\S]*application error`),
        246,
      ],
      ['action invoke greet -r -P parameters.json', '"greeting": "Hello a file"'],
      ['action invoke nope', /Unable to invoke action 'nope': The requested resource does not exist. \(code/, 148],
      ['action update greet -P parameters.json', 'ok: updated action greet\n'],
      ['action get greet parameters', /1\.10,\n\s+12345678901234567890\n/],
      ['action update greet --web true -a about it', 'ok: updated action greet\n'],
      ['action get greet --url', `ok: got action greet\n${server.url}/api/v1/web/guest/default/greet\n`],
      ['action update greet --del-annotation about -t 5000 -m 128', 'ok: updated action greet\n'],
      ['action get greet limits', '"timeout": 5000,\n    "memory": 128,\n    "logs": 10'],
      ['action update greet -m 1', 'requirement failed: memory size 1 MB below allowed threshold of 128 MB', 144],
      ['action create zip a.zip --kind nodejs:20', 'ok: created action zip\n'],
      ['action invoke zip -r', '"zip": 1'],
      ['action get zip --save-as saved.zip', /^ok: saved action code to .*saved\.zip\n$/],
      ['action create copy --copy greet -p name copied', 'ok: created action copy\n'],
      ['action create py greet.py', 'ok: created action py\n'],
      ['action invoke py -r -p name you', '"py": "you"'],
      ['action create seq --sequence greet,/whisk.system/utils/echo', 'ok: created action seq\n'],
      ['action get seq --save', 'Cannot save action sequences', 2],
      ['action create bad --sequence nope', /Unable to create action 'bad': Sequence component does not exist\./, 144],
      [
        'action create bad greet.js --kind nodejs:99',
        /The specified runtime 'nodejs:99' is not supported by this platform/,
        144,
      ],
      ['action list -n', /^actions\n\/guest\/copy {2,}private nodejs:20\n\/guest\/greet[\s\S]*\/guest\/zip/],
      ['action list -l 500', "The value '500' is not in the range of 0 to 200 for actions.", 144],
      ['action get /other/x', "The supplied authentication is not authorized to access 'other/x'.", 147],
      ['action delete copy', 'ok: deleted action copy\n'],
      ['action delete copy', "Unable to delete action 'copy': The requested resource does not exist.", 148],
    ])
    const [saved, sent] = ['saved.zip', 'a.zip'].map(file => readFileSync(join(folder.path, file)))
    expect(saved?.equals(sent ?? Buffer.alloc(0))).toBe(true)
    expect((await run(['action', 'get', 'greet', 'annotations'])).out).not.toContain('about')
  })

  it('keeps, shows and drops the secret of a web action', async () => {
    await expectRows([
      ['action update greet --web true --web-secure true', 'ok: updated action greet\n'],
      ['action get greet annotations', /"require-whisk-auth",\n\s+"value": \d+\n/],
      ['action update greet --web-secure false', 'ok: updated action greet\n'],
    ])
    expect((await run(['action', 'get', 'greet', 'annotations'])).out).not.toContain('require-whisk-auth')
  })

  it('shows activations', () =>
    expectRows([
      ['action invoke greet -r', '"greeting": "Hello a file"'],
      [
        'activation list -l 1',
        /^Datetime +Activation ID +Kind +Start +Duration +Status +Entity\n.* nodejs:20 +\w+ +\S+ +success +guest\/greet:0\.0\.\d+/,
      ],
      [
        'activation list greet -l 1 --full',
        /^activations\n\{\n {4}"namespace": "guest",\n {4}"name": "greet",[\s\S]*"logs": \[\n/,
      ],
      ['activation get --last response', /"status": "success",\n[\s\S]*"greeting": "Hello a file"/],
      ['activation logs --last', /^\S+Z +stdout: greeting\n$/],
      ['activation logs --last --strip', 'greeting\n'],
      ['activation result --last', '{\n    "greeting": "Hello a file"\n}\n'],
      [
        'activation poll greet --exit 1 --since-hours 1',
        /Activation: 'greet' \([0-9a-f]{32}\)\n\[\n {4}"\S+Z +stdout: greeting"\n\]/,
      ],
      ['activation get bad', 'Activation id length is 3 but must be 32.', 144],
    ]))

  it('manages triggers and rules', () =>
    expectRows([
      ['trigger create t -p name fired', 'ok: created trigger t\n'],
      ['trigger fire t', /^ok: triggered \/_\/t with id \n$/],
      ['rule create r t greet', 'ok: created rule r\n'],
      ['rule status r', 'ok: rule r is active\n'],
      ['trigger fire t', new RegExp(`^ok: triggered /_/t with id ${ID}\n$`)],
      ['rule disable r', 'ok: disabled rule r\n'],
      ['rule list', /^rules\n\/guest\/r +private +inactive\n$/],
      ['rule enable r', 'ok: enabled rule r\n'],
      ['rule create s nope greet', "Unable to create rule 's': trigger /guest/nope does not exist", 144],
      ['trigger get t rules', '"guest/r"'],
      ['rule delete r --disable', 'ok: deleted rule r\n'],
      ['trigger delete t', 'ok: deleted trigger t\n'],
    ]))

  it('manages triggers with feeds, and takes them back when the feed fails', () =>
    expectRows([
      [
        'trigger create tick --feed /whisk.system/alarms/alarm -p cron "0 0 1 1 *"',
        /^ok: invoked \/whisk.system\/alarms\/alarm with id [\s\S]*ok: created trigger tick\n$/,
      ],
      ['trigger get tick', /"cron": "0 0 1 1 \*"/],
      ['trigger update tick -p cron "0 0 2 2 *"', /ok: updated trigger tick\n$/],
      ['trigger create none --feed /whisk.system/alarms/alarm', '"status": "application error"', 246],
      ['trigger create none --feed /whisk.system/alarms/nope', 'The requested resource does not exist.', 148],
      ['trigger list', /^triggers\n\/guest\/tick +private\n$/],
      ['trigger delete tick', /ok: deleted trigger tick\n$/],
    ]))

  it('manages packages and bindings', () =>
    expectRows([
      ['package create p -p city Rome -a description "A package" --shared yes', 'ok: created package p\n'],
      ['action create p/x greet.js', 'ok: created action p/x\n'],
      ['package get p --summary', 'package /guest/p: A package\n   (parameters: *city)\n action /guest/p/x'],
      ['package update p --shared no', 'ok: updated package p\n'],
      ['package list', /^packages\n\/guest\/p +private\n$/],
      ['package bind p b -p name bound', 'ok: created binding b\n'],
      ['action invoke b/x -r', '"greeting": "Hello bound in Rome"'],
      ['package bind nope c', 'Binding references a package that does not exist.', 144],
      ['package refresh', "Package refresh for namespace '_' failed: The requested resource could not be found.", 148],
      ['package delete p', 'Package not empty (contains 1 entity). Set force param or delete package contents.', 153],
      ['action delete p/x', 'ok: deleted action p/x\n'],
      ['package delete b', 'ok: deleted package b\n'],
      ['package delete p', 'ok: deleted package p\n'],
    ]))

  it('manages APIs', async () => {
    const base = `${server.gateway}/api/${GUEST.split(':')[0]}/base`
    await expectRows([
      ['api create /base /path get py', "Action '/_/py' is not a web action.", 1],
      ['action create page greet.js --web true', 'ok: created action page\n'],
      ['api create /base /path get page', `ok: created API /base/path GET for action /_/page\n${base}/path\n`],
      ['api create /base /items/{id} delete page --response-type http', `${base}/items/{id}\n`],
      ['api list', /^ok: APIs\nAction +Verb +API Name +URL\n(\/guest\/page +(get|delete) +\/base +\S+\n){2}$/],
    ])
    expect(await (await fetch(`${base}/path?name=api`)).json()).toEqual({ greeting: 'Hello api' })
    writeFileSync(join(folder.path, 'swagger.json'), (await run(['api', 'get', '/base'])).out)
    await expectRows([
      ['api delete /base /path get', 'ok: deleted /path GET from /base\n'],
      ['api delete /base', 'ok: deleted API /base\n'],
      ['api delete /base', "Unable to delete API: API deletion failure: API '/base' does not exist.", 1],
      ['api create --config-file swagger.json', 'ok: created API /base/path get for action /guest/page\n'],
      ['api delete /base', 'ok: deleted API /base\n'],
    ])
  })

  it('deploys, synchronises, exports and undeploys a project', { timeout: WAY }, async () => {
    const project = join(folder.path, 'project')
    const DONE = 'Success: Deployment completed successfully.'
    expect(await run(['project', 'deploy'], project)).toMatchObject({ code: 0, out: expect.stringContaining(DONE) })
    await expectRows([
      ['action invoke demo/both -r', '"greeting": "Hello you in Berlin",\n    "zipped": true'],
      ['rule status onManual', 'ok: rule onManual is active\n'],
      ['api list /greetings', '/greetings/hi\n'],
    ])
    expect(await run(['project', 'undeploy'], project)).toMatchObject({ code: 0 })
    expect((await run(['list'])).out).not.toMatch(/demo|tools|manual|tick|onManual/i)

    expect(await run(['project', 'sync'], project)).toMatchObject({ code: 0, out: expect.stringContaining(DONE) })
    const changed = MANIFEST.replace('        old:\n', '        young:\n')
    writeFileSync(join(project, 'manifest.yaml'), changed)
    expect(await run(['project', 'sync'], project)).toMatchObject({ code: 0, out: expect.stringContaining(DONE) })
    const actions = (await run(['action', 'list', 'demo'])).out
    expect([actions.includes('demo/young'), actions.includes('demo/old')]).toEqual([true, false])

    const exported = await run(['project', 'export', '--projectname', 'Demo', '--manifest', 'exported.yaml'], project)
    expect(exported).toMatchObject({ code: 0, out: expect.stringContaining('Manifest exported to: exported.yaml') })
    expect(readFileSync(join(project, 'exported.yaml'), 'utf8')).toMatch(/cron:\n\s+value: 0 0 1 1 \*/)
    expect(await run(['project', 'undeploy', '--projectname', 'Demo'], project)).toMatchObject({ code: 0 })
    expect((await run(['list'])).out).not.toMatch(/demo\/|tools|manual|tick|onManual/i)
  })
})
