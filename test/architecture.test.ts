// The shape of src/: who may import whom, no cycles, SQL in one place, files of a readable length.

import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { describe, expect, it } from 'vitest'

const src = resolve(import.meta.dirname, '../src')

/** What each folder may import besides itself and the leaves; siblings at the top never import one another. */
const MAY_IMPORT: Readonly<Record<string, readonly string[]>> = {
  entity: [],
  store: ['entity'],
  container: ['entity'],
  entitlement: ['store', 'entity'],
  engine: ['entitlement', 'store', 'container', 'entity'],
  http: ['entitlement', 'store', 'entity'],
  api: ['http', 'engine', 'entitlement', 'store', 'container', 'entity'],
  web: ['http', 'engine', 'entitlement', 'store', 'container', 'entity'],
  gateway: ['http', 'engine', 'entitlement', 'store', 'container', 'entity'],
  alarms: ['http', 'engine', 'entitlement', 'store', 'container', 'entity'],
  catalog: ['http', 'engine', 'entitlement', 'store', 'container', 'entity'],
  control: ['http', 'engine', 'entitlement', 'store', 'container', 'entity'],
  ui: [],
  embedded: [],
  runtime: [],
}

/** Files beside the folders that anyone may import; they import only one another. */
const LEAVES = new Set([
  'build-time.ts',
  'clock.ts',
  'config.ts',
  'config-options.ts',
  'config-values.ts',
  'errors.ts',
  'events.ts',
  'log.ts',
  'messages.ts',
  'metrics.ts',
  'text.d.ts',
  'units.ts',
  'version.ts',
  'virtual-clock.ts',
])

/** Only these may reach the one place that knows everyone. */
const ABOVE_SERVER = /^(cli\/.*|main\.ts|index\.ts)$/

interface Import {
  from: string
  to: string
  /** Gone when the program runs. */
  typeOnly: boolean
}

const files = readdirSync(src, { recursive: true, encoding: 'utf8' })
  .map(file => file.replaceAll('\\', '/'))
  .filter(file => /\.(ts|cjs|py|sql)$/.test(file))
const sources = new Map(files.map(file => [file, readFileSync(join(src, file), 'utf8')]))

function importsOf(file: string): Import[] {
  const text = sources.get(file) ?? ''
  const statements = text.matchAll(/^(import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?'(\.[^']+)'/gm)
  const calls = text.matchAll(/\bimport\('(\.[^']+)'\)/g)
  const target = (specifier: string) => relative(src, resolve(src, dirname(file), specifier)).replaceAll('\\', '/')
  return [
    ...[...statements].map(([, , type, to = '']) => ({ from: file, to: target(to), typeOnly: type !== undefined })),
    // Evaluated later, so no part of a cycle; an edge all the same.
    ...[...calls].map(([, to = '']) => ({ from: file, to: target(to), typeOnly: true })),
  ]
}

const imports = files.filter(file => file.endsWith('.ts')).flatMap(importsOf)
const folderOf = (file: string) => (file.includes('/') ? file.slice(0, file.indexOf('/')) : '')

function isAllowed({ from, to }: Import): boolean {
  if (to.endsWith('.sql') || to.endsWith('.py') || to.endsWith('.html') || to.endsWith('.css'))
    return folderOf(from) === folderOf(to)
  const [here, there] = [folderOf(from), folderOf(to)]
  if (LEAVES.has(from)) return LEAVES.has(to)
  if (LEAVES.has(to)) return here !== 'runtime'
  // What is beside server.ts wires, or is the command line: it may import everything below, and nobody imports it.
  if (here === '' || here === 'cli')
    return (to !== 'main.ts' || from === 'binary.ts') && (there !== 'cli' || ABOVE_SERVER.test(from))
  return here === there || (MAY_IMPORT[here] ?? []).includes(there)
}

describe('the dependency direction', () => {
  it('knows every folder', () => {
    const folders = new Set(files.map(folderOf).filter(folder => folder !== '' && folder !== 'cli'))
    expect([...folders].filter(folder => !(folder in MAY_IMPORT))).toEqual([])
  })

  it('reads imports of every form', () => {
    expect(imports.length).toBeGreaterThan(300)
    expect(imports).toContainEqual({ from: 'server.ts', to: 'errors.ts', typeOnly: false })
    expect(imports).toContainEqual({ from: 'drivers.ts', to: 'container/docker.ts', typeOnly: true })
  })

  it('leads from the top to the entities, in type-only imports too', () => {
    const wrong = imports.filter(edge => !isAllowed(edge)).map(({ from, to }) => `${from} → ${to}`)
    expect(wrong).toEqual([])
  })

  it('lets only the command line and the published API start servers', () => {
    const wrong = imports.filter(({ from, to }) => to === 'server.ts' && !ABOVE_SERVER.test(from))
    expect(wrong).toEqual([])
  })

  it('has no cycle', () => {
    const next = new Map<string, string[]>()
    for (const { from, to, typeOnly } of imports) if (!typeOnly) next.set(from, [...(next.get(from) ?? []), to])
    const finished = new Set<string>()
    const cycles: string[] = []
    const visit = (file: string, path: readonly string[]) => {
      if (path.includes(file)) cycles.push([...path.slice(path.indexOf(file)), file].join(' → '))
      if (finished.has(file) || path.includes(file)) return
      for (const to of next.get(file) ?? []) visit(to, [...path, file])
      finished.add(file)
    }
    for (const file of next.keys()) visit(file, [])
    expect(cycles).toEqual([])
  })
})

describe('the sources', () => {
  it('hold SQL only in store/', () => {
    const sql =
      /\b(SELECT\s+[\w*].*\sFROM|INSERT\s+(OR\s+\w+\s+)?INTO|DELETE\s+FROM|UPDATE\s+\w+\s+SET|CREATE\s+(TABLE|INDEX)|PRAGMA)\b/
    // `doctor` asks SQLite for its version.
    const wrong = files.filter(
      file => !file.startsWith('store/') && sql.test((sources.get(file) ?? '').replace('SELECT sqlite_version()', '')),
    )
    expect(wrong).toEqual([])
  })

  it('say in their first line what they are for', () => {
    const wrong = files.filter(file => file.endsWith('.ts') && !/^\/\/ \S/.test(sources.get(file) ?? ''))
    expect(wrong).toEqual([])
  })

  it('are no longer than 500 lines', () => {
    // The Python proxy is one program that must stay one file.
    const readable = files.filter(file => file !== 'runtime/python.py')
    const wrong = readable.filter(file => (sources.get(file) ?? '').split('\n').length > 501)
    expect(wrong).toEqual([])
  })

  it('leave nothing for later and silence no checker', () => {
    const marks = /\b(TODO|FIXME|XXX(?!_THE_END))\b|@ts-(ignore|expect-error|nocheck)|biome-ignore/
    const wrong = files.filter(file => marks.test(sources.get(file) ?? ''))
    expect(wrong).toEqual([])
  })
})
