import { badMessage, cannotEncode, describe } from './errors.ts'
import { encodeUtf8, readUtf8 } from './utf8.ts'

/** Bounds of a message, received or sent. */
export interface JsonLimits {
  /** Objects and arrays inside of each other. @defaultValue 64 */
  readonly maxDepth?: number | undefined
  /** Keys in all objects of a message together. @defaultValue 10 000 */
  readonly maxKeys?: number | undefined
}

/** The default of each bound. */
export const JSON_DEFAULTS: { readonly maxDepth: number; readonly maxKeys: number } = { maxDepth: 64, maxKeys: 10_000 }
/** What each level and each key takes at least: its brackets; its quotes, colon and value. */
const BYTES_A_LEVEL = 2
const BYTES_A_KEY = 4

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
/** `{`, and `[` but for one bit. */
const OPENING = 0x7b
/** `}`, and `]` but for one bit. */
const CLOSING = 0x7d

/**
 * JSON that a peer may have written: bounded before anything is made of it, and without the key `__proto__`, which copied
 * by `Object.assign` would set the prototype. What `codecs/json.ts` says of its errors is done here.
 */
export class JsonText {
  readonly #maxDepth: number
  readonly #maxKeys: number

  constructor({ maxDepth, maxKeys }: { readonly maxDepth: number; readonly maxKeys: number } = JSON_DEFAULTS) {
    this.#maxDepth = maxDepth
    this.#maxKeys = maxKeys
  }

  /** What lies in `bytes` from `from` to `to`. @throws ERR_BAD_MESSAGE */
  parse(bytes: Uint8Array, from: number = 0, to: number = bytes.length): unknown {
    if (this.#mayExceed(to - from)) {
      const excess = this.#excess(bytes, from, to)
      if (excess !== undefined) throw badMessage(excess)
    }
    let text: string
    try {
      text = readUtf8(bytes, from, to)
    } catch (error) {
      throw badMessage('the message is not UTF-8', error)
    }
    let value: unknown
    try {
      value = JSON.parse(text)
    } catch (error) {
      throw badMessage(`the message is not JSON${positionIn(error)}`)
    }
    if (mayNameProto(text) && namesProto(value)) throw badMessage('the message has a key __proto__')
    return value
  }

  /** @throws ERR_ENCODE */
  toText(message: unknown): string {
    let text: string | undefined
    try {
      text = JSON.stringify(message)
    } catch (error) {
      throw cannotEncode(`the message cannot be said in JSON: ${describe(error)}`, error)
    }
    if (text === undefined) throw cannotEncode(`${typeof message} cannot be said in JSON`)
    if (this.#mayExceed(text.length) && (text.length > this.#maxKeys * BYTES_A_KEY || this.#mayBeDeep(text))) {
      const excess = this.#excess(encodeUtf8(text))
      if (excess !== undefined) throw cannotEncode(excess)
    }
    return text
  }

  /** A short message that is JSON exceeds nothing. */
  #mayExceed(length: number): boolean {
    return length > this.#maxDepth * BYTES_A_LEVEL || length > this.#maxKeys * BYTES_A_KEY
  }

  /** Most messages have fewer brackets than they may have levels; to count those is faster than to follow them. */
  #mayBeDeep(text: string): boolean {
    let brackets = 0
    for (const bracket of '[{') {
      for (let at = text.indexOf(bracket); at >= 0; at = text.indexOf(bracket, at + 1)) {
        if (++brackets > this.#maxDepth) return true
      }
    }
    return false
  }

  /**
   * What is too much in a message, before any of it becomes an object: JSON.parse takes any depth, and objects whose
   * keys collide cost more to build than to look at. What is not JSON may pass: JSON.parse will say so.
   * Works on bytes, which is three times as fast as on the text.
   */
  #excess(bytes: Uint8Array, from: number = 0, to: number = bytes.length): string | undefined {
    let depth = 0
    let keys = 0
    for (let at = from; at < to; at++) {
      const byte = bytes[at] as number
      if (byte === QUOTE) {
        at = endOfString(bytes, at, to)
      } else if (byte === COLON) {
        if (++keys > this.#maxKeys) return `the message has more than ${this.#maxKeys} keys`
      } else if ((byte | 0x20) === OPENING) {
        if (++depth > this.#maxDepth) return `the message has more than ${this.#maxDepth} levels`
      } else if ((byte | 0x20) === CLOSING) {
        depth--
      }
    }
    return undefined
  }
}

/** Position of the quote that closes the string whose first quote is at `from`. */
function endOfString(bytes: Uint8Array, from: number, to: number): number {
  for (let at = from + 1; at < to; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++ // what is escaped is not the end
  }
  return to
}

/** Where JSON.parse stopped, if it says so. The rest of its text quotes the message, which is no business of a log. */
function positionIn(error: unknown): string {
  return / at position \d+/.exec(describe(error))?.[0] ?? ''
}

/** Its letters can be escaped: \u005f\u005fproto__ is the same key. */
function mayNameProto(text: string): boolean {
  return /__proto__|\\u00[567]/.test(text)
}

/** As deep as `maxDepth` at most, which was checked. */
function namesProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(namesProto)
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(namesProto)
}
