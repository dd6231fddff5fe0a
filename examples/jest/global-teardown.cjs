module.exports = () => globalThis.openwhisk.stop()
