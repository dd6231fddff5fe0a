// What the server is compared with: bare Hono routes in a process of their own.
// Usage: node test/bench/bare.mjs [PLACE]; prints its port. PLACE is a runtime proxy's socket or its HOST:PORT, for the
// route /proxy.
//
//   GET /bytes      answers what was last sent with PUT /bytes, as JSON
//   POST /parse     parses its body and answers 202
//   POST /proxy     parses its body, posts it to the runtime's /run, parses the result and answers it in a record

import { serve } from '@hono/node-server'
import { Hono } from 'hono'
import { Pool } from 'undici'

const [place = ''] = process.argv.slice(2)
const pool = place.startsWith('/')
  ? new Pool('http://localhost', { socketPath: place, pipelining: 1, connections: 64 })
  : place && new Pool(`http://${place}`, { pipelining: 1, connections: 64 })
const app = new Hono()
let bytes = ''

app.put('/bytes', async c => {
  bytes = await c.req.text()
  return c.text('')
})
app.get('/bytes', c => c.body(bytes, 200, { 'content-type': 'application/json' }))
app.post('/parse', async c => {
  await c.req.json()
  return c.json({ activationId: '0'.repeat(32) }, 202)
})
app.post('/proxy', async c => {
  const value = await c.req.json()
  const body = JSON.stringify({ value, namespace: 'guest', action_name: '/guest/hello', activation_id: '0'.repeat(32) })
  const headers = { 'content-type': 'application/json' }
  const answer = await pool.request({ path: '/run', method: 'POST', headers, body })
  const result = await answer.body.json()
  return c.json({ activationId: '0'.repeat(32), name: 'hello', response: { result, success: true }, logs: [] })
})

serve({ fetch: app.fetch, port: 0, hostname: '127.0.0.1' }, ({ port }) => console.log(port))
