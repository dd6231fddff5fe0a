// The JSON parser for texts that JSON.parse would change or whose errors must be told in the reference's words.

/** A parsed value; `N` stands for the numbers that a double would print otherwise. */
export type Parsed<N> = null | boolean | number | string | N | Parsed<N>[] | { [key: string]: Parsed<N> }

/** How many values may be nested in one another, and how long a number may be. */
const MAX_NESTING = 1000
const MAX_NUMBER_LENGTH = 100

/** The text is no JSON, or beyond the parser's limits. The message is the reference's; most end with a newline. */
export class JsonSyntaxError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'JsonSyntaxError'
  }
}

/** A quick test for texts without any number that a double might print otherwise. */
const SUSPICIOUS_NUMBER = /-0|\d{16}|\d[.eE]/
const NUMBER = /-?\d[\d.eE+-]*/y

const QUOTE = 0x22
const BACKSLASH = 0x5c
const SPACE = 0x20

/**
 * True when JSON.parse, if it accepts the text at all, gives the same value as `parseExactly`: every number outside of
 * strings is printed back as it stands, and nothing is nested too deeply.
 */
export function isFaithful(text: string): boolean {
  if (text.length <= MAX_NESTING && !SUSPICIOUS_NUMBER.test(text)) return true
  let depth = 0
  for (let at = 0; at < text.length; at++) {
    const char = text.charCodeAt(at)
    if (char === QUOTE) {
      at = endOfString(text, at + 1)
    } else if (char === 0x7b || char === 0x5b) {
      depth++
      if (depth >= MAX_NESTING) return false
    } else if (char === 0x7d || char === 0x5d) {
      depth--
    } else if (isDigit(char) || char === 0x2d) {
      NUMBER.lastIndex = at
      const literal = NUMBER.exec(text)?.[0]
      if (literal === undefined) continue
      if (!printsBack(literal)) return false
      at += literal.length - 1
    }
  }
  return true
}

function printsBack(literal: string): boolean {
  return literal.length < 16 && !SUSPICIOUS_NUMBER.test(literal) ? true : String(Number(literal)) === literal
}

