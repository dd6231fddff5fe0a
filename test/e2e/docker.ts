// Whether the end-to-end tests can run actions in containers.

import { execFileSync } from 'node:child_process'
import { describe, it } from 'vitest'

const IMAGES = ['openwhisk/action-nodejs-v20:nightly', 'openwhisk/action-python-v3.10:nightly']

function whyNot(): string | undefined {
  try {
    execFileSync('docker', ['image', 'inspect', ...IMAGES], { stdio: 'pipe' })
    return undefined
  } catch (error) {
    return `no Docker engine with ${IMAGES.join(' and ')}: ${error instanceof Error ? error.message.split('\n')[0] : error}`
  }
}

const unavailable = whyNot()

/** A `describe` that skips, saying why, without engine and images; fails when OPENWHISK_TEST_REQUIRE_DOCKER is 1. */
export function describeDocker(title: string, body: () => void): void {
  if (unavailable === undefined) describe(title, body)
  else if (process.env.OPENWHISK_TEST_REQUIRE_DOCKER !== '1') describe.skip(`${title} (skipped: ${unavailable})`, body)
  else {
    describe(title, () => {
      it('finds a Docker engine with the images', () => {
        throw new Error(unavailable)
      })
    })
  }
}
