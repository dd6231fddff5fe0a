// URLs of web actions: the parts of the path, and queries as the reference reads and re-renders them.

export const EXTENSIONS = ['http', 'json', 'html', 'svg', 'text'] as const
export type Extension = (typeof EXTENSIONS)[number]

export interface WebTarget {
  readonly namespace: string
  /** Fully qualified, without a leading slash: `guest/hello`, `guest/pkg/hello`. */
  readonly action: string
  readonly extension: Extension
  /** What follows the action's segment, percent-encoded anew: `__ow_path`. */
  readonly rest: string
}

export interface QueryPair {
  readonly name: string
  readonly value: string
  /** `flag` rather than `flag=`. */
  readonly bare: boolean
}

const ENTITY_NAME = /^(?:\w|\w[\w@ .&-]{0,254}[\w@.&-])$/

const HEX = '0123456789ABCDEF'

/** Bytes that go out as they are in a path segment: unreserved characters, sub-delimiters, `@` and `:`. */
const inSegment = asciiTable("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,;=@:")
/** The same for names and values of a query. */
const inQuery = asciiTable("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$'()*,:@/?")

function asciiTable(characters: string): readonly boolean[] {
  const table = new Array<boolean>(128).fill(false)
  for (const character of characters) table[character.charCodeAt(0)] = true
  return table
}

function encode(text: string, bare: readonly boolean[], blank: string): string {
  let out = ''
  for (const byte of Buffer.from(text, 'utf8')) {
    if (byte === 32) out += blank
    else if (bare[byte]) out += String.fromCharCode(byte)
    else out += `%${HEX[byte >> 4]}${HEX[byte & 15]}`
  }
  return out
}

/** Decodes percent-escapes; bytes that are no UTF-8 become U+FFFD, and a `%` that begins no escape stays. */
export function percentDecode(text: string): string {
  if (!text.includes('%')) return text
  try {
    return decodeURIComponent(text)
  } catch {
    const bytes: number[] = []
    for (let i = 0; i < text.length; i++) {
      const hex = text[i] === '%' ? /^[0-9a-f]{2}/i.exec(text.slice(i + 1, i + 3)) : null
      if (hex) {
        bytes.push(Number.parseInt(hex[0], 16))
        i += 2
      } else {
        bytes.push(...Buffer.from(text[i] ?? '', 'utf8'))
      }
    }
    return Buffer.from(bytes).toString('utf8')
  }
}

