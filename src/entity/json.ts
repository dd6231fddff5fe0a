// JSON as OpenWhisk keeps it: sorted keys, and numbers that keep their decimal text.

/**
 * A number whose text a JavaScript number would not give back (`1.0`, `12345678901234567890`, `1E+3`).
 * `text` is the canonical form that the reference prints.
 */
export class JsonNumber {
  readonly text: string

  constructor(text: string) {
    this.text = text
  }

  toNumber(): number {
    return Number(this.text)
  }
}

export type JsonValue = null | boolean | number | string | JsonNumber | readonly JsonValue[] | JsonObject
export type JsonObject = { readonly [key: string]: JsonValue }
