// invoke.mjs URL: creates an action in JavaScript and one in Python, invokes each, and reads its record.

import assert from 'node:assert/strict'

const [, , url] = process.argv
const guest = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'
const headers = { Authorization: `Basic ${Buffer.from(guest).toString('base64')}`, 'Content-Type': 'application/json' }

async function call(method, path, body) {
  const response = await fetch(`${url}/api/v1/namespaces/_/${path}`, {
    method,
    headers,
    body: body && JSON.stringify(body),
  })
  const answer = await response.json()
  assert.equal(response.status, 200, `${method} ${path}: ${JSON.stringify(answer)}`)
  return answer
}

const programs = {
  'nodejs:default': 'function main({ name }) { console.log("greeting"); return { greeting: "Hello " + name } }',
  'python:default': 'def main(args):\n  print("greeting")\n  return {"greeting": "Hello " + args["name"]}',
}
for (const [kind, code] of Object.entries(programs)) {
  await call('PUT', 'actions/hello?overwrite=true', { exec: { kind, code } })
  const record = await call('POST', 'actions/hello?blocking=true', { name: kind })
  assert.deepEqual(record.response.result, { greeting: `Hello ${kind}` })
  const { logs } = await call('GET', `activations/${record.activationId}/logs`)
  assert.match(logs.join('\n'), /stdout: greeting$/)
  await call('DELETE', 'actions/hello')
  console.log(`${kind} greeted in ${record.duration} ms`)
}
