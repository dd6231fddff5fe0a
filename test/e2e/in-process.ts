// A server from the sources, in the process of the tests, that shares nothing with one of this user's.

import { join } from 'node:path'
import { type OpenWhisk, startOpenWhisk } from '../../src/index.ts'
import { aFolder } from './server.ts'

/** With the process driver and nothing on disk. */
export async function startInProcess(): Promise<{ server: OpenWhisk; stop(): Promise<void> }> {
  const folder = aFolder()
  const former = process.env.OPENWHISK_RUN_DIR
  process.env.OPENWHISK_RUN_DIR = join(folder.path, 'run')
  const server = await startOpenWhisk({ driver: 'process', prewarm: false, configFile: false })
  return {
    server,
    async stop() {
      await server.stop()
      if (former === undefined) delete process.env.OPENWHISK_RUN_DIR
      else process.env.OPENWHISK_RUN_DIR = former
      folder.remove()
    },
  }
}
