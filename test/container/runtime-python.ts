// What the Python runtime answers to which code. Part of the driver suite.

import { describe, expect, test } from 'vitest'
import { tarGzOf } from './archives.ts'
import type { Create } from './conformance.ts'
import { CALL, type Code, eventually, initBody, initialize, logsOf, outcome, run, runWhenListening } from './driving.ts'
import { bad, FAILED_LOGS, type Row, testFailedInits, testRuns, zipped } from './runtime-tables.ts'

const echo = 'def main(args):\n    return args\n'
const returning = (expression: string) => `def main(args):\n    return ${expression}\n`
const NO_BINARY = bad(502, 'The action failed to generate or locate a binary. See logs for details.')
const CANNOT_START = bad(502, 'Cannot start action. Check logs for details.')
const EXITED = `${bad(400, 'command exited')}\n`
const NO_DICTIONARY = `${bad(502, 'The action did not return a dictionary or array.')}\n`

const PYTHON_RESULTS: Row[] = [
  ['gives a dictionary', echo, { a: [1, null, true] }, '200 {"a": [1, null, true]}\n'],
  ['gives a list', returning('[1, {"a": None}]'), {}, '200 [1, {"a": null}]\n'],
  ['gives a tuple as a list', returning('(1, 2)'), {}, '200 [1, 2]\n'],
  ['gives null for None', returning('None'), {}, '200 null\n'],
  ['keeps Unicode', echo, { z: 'ż☃💥' }, '200 {"z": "ż☃💥"}\n'],
  ['refuses a string', returning('"s"'), {}, NO_DICTIONARY],
  ['refuses a number', returning('7'), {}, NO_DICTIONARY],
  ['refuses NaN', returning('{"n": float("nan")}'), {}, NO_DICTIONARY],
  ['keeps the word NaN', returning('{"n": "NaN"}'), {}, '200 {"n": "NaN"}\n'],
  [
    'is an application error for an exception',
    'def main(args):\n    raise ValueError("x")\n',
    {},
    '200 {"error": "x"}\n',
  ],
  ['quotes the key of a KeyError', returning('args["k"]'), {}, '200 {"error": "\'k\'"}\n'],
  ['gives "" for an empty exception', 'def main(args):\n    raise Exception()\n', {}, '200 {"error": ""}\n'],
  [
    'tells a wrong arity',
    'def main():\n    return {}\n',
    {},
    '200 {"error": "main() takes 0 positional arguments but 1 was given"}\n',
  ],
  ['tells a main that cannot be called', 'main = 7', {}, '200 {"error": "\'int\' object is not callable"}\n'],
  ['ends at sys.exit', 'import sys\ndef main(args):\n    sys.exit(1)\n', {}, EXITED],
  ['ends at os._exit', 'import os\ndef main(args):\n    os._exit(0)\n', {}, EXITED],
  ['ends at a KeyboardInterrupt', 'def main(args):\n    raise KeyboardInterrupt()\n', {}, EXITED],
  ['ends at a set', returning('{1}'), {}, EXITED],
  ['ends at bytes', returning('{"b": b"x"}'), {}, EXITED],
  ['ends at a coroutine', 'async def main(args):\n    return {}\n', {}, EXITED],
  ['ends at a lone surrogate', returning('{"s": "\\ud800"}'), {}, EXITED],
  [
    'has only the environment of the reference',
    'import os\ndef main(args):\n    return {"k": sorted(k for k in os.environ if not k.startswith("__OW_") and k not in ("TMPDIR", "TZ"))}\n',
    {},
    '200 {"k": ["LC_CTYPE", "OLDPWD", "PWD", "PYTHONIOENCODING", "SHLVL"]}\n',
  ],
  [
    'sees itself as main__ of exec__.py',
    'import os, sys\ndef main(args):\n    return {"n": __name__, "a": sys.argv, "f": os.path.basename(__file__), "c": os.path.basename(os.getcwd())}\n',
    {},
    '200 {"n": "main__", "a": ["exec__.py"], "f": "main__.py", "c": "bin"}\n',
  ],
  ['takes another main', { code: 'def go(args):\n    return {"via": "go"}\n', main: 'go' }, {}, '200 {"via": "go"}\n'],
  ['takes an empty main as main', { code: echo, main: '' }, { a: 1 }, '200 {"a": 1}\n'],
  [
    'takes __main__.py of a zip, and files beside it',
    zipped({ '__main__.py': 'from side import v\ndef main(args):\n    return {"v": v}\n', 'side.py': 'v = 3\n' }),
    {},
    '200 {"v": 3}\n',
  ],
  ['takes main__.py of a zip', zipped({ 'main__.py': echo }), { a: 1 }, '200 {"a": 1}\n'],
  ['takes exec of a zip', zipped({ exec: echo }), { a: 1 }, '200 {"a": 1}\n'],
  ['takes a tar.gz', { code: tarGzOf({ '__main__.py': echo }), binary: true }, { a: 1 }, '200 {"a": 1}\n'],
  [
    'takes plain source in base64',
    { code: Buffer.from(echo).toString('base64'), binary: true },
    { a: 1 },
    '200 {"a": 1}\n',
  ],
  [
    'activates the virtual environment of a zip',
    zipped({
      '__main__.py': 'import lib\ndef main(args):\n    return {"v": lib.v}\n',
      'virtualenv/bin/activate_this.py':
        'import os, sys\nsys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "packages"))\n',
      'virtualenv/packages/lib.py': 'v = 5\n',
    }),
    {},
    '200 {"v": 5}\n',
  ],
]

