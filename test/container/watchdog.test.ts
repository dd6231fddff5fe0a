import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { startWatchdog, type WatchdogProgram } from '../../src/container/watchdog.ts'

const program: WatchdogProgram = {
  command: [process.execPath, join(import.meta.dirname, '../../src/runtime/watchdog.cjs')],
  env: {},
}

describe.each<[string, WatchdogProgram | undefined]>([
  ['a shell', undefined],
  ['a program for Node.js', program],
])('the watchdog as %s', (_, other) => {
  let folder = ''
  let children: ChildProcess[] = []
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'ow-watchdog-'))
    children = []
  })
  afterEach(() => {
    for (const child of children) child.kill('SIGKILL')
    rmSync(folder, { recursive: true, force: true })
  })

  /** A process that leads a group; resolves with what ends it. */
  const sleeper = (env: NodeJS.ProcessEnv = {}) => {
    const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore', env: { PATH: process.env.PATH, ...env } })
    children.push(child)
    const ended = once(child, 'exit').then(([, signal]) => signal as NodeJS.Signals)
    return { child, group: child.pid ?? 0, ended }
  }

  it('kills the groups it knows of when the server is gone, and removes the folder', async () => {
    mkdirSync(join(folder, '1', 'tmp'), { recursive: true })
    const known = sleeper()
    const watchdog = startWatchdog(folder, other)
    watchdog.add(known.group)
    await watchdog.close()
    expect(await known.ended).toBe('SIGKILL')
    expect(existsSync(folder)).toBe(false)
  })

  it('spares a group that is no longer the server’s', async () => {
    const [removed, kept] = [sleeper(), sleeper()]
    const watchdog = startWatchdog(folder, other)
    for (const { group } of [removed, kept]) watchdog.add(group)
    watchdog.remove(removed.group)
    await watchdog.close()
    expect(await kept.ended).toBe('SIGKILL')
    expect(removed.child.exitCode ?? removed.child.signalCode).toBe(null)
  })

  it.runIf(existsSync('/proc/self/environ'))('kills what was started with a TMPDIR in the folder', async () => {
    const [stray, foreign] = [sleeper({ TMPDIR: join(folder, '1', 'tmp') }), sleeper({ TMPDIR: `${folder}-other/x` })]
    await startWatchdog(folder, other).close()
    expect(await stray.ended).toBe('SIGKILL')
    expect(foreign.child.exitCode ?? foreign.child.signalCode).toBe(null)
  })
})
