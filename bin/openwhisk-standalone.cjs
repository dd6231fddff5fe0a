#!/usr/bin/env node
// Starts the bundle, unless this Node.js is too old for it. Written in the JavaScript of ten years ago, so that every
// Node.js can read it and say the one sentence instead of failing on syntax or on a native module.
'use strict'

var needed = [20, 19]
var own = process.versions.node.split('.').map(Number)

if (own[0] < needed[0] || (own[0] === needed[0] && own[1] < needed[1])) {
  console.error(
    'openwhisk-standalone needs Node.js ' +
      needed.join('.') +
      ' or later; this is ' +
      process.version +
      ' (' +
      process.execPath +
      ').',
  )
  process.exit(2)
} else {
  require('../dist/openwhisk.cjs').main(process.argv)
}
