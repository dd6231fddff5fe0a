import { describe, expect, it } from 'vitest'
import { parseImage } from '../../src/entity/image.ts'
import type { JsonValue } from '../../src/entity/json.ts'
import { loadManifest, manifestJson, requireKind } from '../../src/entity/manifest.ts'

const builtin = loadManifest()

const runtime = (kind: string, more: { [key: string]: JsonValue } = {}): JsonValue => ({
  kind,
  image: { name: 'img' },
  ...more,
})
const custom = (...entries: JsonValue[]) => loadManifest({ runtimes: { nodejs: entries } })

describe('the built-in manifest', () => {
  it('lists the kinds of Apache OpenWhisk, and no alias', () => {
    expect(builtin.kinds).toEqual([
      'nodejs:18',
      'nodejs:20',
      'python:3.10',
      'python:3.11',
      'swift:5.3',
      'swift:5.7',
      'java:8',
      'php:8.1',
      'ruby:2.5',
      'go:1.20',
      'dotnet:3.1',
      'dotnet:6.0',
      'rust:1.34',
      'sequence',
      'blackbox',
    ])
    expect(builtin.blackboxes).toEqual(['openwhisk/dockerskeleton:nightly'])
  })

  it.each([
    ['nodejs:default', 'nodejs:20', 'openwhisk/action-nodejs-v20:nightly'],
    ['python:default', 'python:3.10', 'openwhisk/action-python-v3.10:nightly'],
    ['java:default', 'java:8', 'openwhisk/java8action:nightly'],
    ['nodejs:18', 'nodejs:18', 'openwhisk/action-nodejs-v18:nightly'],
    ['nodejs:14', 'nodejs:14', 'openwhisk/action-nodejs-v20:nightly'],
    ['nodejs:22', 'nodejs:22', 'openwhisk/action-nodejs-v20:nightly'],
    ['python:3', 'python:3', 'openwhisk/action-python-v3.10:nightly'],
    ['python:3.7', 'python:3.7', 'openwhisk/action-python-v3.10:nightly'],
  ])('resolves %s to %s with image %s', (asked, kind, image) => {
    expect(builtin.resolveKind(asked)).toMatchObject({ kind, image })
  })

  it.each([
    'nodejs',
    'nodejs:',
    'nodejs:latest',
    ':default',
    'default',
    '',
    'blackbox:default',
    'sequence:default',
    'python:2',
    'cobol:default',
    'nodejs:20:x',
    'constructor',
  ])('knows no kind %j', kind => {
    expect(builtin.resolveKind(kind)).toBeUndefined()
    expect(() => requireKind(builtin, kind)).toThrow(
      `The request content was malformed:\nThe specified runtime '${kind}' is not supported by this platform. Valid values are: 'nodejs:18', 'nodejs:20', `,
    )
  })

  it('has stem cells for the default Node.js only, none for its aliases', () => {
    expect(builtin.resolveKind('nodejs:default')?.stemCells).toEqual([
      {
        initialCount: 2,
        memoryMb: 256,
        reactive: { minCount: 1, maxCount: 4, ttlMs: 120_000, threshold: 1, increment: 1 },
      },
    ])
    expect(builtin.resolveKind('nodejs:16')?.stemCells).toEqual([])
  })

  it('is shown by family with six fields a runtime', () => {
    expect(manifestJson(builtin).php).toEqual([
      {
        attached: true,
        default: true,
        deprecated: false,
        image: 'openwhisk/action-php-v8.1:nightly',
        kind: 'php:8.1',
        requireMain: false,
      },
    ])
  })
})