const PYTHON_FAILED_INITS: [string, string | Code, string][] = [
  ['refuses missing code', '', `${bad(403, 'Missing main/no code to execute.')}\n`],
  ['refuses bad syntax', 'def main(:\n', `${NO_BINARY}\n`],
  ['refuses code without main', 'def other(args):\n    return {}\n', `${CANNOT_START}\n`],
  ['refuses a dotted main', { code: echo, main: 'a.b' }, `${CANNOT_START}\n`],
  ['refuses code that raises', 'raise ValueError("x")', `${CANNOT_START}\n`],
  ['refuses code that exits', 'import sys\nsys.exit(0)', `${CANNOT_START}\n`],
  ['refuses code that begins with #!', `#!/usr/bin/env python3\n${echo}`, `${CANNOT_START}\n`],
  ['refuses a zip without __main__.py', zipped({ 'main.py': echo }), `${NO_BINARY}\n`],
  [
    'refuses a virtual environment that cannot be activated',
    zipped({ '__main__.py': echo, 'virtualenv/x': '' }),
    `${NO_BINARY}\n`,
  ],
  [
    'refuses a virtual environment whose activation prints',
    zipped({ '__main__.py': echo, 'virtualenv/bin/activate_this.py': 'print("hello")\n' }),
    `${NO_BINARY}\n`,
  ],
  [
    'refuses a broken gzip',
    { code: Buffer.from('1f8b0800', 'hex').toString('base64'), binary: true },
    `${NO_BINARY}\n`,
  ],
]

export const testPythonRuntime = (create: Create): void => {
  describe('Python results', () => testRuns(create, 'python:3.11', PYTHON_RESULTS))
  describe('Python failing to initialize', () => testFailedInits(create, 'python:3.11', PYTHON_FAILED_INITS))
  describe('Python runtime', () => testPythonStates(create))
}

