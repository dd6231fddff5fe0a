// One server for the whole run: on a free port, in memory, with a clock that tests may move forward.

import { startOpenWhisk } from 'openwhisk-standalone'

export default async function setup(project) {
  const ow = await startOpenWhisk({ clock: 'virtual' })
  project.provide('openwhisk', { url: ow.url, token: ow.token })
  return () => ow.stop()
}
