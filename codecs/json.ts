import { JSON_DEFAULTS, type JsonLimits, JsonText } from '../src/core/json-text.ts'
import type { Codec, InPlaceCodec } from '../src/core/codec.ts'
import { badMessage, badOption } from '../src/core/errors.ts'
import { requireNumber, withDefaults } from '../src/core/session-options.ts'
import type { TextCodec } from '../src/core/text-codec.ts'
import {
  type SchemaInput,
  type SchemaOutput,
  type StandardIssue,
  type StandardSchema,
  UNCHECKED,
} from '../src/core/schema.ts'
import type { WriteBuffer } from '../src/core/write-buffer.ts'

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
  const limits = withDefaults(JSON_DEFAULTS, options)
  requireNumber('maxDepth', limits.maxDepth, 1)
  requireNumber('maxKeys', limits.maxKeys, 0)
  const schema = options.in === UNCHECKED ? undefined : options.in
  if (schema !== undefined && typeof schema['~standard']?.validate !== 'function') {
    throw badOption('in', 'is a Standard Schema')
  }
  return new Json(limits, schema)
}

class Json extends JsonText implements TextCodec<unknown, unknown>, InPlaceCodec<unknown> {
  readonly format = 'text'
  readonly keeps = 'values'
  readonly #schema: StandardSchema | undefined

  constructor(limits: typeof JSON_DEFAULTS, schema: StandardSchema | undefined) {
    super(limits)
    this.#schema = schema
  }

  decode(frame: Uint8Array): unknown {
    return this.decodeInPlace(undefined, frame)
  }

  decodeInPlace(_memory: unknown, bytes: Uint8Array, from?: number, to?: number): unknown {
    const value = this.parse(bytes, from, to)
    return this.#schema === undefined ? value : check(this.#schema, value)
  }

  encode(message: unknown, out: WriteBuffer): void {
    out.utf8(this.toText(message))
  }
}

function check(schema: StandardSchema, value: unknown): unknown {
  const result = validate(schema, value)
  if (result instanceof Promise) {
    result.catch(() => undefined) // nobody waits for it
    throw badOption('in', 'is an asynchronous schema')
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