const PLAIN_SEGMENTS = /^[\w\-.~!$&'()*+,;=@:/]*$/

/** Percent-encodes a path anew: escapes of plain characters go, all others are UTF-8 in upper-case hex. */
export function normalizePath(path: string): string {
  if (PLAIN_SEGMENTS.test(path)) return path
  return path
    .split('/')
    .map(segment => encode(percentDecode(segment), inSegment, '%20'))
    .join('/')
}

const DOT_SEGMENT = /(?:^|\/)(?:\.|%2e){1,2}(?=\/|$)/i

/** Removes `.` and `..` segments, escaped ones too; `path` begins with a slash or is what follows one. */
export function removeDotSegments(path: string): string {
  if (!DOT_SEGMENT.test(path)) return path
  const out: string[] = []
  const segments = path.split('/')
  segments.forEach((segment, index) => {
    const plain = segment.replace(/%2e/gi, '.')
    const last = index === segments.length - 1
    if (plain === '..') out.pop()
    else if (plain !== '.') out.push(segment)
    if (last && (plain === '.' || plain === '..')) out.push('')
  })
  return out.join('/')
}

/** The extension of an action's segment, which is the whole name where it has none. */
function splitExtension(segment: string): { name: string; extension: Extension } {
  for (const extension of EXTENSIONS) {
    if (segment.endsWith(`.${extension}`)) return { name: segment.slice(0, -extension.length - 1), extension }
  }
  return { name: segment, extension: 'http' }
}

/**
 * Takes apart what follows `/api/v1/web/`; undefined where no web action can be meant. `_` stands for itself.
 *
 * OpenWhisk: the literal `default` is tried as a prefix first, so no package whose name begins with it can be reached.
 */
export function parseTarget(path: string): WebTarget | undefined {
  const first = path.indexOf('/')
  const second = first < 0 ? -1 : path.indexOf('/', first + 1)
  if (second < 0) return undefined
  const third = path.indexOf('/', second + 1)
  const namespace = percentDecode(path.slice(0, first))
  const packageName = percentDecode(path.slice(first + 1, second))
  const segment = percentDecode(third < 0 ? path.slice(second + 1) : path.slice(second + 1, third))
  if (!ENTITY_NAME.test(namespace) || !ENTITY_NAME.test(packageName) || !ENTITY_NAME.test(segment)) return undefined
  const inDefault = packageName === 'default'
  if (!inDefault && packageName.startsWith('default')) return undefined
  const { name, extension } = splitExtension(segment)
  return {
    namespace,
    action: inDefault ? `${namespace}/${name}` : `${namespace}/${packageName}/${name}`,
    extension,
    rest: third < 0 ? '' : normalizePath(path.slice(third)),
  }
}

const decodeQuery = (text: string): string => percentDecode(text.includes('+') ? text.replaceAll('+', ' ') : text)

/** The pairs of a query or form, in order; an empty piece is a pair of empty texts, an empty query has none. */
export function parseQuery(query: string | undefined): QueryPair[] {
  if (query === undefined || query === '') return []
  return query.split('&').map(piece => {
    const equals = piece.indexOf('=')
    if (equals < 0) return { name: decodeQuery(piece), value: '', bare: true }
    return { name: decodeQuery(piece.slice(0, equals)), value: decodeQuery(piece.slice(equals + 1)), bare: false }
  })
}

/** A query as `__ow_query` shows it: parsed and rendered anew, order and repetitions kept. */
export function renderQuery(query: string | undefined): string {
  return parseQuery(query)
    .map(({ name, value, bare }) => encode(name, inQuery, '+') + (bare ? '' : `=${encode(value, inQuery, '+')}`))
    .join('&')
}

const FORM_TEXT = /^(?:[\w\-.~!$'()*+,;:@/?&=]|%[0-9a-fA-F]{2})*/
/** What the reference's parser would still have taken, inside a name and inside a value. */
const EXPECTED_IN_NAME = "'+', '=', query-char, 'EOI', '&' or pct-encoded"
const EXPECTED_IN_VALUE = "'+', query-char, pct-encoded, '&' or 'EOI'"

/** Says what is wrong with the text of a form, as the reference's parser does; undefined for a legal one. */
export function formProblem(text: string): string | undefined {
  const legal = FORM_TEXT.exec(text)?.[0].length ?? 0
  if (legal === text.length) return undefined
  let at = legal
  let expected = text.slice(text.lastIndexOf('&', legal - 1) + 1, legal).includes('=')
    ? EXPECTED_IN_VALUE
    : EXPECTED_IN_NAME
  if (text[legal] === '%') {
    at = /^[0-9a-fA-F]/.test(text.slice(legal + 1)) ? legal + 2 : legal + 1
    expected = 'HEXDIG'
  }
  const what = at >= text.length ? 'Unexpected end of input' : `Invalid input '${visible(text[at] ?? '')}'`
  const before = text.slice(0, at)
  const line = before.split('\n').length
  const lineStart = before.lastIndexOf('\n') + 1
  const lineEnd = text.indexOf('\n', at)
  const shown = text.slice(lineStart, lineEnd < 0 ? undefined : lineEnd).replace(/\p{Cc}/gu, '?')
  const column = at - lineStart
  return `${what}, expected ${expected} (line ${line}, column ${column + 1}): ${shown}\n${' '.repeat(column)}^`
}

const visible = (character: string): string =>
  character === '\n' ? '\\n' : character === '\r' ? '\\r' : character === '\t' ? '\\t' : character
