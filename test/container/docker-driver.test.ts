// The driver suite on Docker containers, which speak through the engine to the same runtimes.

import { testContainerFactory } from './conformance.ts'
import { describeDocker, openFactory } from './docker-engine.ts'

const IMAGES = { nodejs: 'openwhisk/action-nodejs-v20:nightly', python: 'openwhisk/action-python-v3.11:nightly' }

describeDocker('with the Docker driver', () => {
  testContainerFactory('docker', () => openFactory(), {
    // The test images hold the process driver's runtimes.
    testsRuntimes: false,
    request: kind => ({ image: kind.startsWith('python') ? IMAGES.python : IMAGES.nodejs }),
  })
})
