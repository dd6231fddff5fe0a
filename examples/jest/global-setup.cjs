// One server for the whole run. Workers find it in the environment, which they inherit.

const { startOpenWhisk } = require('openwhisk-standalone')

module.exports = async () => {
  const ow = await startOpenWhisk()
  process.env.OPENWHISK_CONTROL_URL = ow.url
  process.env.OPENWHISK_CONTROL_TOKEN = ow.token
  globalThis.openwhisk = ow
}
