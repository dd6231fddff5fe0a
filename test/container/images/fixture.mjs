// An image that speaks the runtime protocol badly, each time as the code it was given says.
// Code is JSON: { "init": { status, body }, "run": { status, body, chunked, exit, allocate, hang, fetch } }.

import { createServer } from 'node:http'

const SENTINEL = 'XXX_THE_END_OF_A_WHISK_ACTIVATION_XXX'
let script = {}

async function act(order, response) {
  const { status = 200, body = '{}', chunked = false, exit, allocate, hang = false, print, fetch: urls = [] } = order
  for (const url of urls) await fetch(url)
  if (print) console.log(print)
  if (allocate) {
    const kept = []
    for (;;) kept.push(Buffer.alloc(4 * 1024 * 1024, 1))
  }
  if (exit !== undefined) process.exit(exit)
  if (hang) return
  response.writeHead(status, {
    'Content-Type': 'application/json',
    ...(!chunked && { 'Content-Length': Buffer.byteLength(body) }),
  })
  response.end(body)
  console.log(SENTINEL)
  console.error(SENTINEL)
}

createServer((request, response) => {
  const chunks = []
  request.on('data', chunk => chunks.push(chunk))
  request.on('end', () => {
    const { value = {} } = JSON.parse(Buffer.concat(chunks).toString() || '{}')
    if (request.url === '/init') {
      script = JSON.parse(value.code || '{}')
      if (script.init) act(script.init, response)
      else response.writeHead(200, { 'Content-Length': 2 }).end('{}')
    } else act(script.run ?? {}, response)
  })
}).listen(8080, '0.0.0.0')
