// Puts the app into the server that Playwright has just started: two web actions.

// The key of `guest` is the same on every standalone server.
const KEY = '23bc46b1-71f6-4ed5-8c54-816aa4f8c502:123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP'

const page = `
function main() {
  const body = '<!doctype html><title>Greeter</title><form action="greet"><input name="name"><button>Greet</button></form>'
  return { headers: { 'content-type': 'text/html' }, body }
}`

const greet = `
function main({ name }) {
  return { headers: { 'content-type': 'text/html' }, body: '<!doctype html><h1>Hello, ' + encodeURIComponent(name) + '!</h1>' }
}`

export default async function deploy() {
  const api = `http://localhost:${process.env.PORT ?? '4233'}/api/v1/namespaces/_/actions`
  for (const [name, code] of Object.entries({ page, greet })) {
    const answer = await fetch(`${api}/${name}?overwrite=true`, {
      method: 'PUT',
      headers: { authorization: `Basic ${btoa(KEY)}`, 'content-type': 'application/json' },
      body: JSON.stringify({
        exec: { kind: 'nodejs:default', code },
        annotations: [{ key: 'web-export', value: true }],
      }),
    })
    if (!answer.ok) throw new Error(`${name}: ${answer.status} ${await answer.text()}`)
  }
}
