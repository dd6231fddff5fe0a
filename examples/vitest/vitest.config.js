import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    globalSetup: './global-setup.js',
    pool: 'forks',
    maxWorkers: 4,
  },
})
