import { hostname } from 'node:os'
import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { guard, hostCheck, hostOf, isApiCall, originCheck } from '../../src/http/guard.ts'
import { onError } from '../../src/http/on-error.ts'
import { routedPath } from '../../src/http/target.ts'
import { silentLogger } from '../../src/log.ts'
import { fakeClock } from '../fakes/clock.ts'

describe('Host', () => {
  const check = hostCheck(['Tool.Example', 'api.internal:3233'])

  it.each([
    'localhost',
    'localhost:3233',
    'LOCALHOST',
    'a.localhost:1',
    '127.0.0.1:3233',
    '[::1]:3233',
    '[::1]',
    '192.168.1.7:80',
    'host.docker.internal:3233',
    'tool.example',
    'tool.example:9',
    'tool.example.',
    'api.internal',
    hostname(),
  ])('%s is answered', host => {
    expect(check(host)).toBe(true)
  })

  it.each([
    'evil.test',
    'localhost.evil.test',
    'xlocalhost',
    '127.0.0.1.evil.test',
    'sub.tool.example',
    '',
    '[',
    '[x]',
  ])('%j is not', host => {
    expect(check(host)).toBe(false)
    expect(check(host)).toBe(false)
  })

  it.each([
    [['*'], 'openwhisk:3233', true],
    [['*'], 'open-whisk_1', true],
    [['*'], 'evil.test', false],
    [['*'], '', false],
    [['*.ci.test'], 'openwhisk.ci.test:3233', true],
    [['*.ci.test'], 'openwhisk.ci.test.evil.test', false],
    [['*.ci.test'], 'a.b.ci.test', false],
    [['*.ci.test'], 'openwhiskxcixtest', false],
    [['ow-*'], 'ow-1', true],
    [['ow-*'], 'now-1', false],
  ])('of %j: %s is answered: %s', (allowed, host, answered) => {
    expect(hostCheck(allowed)(host)).toBe(answered)
  })

  it('is read without its port', () => {
    expect([hostOf('A.b:1'), hostOf('[::1]:1'), hostOf('a.:2')]).toEqual(['a.b', '::1', 'a'])
  })
})

describe('Origin', () => {
  it.each([
    ['http://localhost:5173', true],
    ['https://app.localhost', true],
    ['http://127.0.0.1', true],
    ['http://[::1]:8080', true],
    ['http://box:3233', true],
    ['http://tool.example', true],
    ['http://TOOL.example', true],
    ['http://box:9999', false],
    ['http://192.168.1.7', false],
    ['http://evil.test', false],
    ['http://localhost.evil.test', false],
    ['http://evil.test/localhost', false],
    ['null', false],
    ['file://', false],
    ['', false],
  ])('%j allowed: %s', (origin, allowed) => {
    expect(originCheck('http://tool.example/, http://other.example')(origin, 'Box:3233')).toBe(allowed)
  })

  it('of any kind is allowed by *', () => {
    expect(originCheck('*')('null', 'x')).toBe(true)
  })
})

describe('guard', () => {
  const open = (options: Partial<Parameters<typeof guard>[0]> = {}) => {
    const app = new Hono<Env>({ getPath: routedPath })
    app.use(entrance({ clock: fakeClock(), refusal: guard({ allowedHosts: [], ...options }) }))
    app.onError(onError(silentLogger))
    app.all('*', c => c.text('reached', 200, { 'Access-Control-Allow-Origin': '*' }))
    return async (path: string, headers: Record<string, string>) => {
      const response = await app.request(`http://localhost${path}`, { headers: { 'X-Request-ID': 'abc', ...headers } })
      return {
        status: response.status,
        text: await response.text(),
        cors: response.headers.get('access-control-allow-origin'),
      }
    }
  }
  const evil = { host: 'localhost:3233', origin: 'http://evil.test' }

  it('answers 421 to a foreign host everywhere', async () => {
    const ask = open({ forPages: isApiCall })
    for (const path of ['/ping', '/api/v1/web/guest/default/x', '/api/23bc/x']) {
      expect(await ask(path, { host: 'evil.test:3233' })).toEqual({
        status: 421,
        text: `{"code":"abc","error":"The host 'evil.test' is not one of this server's. If it is meant to be, start the server with --allowed-hosts evil.test."}`,
        cors: null,
      })
    }
  })

  it.each([
    '/',
    '/ping',
    '/api/v1',
    '/api/v1/namespaces/_/actions',
    '/_control/v1/status',
    '/api/v1/webx',
    '/api',
    '/api/',
  ])('answers 403 without CORS headers to a foreign origin on %s', async path => {
    expect(await open()(path, evil)).toEqual({
      status: 403,
      text: `{"code":"abc","error":"Pages of the origin 'http://evil.test' may not use this server. If they are meant to, start it with --allow-origin http://evil.test."}`,
      cors: null,
    })
  })

  it.each(['/api/v1/web/guest/default/hello', '/api/23bc46b1/base/path'])('lets every origin to %s', async path => {
    expect(await open()(path, evil)).toEqual({ status: 200, text: 'reached', cors: '*' })
  })

  it('resolves dot segments before it decides', async () => {
    expect((await open()('/api/v1/web/../namespaces', evil)).status).toBe(403)
    expect((await open()('/api/v1/web/%2e%2e/namespaces', evil)).status).toBe(403)
  })

  it('lets every origin to the APIs of the gateway’s own port, and where the option says so', async () => {
    expect((await open({ forPages: isApiCall })('/api/23bc/x', evil)).status).toBe(200)
    expect((await open({ allowOrigin: '*' })('/x', evil)).status).toBe(200)
    expect((await open({ allowOrigin: 'http://evil.test' })('/x', evil)).status).toBe(200)
  })

  it.each(['/v2/23bc/apis', '/api', '/health'])('refuses foreign origins %s of that port', async path => {
    expect((await open({ forPages: isApiCall })(path, evil)).status).toBe(403)
  })

  it('asks nothing of requests without an origin', async () => {
    expect((await open()('/x', { host: 'localhost' })).status).toBe(200)
  })
})
