// examples/github-action: its script, as a runner would start it.

import { spawnSync } from 'node:child_process'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { eventually } from '../e2e/server.ts'
import { ROOT } from '../linked.ts'
import { type Example, exampleFolder } from './example.ts'

let example: Example
beforeAll(() => {
  example = exampleFolder('github-action')
  for (const file of ['env', 'output']) writeFileSync(join(example.path, file), '')
  Object.assign(example.env, {
    GITHUB_ENV: join(example.path, 'env'),
    GITHUB_OUTPUT: join(example.path, 'output'),
    RUNNER_TEMP: example.path,
    OPENWHISK_STANDALONE: `${process.execPath} ${join(ROOT, 'bin', 'openwhisk-standalone.cjs')}`,
    SERVER_OPTIONS: '--ephemeral --no-prewarm --limits apache',
  })
})
afterAll(() => example.remove())

const values = (file: string): Record<string, string> =>
  Object.fromEntries(
    readFileSync(join(example.path, file), 'utf8')
      .trim()
      .split('\n')
      .map(line => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
  )

describe('examples/github-action', () => {
  it('starts a server for the steps that follow', async () => {
    const { code, output } = await example.run(join(example.path, 'start.sh'))
    expect(code, output).toBe(0)
    const env = values('env')
    expect(values('output')).toEqual({ apihost: env.OW_APIHOST, auth: env.OW_AUTH })
    expect(readFileSync(env.WSK_CONFIG_FILE ?? '', 'utf8')).toBe(`APIHOST=${env.OW_APIHOST}\nAUTH=${env.OW_AUTH}\n`)
    const limits = await fetch(`${env.__OW_API_HOST}/api/v1/namespaces/_/limits`, {
      headers: { authorization: `Basic ${btoa(env.__OW_API_KEY ?? '')}` },
    })
    expect(await limits.json()).toMatchObject({ maxActionTimeout: 300_000 })
    const control = { headers: { authorization: `Bearer ${env.OPENWHISK_CONTROL_TOKEN}` } }
    expect((await fetch(`${env.OPENWHISK_CONTROL_URL}/status`, control)).status).toBe(200)

    // As the runner ends what a job left.
    const port = new URL(env.OW_APIHOST ?? '').port
    const { pid } = JSON.parse(readFileSync(join(example.env.OPENWHISK_RUN_DIR ?? '', `${port}.json`), 'utf8'))
    process.kill(pid, 'SIGTERM')
    await eventually(() => example.expectNothingLeft().then(() => true))
  })

  it('fails with the reason when the server cannot start', async () => {
    example.env.SERVER_OPTIONS = '--driver podman'
    const { code, output } = await example.run(join(example.path, 'start.sh'))
    expect(output).toMatch(/::error::[\s\S]*podman/)
    expect(code).toBe(1)
  })

  it('says what its inputs and outputs are', () => {
    const yaml = spawnSync('python3', ['-c', 'import json, sys, yaml; print(json.dumps(yaml.safe_load(sys.stdin)))'], {
      input: readFileSync(join(ROOT, 'examples/github-action/action.yml')),
      encoding: 'utf8',
    })
    const action = readFileSync(join(ROOT, 'examples/github-action/action.yml'), 'utf8')
    expect(action).not.toContain('\t')
    // Where this Python reads YAML.
    if (yaml.status === 0) {
      expect(JSON.parse(yaml.stdout)).toMatchObject({
        inputs: { version: { default: 'latest' }, options: { default: '--ephemeral' } },
        outputs: { apihost: {}, auth: {} },
        runs: { using: 'composite', steps: [{ id: 'start', shell: 'bash', run: '"$GITHUB_ACTION_PATH/start.sh"' }] },
      })
    }
  })
})
