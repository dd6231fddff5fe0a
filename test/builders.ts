// Valid domain objects for tests: name what the test is about, the rest is ordinary.

import type { WhiskActivation } from '../src/entity/activation.ts'
import type { Identity, Subject } from '../src/entity/identity.ts'
import type { ActionLimits, WhiskAction, WhiskPackage, WhiskRule, WhiskTrigger } from '../src/entity/whisk-entity.ts'
import type { QueuedActivation } from '../src/store/store.ts'
import { EPOCH } from './fakes/clock.ts'

/** The uuid and key of the built-in account `guest`. */
export const GUEST = {
  uuid: '23bc46b1-71f6-4ed5-8c54-816aa4f8c502',
  key: '123zO3xZCLrMN6v2BKK1dXYFpXlPkccOFqm12CdAsMgRU4VrNZ9lyGVCGuMDGIwP',
} as const

type Overrides<T> = Partial<Omit<T, 'entityType'>>

const document = { namespace: 'guest', version: '0.0.1', publish: false, annotations: [], updated: EPOCH }

/** `guest/hello`, a default-limits Node.js action; pass `limits` partly. */
export const anAction = ({
  limits,
  ...overrides
}: Overrides<Omit<WhiskAction, 'limits'>> & { limits?: Partial<ActionLimits> } = {}): WhiskAction => ({
  ...document,
  entityType: 'action',
  name: 'hello',
  exec: { kind: 'nodejs:20', code: 'function main(args) { return args }', binary: false },
  parameters: [],
  limits: { timeout: 60_000, memory: 256, logs: 10, concurrency: 1, ...limits },
  ...overrides,
})

/** `guest/things`, a plain package. */
export const aPackage = (overrides: Overrides<WhiskPackage> = {}): WhiskPackage => ({
  ...document,
  entityType: 'package',
  name: 'things',
  parameters: [],
  ...overrides,
})

/** `guest/ring`, without rules. */
export const aTrigger = (overrides: Overrides<WhiskTrigger> = {}): WhiskTrigger => ({
  ...document,
  entityType: 'trigger',
  name: 'ring',
  parameters: [],
  ...overrides,
})

/** `guest/when`: from `guest/ring` to `guest/hello`. */
export const aRule = (overrides: Overrides<WhiskRule> = {}): WhiskRule => ({
  ...document,
  entityType: 'rule',
  name: 'when',
  trigger: { path: 'guest', name: 'ring' },
  action: { path: 'guest', name: 'hello' },
  ...overrides,
})

/** The built-in account `guest` in its namespace. */
export const anIdentity = (overrides: Partial<Identity> = {}): Identity => ({
  subject: 'guest',
  namespace: { name: 'guest', uuid: GUEST.uuid },
  authkey: { ...GUEST },
  limits: {},
  ...overrides,
})

/** The subject behind `anIdentity()`; another name gets a namespace of that name with keys of its own. */
export const aSubject = (overrides: Partial<Subject> = {}): Subject => {
  const name = overrides.subject ?? 'guest'
  const keys =
    name === 'guest'
      ? GUEST
      : {
          uuid: `00000000-0000-4000-8000-${Buffer.from(name).toString('hex').padEnd(12, '0').slice(0, 12)}`,
          key: name
            .replace(/[^A-Za-z0-9]/g, 'x')
            .padEnd(64, '0')
            .slice(0, 64),
        }
  return { subject: name, blocked: false, namespaces: [{ name, ...keys }], ...overrides }
}

let activations = 0

/** A successful run of `guest/hello` that took 12 ms; each call another, time-ordered id. */
export const anActivation = (overrides: Partial<WhiskActivation> = {}): WhiskActivation => {
  const start = overrides.start ?? EPOCH
  const namespace = overrides.namespace ?? 'guest'
  const name = overrides.name ?? 'hello'
  activations += 1
  return {
    activationId: start.toString(16).padStart(12, '0') + activations.toString(16).padStart(20, '0'),
    namespace,
    name,
    subject: 'guest',
    version: '0.0.1',
    start,
    end: start + 12,
    duration: 12,
    response: { statusCode: 0, result: { ok: true }, size: 11 },
    logs: [],
    annotations: [
      { key: 'path', value: `${namespace}/${name}` },
      { key: 'waitTime', value: 3 },
      { key: 'kind', value: 'nodejs:20' },
      { key: 'timeout', value: false },
      { key: 'limits', value: { concurrency: 1, logs: 10, memory: 256, timeout: 60_000 } },
    ],
    publish: false,
    ...overrides,
  }
}

/** An accepted invocation of `guest/hello` that waits. */
export const aQueued = (overrides: Partial<QueuedActivation> = {}): QueuedActivation => ({
  activationId: anActivation().activationId,
  type: 'action',
  state: 'queued',
  identity: anIdentity(),
  transid: 'sid_test',
  entity: 'guest/hello',
  version: '0.0.1',
  acceptedAt: EPOCH,
  message: { payload: { name: 'Ada' } },
  ...overrides,
})
