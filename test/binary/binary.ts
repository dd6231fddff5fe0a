// For tests of the single executable: where it is, whether it is of these sources, and a root file system with it alone.

import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { describe, test } from 'vitest'
import { GUEST } from '../e2e/server.ts'

export const root = resolve(import.meta.dirname, '../..')
export const BINARY = join(root, 'dist-binary', 'openwhisk-standalone')

const youngest = Math.max(
  ...readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }).map(
    file => statSync(join(root, 'src', file)).mtimeMs,
  ),
)
const unavailable = !existsSync(BINARY)
  ? 'it is not built; node build.mjs --binary does that'
  : statSync(BINARY).mtimeMs < youngest
    ? 'it is older than the sources; node build.mjs --binary builds it'
    : undefined

/** A `describe` that skips, saying why, without the executable; fails instead when OPENWHISK_TEST_REQUIRE_BINARY is 1. */
export function describeBinary(title: string, body: () => void): void {
  if (unavailable === undefined) describe(title, body)
  else if (process.env.OPENWHISK_TEST_REQUIRE_BINARY !== '1') describe.skip(`${title} (skipped: ${unavailable})`, body)
  else {
    describe(title, () => {
      test('finds the executable', () => {
        throw new Error(`dist-binary/openwhisk-standalone: ${unavailable}`)
      })
    })
  }
}

export interface Outcome {
  code: number | NodeJS.Signals
  stdout: string
  stderr: string
}

/** Runs a command to its end. */
export async function run(command: readonly string[], options: { cwd?: string; env?: object } = {}): Promise<Outcome> {
  const [program = '', ...args] = command
  const child = spawn(program, args, { cwd: options.cwd, env: { ...options.env }, stdio: ['ignore', 'pipe', 'pipe'] })
  const [stdout, stderr] = [textOf(child.stdout), textOf(child.stderr)]
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code: code ?? signal ?? 0, stdout: stdout(), stderr: stderr() }
}

export function textOf(stream: NodeJS.ReadableStream): () => string {
  let text = ''
  stream.on('data', chunk => {
    text += String(chunk)
  })
  return () => text
}

export interface BareRoot {
  readonly path: string
  /** The command line that runs the executable with this folder as its root. */
  readonly command: readonly string[]
  /** The processes that run the executable in there, by their ids. */
  processes(): number[]
  remove(): void
}

// Only the devices and the process table are let in; both are gone with the last process, as the mounts are its own.
const ENTER = `mount --bind /dev/null "$1/dev/null" && mount --rbind /proc "$1/proc" && root=$1 && shift &&
  exec "$(PATH=$PATH:/usr/sbin:/sbin command -v chroot)" "$root" /openwhisk-standalone "$@"`

/**
 * A folder that holds the executable, the shared libraries it names, what says who is who and where localhost is, and an
 * empty /tmp, and nothing else: no shell, no node. Needs no rights but those to make namespaces.
 */
export function makeBareRoot(): BareRoot {
  const path = mkdtempSync(join(tmpdir(), 'ow-bare-'))
  const context = join(path, 'context')
  execFileSync(join(root, 'examples', 'oci', 'context'), [BINARY, context])
  const made = join(context, 'rootfs')
  // Linked, not copied: the same file under the name that the command line has.
  execFileSync('ln', [join(made, 'usr/local/bin/openwhisk-standalone'), join(made, 'openwhisk-standalone')])
  for (const folder of ['dev', 'proc']) mkdirSync(join(made, folder))
  writeFileSync(join(made, 'dev', 'null'), '')
  chmodSync(join(made, 'tmp'), 0o1777)
  const program = statSync(join(made, 'openwhisk-standalone'))
  const user = process.getuid?.() === 0 ? [] : ['--user', '--map-root-user']
  return {
    path: made,
    command: ['unshare', ...user, '--mount', 'sh', '-c', ENTER, 'sh', made],
    processes: () =>
      readdirSync('/proc')
        .map(Number)
        .filter(pid => {
          if (!(pid > 0)) return false
          try {
            const exe = statSync(`/proc/${pid}/exe`)
            return exe.ino === program.ino && exe.dev === program.dev
          } catch {
            return false
          }
        }),
    remove: () => rmSync(path, { recursive: true, force: true }),
  }
}

/** A request to the API as guest; gives status and parsed body. */
export async function api(
  url: string,
  method: string,
  path: string,
  body?: object,
): Promise<{ status: number; body: unknown }> {
  const response = await fetch(`${url}/api/v1/namespaces/_${path}`, {
    method,
    headers: {
      authorization: `Basic ${Buffer.from(GUEST).toString('base64')}`,
      'content-type': 'application/json',
    },
    body: body && JSON.stringify(body),
  })
  return { status: response.status, body: await response.json() }
}

/** Makes an action and invokes it; gives the activation with its logs. */
export async function invokeNew(url: string, name: string, kind: string, code: string, args: object) {
  const made = await api(url, 'PUT', `/actions/${name}?overwrite=true`, { exec: { kind, code } })
  if (made.status !== 200) throw new Error(JSON.stringify(made))
  const invoked = await api(url, 'POST', `/actions/${name}?blocking=true`, args)
  const { activationId } = invoked.body as { activationId?: string }
  if (activationId === undefined) throw new Error(JSON.stringify(invoked))
  const record = await api(url, 'GET', `/activations/${activationId}`)
  return record.body as { response: { success: boolean; result: Record<string, unknown> }; logs: string[] }
}
