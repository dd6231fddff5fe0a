import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { docsRoutes } from '../../src/api/docs.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { fakeClock } from '../fakes/clock.ts'
import { openApi } from './harness.ts'

const app = new Hono<Env>()
app.use(entrance({ clock: fakeClock() }))
app.route('/', docsRoutes({ version: '1.2.3' }))

interface Document {
  swagger: string
  basePath: string
  info: { version: string }
  paths: Record<string, Record<string, { parameters?: { name: string; in: string }[]; responses: object }>>
  definitions?: Record<string, object>
}

async function document(path: string): Promise<Document> {
  const response = await app.request(path)
  expect(response.headers.get('content-type')).toBe('application/json')
  return JSON.parse(await response.text())
}

describe('api-docs', () => {
  it.each([
    ['/api/v1/api-docs', '/api/v1'],
    ['/api/v1/api-docs/', '/api/v1'],
    ['/api-docs', '/'],
    ['/api-docs/', '/'],
  ])('at %s are swagger 2.0 of %s', async (path, basePath) => {
    const { swagger, basePath: base, info } = await document(path)
    expect([swagger, base, info.version]).toEqual(['2.0', basePath, '1.2.3'])
  })

  it('refer only to definitions that are there', async () => {
    const api = await document('/api/v1/api-docs')
    const names = [...JSON.stringify(api).matchAll(/"#\/definitions\/(\w+)"/g)].map(([, name]) => name)
    expect(names.length).toBeGreaterThan(50)
    for (const name of names) expect(api.definitions).toHaveProperty(name ?? '')
  })

  it('name every parameter of a path', async () => {
    const api = await document('/api/v1/api-docs')
    for (const [path, operations] of Object.entries(api.paths)) {
      const named = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)
      for (const { parameters = [] } of Object.values(operations)) {
        expect(parameters.filter(parameter => parameter.in === 'path').map(({ name }) => name)).toEqual(named)
      }
    }
  })

  it('describe routes that the API has, with the methods it has, and no others', async () => {
    const api = openApi()
    const { paths } = await document('/api/v1/api-docs')
    await api.set('PUT', 'packages/x', {})
    for (const [path, operations] of Object.entries(paths)) {
      // About this API and web actions: other parts answer them.
      if (path === '/' || path.startsWith('/web')) continue
      const real = path
        .replace('{namespace}', '_')
        .replace('{activationId}', '0'.repeat(32))
        .replace(/\{\w+\}/g, 'x')
      for (const method of ['get', 'put', 'post', 'delete', 'patch']) {
        const { error } = await api.call(method.toUpperCase(), `/api/v1${real}`, {
          body: method === 'get' ? undefined : {},
        })
        const known = error !== 'The requested resource could not be found.'
        expect(`${method} ${path} ${known}`).toBe(`${method} ${path} ${method in operations}`)
        if (method === 'delete' && path.endsWith('/packages/{packageName}')) await api.set('PUT', 'packages/x', {})
      }
    }
  })
})

describe('docs', () => {
  it.each([
    ['/docs', 'docs/index.html?url=/api-docs', null],
    ['/api/v1/docs', 'docs/index.html?url=/api/v1/api-docs', '*'],
  ])('%s redirects to the page', async (path, location, cors) => {
    const response = await app.request(path)
    expect(response.status).toBe(308)
    expect(response.headers.get('location')).toBe(location)
    expect(response.headers.get('content-type')).toBe('text/html; charset=UTF-8')
    expect(response.headers.get('access-control-allow-origin')).toBe(cors)
    expect(await response.text()).toBe(
      `The request, and all future requests should be repeated using <a href="${location}">this URI</a>.`,
    )
  })

  it.each(['/docs/index.html', '/api/v1/docs/index.html'])('%s is a page that names no other host', async path => {
    const text = await (await app.request(path)).text()
    expect(text).toContain('<!doctype html>')
    expect(text).not.toMatch(/https?:\/\//)
    expect(text).not.toMatch(/\b(?:src|href)=/)
  })

  it('has no other files', async () => {
    expect((await app.request('/docs/zzz')).status).toBe(404)
  })
})
