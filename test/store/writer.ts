// A process that writes until it is killed or the disk is full: `durability.test.ts` bundles and runs it.
// Each line on stdout is one acknowledged write, or what became of one that failed.

import { setTimeout as sleep } from 'node:timers/promises'
import { WhiskError } from '../../src/errors.ts'
import { silentLogger } from '../../src/log.ts'
import { openStore } from '../../src/store/open.ts'
import { anAction, anActivation, aQueued } from '../builders.ts'
import { fakeClock } from '../fakes/clock.ts'

const [path = '', payload = '10'] = process.argv.slice(2)
const store = openStore({ path, clock: fakeClock(), log: silentLogger })
const code = 'x'.repeat(Number(payload))

const write = async (n: number) => {
  const { activationId } = anActivation()
  store.transaction(() => {
    store.entities.put(anAction({ name: `a${n}`, exec: { kind: 'nodejs:20', code, binary: false } }))
    store.queue.put(aQueued({ activationId: `${activationId.slice(0, 24)}${String(n).padStart(8, '0')}` }))
  })
  await store.committed()
  process.stdout.write(`written ${n}\n`)
}

let failures = 0
for (let n = 0; failures < 3; n++) {
  // Several at once, as requests come.
  const results = await Promise.allSettled([write(n), write(++n), write(++n)])
  for (const result of results) {
    if (result.status === 'fulfilled') continue
    failures++
    const { reason } = result
    process.stdout.write(`failed ${reason instanceof WhiskError ? reason.code : reason} healthy ${store.healthy}\n`)
  }
  if (failures > 0) await sleep(1)
}
const kept = store.entities.count({ type: 'action', namespace: 'guest' })
process.stdout.write(`alive with ${kept}\n`)
process.exit(0)
