// The Node.js runtime proxy: a program of its own that runs one action's code and answers POST /init and /run on a
// Unix socket, with the states, sentences and log sentinels of the reference's Node.js runtime.
//
//   node --expose-gc nodejs.cjs SOCKET        (a number is a TCP port: in a container)
//
// The working directory stands for the image's /nodejsAction. Descriptor 3 is the lifeline to the server: one line
// says that requests are taken, and when the other end closes this process group ends.
'use strict'

const { Buffer } = require('node:buffer')
const { writeSync } = require('node:fs')
const net = require('node:net')
const { createRequire } = require('node:module')
const { join } = require('node:path')
const runner = require('./nodejs-runner.cjs')
const serializeError = require('./serialize-error.cjs')

const SENTINEL_LINE = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX\n'
const LIFELINE = 3
const WARM_UP_VARIABLE = '__OW_WARM_UP'
const HEAD_END = Buffer.from('\r\n\r\n')
const REASONS = { 200: 'OK', 403: 'Forbidden', 500: 'Internal Server Error', 502: 'Bad Gateway' }

/** @typedef {{ status: number, body: string }} Answer */

// An action may replace any global. What the proxy needs for itself it takes here, and it waits for promises by `await`,
// which asks neither the global Promise nor its `then`. Arguments and results go through the action's JSON, as in the
// reference.
const { stringify } = JSON
const { kill, exit, pid } = process

const reply = (status, error) => ({ status, body: stringify({ error }) })

// The action may replace console and the streams' methods; the proxy keeps its own way out.
const streams = {
  1: { stream: process.stdout, write: process.stdout.write.bind(process.stdout) },
  2: { stream: process.stderr, write: process.stderr.write.bind(process.stderr) },
}

/** Writes straight to the descriptor, or behind what its stream has still queued. */
const emit = (fd, line) => {
  const { stream, write } = streams[fd]
  let written = 0
  if (stream.writableLength === 0) {
    try {
      written = writeSync(fd, line)
    } catch (error) {
      if (error.code !== 'EAGAIN') return
    }
  }
  if (written < line.length) write(line.slice(written))
}

const endLogs = () => {
  emit(1, SENTINEL_LINE)
  emit(2, SENTINEL_LINE)
}

/**
 * `ready` (with or without code), `starting` (in /init), `running` (in a run), `stopped` (after a failure for good).
 * @type {'ready' | 'starting' | 'running' | 'stopped'}
 */
let state = 'ready'
/** @type {Function | undefined} */
let main
/** What actions see as `this`. */
const self = { initialized: false }

/** Speaks through the action's console, if that still does anything. */
const complain = (...values) => {
  try {
    console.error(...values)
  } catch {
    // The answer says it too.
  }
}

const refuse = message => {
  complain('Internal system error:', message)
  return reply(403, message)
}

const setEnvironment = (key, value) => {
  process.env[key] = !value ? '' : typeof value === 'object' ? JSON.stringify(value) : String(value)
}

/** @returns {Answer | Promise<Answer>} */
const init = body => {
  if (main) return refuse('Cannot initialize the action more than once.')
  if (state !== 'ready') return refuse(`System not ready, status is ${state}.`)
  const message = (!Array.isArray(body) && body.value) || {}
  const usable = text => typeof text === 'string' && text !== ''
  if (!usable(message.main) || !usable(message.code)) return reply(403, 'Missing main/no code to execute.')
  state = 'starting'
  for (const [key, value] of Object.entries(message.env ?? {})) setEnvironment(key, value)
  return initialize(message)
}

/** The text of what was thrown: its stack, unless the action broke that. */
const stackOf = error => {
  try {
    return String(error.stack || error)
  } catch {
    return String(error)
  }
}

const requireHere = () => createRequire(join(process.cwd(), 'runner.js'))

const initialize = async message => {
  try {
    const entry = message.binary
      ? runner.loadArchive(Buffer.from(message.code, 'base64'), message.main)
      : runner.evaluate(message.code, message.main, requireHere())
    if (typeof entry !== 'function') throw `Action entrypoint '${message.main}' is not a function.`
    main = entry
    self.initialized = true
    state = 'ready'
    return { status: 200, body: '{"OK":true}' }
  } catch (error) {
    state = 'stopped'
    complain('Error during initialization:', error)
    endLogs()
    if (error === null || error === undefined) return reply(500, 'Internal error.')
    return reply(502, `Initialization has failed due to: ${stackOf(error)}`)
  }
}

/** Goes once through what the first /init and /run will need: asked of a stem cell while nobody waits for it. */
const warmUp = async body => {
  if (main || state !== 'ready') return reply(403, 'There is an action already.')
  const entry = runner.evaluate('function main(args) { return args }', 'main', requireHere())
  setEnvironment(WARM_UP_VARIABLE, 'x')
  delete process.env[WARM_UP_VARIABLE]
  const value = await entry.call({}, body.value ?? {})
  for (const fd of [1, 2]) emit(fd, '')
  return { status: 200, body: JSON.stringify(value) }
}

