// A small process that outlives the server by an instant: when the server is gone, however it went, it kills what the
// server's containers left behind. It needs nothing of them, so a busy loop cannot keep it from that.

import { type ChildProcess, spawn } from 'node:child_process'
import { SHELL } from './shell.ts'

export interface Watchdog {
  /** From now on the process group ends with this server. */
  add(group: number): void
  /** The group is gone; its number may soon be another's. */
  remove(group: number): void
  /** Ends it; what it still knew of is killed. */
  close(): Promise<void>
}

// A shell: a megabyte of memory and a millisecond to start, one for all containers. Reads "+ GROUP" and "- GROUP"; at
// the end of its input, which is the server's end, it kills the groups and, where there is /proc, all processes that
// were started with the containers' TMPDIR, then removes the folders.
const SCRIPT = `trap '' INT TERM HUP QUIT
groups=' '
while read -r op group; do
  case $op in
    +) groups="$groups$group " ;;
    -) groups="\${groups%% $group *} \${groups#* $group }" ;;
  esac
done
for group in $groups; do kill -9 -"$group"; done
if [ -d /proc/self ]; then
  for file in $(grep -lsaF "TMPDIR=$1/" /proc/[0-9]*/environ); do
    pid=\${file#/proc/}
    kill -9 "\${pid%/environ}"
  done
fi
rm -rf "$1"`

/** The same for Node.js (runtime/watchdog.cjs): for machines without a shell, at forty times the memory. */
export interface WatchdogProgram {
  command: readonly string[]
  env: Readonly<Record<string, string>>
}

/**
 * Starts the watchdog of the containers whose folders are in `folder`, a shell's unless told; it is started again should
 * it end early.
 */
export const startWatchdog = (folder: string, other?: WatchdogProgram): Watchdog => {
  const [program = '', ...args] = other?.command ?? [SHELL, '-c', SCRIPT, 'openwhisk-watchdog']
  const groups = new Set<number>()
  let closed = false
  let child: ChildProcess | undefined

  const tell = (line: string) => {
    child?.stdin?.write(line)
  }

  const start = () => {
    const started = spawn(program, [...args, folder], {
      // A group of its own: what is sent to the server's group, Ctrl-C for one, does not reach it.
      detached: true,
      cwd: '/',
      env: { PATH: process.env.PATH ?? '/usr/bin:/bin', ...other?.env },
      stdio: ['pipe', 'ignore', 'ignore'],
    })
    child = started
    started.stdin?.on('error', () => undefined)
    started.on('error', () => undefined)
    started.on('exit', () => {
      if (!closed && child === started) start()
    })
    started.unref()
    for (const group of groups) tell(`+ ${group}\n`)
  }

  start()
  return {
    add(group) {
      groups.add(group)
      tell(`+ ${group}\n`)
    },
    remove(group) {
      if (groups.delete(group)) tell(`- ${group}\n`)
    },
    close() {
      closed = true
      const ending = child
      if (!ending || ending.exitCode !== null || ending.signalCode !== null) return Promise.resolve()
      return new Promise(resolve => {
        ending.on('exit', () => resolve())
        ending.ref()
        ending.stdin?.end()
      })
    },
  }
}