const testPythonStates = (create: Create) => {
  const kind = 'python:3.11'

  test('is initialized once, and again after a failure', async () => {
    const container = await create({ kind })
    await initialize(container, { code: 'def main(:\n' })
    expect(outcome(await initialize(container, { code: echo }))).toBe('200 {"ok":true}\n')
    expect(outcome(await initialize(container, { code: echo }))).toBe(
      `${bad(403, 'Cannot initialize the action more than once.')}\n`,
    )
  })

  test('has no action before it is initialized, nor after it ended', async () => {
    const container = await create({ kind })
    expect(outcome(await runWhenListening(container))).toBe(`${bad(500, 'no action defined yet')}\n`)
    await initialize(container, { code: 'import sys\ndef main(args):\n    sys.exit(1)\n' })
    await run(container)
    expect(outcome(await run(container))).toBe(`${bad(500, 'no action defined yet')}\n`)
  })

  test('says that the command exited while it was idle', async () => {
    const container = await create({ kind })
    // A helper that outlives the action tells of its end: a moment later, since the kernel closes what the helper reads
    // before it closes what the proxy reads.
    const code = `import os, subprocess, threading
def main(args):
    subprocess.Popen(["/bin/sh", "-c", "read x; sleep 0.3; echo gone"], stdin=subprocess.PIPE)
    threading.Timer(0.5, lambda: os._exit(1)).start()
    return {}
`
    await initialize(container, { code })
    const lines: string[] = []
    container.onLogLine(({ line }) => lines.push(line))
    expect(outcome(await run(container))).toBe('200 {}\n')
    await eventually('the end of the action', () => lines.includes('gone'))
    expect(outcome(await run(container))).toBe(`${bad(500, 'command exited')}\n`)
  })

  test('keeps its state, and its output per activation', async () => {
    const container = await create({ kind })
    const code =
      'import sys\nn = 0\ndef main(args):\n    global n\n    n += 1\n    print("out", n)\n    print("err", n, file=sys.stderr)\n    return {"n": n}\n'
    await initialize(container, { code })
    for (const n of [1, 2]) {
      expect(outcome(await run(container))).toBe(`200 {"n": ${n}}\n`)
      expect((await logsOf(container)).sort()).toEqual([`stderr: err ${n}`, `stdout: out ${n}`])
    }
  })

  test('writes the traceback of an exception to stderr', async () => {
    const container = await create({ kind })
    await initialize(container, { code: 'def main(args):\n    raise ValueError("x")\n' })
    await run(container)
    const lines = await logsOf(container)
    expect(lines[0]).toBe('stderr: Traceback (most recent call last):')
    expect(lines.at(-1)).toBe('stderr: ValueError: x')
    expect(lines.join('\n')).toMatch(/main__\.py", line 2, in main/)
  })

  test('runs on when the action takes its output streams away', async () => {
    const container = await create({ kind })
    const code =
      'import sys\nprint("out")\nsys.stdout = sys.stderr = None\ndef main(args):\n    raise ValueError("x")\n'
    await initialize(container, { code })
    expect(outcome(await run(container))).toBe('200 {"error": "x"}\n')
    const lines = await logsOf(container)
    expect(lines).toContain('stdout: out')
    expect(lines).toContain('stderr: ValueError: x')
  })

  test('tells why it could not start', async () => {
    const container = await create({ kind })
    await initialize(container, { code: 'print("loading")\nraise ValueError("x")\n' })
    const lines = await logsOf(container, FAILED_LOGS)
    expect(lines).toContain('stdout: loading')
    expect(lines).toContain('stderr: ValueError: x')
    expect(lines.at(-1)).toBe('stderr: Command exited abruptly during initialization.')
  })

  test('tells what is wrong with the syntax', async () => {
    const container = await create({ kind })
    await initialize(container, { code: 'def main(:\n' })
    expect((await logsOf(container, FAILED_LOGS)).join('\n')).toMatch(/invalid syntax/)
  })

  test('passes init and run environment', async () => {
    const container = await create({ kind })
    const code =
      'import os\nseen = os.environ["G"]\ndef main(args):\n    return {"seen": seen, "id": os.environ["__OW_ACTIVATION_ID"], "host": os.environ["__OW_API_HOST"][:4]}\n'
    await initialize(container, { code, env: { G: 'hi' } })
    expect(outcome(await run(container))).toBe(`200 {"seen": "hi", "id": "${'b'.repeat(32)}", "host": "http"}\n`)
  })

  test('ends when a field of the request is not a text', async () => {
    const container = await create({ kind })
    await initialize(container, { code: echo })
    expect(outcome(await container.run('{"value":{},"deadline":7}', CALL))).toBe(EXITED)
  })

  test('says that the command exited when it exceeds its memory', async () => {
    const container = await create({ kind, memoryMb: 128 })
    await initialize(container, {
      code: 'def main(args):\n    b = [bytearray(b"x") * (64 * 1048576) for i in range(8)]\n    return {"n": len(b)}\n',
    })
    expect(outcome(await run(container))).toBe(EXITED)
  })

  test('refuses requests that are no JSON, and bad base64', async () => {
    const container = await create({ kind })
    expect(outcome(await container.initialize('', CALL))).toBe(
      `${bad(400, 'Error unmarshaling request: unexpected end of JSON input')}\n`,
    )
    expect(outcome(await container.initialize('7', CALL))).toMatch(/^400 {"error":"Error unmarshaling request: /)
    expect(outcome(await container.initialize(initBody({ code: '@@', binary: true }), CALL))).toMatch(
      /^400 {"error":"cannot decode the request: /,
    )
  })

  test('does not answer to a zip that cannot be opened', async () => {
    const container = await create({ kind })
    const answer = await initialize(
      container,
      { code: Buffer.from('PK\x03\x04garbage').toString('base64'), binary: true },
      { timeoutMs: 200 },
    )
    expect(answer.type).toBe('timeout')
  })
}
