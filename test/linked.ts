// A folder outside the checkout in which `openwhisk-standalone` is installed, as far as Node.js can tell.

import { execFileSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'

export const ROOT = resolve(import.meta.dirname, '..')

export interface LinkedFolder {
  readonly path: string
  remove(): void
}

/** Builds what is shipped when it is old. `packages`: further ones of the checkout that the folder has. */
export function linkedFolder(packages: readonly string[] = []): LinkedFolder {
  execFileSync(process.execPath, [join(ROOT, 'build.mjs'), '--if-needed'], { cwd: ROOT })
  const path = realpathSync(mkdtempSync(join(tmpdir(), 'ow-linked-')))
  const modules = join(path, 'node_modules')
  mkdirSync(modules)
  symlinkSync(ROOT, join(modules, 'openwhisk-standalone'))
  mkdirSync(join(modules, '.bin'))
  symlinkSync(join(ROOT, 'bin', 'openwhisk-standalone.cjs'), join(modules, '.bin', 'openwhisk-standalone'))
  for (const name of packages) {
    const link = join(modules, name)
    mkdirSync(dirname(link), { recursive: true })
    symlinkSync(join(ROOT, 'node_modules', name), link)
  }
  return { path, remove: () => rmSync(path, { recursive: true, force: true }) }
}
