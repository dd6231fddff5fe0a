import { expect } from 'vitest'
import { ow, test } from './openwhisk.js'

const greeting = `
function main({ name = 'stranger' }) {
  console.log('greeting', name)
  return { greeting: 'Hello, ' + name + '!' }
}`
const exec = { kind: 'nodejs:default', code: greeting }

test('greets by name', async ({ ns }) => {
  await ns.request('PUT', '/actions/greeting', { exec })
  const { response, logs } = await ns.invoke('greeting', { name: 'World' })
  expect(response).toMatchObject({ success: true, result: { greeting: 'Hello, World!' } })
  expect(logs[0]).toMatch(/stdout: greeting World$/)
})

test('greets when an event comes', async ({ ns }) => {
  await ns.request('PUT', '/actions/greeting', { exec })
  await ns.request('PUT', '/triggers/arrival', {})
  await ns.request('PUT', '/rules/greet', { trigger: `/${ns.name}/arrival`, action: `/${ns.name}/greeting` })
  const greeted = ns.waitForActivation({ action: 'greeting' })
  await ns.fire('arrival', { name: 'Ada' })
  expect((await greeted).response.result).toMatchObject({ greeting: 'Hello, Ada!' })
})

test('greets every hour of the day, in no time', async ({ ns }) => {
  await ns.request('PUT', '/actions/greeting', { exec })
  await ns.request('PUT', '/triggers/hourly', {})
  await ns.request('PUT', '/rules/greet', { trigger: `/${ns.name}/hourly`, action: `/${ns.name}/greeting` })
  await ns.invoke('/whisk.system/alarms/alarm', {
    lifecycleEvent: 'CREATE',
    triggerName: `/${ns.name}/hourly`,
    authKey: ns.auth,
    cron: '0 * * * *',
  })
  await ow.clock.advance('24h')
  expect(await ns.request('GET', '/activations?name=greeting&count=true')).toEqual({ activations: 24 })
})