describe('a manifest file', () => {
  it('takes the only version of a family as its default and knows no alias', () => {
    const manifest = custom(runtime('nodejs:99'))
    expect(manifest.resolveKind('nodejs:default')).toMatchObject({
      kind: 'nodejs:99',
      image: 'img',
      attached: false,
      sentinelledLogs: true,
      requireMain: false,
      stemCells: [],
    })
    expect(manifest.resolveKind('nodejs:16')).toBeUndefined()
  })

  it('joins the parts of an image', () => {
    const image = { registry: 'reg.io', prefix: 'p', name: 'n', tag: 't' }
    expect(custom(runtime('nodejs:1', { image })).runtimes[0]?.image).toBe('reg.io/p/n:t')
  })

  it('may call the count of stem cells count', () => {
    const manifest = custom(runtime('nodejs:1', { stemCells: [{ count: 3, memory: '1 GB' }] }))
    expect(manifest.runtimes[0]?.stemCells).toEqual([{ initialCount: 3, memoryMb: 1024 }])
  })

  const reactive = { minCount: 1, maxCount: 2, ttl: '500 ms', threshold: 1, increment: 1 }
  const cell = (more: { [key: string]: JsonValue }) =>
    runtime('nodejs:1', { stemCells: [{ initialCount: 1, memory: '256 MB', ...more }] })
  it.each<[JsonValue[], string]>([
    [[runtime('a'), runtime('b')], 'nodejs has multiple versions, but no default.'],
    [
      [runtime('a', { default: true }), runtime('b', { default: true })],
      'Found more than one default for nodejs: a, b.',
    ],
    [[cell({ initialCount: 0 })], 'initialCount must be positive'],
    [[runtime('a', { stemCells: [{ initialCount: 2 }] })], 'memory is required, just provide initialCount: 2'],
    [[runtime('a', { stemCells: [{ memory: '1 MB' }] })], 'initialCount is required, just provide memory: 1 MB'],
    [[runtime('a', { stemCells: [{}] })], 'both initialCount and memory are required'],
    [
      [cell({ reactive: { ...reactive, minCount: 3 } })],
      'minCount must be be greater than 0 and less than or equal to maxCount',
    ],
    [[cell({ reactive: { ...reactive, ttl: '0 ms' } })], 'ttl must be positive'],
    [[cell({ reactive: { ...reactive, threshold: 0 } })], 'threshold must be positive'],
    [
      [cell({ reactive: { ...reactive, increment: 3 } })],
      'increment must be positive and less than or equal to maxCount',
    ],
    [[{ kind: 'a', image: {} }], "an image of 'a' has no string 'name'"],
    [[{ image: { name: 'x' } }], "a runtime of 'nodejs' has no string 'kind'"],
  ])('%j is refused', (entries, message) => {
    expect(() => custom(...entries)).toThrow(message)
  })
})

describe('image names', () => {
  const digest = `sha256:${'0a'.repeat(32)}`
  it.each([
    ['i', 'i'],
    ['i:t', 'i:t'],
    ['pre/img:t', 'pre/img:t'],
    ['hostname:1234/img', 'hostname:1234/img'],
    [`hostname.com:3121/pre1/pre2/img:t@${digest}`, 'hostname.com:3121/pre1/pre2/img:t'],
    [`i@${digest}`, 'i'],
    ['localhost/x', 'localhost/x'],
    ['a_b/c-d.e', 'a_b/c-d.e'],
    ['a__b/c--d', 'a__b/c--d'],
  ])('%s is kept as %s', (text, image) => {
    expect(parseImage(text)).toBe(image)
  })

  it.each([
    '',
    'ABC',
    'BAD IMAGE',
    'x:8080:10/abc',
    'p/a:x:y',
    'p/a:t@sha256:77af4d6b9',
    'a:',
    'a//b',
    '/a',
    '-a',
    'a..b',
    'a___b',
  ])('%j is none', text => {
    expect(parseImage(text)).toBeUndefined()
  })

  it('that are long are decided quickly', () => {
    const started = performance.now()
    expect(parseImage(`${'a'.repeat(50_000)}!`)).toBeUndefined()
    expect(parseImage(`${'a-'.repeat(25_000)}!`)).toBeUndefined()
    expect(performance.now() - started).toBeLessThan(2000)
  })
})
