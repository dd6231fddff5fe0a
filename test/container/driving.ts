// Drives one container the way the engine does, for tests of drivers and runtimes.

import type {
  CallOptions,
  CollectedLogs,
  Container,
  ContainerRequest,
  LogRequest,
  RuntimeAnswer,
} from '../../src/container/container.ts'

const MEGABYTE = 1024 * 1024

export const CALL: CallOptions = { timeoutMs: 20_000, maxResponseBytes: MEGABYTE, truncationBytes: MEGABYTE }
export const LOGS: LogRequest = { limitBytes: 10 * MEGABYTE, waitForSentinel: true, developerError: false }

export interface Code {
  code: string
  main?: string
  /** The code is an archive in base64. */
  binary?: boolean
  env?: Record<string, string>
}

/** An ordinary request for a container; name what the test is about. */
export const aContainerRequest = (overrides: Partial<ContainerRequest> = {}): ContainerRequest => ({
  name: '1_guest_hello',
  kind: 'nodejs:20',
  image: 'openwhisk/action-nodejs-v20:nightly',
  userImage: false,
  memoryMb: 256,
  cpuShares: 256,
  keepsLogs: true,
  env: {},
  transid: 'a'.repeat(32),
  ...overrides,
})

/** The body of /init. */
export const initBody = ({ code, main = 'main', binary = false, env = {} }: Code): string =>
  JSON.stringify({ value: { name: 'hello', main, code, binary, env } })

/** The body of /run. */
export const runBody = (value: unknown = {}, activationId = 'b'.repeat(32)): string =>
  JSON.stringify({
    value,
    namespace: 'guest',
    action_name: '/guest/hello',
    action_version: '0.0.1',
    activation_id: activationId,
    transaction_id: 'a'.repeat(32),
    deadline: String(Date.now() + CALL.timeoutMs),
  })

/** Status and body of an answer; for the others their type. */
export const outcome = (answer: RuntimeAnswer): string =>
  answer.type === 'response' ? `${answer.status} ${answer.body}` : answer.type

export const initialize = (container: Container, code: Code, call: Partial<CallOptions> = {}) =>
  container.initialize(initBody(code), { ...CALL, ...call })

export const run = (container: Container, value?: unknown, call: Partial<CallOptions> = {}) =>
  container.run(runBody(value), { ...CALL, ...call })

/** The lines without their stamps: `stdout: text`. */
export const texts = ({ lines }: CollectedLogs): string[] =>
  lines.map(line => {
    if (!/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z +std(out|err): /.test(line))
      throw new Error(`no log line: ${line}`)
    if (line[30] !== ' ') throw new Error(`not padded: ${line}`)
    return line.slice(31)
  })

export const logsOf = async (container: Container, request: Partial<LogRequest> = {}): Promise<string[]> =>
  texts(await container.logs({ ...LOGS, ...request }))

/** Calls until it gives something; fails after a while. */
export const eventually = async <T>(
  what: string,
  get: () => T | undefined | false | Promise<T | undefined | false>,
) => {
  const deadline = performance.now() + 10_000
  for (;;) {
    const found = await get()
    if (found) return found
    if (performance.now() > deadline) throw new Error(`it never happened: ${what}`)
    await new Promise(resolve => setTimeout(resolve, 10))
  }
}

/** The first answer of a runtime that may not listen yet: unlike `/init`, `/run` is sent once. */
export const runWhenListening = (container: Container): Promise<RuntimeAnswer> =>
  eventually('an answer', async () => {
    const answer = await run(container)
    return answer.type === 'response' && answer
  })
