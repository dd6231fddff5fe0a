// Media types as the reference's HTTP layer knows them: which are text, which binary, and what `Accept` admits.

/**
 * `open`: text whose charset is spelled out; `fixed`: text that is UTF-8 by definition; `binary`: bytes, which travel
 * as base64 in JSON.
 */
export type MediaClass = 'open' | 'fixed' | 'binary'

export interface ContentType {
  /** `main/sub` in lower case. */
  readonly type: string
  readonly mediaClass: MediaClass
  /** Canonical spelling, when one was given and the type takes one. */
  readonly charset?: string
  /** Parameters other than charset, in order. */
  readonly parameters: readonly (readonly [name: string, value: string])[]
}

const under = (main: string, subtypes: string): string[] => subtypes.split(' ').map(sub => `${main}/${sub}`)

const OPEN = new Set([
  ...under(
    'application',
    'atom+xml base64 javascript rss+xml soap+xml vnd.google-earth.kml+xml x-latex x-vrml xhtml+xml xml-dtd xml problem+xml',
  ),
  ...under(
    'text',
    'asp cache-manifest calendar css csv html markdown mcf plain richtext tab-separated-values uri-list vnd.wap.wml ' +
      'vnd.wap.wmlscript x-asm x-c x-component x-h x-java-source x-pascal x-script x-scriptcsh x-scriptelisp ' +
      'x-scriptksh x-scriptlisp x-scriptperl x-scriptperl-module x-scriptphyton x-scriptrexx x-scriptscheme x-scriptsh ' +
      'x-scripttcl x-scripttcsh x-scriptzsh x-server-parsed-html x-setext x-sgml x-speech x-uuencode x-vcalendar ' +
      'x-vcard xml',
  ),
])

const FIXED = new Set([
  ...under('application', 'json json-patch+json merge-patch+json problem+json vnd.api+json x-www-form-urlencoded'),
  'text/event-stream',
])

/** Registered binary types: a charset changes nothing for these, while it makes any unregistered type text. */
const BINARY = new Set([
  ...under(
    'application',
    'cbor gnutar java-archive grpc+proto lha lzx msword octet-stream pdf postscript vnd.google-earth.kmz vnd.ms-excel ' +
      'vnd.ms-excel.addin.macroenabled.12 vnd.ms-excel.sheet.binary.macroenabled.12 vnd.ms-excel.sheet.macroenabled.12 ' +
      'vnd.ms-excel.template.macroenabled.12 vnd.ms-fontobject vnd.ms-powerpoint ' +
      'vnd.ms-powerpoint.addin.macroenabled.12 vnd.ms-powerpoint.presentation.macroenabled.12 ' +
      'vnd.ms-powerpoint.slideshow.macroenabled.12 vnd.ms-word.document.macroenabled.12 ' +
      'vnd.ms-word.template.macroenabled.12 vnd.oasis.opendocument.chart vnd.oasis.opendocument.database ' +
      'vnd.oasis.opendocument.formula vnd.oasis.opendocument.graphics vnd.oasis.opendocument.image ' +
      'vnd.oasis.opendocument.presentation vnd.oasis.opendocument.spreadsheet vnd.oasis.opendocument.text ' +
      'vnd.oasis.opendocument.text-master vnd.oasis.opendocument.text-web ' +
      'vnd.openxmlformats-officedocument.presentationml.presentation ' +
      'vnd.openxmlformats-officedocument.presentationml.slide ' +
      'vnd.openxmlformats-officedocument.presentationml.slideshow ' +
      'vnd.openxmlformats-officedocument.presentationml.template ' +
      'vnd.openxmlformats-officedocument.spreadsheetml.sheet ' +
      'vnd.openxmlformats-officedocument.spreadsheetml.template ' +
      'vnd.openxmlformats-officedocument.wordprocessingml.document ' +
      'vnd.openxmlformats-officedocument.wordprocessingml.template x-7z-compressed x-ace-compressed ' +
      'x-apple-diskimage x-arc-compressed x-bzip x-bzip2 x-chrome-extension x-compress x-compressed x-debian-package ' +
      'x-dvi x-font-truetype x-font-opentype x-gtar x-gzip x-rar-compressed x-redhat-package-manager ' +
      'x-shockwave-flash x-tar x-tex x-texinfo x-x509-ca-cert x-xpinstall zip',
  ),
  ...under('audio', 'aiff basic midi mod mpeg ogg voc vorbis voxware wav x-pn-realaudio x-psid xm webm'),
  ...under('font', 'woff woff2'),
  ...under(
    'image',
    'gif jpeg pict png svg+xml tiff x-icon x-ms-bmp x-pcx x-pict x-quicktime x-rgb x-xbitmap x-xpixmap webp',
  ),
  ...under('message', 'http delivery-status rfc822'),
  ...under(
    'video',
    'avs-video divx gl mp4 mpeg ogg quicktime x-dv x-flv x-motion-jpeg x-ms-asf x-msvideo x-sgi-movie webm',
  ),
])

const TOKEN = "[!#$%&'*+\\-.^_`|~0-9A-Za-z]+"
/** Without control characters: a type is a header's value. */
const QUOTED = '"(?:[^"\\\\\\x00-\\x1f\\x7f]|\\\\[^\\x00-\\x1f\\x7f])*"'
const MEDIA_TYPE = new RegExp(`^\\s*(${TOKEN})/(${TOKEN})\\s*((?:;\\s*${TOKEN}\\s*=\\s*(?:${TOKEN}|${QUOTED})\\s*)*)$`)
const PARAMETER = new RegExp(`;\\s*(${TOKEN})\\s*=\\s*(${TOKEN}|${QUOTED})`, 'g')

