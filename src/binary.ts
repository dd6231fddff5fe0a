// Where the single executable starts: as the server and its command line, or as the Node.js of an action.

import { runAsNode } from './embedded/as-node.ts'
import { AS_NODE } from './embedded/embedded.ts'

if (process.env[AS_NODE] === '1') runAsNode(process.argv.slice(2))
// The server is evaluated for itself alone: an action's runtime starts without it.
else import('./main.ts').then(({ main }) => main(process.argv))
