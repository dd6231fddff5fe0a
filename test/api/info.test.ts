import { Hono } from 'hono'
import { describe, expect, it } from 'vitest'
import { infoRoutes } from '../../src/api/info.ts'
import { defaultLimits } from '../../src/entity/limits.ts'
import { loadManifest } from '../../src/entity/manifest.ts'
import { entrance } from '../../src/http/entrance.ts'
import type { Env } from '../../src/http/env.ts'
import { outsideFallback } from '../../src/http/fallback.ts'
import { onError } from '../../src/http/on-error.ts'
import { silentLogger } from '../../src/log.ts'
import { createMetrics } from '../../src/metrics.ts'
import { fakeClock } from '../fakes/clock.ts'

function open(preset: 'off' | 'apache' = 'apache') {
  const app = new Hono<Env>()
  app.use(entrance({ clock: fakeClock() }))
  app.onError(onError(silentLogger))
  app.route(
    '/',
    infoRoutes({
      limits: defaultLimits(preset, 2048),
      manifest: loadManifest(),
      metrics: createMetrics(),
      info: { version: '1.2.3', buildNo: '1.2.3', build: 'today' },
    }),
  )
  app.all('*', outsideFallback)
  return app
}

describe('GET /', () => {
  it('tells limits and runtimes without a key, with a bad one too, and without CORS headers', async () => {
    const response = await open().request('/', { headers: { authorization: 'Basic bad' } })
    expect(response.status).toBe(200)
    expect(response.headers.get('content-type')).toBe('application/json')
    expect(response.headers.has('access-control-allow-origin')).toBe(false)
    const body = JSON.parse(await response.text())
    expect(body).toMatchObject({
      api_paths: ['/api/v1'],
      description: 'OpenWhisk',
      limits: {
        actions_per_minute: 60,
        concurrent_actions: 30,
        default_max_action_duration: 300_000,
        default_max_action_logs: 10_485_760,
        default_max_action_memory: 536_870_912,
        default_min_action_duration: 100,
        default_min_action_logs: 0,
        default_min_action_memory: 134_217_728,
        max_action_duration: 300_000,
        max_action_logs: 10_485_760,
        max_action_memory: 536_870_912,
        min_action_duration: 100,
        min_action_logs: 0,
        min_action_memory: 134_217_728,
        sequence_length: 50,
        triggers_per_minute: 60,
      },
      support: { github: 'https://github.com/apache/openwhisk/issues', slack: 'http://slack.openwhisk.org' },
    })
    expect(Object.keys(body.limits)).toHaveLength(16)
    expect(body.runtimes.nodejs.map(({ kind }: { kind: string }) => kind)).toEqual(['nodejs:18', 'nodejs:20'])
  })

  it('tells the truth about limits that are off', async () => {
    const { limits } = JSON.parse(await (await open('off').request('/')).text())
    expect(limits).toMatchObject({ actions_per_minute: 2_147_483_647, max_action_memory: 2048 * 1024 * 1024 })
  })
})

describe('GET /api/v1', () => {
  it.each(['/api/v1', '/api/v1/'])('as %s tells the build, with CORS headers', async path => {
    const response = await open().request(path)
    expect(await response.json()).toEqual({
      api_version: '1.0.0',
      api_version_path: 'v1',
      build: 'today',
      buildno: '1.2.3',
      description: 'OpenWhisk API',
      swagger_paths: { 'api-docs': '/api-docs', ui: '/docs' },
    })
    expect(response.headers.get('access-control-allow-origin')).toBe('*')
  })
})

describe('GET /ping', () => {
  it('answers pong', async () => {
    const response = await open().request('/ping')
    expect(await response.text()).toBe('pong')
    expect(response.headers.get('content-type')).toBe('text/plain; charset=UTF-8')
  })

  it('is not acceptable as JSON', async () => {
    const response = await open().request('/ping', { headers: { accept: 'application/json' } })
    expect(response.status).toBe(406)
    expect(JSON.parse(await response.text()).error).toBe(
      'Resource representation is only available with these types:\ntext/plain',
    )
  })

  it.each(['POST', 'PUT', 'DELETE', 'HEAD'])('does not take %s', async method => {
    const response = await open().request('/ping', { method })
    expect([response.status, response.headers.get('allow')]).toEqual([405, 'GET, OPTIONS'])
  })
})

describe('GET /metrics', () => {
  it('is Prometheus text', async () => {
    const response = await open().request('/metrics')
    expect(response.headers.get('content-type')).toBe('text/plain; version=0.0.4')
    expect(await response.text()).toContain('counter_controller_startup_counter_total{controller_id="0"} 1\n')
  })
})
