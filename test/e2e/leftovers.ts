// What a server may leave behind: processes and folders below its temporary folder, containers with its label.

import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'

/**
 * The processes that belong to containers of servers whose temporary folder this is: they carry it, or name it among
 * their arguments (the watchdog). Only where there is /proc; none elsewhere.
 */
export function processesOf(tmp: string): string[] {
  if (process.platform !== 'linux') return []
  return readdirSync('/proc')
    .filter(name => /^\d+$/.test(name))
    .filter(pid => {
      const environment = read(`/proc/${pid}/environ`)
      const words = read(`/proc/${pid}/cmdline`)
      return environment.includes(`TMPDIR=${tmp}/`) || words.includes(`${tmp}/`)
    })
    .map(pid => `${pid} ${read(`/proc/${pid}/cmdline`).replaceAll('\0', ' ').slice(0, 120)}`)
}

/** What lies in a temporary folder. */
export function filesIn(tmp: string): string[] {
  return readdirSync(tmp, { recursive: true, encoding: 'utf8' })
}

/** The containers that the servers of these process ids made. */
export function containersOf(pids: readonly number[]): string[] {
  const label = 'org.openwhisk.standalone.server.pid'
  const format = `{{.Label "${label}"}} {{.Names}}`
  const lines = execFileSync('docker', ['ps', '--all', '--filter', `label=${label}`, '--format', format], {
    encoding: 'utf8',
  })
  return lines.split('\n').filter(line => pids.includes(Number(line.split(' ')[0])))
}

function read(path: string): string {
  try {
    return readFileSync(path, 'utf8')
  } catch {
    return ''
  }
}
