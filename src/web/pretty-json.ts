// JSON as web actions show it: two blanks of indentation, arrays on one line, keys in ascending order.

import { isJsonArray, isJsonObject, type JsonValue, stringify } from '../entity/json.ts'

/** OpenWhisk: an empty object is an opening brace, an empty line and a closing brace. */
export function prettyJson(value: JsonValue, indent = ''): string {
  if (isJsonArray(value)) return `[${value.map(item => prettyJson(item, indent)).join(', ')}]`
  if (!isJsonObject(value)) return stringify(value)
  const inner = `${indent}  `
  const members = Object.keys(value)
    .sort()
    .flatMap(key => {
      const member = value[key]
      return member === undefined ? [] : [`${inner}${JSON.stringify(key)}: ${prettyJson(member, inner)}`]
    })
  return `{\n${members.join(',\n')}\n${indent}}`
}
