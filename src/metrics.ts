// What is counted, under the reference's names, and its exposition in Prometheus' text format.
// An own small registry: the common client library is larger than all the rest of the server's start.

type Labels = Readonly<Record<string, string>>

/** A counter with labels. */
export interface Counter {
  inc(labels?: Labels, by?: number): void
  /** Counts with these labels, without writing them out each time. */
  of(labels?: Labels): () => void
}

/** A histogram of seconds (or of whatever its buckets count in) with labels. */
export interface Histogram {
  observe(value: number, labels?: Labels): void
  /** Observes with these labels, without writing them out each time. */
  of(labels?: Labels): (value: number) => void
}

/** What the engine tells of an ended activation. */
interface EndedActivation {
  readonly namespace: string
  readonly name: string
  readonly duration?: number
  readonly response: { readonly statusCode: number; readonly size?: number }
  readonly annotations: readonly { readonly key: string; readonly value: unknown }[]
}

/** Milliseconds of each phase. */
interface ActivationPhases {
  readonly wait: number
  readonly init?: number
  readonly run?: number
  readonly logs?: number
}

export interface Metrics {
  /** For what the engine tells; has the shape of its port. */
  readonly engine: EngineCounters
  counter(name: string, help: string): Counter
  histogram(name: string, help: string, buckets?: readonly number[]): Histogram
  /** Gauges are read when they are shown. */
  gauge(name: string, help: string, read: () => number, labels?: Labels): void
  /** A request was answered. */
  request(method: string, status: number, milliseconds: number): void
  /** The exposition, as `text/plain; version=0.0.4`. */
  render(): string
}

interface EngineCounters {
  containerStarted(
    label: string,
    namespace: string,
    action: { readonly namespace: string; readonly name: string },
  ): void
  activationEnded(record: EndedActivation, phases: ActivationPhases | undefined): void
  stemCellMissed(kind: string, memoryMb: number): void
  stemCellExpired(kind: string, memoryMb: number): void
  rescheduled(): void
}

/** Upper bounds in seconds. */
const SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60]
/** Upper bounds in bytes. */
const BYTES = [256, 1024, 4096, 16_384, 65_536, 262_144, 1_048_576]
const STATUS = ['success', 'application_error', 'action_developer_error', 'whisk_internal_error']

interface Family {
  readonly name: string
  readonly help: string
  readonly type: 'counter' | 'gauge' | 'histogram'
  lines(): string[]
}

