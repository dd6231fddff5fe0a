import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    // SQL migrations are imported as text, as esbuild does it in the bundle.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
  plugins: [
    {
      name: 'text-imports',
      enforce: 'pre',
      transform(code: string, id: string) {
        return /\.(sql|py|html|css)$/.test(id)
          ? { code: `export default ${JSON.stringify(code)}`, map: null }
          : undefined
      },
    },
  ],
})
