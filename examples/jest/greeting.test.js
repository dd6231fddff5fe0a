const { connectOpenWhisk } = require('openwhisk-standalone')

const ow = connectOpenWhisk()
let ns

beforeEach(async () => {
  ns = await ow.namespace()
})
afterEach(() => ns.delete())

test('greets by name', async () => {
  const code = "function main({ name }) { return { greeting: 'Hello, ' + name + '!' } }"
  await ns.request('PUT', '/actions/greeting', { exec: { kind: 'nodejs:default', code } })
  const { response } = await ns.invoke('greeting', { name: 'World' })
  expect(response).toMatchObject({ success: true, result: { greeting: 'Hello, World!' } })
})

test('starts with nothing', async () => {
  expect(await ns.request('GET', '/actions')).toEqual([])
})
