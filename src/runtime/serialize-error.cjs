// Turns whatever an action rejected with into JSON, as the serialize-error package (9.x) of the reference runtime does.
'use strict'

const { Buffer } = require('node:buffer')

const COMMON = ['name', 'message', 'stack', 'code']

const hasToJson = value => typeof value.toJSON === 'function'

const clean = (from, seen) => {
  const to = Array.isArray(from) ? [] : {}
  seen.push(from)
  if (hasToJson(from)) return from.toJSON()
  for (const [key, value] of Object.entries(from)) {
    if (Buffer.isBuffer(value)) to[key] = '[object Buffer]'
    else if (value !== null && typeof value === 'object' && typeof value.pipe === 'function')
      to[key] = '[object Stream]'
    else if (typeof value === 'function') continue
    else if (value === null || typeof value !== 'object') to[key] = value
    else if (seen.includes(value)) to[key] = '[Circular]'
    else to[key] = clean(value, [...seen])
  }
  for (const property of COMMON) {
    if (typeof from[property] === 'string') to[property] = from[property]
  }
  return to
}

/** Returns `value` as plain data: errors with name, message, stack and code, cycles cut, functions by their names. */
module.exports = function serializeError(value) {
  if (typeof value === 'object' && value !== null) return clean(value, [])
  if (typeof value === 'function') return `[Function: ${value.name || 'anonymous'}]`
  return value
}