function escapeLabel(value: string): string {
  return value.replace(/[\\"\n]/g, char => (char === '\n' ? '\\n' : `\\${char}`))
}

function labelText(labels: Labels | undefined, more?: string): string {
  if (labels === undefined && more === undefined) return ''
  const texts = Object.entries(labels ?? {}).map(([name, value]) => `${name}="${escapeLabel(value)}"`)
  if (more !== undefined) texts.push(more)
  return texts.length === 0 ? '' : `{${texts.join(',')}}`
}

/** Values by the text of their labels. */
function createCounter(name: string, help: string): Counter & Family {
  const values = new Map<string, { value: number }>()
  const series = (labels: Labels | undefined) => {
    const key = labelText(labels)
    let entry = values.get(key)
    if (entry === undefined) {
      entry = { value: 0 }
      values.set(key, entry)
    }
    return entry
  }
  return {
    name,
    help,
    type: 'counter',
    inc(labels, by = 1) {
      series(labels).value += by
    },
    of(labels) {
      const entry = series(labels)
      return () => {
        entry.value++
      }
    },
    lines: () => [...values].map(([key, { value }]) => `${name}${key} ${value}`),
  }
}

interface Series {
  readonly labels: Labels | undefined
  readonly counts: number[]
  sum: number
  count: number
}

function createHistogram(name: string, help: string, buckets: readonly number[]): Histogram & Family {
  const series = new Map<string, Series>()
  const seriesOf = (labels: Labels | undefined): Series => {
    const key = labelText(labels)
    let entry = series.get(key)
    if (entry === undefined) {
      entry = { labels, counts: buckets.map(() => 0), sum: 0, count: 0 }
      series.set(key, entry)
    }
    return entry
  }
  const enter = (entry: Series, value: number) => {
    const bucket = buckets.findIndex(bound => value <= bound)
    if (bucket !== -1) entry.counts[bucket] = (entry.counts[bucket] ?? 0) + 1
    entry.sum += value
    entry.count++
  }
  return {
    name,
    help,
    type: 'histogram',
    observe: (value, labels) => enter(seriesOf(labels), value),
    of(labels) {
      const entry = seriesOf(labels)
      return value => enter(entry, value)
    },
    lines: () =>
      [...series].flatMap(([key, { labels, counts, sum, count }]) => {
        let below = 0
        const lines = buckets.map((bound, i) => {
          below += counts[i] ?? 0
          return `${name}_bucket${labelText(labels, `le="${bound}"`)} ${below}`
        })
        lines.push(`${name}_bucket${labelText(labels, 'le="+Inf"')} ${count}`)
        lines.push(`${name}_sum${key} ${sum}`, `${name}_count${key} ${count}`)
        return lines
      }),
  }
}

function createGauge(name: string, help: string, read: () => number, labels?: Labels): Family {
  return { name, help, type: 'gauge', lines: () => [`${name}${labelText(labels)} ${read()}`] }
}

interface RequestMetrics {
  readonly count: Counter
  readonly byStatus: Map<number, () => void>
  readonly seconds: (value: number) => void
}

/** What a map has under a key, made when it is not there. */
function kept<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  let value = map.get(key)
  if (value === undefined) {
    value = make()
    map.set(key, value)
  }
  return value
}

export function createMetrics(): Metrics {
  const families = new Map<string, Family>()
  const register = <F extends Family>(family: F): F => {
    families.set(family.name, family)
    return family
  }
  const counter = (name: string, help: string) => register(createCounter(name, help))
  const histogram = (name: string, help: string, buckets: readonly number[] = SECONDS) =>
    register(createHistogram(name, help, buckets))
  counter('counter_controller_startup_counter_total', 'Starts of the controller').inc({ controller_id: '0' })
  const requests = new Map<string, RequestMetrics>()
  return {
    engine: engineCounters(counter, histogram),
    counter,
    histogram,
    gauge(name, help, read, labels) {
      register(createGauge(name, help, read, labels))
    },
    request(method, status, milliseconds) {
      const known = kept(requests, method, () => {
        const name = method.toLowerCase()
        const count = counter(`counter_http_${name}_counter_total`, `Answered ${method} requests`)
        const seconds = histogram(`histogram_http_${name}_counter_seconds`, `Seconds to answer ${method} requests`)
        return { count, byStatus: new Map(), seconds: seconds.of() }
      })
      kept(known.byStatus, status, () => known.count.of({ statusCode: String(status) }))()
      known.seconds(milliseconds / 1000)
    },
    render() {
      const texts = [...families.values()].map(family => {
        const lines = family.lines()
        if (lines.length === 0) return ''
        return `# HELP ${family.name} ${family.help}\n# TYPE ${family.name} ${family.type}\n${lines.join('\n')}\n`
      })
      return texts.join('')
    },
  }
}

function engineCounters(
  counter: (name: string, help: string) => Counter,
  histogram: (name: string, help: string, buckets?: readonly number[]) => Histogram,
): EngineCounters {
  const phase = (action: string, what: string) => ({
    started: counter(`counter_invoker_${action}_start_total`, `Starts of ${what}`),
    finished: counter(`counter_invoker_${action}_finish_total`, `Ends of ${what}`),
    seconds: histogram(`histogram_invoker_${action}_finish_seconds`, `Seconds of ${what}`),
  })
  const invoker = 'counter_invoker'
  const starts = counter(`${invoker}_containerStart_counter_total`, 'How activations got their containers')
  const activations = counter(`${invoker}_activation_start_total`, 'Activations that got a container')
  const accepted = counter('counter_loadbalancer_activations_counter_total', 'Activations that ended')
  const acks = counter('counter_loadbalancer_completionAck_counter_total', 'Completed activations')
  const init = phase('activationInit', 'initialisations')
  const run = phase('activationRun', 'runs')
  const logs = phase('collectLogs', 'log collections')
  const missed = counter('counter_containerPool_prewarmColdstart_counter_total', 'Cold starts for want of a stem cell')
  const expired = counter('counter_containerPool_prewarmExpired_counter_total', 'Stem cells that expired')
  const rescheduled = counter('counter_containerPool_rescheduledActivation_counter_total', 'Activations moved')
  const byAction = actionMetrics(counter, histogram)
  const pass = ({ started, finished, seconds }: typeof init, milliseconds: number | undefined) => {
    if (milliseconds === undefined) return
    started.inc()
    finished.inc()
    seconds.observe(milliseconds / 1000)
  }
  const startsBySeries = new Map<string, () => void>()
  let acknowledged: (() => void) | undefined
  return {
    containerStarted(label, namespace, action) {
      activations.inc()
      const key = `${label} ${namespace} ${action.namespace}/${action.name}`
      kept(startsBySeries, key, () =>
        starts.of({ containerState: label, initiator: namespace, namespace: action.namespace, action: action.name }),
      )()
    },
    activationEnded(record, phases) {
      accepted.inc()
      acknowledged ??= acks.of({ controller_id: '0', type: 'regular' })
      acknowledged()
      pass(init, phases?.init)
      pass(run, phases?.run)
      pass(logs, phases?.logs)
      byAction(record)
    },
    stemCellMissed: (kind, memoryMb) => missed.inc({ memory: String(memoryMb), kind }),
    stemCellExpired: (kind, memoryMb) => expired.inc({ memory: String(memoryMb), kind }),
    rescheduled: () => rescheduled.inc(),
  }
}

/** The metrics of OpenWhisk's user-events service: per action, for its users. Triggers have none. */
function actionMetrics(
  counter: (name: string, help: string) => Counter,
  histogram: (name: string, help: string, buckets?: readonly number[]) => Histogram,
): (record: EndedActivation) => void {
  const activations = counter('openwhisk_action_activations_total', 'Activations of an action')
  const coldStarts = counter('openwhisk_action_coldStarts_total', 'Activations that initialised a container')
  const status = counter('openwhisk_action_status', 'Activations of an action by outcome')
  const duration = histogram('openwhisk_action_duration_seconds', 'Seconds that activations took')
  const waitTime = histogram('openwhisk_action_waitTime_seconds', 'Seconds that activations waited')
  const initTime = histogram('openwhisk_action_initTime_seconds', 'Seconds of initialisation')
  const size = histogram('openwhisk_action_response_size_bytes', 'Sizes of results', BYTES)
  const seriesOf = (record: EndedActivation, path: string, kind: string): ActionSeries => {
    const slash = path.indexOf('/')
    const labels = { namespace: path.slice(0, slash), initiator: record.namespace, action: path.slice(slash + 1) }
    return {
      labels,
      activation: activations.of({ ...labels, kind }),
      byStatus: new Map(),
      duration: duration.of(labels),
    }
  }
  const known = new Map<string, ActionSeries>()
  return record => {
    const [path, kind, wait, init] = ['path', 'kind', 'waitTime', 'initTime'].map(
      name => record.annotations.find(({ key }) => key === name)?.value,
    )
    if (typeof path !== 'string') return
    const kindText = String(kind ?? 'unknown')
    const key = `${record.namespace} ${kindText} ${path}`
    const series = kept(known, key, () => seriesOf(record, path, kindText))
    const { labels } = series
    series.activation()
    const outcome = STATUS[record.response.statusCode] ?? 'unknown'
    kept(series.byStatus, outcome, () => status.of({ ...labels, status: outcome }))()
    series.duration((record.duration ?? 0) / 1000)
    if (typeof wait === 'number') {
      series.wait ??= waitTime.of(labels)
      series.wait(wait / 1000)
    }
    if (typeof init === 'number') {
      coldStarts.inc(labels)
      initTime.observe(init / 1000, labels)
    }
    if (record.response.size !== undefined) {
      series.size ??= size.of(labels)
      series.size(record.response.size)
    }
  }
}

/** What is counted of one action, for one initiator. */
interface ActionSeries {
  readonly labels: Labels
  readonly activation: () => void
  readonly byStatus: Map<string, () => void>
  readonly duration: (value: number) => void
  wait?: (value: number) => void
  size?: (value: number) => void
}

/** What the container pool and the queue hold, as the engine's status says. */
export interface PoolStatus {
  readonly containers: readonly { readonly memoryMb: number; readonly active: number; readonly action?: string }[]
  readonly queue: { readonly activations: number; readonly memoryMb: number }
  readonly running: number
  readonly composites: number
}

const MB = 1024 * 1024

/** Shows the pool as gauges; `read` is asked once for each that is shown. */
export function watchPool(metrics: Metrics, read: () => PoolStatus): void {
  type Container = PoolStatus['containers'][number]
  const groups: readonly [string, string, (container: Container) => boolean][] = [
    ['active', 'Containers that run something', ({ active }) => active > 0],
    ['idles', 'Containers of an action that wait for its next run', ({ active, action }) => active === 0 && !!action],
    ['prewarm', 'Stem cells', ({ active, action }) => active === 0 && !action],
  ]
  for (const [name, help, belongs] of groups) {
    metrics.gauge(`gauge_containerPool_${name}Count_counter`, help, () => read().containers.filter(belongs).length)
    metrics.gauge(`gauge_containerPool_${name}Size_counter_bytes`, `${help}: their memory`, () =>
      read()
        .containers.filter(belongs)
        .reduce((sum, { memoryMb }) => sum + memoryMb * MB, 0),
    )
  }
  metrics.gauge('gauge_containerPool_runBufferCount_counter', 'Activations that wait for a container', () => {
    return read().queue.activations
  })
  metrics.gauge('gauge_containerPool_runBufferSize_counter_bytes', 'Memory that waiting activations ask for', () => {
    return read().queue.memoryMb * MB
  })
  const inFlight = () => {
    const { running, composites, queue } = read()
    return running + composites + queue.activations
  }
  metrics.gauge('gauge_loadbalancer_activationsInflight_counter', 'Activations on their way', inFlight, {
    controller_id: '0',
  })
}
