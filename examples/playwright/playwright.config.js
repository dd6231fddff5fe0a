import { defineConfig } from '@playwright/test'

const port = process.env.PORT ?? '4233'
const url = `http://localhost:${port}`

export default defineConfig({
  globalSetup: './deploy.js',
  // The first click may wait for a container.
  expect: { timeout: 20_000 },
  use: {
    baseURL: `${url}/api/v1/web/guest/default/`,
    launchOptions: { executablePath: process.env.CHROME_PATH, chromiumSandbox: process.getuid?.() !== 0 },
  },
  webServer: {
    command: `npx --no-install openwhisk-standalone --port ${port} --ephemeral`,
    url: `${url}/ready`,
    reuseExistingServer: !process.env.CI,
    // Lets it remove its containers.
    gracefulShutdown: { signal: 'SIGTERM', timeout: 15_000 },
  },
})