/** The index of the closing quote, or the length of the text. */
function endOfString(text: string, from: number): number {
  let end = text.indexOf('"', from)
  while (end > 0) {
    let backslashes = 0
    while (end - 1 - backslashes >= from && text.charCodeAt(end - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return end
    end = text.indexOf('"', end + 1)
  }
  return text.length
}

function isDigit(char: number): boolean {
  return char >= 0x30 && char <= 0x39
}

/**
 * The canonical text of a JSON number: the digits with their scale, an exponent only where the reference prints one
 * (`1e3` → `1E+3`, `-0` → `0`, `1.50` → `1.50`). Fails with JsonSyntaxError when the exponent is beyond 32 bits.
 */
export function canonicalNumber(literal: string): string {
  const [, sign = '', integer = '', fraction = '', exponent = '0'] =
    /^(-?)(\d+)(?:\.(\d+))?(?:[eE]([+-]?\d+))?$/.exec(literal) ?? []
  if (exponent.replace(/^[+-]?0*/, '').length > 10) throw new JsonSyntaxError('Too many nonzero exponent digits.')
  const digits = `${integer}${fraction}`.replace(/^0+(?=\d)/, '')
  const scale = fraction.length - Number(exponent)
  if (scale > 2 ** 31 - 1 || scale < -(2 ** 31)) throw new JsonSyntaxError('Scale out of range.')
  const minus = digits === '0'.repeat(digits.length) ? '' : sign
  const adjusted = digits.length - 1 - scale
  if (scale >= 0 && adjusted >= -6) {
    if (scale === 0) return minus + digits
    const padded = digits.padStart(scale + 1, '0')
    return `${minus}${padded.slice(0, -scale)}.${padded.slice(-scale)}`
  }
  const mantissa = digits.length === 1 ? digits : `${digits[0]}.${digits.slice(1)}`
  if (adjusted === 0) return minus + mantissa
  return `${minus}${mantissa}E${adjusted > 0 ? '+' : ''}${adjusted}`
}

const ESCAPES: Readonly<Record<string, string>> = {
  '"': '"',
  '/': '/',
  '\\': '\\',
  b: '\b',
  f: '\f',
  n: '\n',
  r: '\r',
  t: '\t',
}

/**
 * Parses with every number kept exactly; `exact` makes the value of a number that a double would print otherwise.
 * `extraNesting`: how many values more than in a request may be nested in one another.
 */
export function parseExactly<N>(text: string, exact: (literal: string) => N, extraNesting = 0): Parsed<N> {
  return new Parser(text, exact).parse(MAX_NESTING + extraNesting)
}

class Parser<N> {
  readonly #text: string
  readonly #exact: (literal: string) => N
  #at = 0

  constructor(text: string, exact: (literal: string) => N) {
    this.#text = text
    this.#exact = exact
  }

  parse(maxNesting: number): Parsed<N> {
    this.#space()
    const value = this.#value(maxNesting)
    if (this.#at < this.#text.length) this.#fail('end-of-input')
    return value
  }

  #value(remaining: number): Parsed<N> {
    if (remaining === 0) {
      throw new JsonSyntaxError(
        `JSON input nested too deeply:JSON input was nested more deeply than the configured limit of maxNesting = ${MAX_NESTING}`,
      )
    }
    const char = this.#text[this.#at]
    switch (char) {
      case '{':
        return this.#object(remaining)
      case '[':
        return this.#array(remaining)
      case '"':
        return this.#string()
      case 'f':
        return this.#literal('false', false)
      case 'n':
        return this.#literal('null', null)
      case 't':
        return this.#literal('true', true)
    }
    if (char === '-' || isDigit(this.#code())) return this.#number()
    return this.#fail('JSON Value')
  }

  #literal<T>(word: string, value: T): T {
    const start = this.#at
    for (const char of word) {
      if (this.#text[this.#at] !== char) this.#fail('JSON Value', start)
      this.#at++
    }
    this.#space()
    return value
  }

  #object(remaining: number): Parsed<N> {
    const object: Record<string, Parsed<N>> = {}
    this.#at++
    this.#space()
    if (!this.#skip('}')) {
      do {
        this.#space()
        const key = this.#string()
        this.#require(':')
        this.#space()
        const value = this.#value(remaining - 1)
        if (key === '__proto__') {
          Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
        } else {
          object[key] = value
        }
      } while (this.#skip(','))
      this.#require('}')
    }
    this.#space()
    return object
  }

  #array(remaining: number): Parsed<N> {
    const array: Parsed<N>[] = []
    this.#at++
    this.#space()
    if (!this.#skip(']')) {
      do {
        this.#space()
        array.push(this.#value(remaining - 1))
      } while (this.#skip(','))
      this.#require(']')
    }
    this.#space()
    return array
  }

  #number(): Parsed<N> {
    const start = this.#at
    this.#skip('-')
    if (!this.#skip('0')) this.#digits()
    if (this.#skip('.')) this.#digits()
    if (this.#skip('e') || this.#skip('E')) {
      if (!this.#skip('-')) this.#skip('+')
      this.#digits()
    }
    const literal = this.#text.slice(start, this.#at)
    if (literal.length > MAX_NUMBER_LENGTH) {
      throw new JsonSyntaxError(
        `Number too long:The number starting with '${literal.slice(0, 20)}' had ${literal.length} characters which is more than the allowed limit maxNumberCharacters = ${MAX_NUMBER_LENGTH}. If this is legit input consider increasing the limit.`,
      )
    }
    this.#space()
    if (literal === '-0') return 0
    return printsBack(literal) ? Number(literal) : this.#exact(literal)
  }

  #digits(): void {
    if (!isDigit(this.#code())) this.#fail('DIGIT')
    while (isDigit(this.#code())) this.#at++
  }

  #string(): string {
    if (this.#code() !== QUOTE) this.#fail(`'"'`)
    this.#at++
    let value = ''
    let start = this.#at
    for (;;) {
      const char = this.#code()
      if (char === BACKSLASH) {
        value += this.#text.slice(start, this.#at) + this.#escape()
        start = this.#at
      } else if (char >= SPACE && char !== QUOTE) {
        this.#at++
      } else {
        break
      }
    }
    value += this.#text.slice(start, this.#at)
    this.#require('"')
    this.#space()
    return value
  }

  #escape(): string {
    this.#at++
    const char = this.#text[this.#at] ?? ''
    if (char === 'u') {
      this.#at++
      let code = 0
      for (let i = 0; i < 4; i++) {
        const digit = Number.parseInt(this.#text[this.#at] ?? '', 16)
        if (Number.isNaN(digit)) this.#fail('hex digit')
        code = code * 16 + digit
        this.#at++
      }
      return String.fromCharCode(code)
    }
    const escaped = ESCAPES[char]
    if (escaped === undefined) return this.#fail('JSON escape sequence')
    this.#at++
    return escaped
  }

  /** The code unit here; NaN at the end, which compares with nothing. */
  #code(): number {
    return this.#text.charCodeAt(this.#at)
  }

  #space(): void {
    for (;;) {
      const char = this.#code()
      if (char !== SPACE && char !== 0x0a && char !== 0x0d && char !== 0x09) return
      this.#at++
    }
  }

  #skip(char: string): boolean {
    if (this.#text[this.#at] !== char) return false
    this.#at++
    return true
  }

  #require(char: string): void {
    if (!this.#skip(char)) this.#fail(`'${char}'`)
  }

  /** OpenWhisk: the character is the one at hand, the position that of `at`, counted in bytes of UTF-8. */
  #fail(expected: string, at = this.#at): never {
    const char = this.#text[this.#at]
    const found = char === undefined ? 'end-of-input' : `character '${describeChar(this.#text, this.#at)}'`
    const index = Buffer.byteLength(this.#text.slice(0, at))
    const { line, column, source } = lineAt(this.#text, index)
    const shown = source.replace(/\p{Cc}/gu, '?')
    throw new JsonSyntaxError(
      `Unexpected ${found} at input index ${index} (line ${line}, position ${column}), expected ${expected}:\n${shown}\n${' '.repeat(column - 1)}^\n`,
    )
  }
}

function isControl(code: number): boolean {
  return code < 0x20 || (code >= 0x7f && code < 0xa0)
}

/** OpenWhisk: reads bytes there, so a character beyond ASCII shows as its first byte. */
function describeChar(text: string, at: number): string {
  const code = text.charCodeAt(at)
  if (isControl(code)) return `\\u${code.toString(16).padStart(4, '0')}`
  const lead = code < 0x80 ? code : Buffer.from(String.fromCodePoint(text.codePointAt(at) ?? 0))[0]
  return String.fromCharCode(lead ?? code)
}

/** OpenWhisk: finds the line by counting characters, though the index counts bytes. */
function lineAt(text: string, index: number): { line: number; column: number; source: string } {
  let start = 0
  let line = 1
  for (;;) {
    const newline = text.indexOf('\n', start)
    if (newline === -1 || newline >= index) {
      return { line, column: index - start + 1, source: text.slice(start, newline === -1 ? undefined : newline) }
    }
    start = newline + 1
    line++
  }
}
