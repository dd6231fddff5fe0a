// The built-in manifest: the kinds of Apache OpenWhisk, and the older ones that documents out there still use.

const attached = { attachmentName: 'codefile', attachmentType: 'text/plain' }

function runtime(kind: string, image: string, more: Readonly<Record<string, unknown>> = {}) {
  return { kind, image: { prefix: 'openwhisk', name: image, tag: 'nightly' }, deprecated: false, attached, ...more }
}

/** In the form of a `runtimes.json`. */
export const builtinManifest = {
  runtimes: {
    nodejs: [
      runtime('nodejs:18', 'action-nodejs-v18'),
      runtime('nodejs:20', 'action-nodejs-v20', {
        default: true,
        stemCells: [
          {
            initialCount: 2,
            memory: '256 MB',
            reactive: { minCount: 1, maxCount: 4, ttl: '2 minutes', threshold: 1, increment: 1 },
          },
        ],
      }),
    ],
    python: [
      runtime('python:3.10', 'action-python-v3.10', { default: true }),
      runtime('python:3.11', 'action-python-v3.11'),
    ],
    swift: [runtime('swift:5.3', 'action-swift-v5.3', { default: true }), runtime('swift:5.7', 'action-swift-v5.7')],
    java: [runtime('java:8', 'java8action', { default: true, requireMain: true })],
    php: [runtime('php:8.1', 'action-php-v8.1', { default: true })],
    ruby: [runtime('ruby:2.5', 'action-ruby-v2.5', { default: true })],
    go: [runtime('go:1.20', 'action-golang-v1.20', { default: true })],
    dotnet: [
      runtime('dotnet:3.1', 'action-dotnet-v3.1', { default: true, requireMain: true }),
      runtime('dotnet:6.0', 'action-dotnet-v6.0', { requireMain: true }),
    ],
    rust: [runtime('rust:1.34', 'action-rust-v1.34', { default: true })],
  },
  blackboxes: [{ prefix: 'openwhisk', name: 'dockerskeleton', tag: 'nightly' }],
}

/**
 * Kinds that are accepted, run as the default of their family, and shown as they were asked for.
 *
 * Differs from OpenWhisk: it refuses them.
 */
export const builtinAliases: readonly string[] = [
  ...['6', '8', '10', '12', '14', '16', '22'].map(version => `nodejs:${version}`),
  ...['3', '3.6', '3.7', '3.8', '3.9', '3.12'].map(version => `python:${version}`),
]
