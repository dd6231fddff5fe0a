import { describe, expect, it } from 'vitest'
import { createMetrics, watchPool } from '../src/metrics.ts'
import { anActivation } from './builders.ts'

const linesOf = (text: string, name: string) => text.split('\n').filter(line => line.startsWith(name))

describe('metrics', () => {
  it('count by labels and escape their values', () => {
    const metrics = createMetrics()
    const counter = metrics.counter('things_total', 'Things')
    counter.inc({ of: 'a"b\\c\nd' })
    counter.inc({ of: 'a"b\\c\nd' }, 2)
    counter.inc()
    expect(metrics.render()).toContain(
      '# HELP things_total Things\n# TYPE things_total counter\nthings_total{of="a\\"b\\\\c\\nd"} 3\nthings_total 1\n',
    )
  })

  it('show histograms as cumulative buckets with sum and count', () => {
    const metrics = createMetrics()
    const histogram = metrics.histogram('waits_seconds', 'Waits', [0.1, 1])
    for (const value of [0.1, 0.5, 7]) histogram.observe(value, { at: 'x' })
    expect(linesOf(metrics.render(), 'waits_seconds')).toEqual([
      'waits_seconds_bucket{at="x",le="0.1"} 1',
      'waits_seconds_bucket{at="x",le="1"} 2',
      'waits_seconds_bucket{at="x",le="+Inf"} 3',
      'waits_seconds_sum{at="x"} 7.6',
      'waits_seconds_count{at="x"} 3',
    ])
  })

  it('count requests by method and status', () => {
    const metrics = createMetrics()
    metrics.request('GET', 200, 3)
    metrics.request('GET', 404, 1)
    metrics.request('GET', 200, 2)
    expect(linesOf(metrics.render(), 'counter_http_get')).toEqual([
      'counter_http_get_counter_total{statusCode="200"} 2',
      'counter_http_get_counter_total{statusCode="404"} 1',
    ])
    expect(metrics.render()).toContain('histogram_http_get_counter_seconds_count 3\n')
  })

  it('show nothing of what never happened', () => {
    expect(createMetrics().render()).not.toContain('openwhisk_action')
  })

  it('tell of activations under the reference’s names', () => {
    const metrics = createMetrics()
    const cold = anActivation({
      annotations: [
        { key: 'path', value: 'guest/pkg/hello' },
        { key: 'kind', value: 'nodejs:20' },
        { key: 'waitTime', value: 30 },
        { key: 'initTime', value: 40 },
      ],
      response: { statusCode: 1, result: {}, size: 2 },
    })
    metrics.engine.containerStarted('cold', 'other', { namespace: 'guest/pkg', name: 'hello' })
    metrics.engine.activationEnded(cold, { wait: 30, init: 40, run: 12 })
    metrics.engine.stemCellMissed('nodejs:20', 256)
    metrics.engine.stemCellExpired('nodejs:20', 256)
    metrics.engine.rescheduled()
    const text = metrics.render()
    for (const line of [
      'counter_invoker_containerStart_counter_total{containerState="cold",initiator="other",namespace="guest/pkg",action="hello"} 1',
      'counter_invoker_activationInit_finish_total 1',
      'histogram_invoker_activationRun_finish_seconds_count 1',
      'counter_containerPool_prewarmColdstart_counter_total{memory="256",kind="nodejs:20"} 1',
      'counter_containerPool_prewarmExpired_counter_total{memory="256",kind="nodejs:20"} 1',
      'counter_containerPool_rescheduledActivation_counter_total 1',
      'openwhisk_action_activations_total{namespace="guest",initiator="guest",action="pkg/hello",kind="nodejs:20"} 1',
      'openwhisk_action_coldStarts_total{namespace="guest",initiator="guest",action="pkg/hello"} 1',
      'openwhisk_action_status{namespace="guest",initiator="guest",action="pkg/hello",status="application_error"} 1',
      'openwhisk_action_initTime_seconds_sum{namespace="guest",initiator="guest",action="pkg/hello"} 0.04',
    ]) {
      expect(text).toContain(`${line}\n`)
    }
    expect(text).not.toContain('collectLogs_finish_total 1')
  })

  it('count no action for a trigger', () => {
    const metrics = createMetrics()
    metrics.engine.activationEnded(anActivation({ annotations: [] }), undefined)
    expect(metrics.render()).not.toContain('openwhisk_action')
  })

  it('show the pool as it is when it is asked', () => {
    const metrics = createMetrics()
    const containers = [
      { memoryMb: 256, active: 1, action: 'guest/a' },
      { memoryMb: 128, active: 0, action: 'guest/b' },
      { memoryMb: 512, active: 0 },
    ]
    let running = 1
    watchPool(metrics, () => ({ containers, queue: { activations: 2, memoryMb: 3 }, running, composites: 4 }))
    running = 5
    const text = metrics.render()
    for (const line of [
      'gauge_containerPool_activeCount_counter 1',
      'gauge_containerPool_activeSize_counter_bytes 268435456',
      'gauge_containerPool_idlesCount_counter 1',
      'gauge_containerPool_prewarmCount_counter 1',
      'gauge_containerPool_prewarmSize_counter_bytes 536870912',
      'gauge_containerPool_runBufferCount_counter 2',
      'gauge_loadbalancer_activationsInflight_counter{controller_id="0"} 11',
    ]) {
      expect(text).toContain(`${line}\n`)
    }
  })
})
