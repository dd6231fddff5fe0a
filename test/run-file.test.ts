import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { hostname, tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startedAt } from '../src/container/process-table.ts'
import { runningServers, writeRunFile } from '../src/run-file.ts'

let folder: string

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'ow-run-file-'))
})
afterEach(() => rmSync(folder, { recursive: true, force: true }))

const about = (port: number, pid = process.pid) => {
  const url = `http://localhost:${port}`
  return { pid, url, apihost: url, token: `token-${port}`, version: '0', startedAt: port }
}

/** A file that a server left. */
const left = (port: number, pid: number, began?: string) =>
  writeFileSync(
    join(folder, `${port}.json`),
    JSON.stringify({ ...about(port, pid), machine: hostname(), process: began }),
  )

describe('run files', () => {
  it('show the servers that run, newest first, until they are removed', () => {
    const remove = [1, 3, 2].map(port => writeRunFile(port, about(port), folder))
    expect(runningServers(folder).map(({ token }) => token)).toEqual(['token-3', 'token-2', 'token-1'])
    remove[0]?.()
    expect(runningServers(folder).map(({ token }) => token)).toEqual(['token-3', 'token-2'])
    for (const again of remove) again()
    expect(readdirSync(folder)).toEqual([])
  })

  it('of dead servers are ignored, and removed by the next one, also when their process id is in use again', () => {
    left(1, 2 ** 30)
    left(2, 1)
    left(3, 1, 'another time')
    left(4, process.pid, 'another time')
    left(5, process.pid, startedAt(process.pid))
    const dead = startedAt(process.pid) === undefined ? ['1.json'] : ['1.json', '2.json', '3.json', '4.json']
    const alive = ['1.json', '2.json', '3.json', '4.json', '5.json'].filter(name => !dead.includes(name))
    expect(runningServers(folder).map(({ startedAt: port }) => `${port}.json`)).toEqual(alive.reverse())
    const remove = writeRunFile(6, about(6), folder)
    expect(readdirSync(folder).sort()).toEqual([...alive.reverse(), '6.json'])
    remove()
  })
})