/** @returns {Answer | Promise<Answer>} */
const run = body => {
  if (!main && state === 'ready') return refuse('System not initialized.')
  const shared = state === 'running' && process.env.__OW_ALLOW_CONCURRENT === 'true'
  if (state !== 'ready' && !shared) return refuse(`System not ready, status is ${state}.`)
  state = 'running'
  const args = (Array.isArray(body) ? undefined : body.value) ?? {}
  if (typeof args !== 'object') {
    return refuse(`Internal system error: the argument must be a dictionary but has type '${typeof args}'.`)
  }
  for (const key of Object.keys(body)) {
    if (key !== 'value' && typeof body[key] === 'string') process.env[`__OW_${key.toUpperCase()}`] = body[key]
  }
  let result
  try {
    result = main.call(self, args)
  } catch (error) {
    complain(error)
    state = 'stopped'
    endLogs()
    return reply(502, `An error has occurred: ${String(error)}`)
  }
  return finish(result)
}

const finish = async result => {
  let value
  try {
    value = await result
  } catch (error) {
    return failed(error)
  }
  return succeeded(value)
}

/** Ends the run with what `toValue` gives; a value that is no JSON is an internal error. */
const settle = toValue => {
  endLogs()
  if (state === 'running') state = 'ready'
  try {
    return { status: 200, body: JSON.stringify(toValue()) ?? '' }
  } catch {
    complain('[wrapEndpoint] invalid errored promise', '{}')
    return reply(500, 'Internal error.')
  }
}

const succeeded = result => {
  const value = result === undefined ? {} : result
  if (typeof value === 'object') return settle(() => value)
  complain(`Result must be of type object but has type "${typeof value}":`, value)
  endLogs()
  if (state === 'running') state = 'ready'
  return reply(502, 'The action did not return a dictionary.')
}

const failed = error => settle(() => ({ error: error ? serializeError(error) : {} }))

const HANDLERS = { '/init': init, '/run': run, '/warmup': warmUp }
const BAD_REQUEST = reply(500, 'Bad request.')

/** The parsed body, undefined for one that the reference's body parser refuses. */
const parse = (head, body) => {
  if (body.length === 0 || !/\r\ncontent-type: *application\/json/i.test(head)) return {}
  try {
    const value = JSON.parse(body.toString())
    return typeof value === 'object' && value !== null ? value : undefined
  } catch {
    return undefined
  }
}

/** @returns {Answer | Promise<Answer>} */
const answer = (head, body) => {
  const handler = HANDLERS[/^POST (\/[a-z]+)[ ?]/.exec(head)?.[1] ?? '']
  if (!handler) return BAD_REQUEST
  const message = parse(head, body)
  if (message) return handler(message)
  console.log('undefined')
  return BAD_REQUEST
}

const respond = (socket, { status, body }) => {
  const head = `HTTP/1.1 ${status} ${REASONS[status]}\r\nContent-Type: application/json; charset=utf-8\r\nContent-Length: ${Buffer.byteLength(body)}\r\n\r\n`
  socket.write(head + body)
}

const answerOn = async (socket, head, body) => respond(socket, await answer(head, body))

/** Serves one connection: requests one after the other, each with a Content-Length. */
const serve = socket => {
  let chunks = []
  let received = 0
  let wanted = 0
  let head = ''
  let bodyAt = 0
  const read = chunk => {
    chunks.push(chunk)
    received += chunk.length
    if (received < wanted) return
    const data = chunks.length === 1 ? chunk : Buffer.concat(chunks)
    if (head === '') {
      const end = data.indexOf(HEAD_END)
      if (end < 0) {
        chunks = [data]
        return
      }
      head = data.toString('latin1', 0, end + 2)
      bodyAt = end + HEAD_END.length
      wanted = bodyAt + Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0)
      chunks = [data]
      if (received < wanted) return
    }
    const rest = data.subarray(wanted)
    answerOn(socket, head, data.subarray(bodyAt, wanted))
    chunks = []
    received = 0
    wanted = 0
    head = ''
    if (rest.length > 0) read(rest)
  }
  socket.on('data', read)
  socket.on('error', () => socket.destroy())
}

const endGroup = () => {
  try {
    kill(-pid, 'SIGKILL')
  } catch {
    exit(1)
  }
}

const start = () => {
  const [, , path] = process.argv
  process.argv.length = 2
  process.umask(0o022)
  const lifeline = new net.Socket({ fd: LIFELINE })
  lifeline.on('error', endGroup)
  lifeline.on('close', endGroup)
  lifeline.resume()
  net.createServer(serve).listen(path, () => lifeline.write('ready\n'))
}

start()
