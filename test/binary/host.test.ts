// The single executable on this machine, with what it finds here: Python, Docker.

import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, it, vi } from 'vitest'
import { describeDocker } from '../container/docker-engine.ts'
import { BINARY, describeBinary, run } from './binary.ts'

/** What the executable runs as its command, in the part of Node.js: makes an action, invokes it, prints the result. */
const CLIENT = `
  const [url, auth, kind, code] = [process.env.OW_APIHOST, process.env.OW_AUTH, ...process.argv.slice(1)]
  const headers = { authorization: 'Basic ' + Buffer.from(auth).toString('base64'), 'content-type': 'application/json' }
  const ask = async (method, path, body) => {
    const answer = await fetch(url + '/api/v1/namespaces/_' + path, { method, headers, body: JSON.stringify(body) })
    return answer.json()
  }
  ask('PUT', '/actions/a', { exec: { kind, code } })
    .then(() => ask('POST', '/actions/a?blocking=true&result=true', { x: 1 }))
    .then(result => console.log(JSON.stringify(result)))`

vi.setConfig({ testTimeout: 60_000 })

describeBinary('the executable', () => {
  let home = ''
  beforeAll(() => {
    home = mkdtempSync(join(tmpdir(), 'ow-binary-'))
  })
  afterAll(() => rmSync(home, { recursive: true, force: true }))

  const invoke = (driver: string, kind: string, code: string) => {
    const client = ['/usr/bin/env', 'OPENWHISK_AS_NODE=1', BINARY, '-e', CLIENT, kind, code]
    const options = ['--ephemeral', '--driver', driver, '--pull', 'never', '--no-prewarm', '--quiet']
    const env = { HOME: home, PATH: '/usr/bin:/bin', DOCKER_HOST: process.env.DOCKER_HOST }
    return run([BINARY, 'exec', ...options, '--', ...client], { cwd: home, env })
  }

  it('runs Python actions where there is a python3', async () => {
    const { code, stdout, stderr } = await invoke(
      'process',
      'python:3',
      'def main(args):\n  return {"y": args["x"] + 1}',
    )
    expect({ code, stdout }, stderr).toEqual({ code: 0, stdout: '{"y":2}\n' })
  })

  describeDocker('with Docker', () => {
    it('runs actions in containers, with nothing said on stderr', async () => {
      const { code, stdout, stderr } = await invoke('docker', 'nodejs:20', 'function main(a) { return { y: a.x + 1 } }')
      expect({ code, stdout, stderr }).toEqual({ code: 0, stdout: '{"y":2}\n', stderr: '' })
    })
  })
})
