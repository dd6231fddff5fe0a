// The entities of /whisk.system/local: event sources of this machine, which only this server has.
// Differs from OpenWhisk: the reference has no such package.

import { type CatalogPackage, parameterList } from './catalog-package.ts'

const SOURCE = `function main() {
  return { error: 'This feed only works as part of the server.' };
}
`

export const local: CatalogPackage = {
  name: 'local',
  publish: true,
  annotations: { description: 'Event sources on this machine: a URL and a file watcher' },
  actions: [
    {
      name: 'webhook',
      native: true,
      source: SOURCE,
      annotations: {
        description: 'Fire trigger when a URL of this server is requested',
        parameters: parameterList(),
        feed: true,
        sampleOutput: { status: 'success', url: 'http://localhost:3233/_hooks/0123456789abcdef0123456789abcdef' },
      },
    },
    {
      name: 'watch',
      native: true,
      source: SOURCE,
      annotations: {
        description: 'Fire trigger when a file, or a file in a folder, changes',
        parameters: parameterList(
          {
            name: 'path',
            required: true,
            description: 'A file or folder, relative to where the server was started',
          },
          { name: 'recursive', required: false, type: 'boolean', description: 'Watch the folders below it too' },
        ),
        feed: true,
        sampleInput: { path: 'src', recursive: true },
        sampleOutput: { status: 'success', path: '/home/me/project/src' },
      },
    },
  ],
}