const unquote = (value: string): string => (value.startsWith('"') ? value.slice(1, -1).replace(/\\(.)/g, '$1') : value)
const quoteIfNeeded = (value: string): string =>
  new RegExp(`^${TOKEN}$`).test(value) ? value : `"${value.replace(/["\\]/g, '\\$&')}"`

const canonicalCharset = (name: string): string => (/^(utf-|iso-|us-ascii$)/i.test(name) ? name.toUpperCase() : name)

const classify = (type: string, hasCharset: boolean): MediaClass => {
  if (OPEN.has(type)) return 'open'
  if (FIXED.has(type)) return 'fixed'
  if (!hasCharset || BINARY.has(type) || type.startsWith('multipart/')) return 'binary'
  return 'open'
}

const parsed = new Map<string, ContentType | undefined>()
/** More distinct values than this are not a matter of a few clients: parse them each time. */
const PARSED_MAX = 500

/** Parses a `Content-Type` value; undefined when it is not one (`foo`, `text/`, `text/plain;`). */
export function parseContentType(value: string): ContentType | undefined {
  const known = parsed.get(value)
  if (known !== undefined || parsed.has(value)) return known
  const contentType = parse(value)
  if (parsed.size < PARSED_MAX && value.length < 200) parsed.set(value, contentType)
  return contentType
}

function parse(value: string): ContentType | undefined {
  const match = MEDIA_TYPE.exec(value)
  if (!match) return undefined
  const type = `${match[1]}/${match[2]}`.toLowerCase()
  const parameters: [string, string][] = []
  let charset: string | undefined
  for (const [, name = '', raw = ''] of (match[3] ?? '').matchAll(PARAMETER)) {
    if (name.toLowerCase() === 'charset') charset = canonicalCharset(unquote(raw))
    else parameters.push([name, unquote(raw)])
  }
  const mediaClass = classify(type, charset !== undefined)
  return { type, mediaClass, parameters, ...(mediaClass === 'open' && charset !== undefined ? { charset } : {}) }
}

/** As the reference prints it: `text/html; charset=UTF-8`; the charset only where the type leaves it open. */
export function renderContentType(contentType: ContentType, charset = contentType.charset): string {
  let text = contentType.type
  for (const [name, value] of contentType.parameters) text += `; ${name}=${quoteIfNeeded(value)}`
  return contentType.mediaClass === 'open' && charset !== undefined ? `${text}; charset=${charset}` : text
}

/** `application/json` and everything that ends in `+json`, without parameters other than charset. */
export const isJsonType = ({ type, parameters }: ContentType): boolean =>
  parameters.length === 0 && (type === 'application/json' || type.endsWith('+json'))

interface Range {
  main: string
  sub: string
  parameters: [string, string][]
  q: number
}

/** Media ranges of an `Accept` value; undefined when it does not parse, which counts as no header. */
function parseAccept(value: string): Range[] | undefined {
  const ranges: Range[] = []
  for (const part of value.split(',')) {
    if (part.trim() === '') continue
    const type = parseContentType(part.replace(/^\s*\*\s*(?=;|$)/, '*/*'))
    if (!type) return undefined
    const [main = '', sub = ''] = type.type.split('/')
    const q = type.parameters.find(([name]) => name.toLowerCase() === 'q')?.[1]
    const weight = q === undefined ? 1 : Number(q)
    if (Number.isNaN(weight)) return undefined
    const parameters = type.parameters
      .filter(([name]) => name.toLowerCase() !== 'q')
      .map(([n, v]): [string, string] => [n, v])
    ranges.push({ main, sub, parameters, q: weight })
  }
  return ranges
}

/**
 * Whether an `Accept` header admits the type: the most specific range that matches decides, and `q=0` refuses. What has
 * no type (an empty text here) is matched by the wildcard alone.
 */
export function accepts(accept: string | undefined, type: string): boolean {
  if (accept === undefined || accept === '' || accept === '*/*') return true
  const ranges = parseAccept(accept)
  if (!ranges || ranges.length === 0) return true
  const [main, sub] = type.split('/')
  let best = -1
  let admitted = false
  for (const range of ranges) {
    // A range with parameters (`text/html;level=1`) matches only a type with the same ones: none of ours has any.
    if (range.parameters.length > 0) continue
    const specificity =
      range.main === '*' ? 0 : range.main !== main ? -1 : range.sub === '*' ? 1 : range.sub === sub ? 2 : -1
    if (specificity > best) {
      best = specificity
      admitted = range.q > 0
    }
  }
  return admitted
}

/** The charset for a text that can be converted: UTF-8 when `Accept-Charset` admits it, else its favourite. */
export function negotiateCharset(acceptCharset: string | undefined): { utf8: boolean; best: string } {
  if (acceptCharset === undefined || acceptCharset.trim() === '') return { utf8: true, best: 'UTF-8' }
  const ranges = acceptCharset
    .split(',')
    .map(part => part.trim().split(/\s*;\s*/))
    .filter(([name]) => name !== '')
    .map(([name = '', ...parameters]) => ({
      name: name.toLowerCase(),
      q: Number(parameters.find(p => p.toLowerCase().startsWith('q='))?.slice(2) ?? 1),
    }))
  const utf8 = ranges.some(range => (range.name === 'utf-8' || range.name === '*') && range.q > 0)
  const best = ranges.filter(range => range.q > 0).sort((a, b) => b.q - a.q)[0]
  return { utf8, best: utf8 || !best ? 'UTF-8' : canonicalCharset(best.name) }
}
