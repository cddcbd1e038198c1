import { encodeUtf8, readUtf8 } from '../src/core/utf8.ts'
import type { Codec } from '../src/core/codec.ts'
import { badMessage, badOption, cannotEncode, describe } from '../src/core/errors.ts'
import { requireNumber, withDefaults } from '../src/core/session-options.ts'
import type { TextCodec } from '../src/core/text-codec.ts'
import type { WriteBuffer } from '../src/core/write-buffer.ts'
import { UNCHECKED, type SchemaInput, type SchemaOutput, type StandardIssue, type StandardSchema } from './schema.ts'

/** Bounds of a message, received or sent. */
export interface JsonLimits {
  /** Objects and arrays inside of each other. @defaultValue 64 */
  readonly maxDepth?: number | undefined
  /** Keys in all objects of a message together. @defaultValue 10 000 */
  readonly maxKeys?: number | undefined
}

const JSON_DEFAULTS = { maxDepth: 64, maxKeys: 10_000 }
/** What each level and each key takes at least: its brackets; its quotes, colon and value. */
const BYTES_A_LEVEL = 2
const BYTES_A_KEY = 4

const BRACKETS = ['[', '{'] as const
const QUOTE = 0x22
const BACKSLASH = 0x5c
const COLON = 0x3a
/** `{`, and `[` but for one bit. */
const OPENING = 0x7b
/** `}`, and `]` but for one bit. */
const CLOSING = 0x7d

/**
 * JSON, and text frames on WebSocket. `in` is checked for each message received and gives what the listener gets; `out`
 * types what is sent and is not run (default: the same). Schemas are synchronous.
 *
 * A message with a key `__proto__` is refused: copied by `Object.assign` it would set the prototype. Of equal keys the last counts;
 * numbers beyond a double lose precision or become Infinity; going out NaN and Infinity become null, and half of a
 * surrogate pair is escaped, all as JSON.parse and JSON.stringify do.
 * @throws ERR_BAD_MESSAGE, which quotes none of the message, for bytes that are not UTF-8 or not JSON (a byte order mark is not), above the limits, or
 *   against the schema: then it names the path of the first issue, and `cause` holds all of them
 * @throws ERR_ENCODE to the sender of what JSON cannot say (undefined, a function, a bigint, a circle) or is above the limits
 */
export function json<SI extends StandardSchema, SO extends StandardSchema = SI>(
  schemas: { readonly in: SI; readonly out?: SO | undefined } & JsonLimits,
): Codec<SchemaOutput<SI>, SchemaInput<SO>>
/** Unchecked: the types are your word for it. */
export function json<In = unknown, Out = In>(limits?: JsonLimits): Codec<In, Out>
export function json(options: { readonly in?: StandardSchema | undefined } & JsonLimits = {}): Codec<unknown> {
  const { maxDepth, maxKeys } = withDefaults(JSON_DEFAULTS, options)
  requireNumber('maxDepth', maxDepth, 1)
  requireNumber('maxKeys', maxKeys, 0)
  const schema = options.in === UNCHECKED ? undefined : options.in
  if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
    throw badOption('in', 'is a Standard Schema')
  }
  return new Json(maxDepth, maxKeys, schema)
}

class Json implements TextCodec<unknown, unknown> {
  readonly format = 'text'
  readonly keeps = 'values'
  readonly #maxDepth: number
  readonly #maxKeys: number
  readonly #schema: StandardSchema | undefined

  constructor(maxDepth: number, maxKeys: number, schema: StandardSchema | undefined) {
    this.#maxDepth = maxDepth
    this.#maxKeys = maxKeys
    this.#schema = schema
  }

  decode(frame: Uint8Array): unknown {
    const value = this.#parse(frame)
    return this.#schema === undefined ? value : check(this.#schema, value)
  }

  encode(message: unknown, out: WriteBuffer): void {
    out.utf8(this.toText(message))
  }

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

  #parse(frame: Uint8Array): unknown {
    if (this.#mayExceed(frame.length)) {
      const excess = this.#excess(frame)
      if (excess !== undefined) throw badMessage(excess)
    }
    let text: string
    try {
      text = readUtf8(frame)
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

  /** A short message that is JSON exceeds nothing. */
  #mayExceed(length: number): boolean {
    return length > this.#maxDepth * BYTES_A_LEVEL || length > this.#maxKeys * BYTES_A_KEY
  }

  /** Most messages have fewer brackets than they may have levels; to count those is faster than to follow them. */
  #mayBeDeep(text: string): boolean {
    let brackets = 0
    for (const bracket of BRACKETS) {
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
  #excess(bytes: Uint8Array): string | undefined {
    const length = bytes.length
    let depth = 0
    let keys = 0
    for (let at = 0; at < length; at++) {
      const byte = bytes[at] as number
      if (byte === QUOTE) {
        at = endOfString(bytes, at)
      } else if (byte === COLON) {
        if (++keys > this.#maxKeys) return `the message has more than ${this.#maxKeys} keys`
      } else if ((byte | 0x20) === OPENING) {
        if (++depth > this.#maxDepth) return `the message is more than ${this.#maxDepth} levels deep`
      } else if ((byte | 0x20) === CLOSING) {
        depth--
      }
    }
    return undefined
  }
}

/** Position of the quote that closes the string whose first quote is at `from`. */
function endOfString(bytes: Uint8Array, from: number): number {
  const length = bytes.length
  for (let at = from + 1; at < length; at++) {
    const byte = bytes[at]
    if (byte === QUOTE) return at
    if (byte === BACKSLASH) at++ // what is escaped is not the end
  }
  return length
}

/** Where JSON.parse stopped, if it says so. The rest of its text quotes the message, which is no business of a log. */
function positionIn(error: unknown): string {
  return / at position \d+/.exec(describe(error))?.[0] ?? ''
}

/** Its letters can be escaped: \u005f\u005fproto__ is the same key. */
function mayNameProto(text: string): boolean {
  return /__proto__|\\u00[567]/i.test(text)
}

/** As deep as `maxDepth` at most, which was checked. */
function namesProto(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return false
  if (Array.isArray(value)) return value.some(namesProto)
  return Object.hasOwn(value, '__proto__') || Object.values(value).some(namesProto)
}

function check(schema: StandardSchema, value: unknown): unknown {
  const result = validate(schema, value)
  if (result instanceof Promise) {
    result.catch(() => undefined) // nobody waits for it
    throw badOption('in', 'is an asynchronous schema; a codec needs a synchronous one')
  }
  if (result.issues === undefined) return result.value
  const [first] = result.issues
  throw badMessage(first === undefined ? 'the message is against its schema' : issueText(first), result.issues)
}

function validate(schema: StandardSchema, value: unknown): ReturnType<StandardSchema['~standard']['validate']> {
  try {
    return schema['~standard'].validate(value)
  } catch (error) {
    throw badMessage('the schema threw', error)
  }
}

function issueText(issue: StandardIssue): string {
  const path = (issue.path ?? []).map((part) => String(typeof part === 'object' ? part.key : part)).join('.')
  return path === '' ? issue.message : `${path}: ${issue.message}`
}
