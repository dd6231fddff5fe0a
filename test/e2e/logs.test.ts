// Runs that follow each other at once, through a server's sockets: each has its own log lines and no others.

import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import { describeDocker } from './docker.ts'
import { eachOf, putAction, type Requests, requestsTo } from './requests.ts'
import { aFolder, build, type ServerProcess, startProcess } from './server.ts'

const RUNS = 200
const CODE = {
  'nodejs:20': 'function main(args) { console.log("out", args.n); console.error("err", args.n); return args }',
  'python:3.10': [
    'import sys',
    'def main(args):',
    '    print("out", args["n"])',
    '    print("err", args["n"], file=sys.stderr)',
    '    return args',
  ].join('\n'),
}

describe('with processes', () => followingRuns('process'))
describeDocker('with Docker', () => followingRuns('docker'))

function followingRuns(driver: 'process' | 'docker'): void {
  const folder = aFolder()
  let server: ServerProcess
  let requests: Requests

  beforeAll(build)
  beforeEach(async () => {
    const args = ['--driver', driver, '--no-prewarm', '--ephemeral']
    server = await startProcess({ cwd: folder.path, args })
    requests = requestsTo(server.url, 4)
  })
  afterEach(async () => {
    requests.close()
    await server.end()
  })
  afterAll(folder.remove)

  it.each(
    Object.entries(CODE).flatMap(([kind, code]) => [
      { kind, code, connections: 1 },
      { kind, code, connections: 3 },
    ]),
  )(
    'runs of $kind that follow each other on $connections connections have their own lines',
    async ({ kind, code, connections }) => {
      await putAction(requests, 'speaks', code, { kind })
      const all = Array.from({ length: RUNS }, (_, n) => n)
      const ids: string[] = []
      await eachOf(all, connections, async n => {
        const { text } = await requests.send('POST', '/actions/speaks?blocking=true', { n })
        ids[n] = JSON.parse(text).activationId
      })
      await eachOf(all, 4, async n => {
        const { text } = await requests.send('GET', `/activations/${ids[n]}/logs`)
        const lines = JSON.parse(text).logs.map((line: string) => line.replace(/^\S+ +/, ''))
        expect(lines.sort()).toEqual([`stderr: err ${n}`, `stdout: out ${n}`])
      })
    },
    60_000,
  )
}
