// `test` with a namespace of its own for each test that asks for `ns`.

import { connectOpenWhisk } from 'openwhisk-standalone'
import { test as base, inject } from 'vitest'

export const ow = connectOpenWhisk(inject('openwhisk'))

export const test = base.extend({
  // biome-ignore lint/correctness/noEmptyPattern: vitest reads from it what the fixture needs
  ns: async ({}, use) => {
    const ns = await ow.namespace()
    await use(ns)
    await ns.delete()
  },
})
