// An engine on a real in-memory store with fake containers: what the tests of compositions, triggers and recovery use.

import type { LimitsOption } from '../../src/config-values.ts'
import { type BuiltinHandler, builtinFactory } from '../../src/container/builtin.ts'
import type { ContainerFactory } from '../../src/container/container.ts'
import { createInvoker, type Engine, type InvokerOptions } from '../../src/engine/create.ts'
import { noMetrics } from '../../src/engine/engine-metrics.ts'
import type { Invocation, InvokeRequest } from '../../src/engine/invoker.ts'
import { resolveAction } from '../../src/engine/resolve.ts'
import { createEntitlement } from '../../src/entitlement/entitlement.ts'
import { createThrottler } from '../../src/entitlement/throttler.ts'
import type { WhiskActivation } from '../../src/entity/activation.ts'
import { createActivationIds } from '../../src/entity/activation-id.ts'
import type { JsonObject } from '../../src/entity/json.ts'
import { defaultLimits } from '../../src/entity/limits.ts'
import { loadManifest } from '../../src/entity/manifest.ts'
import type { WhiskEntity } from '../../src/entity/whisk-entity.ts'
import { EventBus, type WhiskEvent } from '../../src/events.ts'
import { type LogFields, type Logger, silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import type { Store } from '../../src/store/store.ts'
import { anAction, anIdentity } from '../builders.ts'
import { type FakeClock, fakeClock } from '../fakes/clock.ts'
import { type FakeFactory, fakeFactory } from '../fakes/container.ts'

export interface TestEngine {
  readonly engine: Engine
  readonly store: Store
  readonly clock: FakeClock
  readonly factory: FakeFactory
  readonly events: WhiskEvent[]
  /** From now on `events` has what happens; returns the end of that. */
  listen(): () => void
  /** The lines of the server's log. */
  readonly lines: string[]
  readonly throttler: ReturnType<typeof createThrottler>
  put(...entities: WhiskEntity[]): void
  /** Invokes `ns/[pkg/]name` blocking; the rest of the request on demand. */
  invoke(fqn: string, payload?: JsonObject, rest?: Partial<InvokeRequest>): Invocation
  /** The same to its end. */
  run(fqn: string, payload?: JsonObject, rest?: Partial<InvokeRequest>): Promise<WhiskActivation>
}

export interface TestEngineOptions extends Partial<InvokerOptions> {
  readonly store?: Store
  readonly limits?: LimitsOption
  readonly builtins?: Record<string, BuiltinHandler>
  readonly factories?: readonly ContainerFactory[]
  /** What the fake containers run; see `fakeFactory`. */
  readonly kinds?: RegExp
  /** Nobody listens to events: `events` stays empty. */
  readonly unheard?: boolean
}

export function testEngine(options: TestEngineOptions = {}): TestEngine {
  const clock = fakeClock()
  const factory = fakeFactory({ clock, kinds: options.kinds })
  const lines: string[] = []
  const write = (message: string, _fields?: LogFields) => void lines.push(message)
  const log: Logger = { ...silentLogger, info: write, warn: write, error: write, enabled: level => level !== 'debug' }
  const store = options.store ?? openStore({ path: ':memory:', clock, log: silentLogger })
  const userMemoryMb = options.userMemoryMb ?? 1024
  const limits = defaultLimits(options.limits ?? { preset: 'off' }, userMemoryMb)
  const throttler = createThrottler(clock, limits)
  const bus = new EventBus()
  const events: WhiskEvent[] = []
  const listen = () => bus.subscribe(event => events.push(event))
  if (!options.unheard) listen()
  const engine = createInvoker(
    {
      store,
      entitlement: createEntitlement(store),
      throttler,
      factories: () => options.factories ?? [factory],
      builtins: builtinFactory(new Map(Object.entries(options.builtins ?? {}))),
      manifest: loadManifest(),
      limits,
      clock,
      log,
      events: bus,
      metrics: noMetrics,
      activationIds: createActivationIds(clock),
    },
    {
      queueMemoryBytes: 2 ** 28,
      idleTimeoutMs: 600_000,
      prewarm: false,
      stopTimeoutMs: 10_000,
      ...options,
      userMemoryMb,
    },
  )
  const invoke = (fqn: string, payload?: JsonObject, rest: Partial<InvokeRequest> = {}) =>
    engine.invoke({
      identity: anIdentity(),
      action: resolveAction(store, fqn),
      payload,
      blocking: true,
      transid: 'tid',
      startedAt: clock.now(),
      ...rest,
    })
  return {
    engine,
    store,
    clock,
    factory,
    events,
    listen,
    lines,
    throttler,
    put: (...entities) => {
      for (const entity of entities) store.entities.put(entity)
    },
    invoke,
    run: (fqn, payload, rest) => invoke(fqn, payload, rest).done,
  }
}

/** A Node.js action of this source in `guest`. */
export const code = (name: string, source: string, overrides: Parameters<typeof anAction>[0] = {}) =>
  anAction({ name, exec: { kind: 'nodejs:20', code: source, binary: false }, ...overrides })

/** A sequence in `guest`. */
export const sequence = (name: string, ...components: string[]) =>
  anAction({ name, exec: { kind: 'sequence', components } })

/** A conductor in `guest`. */
export const conductor = (name: string, source: string, overrides: Parameters<typeof anAction>[0] = {}) =>
  code(name, source, { annotations: [{ key: 'conductor', value: true }], ...overrides })

/** Annotations by key. */
export const annotations = (record: WhiskActivation): JsonObject =>
  Object.fromEntries(record.annotations.map(({ key, value }) => [key, value]))

/** A promise that a test settles, for something that has to wait. */
export const gate = () => {
  let open = () => {}
  const opened = new Promise<undefined>(resolve => {
    open = () => resolve(undefined)
  })
  return { open, opened }
}

/** Polls until `probe` gives something; fails after fifteen seconds, which only a busy machine comes near. */
export async function eventually<T>(probe: () => T | undefined | false): Promise<T> {
  const deadline = Date.now() + 15_000
  for (;;) {
    const found = probe()
    if (found !== undefined && found !== false) return found
    if (Date.now() > deadline) throw new Error('it did not happen within fifteen seconds')
    await new Promise(resolve => setImmediate(resolve))
  }
}
