// The watchdog of the process driver for machines without a shell: outlives the server by an instant and kills what its
// containers left behind.
//
//   node watchdog.cjs FOLDER
//
// Reads "+ GROUP" and "- GROUP"; at the end of its input, which is the server's end, it kills these process groups and,
// where there is /proc, all processes that were started with a TMPDIR below FOLDER, then removes the folder.
'use strict'

const { readdirSync, readFileSync, rmSync } = require('node:fs')
const { createInterface } = require('node:readline')

const [, , folder] = process.argv
const groups = new Set()

const kill = pid => {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // Gone already.
  }
}

const read = path => {
  try {
    return readFileSync(path, 'latin1')
  } catch {
    return ''
  }
}

const processes = () => {
  try {
    return readdirSync('/proc').filter(name => /^\d+$/.test(name))
  } catch {
    return []
  }
}

for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT']) process.on(signal, () => {})

createInterface({ input: process.stdin })
  .on('line', line => {
    const [op, group] = line.split(' ')
    if (op === '+') groups.add(Number(group))
    else groups.delete(Number(group))
  })
  .on('close', () => {
    for (const group of groups) kill(-group)
    for (const pid of processes()) {
      const variables = read(`/proc/${pid}/environ`).split('\0')
      if (variables.some(variable => variable.startsWith(`TMPDIR=${folder}/`))) kill(Number(pid))
    }
    rmSync(folder, { recursive: true, force: true, maxRetries: 5, retryDelay: 20 })
    process.exit()
  })
