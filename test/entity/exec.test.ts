import { describe, expect, it } from 'vitest'
import { decodeExec, execJson, resolveExec, sizeOfExec } from '../../src/entity/exec.ts'
import type { JsonValue } from '../../src/entity/json.ts'
import { loadManifest } from '../../src/entity/manifest.ts'

const manifest = loadManifest()
const inline = loadManifest({ runtimes: { lua: [{ kind: 'lua:5', image: { name: 'lua' } }] } })
const decode = (value: JsonValue) => decodeExec(value, manifest)

describe('decodeExec', () => {
  it.each<[JsonValue, object]>([
    [
      { kind: ' NodeJS:Default ', code: 'x y' },
      { kind: 'nodejs:20', code: 'x y', binary: false },
    ],
    [
      { kind: 'nodejs:16', code: 'x y' },
      { kind: 'nodejs:16', code: 'x y', binary: false },
    ],
    [
      { kind: 'nodejs:20', code: '' },
      { kind: 'nodejs:20', code: '', binary: false },
    ],
    [
      { kind: 'nodejs:20', code: '   ' },
      { kind: 'nodejs:20', code: '   ', binary: false },
    ],
    [
      { kind: 'nodejs:20', code: 'test' },
      { kind: 'nodejs:20', code: 'test', binary: true },
    ],
    [
      { kind: 'nodejs:20', code: 'RHViZWU=', binary: false },
      { kind: 'nodejs:20', code: 'RHViZWU=', binary: true },
    ],
    [
      { kind: 'nodejs:20', code: ' RHViZWU=\n' },
      { kind: 'nodejs:20', code: 'RHViZWU=', binary: true },
    ],
    [
      { kind: 'nodejs:20', code: 'AAAAAB==' },
      { kind: 'nodejs:20', code: 'AAAAAA==', binary: true },
    ],
    [
      { kind: 'nodejs:20', code: 'a=bc', binary: true },
      { kind: 'nodejs:20', code: 'a=bc', binary: false },
    ],
    [
      { kind: 'nodejs:20', code: 'x', main: 'go' },
      { kind: 'nodejs:20', code: 'x', binary: false, main: 'go' },
    ],
    [
      { kind: 'java:8', jar: 'UEsDBA==', main: 'H' },
      { kind: 'java:8', code: 'UEsDBA==', binary: true, main: 'H' },
    ],
    [
      { kind: 'java:8', code: 'x', main: '' },
      { kind: 'java:8', code: 'x', binary: false, main: '' },
    ],
    [
      { kind: 'blackbox', image: 'bb' },
      { kind: 'blackbox', image: 'bb', binary: false },
    ],
    [
      { kind: 'blackbox', image: 'bb', code: ' \n', binary: true },
      { kind: 'blackbox', image: 'bb', binary: false },
    ],
    [
      { kind: 'blackbox', image: 'bb', code: 'cc', main: 'm' },
      { kind: 'blackbox', image: 'bb', code: 'cc', binary: false, main: 'm' },
    ],
    [
      { kind: 'sequence', components: ['/_/a', { path: 'guest/p', name: 'b' }] },
      { kind: 'sequence', components: ['/_/a', '/guest/p/b'] },
    ],
    [
      { kind: 'sequence', components: [] },
      { kind: 'sequence', components: [] },
    ],
  ])('reads %j', (value, exec) => {
    expect(decode(value)).toEqual(exec)
  })

  it.each<[JsonValue, string]>([
    ['x', 'JSON object expected'],
    [[], 'JSON object expected'],
    [{}, "'kind' must be a string defined in 'exec'"],
    [{ kind: 7, code: 7, main: 7 }, "'kind' must be a string defined in 'exec'"],
    [
      { kind: 'foobar', code: 7 },
      "The specified runtime 'foobar' is not supported by this platform. Valid values are: 'nodejs:18', ",
    ],
    [
      { kind: 'nodejs:default', main: 7 },
      "'code' must be a string or attachment object defined in 'exec' for 'nodejs:default' actions",
    ],
    [{ kind: 'nodejs:20', code: 7, main: 7 }, "if defined, 'main' be a string in 'exec' for 'nodejs:20' actions"],
    [{ kind: 'nodejs:20', code: 'x', main: null }, "if defined, 'main' be a string in 'exec' for 'nodejs:20' actions"],
    [{ kind: 'nodejs:20', code: 7 }, 'Could not deserialize as attachment record: 7'],
    [{ kind: 'nodejs:20', code: null }, 'Could not deserialize as attachment record: null'],
    [{ kind: 'nodejs:20', code: { b: 1, a: 2 } }, 'Could not deserialize as attachment record: {"a":2,"b":1}'],
    [{ kind: 'java:default', code: 7 }, "'main' must be a string defined in 'exec' for 'java:default' actions"],
    [{ kind: 'blackbox', code: 7, main: 7 }, "'image' must be a string defined in 'exec' for 'blackbox' actions"],
    [{ kind: 'blackbox', image: 'BAD!', code: 7 }, 'could not parse image name'],
    [{ kind: 'blackbox', image: 'b', code: 7 }, 'Could not deserialize as attachment record: 7'],
    [{ kind: 'sequence' }, "'components' must be defined for sequence kind"],
    [{ kind: 'sequence', components: 7 }, "'components' must be an array"],
    [
      { kind: 'sequence', components: ['a'] },
      'requirement failed: The fully qualified name of the entity must contain',
    ],
  ])('refuses %j', (value, detail) => {
    expect(() => decode(value)).toThrow(`The request content was malformed:\n${detail}`)
  })

  it('wants code as a string where the runtime takes no attachments', () => {
    const execs: JsonValue[] = [{ kind: 'lua:5' }, { kind: 'lua:5', code: 7 }, { kind: 'lua:5', jar: 'x' }]
    for (const exec of execs) {
      expect(() => decodeExec(exec, inline)).toThrow("'code' must be a string defined in 'exec' for 'lua:5' actions")
    }
  })
})

describe('exec', () => {
  it('of a sequence resolves _ to the namespace', () => {
    expect(resolveExec({ kind: 'sequence', components: ['/_/a', '/x/p/b'] }, 'guest')).toEqual({
      kind: 'sequence',
      components: ['/guest/a', '/x/p/b'],
    })
  })

  it('is measured in bytes of code, main and image, or of component names', () => {
    expect(sizeOfExec({ kind: 'nodejs:20', code: 'ż', main: 'ab', binary: false })).toBe(4)
    expect(sizeOfExec({ kind: 'blackbox', image: 'abc', binary: false })).toBe(3)
    expect(sizeOfExec({ kind: 'sequence', components: ['/a/b', '/a/c'] })).toBe(8)
  })

  it('is shown with or without its code', () => {
    const code = { kind: 'nodejs:20', code: 'x', binary: false, main: 'm' }
    expect(execJson(code, true)).toEqual({ kind: 'nodejs:20', code: 'x', binary: false, main: 'm' })
    expect(execJson(code, false)).toEqual({ kind: 'nodejs:20', binary: false, main: 'm' })
    expect(execJson({ kind: 'blackbox', image: 'i', code: 'x', binary: false }, false)).toEqual({
      kind: 'blackbox',
      image: 'i',
      binary: false,
    })
    expect(execJson({ kind: 'sequence', components: ['/a/b'] }, false)).toEqual({
      kind: 'sequence',
      components: ['/a/b'],
    })
  })
})
