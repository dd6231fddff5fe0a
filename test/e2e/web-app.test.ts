// A small web app of web actions in a real browser: on its web action URLs, and behind the API gateway.

import { existsSync } from 'node:fs'
import { type Browser, chromium, type Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { aFolder, build, clientOf, GUEST, type ServerProcess, startProcess } from './server.ts'

const BROWSERS = [
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/opt/google/chrome/chrome',
]
const browserPath = [process.env.CHROME_PATH, ...BROWSERS].find(path => path !== undefined && existsSync(path))

/** The page shows who its cookie says is visiting; its links are relative, so it works wherever it is served. */
const PAGE = `
function main(args) {
  const cookie = /visitor=([^;]*)/.exec(args.__ow_headers.cookie || '')
  const visitor = cookie ? decodeURIComponent(cookie[1]) : 'stranger'
  return {
    headers: { 'content-type': 'text/html' },
    body: \`<!doctype html><title>Notes</title><h1>Hello, \${visitor}!</h1>
      <form id="name" method="post" action="submit"><input name="visitor"><button>Go</button></form>
      <form id="file" method="post" action="upload" enctype="multipart/form-data">
        <input type="file" name="file"><button>Upload</button></form>\`,
  }
}`

const SUBMIT = `
function main({ visitor }) {
  return {
    statusCode: 303,
    headers: { location: 'page', 'set-cookie': ['visitor=' + encodeURIComponent(visitor) + '; Path=/', 'seen=1; Path=/'] },
  }
}`

/** Takes the multipart body apart by hand, as an action without packages would. */
const UPLOAD = `
function main(args) {
  const boundary = '--' + /boundary=(.*)$/.exec(args.__ow_headers['content-type'])[1]
  const part = Buffer.from(args.__ow_body, 'base64').toString('latin1').split(boundary)[1]
  const [head, ...rest] = part.split('\\r\\n\\r\\n')
  const bytes = Buffer.from(rest.join('\\r\\n\\r\\n').slice(0, -2), 'latin1')
  const name = /filename="([^"]*)"/.exec(head)[1]
  return { headers: { 'content-type': 'image/png', 'x-name': name }, body: bytes.toString('base64') }
}`

const NOTES = `
function main(args) {
  const id = args.__ow_path.split('/').pop()
  if (id === '404') return { statusCode: 404, body: { missing: id } }
  return { body: { id: decodeURIComponent(id), method: args.__ow_method, text: args.text, query: args.q } }
}`

const ACTIONS = { page: PAGE, submit: SUBMIT, upload: UPLOAD, notes: NOTES }
const OPERATIONS = [
  ['GET', '/page', 'page'],
  ['POST', '/submit', 'submit'],
  ['POST', '/upload', 'upload'],
  ['GET', '/notes/{id}', 'notes'],
  ['PUT', '/notes/{id}', 'notes'],
] as const

/** One pixel. */
const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
)

const authorization = `Basic ${Buffer.from(GUEST).toString('base64')}`

/** What `wsk api create --response-type http` sends for one operation; gives the address of the API. */
async function createOperation(url: string, [verb, path, action]: (typeof OPERATIONS)[number]): Promise<string> {
  const apidoc = {
    namespace: '_',
    gatewayBasePath: '/app',
    gatewayPath: path,
    gatewayMethod: verb,
    action: {
      name: `app/${action}`,
      namespace: '_',
      backendMethod: verb,
      backendUrl: `${url}/api/v1/web/_/app/${action}.http`,
      authkey: GUEST,
    },
    pathParameters: path.includes('{') ? [{ name: 'id', in: 'path', required: true, type: 'string' }] : undefined,
  }
  const query = 'accesstoken=DUMMY+TOKEN&responsetype=http'
  const response = await fetch(`${url}/api/v1/web/whisk.system/apimgmt/createApi.http?${query}`, {
    method: 'POST',
    headers: { authorization, 'content-type': 'application/json' },
    body: JSON.stringify({ apidoc }),
  })
  const answer = (await response.json()) as { gwApiUrl?: string }
  if (answer.gwApiUrl === undefined) throw new Error(JSON.stringify(answer))
  return answer.gwApiUrl
}

const why = browserPath === undefined ? ' (skipped: no Chromium; CHROME_PATH says where one is)' : ''

describe.skipIf(browserPath === undefined)(`a web app in Chromium${why}`, () => {
  const folder = aFolder()
  let server: ServerProcess
  let browser: Browser
  let page: Page
  const bases = { 'web actions': '', 'the gateway': '' }

  beforeAll(async () => {
    build()
    server = await startProcess({ cwd: folder.path, args: ['--ephemeral', '--driver', 'process'] })
    const client = clientOf(server.url)
    await client.packages.create({ name: 'app' })
    for (const [name, action] of Object.entries(ACTIONS)) {
      await client.actions.create({ name: `app/${name}`, action, annotations: { 'web-export': true } })
    }
    bases['web actions'] = `${server.url}/api/v1/web/guest/app`
    for (const operation of OPERATIONS) bases['the gateway'] = await createOperation(server.url, operation)
    browser = await chromium.launch({ executablePath: browserPath, args: ['--no-sandbox'] })
  })

  afterAll(async () => {
    await browser?.close()
    await server?.end()
    folder.remove()
  })

  for (const place of ['web actions', 'the gateway'] as const) {
    describe(`served by ${place}`, () => {
      beforeAll(async () => {
        const context = await browser.newContext()
        page = await context.newPage()
      })

      it('shows a page', async () => {
        const response = await page.goto(`${bases[place]}/page`)
        expect(response?.headers()['content-type']).toBe('text/html; charset=UTF-8')
        expect(await page.textContent('h1')).toBe('Hello, stranger!')
      })

      it('takes a form, sets cookies and redirects', async () => {
        await page.fill('input[name=visitor]', 'Ada Ż & co')
        await page.click('#name button')
        await page.locator('h1', { hasText: 'Hello, Ada Ż & co!' }).waitFor()
        expect(page.url()).toMatch(/\/page$/)
        const cookies = await page.context().cookies()
        expect(cookies.map(({ name }) => name).sort()).toEqual(['seen', 'visitor'])
      })

      it('takes a file and gives it back byte by byte', async () => {
        await page.setInputFiles('input[type=file]', { name: 'dot.png', mimeType: 'image/png', buffer: PNG })
        const [response] = await Promise.all([page.waitForResponse('**/upload'), page.click('#file button')])
        expect(response.headers()).toMatchObject({ 'content-type': 'image/png', 'x-name': 'dot.png' })
        expect((await response.body()).equals(PNG)).toBe(true)
        await page.goto(`${bases[place]}/page`)
      })

      it('answers a JSON API with path parameters', async () => {
        const got = await page.evaluate(async () => {
          const found = await fetch('notes/a%20b?q=1')
          const missing = await fetch('notes/404')
          return [found.status, await found.json(), missing.status, await missing.json()]
        })
        expect(got).toEqual([200, { id: 'a b', method: 'get', query: '1' }, 404, { missing: '404' }])
      })
    })
  }

  it('lets pages of another origin call the gateway, after a preflight', async () => {
    await page.goto(`${bases['web actions']}/page`)
    const got = await page.evaluate(async url => {
      const response = await fetch(`${url}/notes/7`, {
        method: 'PUT',
        credentials: 'include',
        headers: { 'content-type': 'application/json', 'x-extra': '1' },
        body: JSON.stringify({ text: 'hi' }),
      })
      return [response.status, await response.json()]
    }, bases['the gateway'])
    expect(got).toEqual([200, { id: '7', method: 'put', text: 'hi' }])
  })
})
