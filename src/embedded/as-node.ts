// The executable in the part of `node`: for the runtime proxy of Node.js actions, and for what actions start with
// process.execPath or fork().

import { Module } from 'node:module'
import { resolve } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext, runInThisContext } from 'node:vm'

/** Options whose value is an argument of its own. */
const EVAL = /^(?:-e|--eval)$/
const PRINT = /^(?:-p|-pe|--print)$/
/** What `node` exits with for arguments that it cannot do with. */
const WRONG_USAGE = 9

/**
 * Does what `node` does with these arguments, for options of V8, `-e`, `-p`, `-v` and a script with its arguments;
 * other options of Node.js are passed over.
 */
export function runAsNode(args: readonly string[]): void {
  let at = 0
  for (; args[at]?.startsWith('-'); at++) {
    const option = args[at] ?? ''
    const text = args[at + 1] ?? ''
    if (option === '-v' || option === '--version') {
      console.log(process.version)
      return
    }
    if (EVAL.test(option) || PRINT.test(option)) {
      process.argv = [process.execPath, ...args.slice(at + 2)]
      evaluate(text, PRINT.test(option))
      return
    }
    if (/^--expose[-_]gc$/.test(option)) exposeGc()
    else if (/^--(?:max|stack)[-_]/.test(option)) setFlagsFromString(option)
  }
  const script = args[at]
  if (script === undefined) {
    console.error(`${process.execPath}: no script`)
    process.exitCode = WRONG_USAGE
    return
  }
  process.argv = [process.execPath, resolve(script), ...args.slice(at + 1)]
  // What `node` itself calls: for CommonJS and ES modules alike, and with require.main set.
  const { runMain } = Module as unknown as { runMain(): void }
  runMain()
}

function exposeGc(): void {
  setFlagsFromString('--expose-gc')
  Object.defineProperty(globalThis, 'gc', { value: runInNewContext('gc'), writable: true, configurable: true })
}

function evaluate(source: string, printed: boolean): void {
  const require = Module.createRequire(resolve('[eval]'))
  Object.assign(globalThis, { require })
  const value: unknown = runInThisContext(source, '[eval]')
  if (printed) console.log(value)
}
