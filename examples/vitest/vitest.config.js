import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: './global-setup.js',
    pool: 'forks',
    maxWorkers: 4,
    // First runs of actions start containers.
    testTimeout: 30_000,
  },
})
