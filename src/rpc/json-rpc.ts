import { allocate, EMPTY, utf8Length, writeUtf8 } from '../core/bytes.ts'
import type { Codec } from '../core/codec.ts'
import { badOption } from '../core/errors.ts'
import type { FramingFactory } from '../core/framing.ts'
import { JSON_DEFAULTS, type JsonLimits, JsonText } from '../core/json-text.ts'
import { PLAIN } from '../core/plain-framing.ts'
import { requireFunction, requireNumber } from '../core/session-options.ts'
import type { WriteBuffer } from '../core/write-buffer.ts'
import { type Frame, FrameType } from './frame.ts'
import { JsonRpcReader } from './json-rpc-reader.ts'
import { JsonRpcWriter } from './json-rpc-writer.ts'
import { MAX_NAME_BYTES } from './limits.ts'
import { opaqueWire, type RpcWire, type Wire } from './wire.ts'

/** Objects and arrays around a body: the message, and the batch that it may stand in. */
const ENVELOPE_LEVELS = 2
/** jsonrpc, id, method, params; or jsonrpc, id, error and its code, message, data. */
const ENVELOPE_KEYS = 6

const DEFAULT_MAX_BATCH = 1000

/** What `jsonRpc()` takes. The limits count whole messages, a batch being one. */
export interface JsonRpcOptions extends JsonLimits {
  /**
   * Where messages end on a byte stream: `line()` or `contentLength()` of hawser/framing for programs that are not
   * Hawser's. On WebSocket each message is a text message, whatever this says. @defaultValue a length of 4 bytes
   */
  readonly framing?: FramingFactory | undefined
  /** What a method is called on the wire. @defaultValue `service.method`, or the method alone where the service is '' */
  readonly name?: ((service: string, method: string) => string) | undefined
  /**
   * The notification that cancels a call, with its id in `params.id`; language servers call it `$/cancelRequest`.
   * @defaultValue none: a call that nobody waits for any more runs on at the peer
   */
  readonly cancelMethod?: string | undefined
  /** Calls and notifications of one turn of the event loop leave together, as one batch. @defaultValue false */
  readonly batch?: boolean | undefined
  /** Members of a batch; a larger one that comes is one Invalid Request, and none is sent. @defaultValue 1 000 */
  readonly maxBatch?: number | undefined
}

/**
 * JSON-RPC 2.0, to talk to programs that are not Hawser's: unary and one-way methods, one value each way. docs/json-rpc.md
 * says what becomes of arguments, results and errors. Source: https://www.jsonrpc.org/specification.
 */
export function jsonRpc(options: JsonRpcOptions = {}): RpcWire {
  return opaqueWire(new JsonRpcWire(options))
}

class JsonRpcWire implements Wire {
  readonly answersCanceled = true
  readonly repeatsIds = true
  readonly callsPerBatch: number
  readonly framing: FramingFactory
  readonly codec: Codec<Frame>
  readonly #name: (service: string, method: string) => string
  readonly #canCancel: boolean

  constructor(options: JsonRpcOptions) {
    const { framing = () => PLAIN, name = dotted, cancelMethod, batch = false } = options
    const maxDepth = options.maxDepth ?? JSON_DEFAULTS.maxDepth
    const maxKeys = options.maxKeys ?? JSON_DEFAULTS.maxKeys
    const maxBatch = options.maxBatch ?? DEFAULT_MAX_BATCH
    requireFunction('framing', framing)
    requireFunction('name', name)
    if (cancelMethod !== undefined) requireName('cancelMethod', cancelMethod)
    requireNumber('maxDepth', maxDepth, ENVELOPE_LEVELS + 1)
    requireNumber('maxKeys', maxKeys, ENVELOPE_KEYS)
    requireNumber('maxBatch', maxBatch, 1)
    if (typeof batch !== 'boolean') throw badOption('batch', 'must be true or false')
    this.callsPerBatch = batch ? maxBatch : 1
    this.framing = framing
    this.#name = name
    this.#canCancel = cancelMethod !== undefined
    this.codec = new JsonRpcCodec(
      new JsonRpcReader(new JsonText({ maxDepth, maxKeys }), cancelMethod, maxBatch),
      new JsonRpcWriter(
        new JsonText({ maxDepth: maxDepth - ENVELOPE_LEVELS, maxKeys: maxKeys - ENVELOPE_KEYS }),
        cancelMethod,
      ),
    )
  }

  can(type: FrameType): boolean {
    switch (type) {
      case FrameType.UNARY:
      case FrameType.ONE_WAY:
      case FrameType.RESULT:
      case FrameType.ERROR:
      case FrameType.BATCH:
        return true
      default:
        return type === FrameType.CANCEL && this.#canCancel
    }
  }

  nameOf(service: string, method: string): string {
    const name = this.#name(service, method)
    requireName('name', name)
    return name
  }

  decodeBody(body: unknown): unknown {
    return body // reading the envelope has made a value of it
  }

  bodyBytes(body: unknown): Uint8Array {
    if (body === undefined) return EMPTY
    const text = JSON.stringify(body) // it came as JSON
    const bytes = allocate(utf8Length(text))
    writeUtf8(bytes, text, 0)
    return bytes
  }
}

class JsonRpcCodec implements Codec<Frame> {
  readonly format = 'text'
  readonly keeps = 'values'
  readonly #reader: JsonRpcReader
  readonly #writer: JsonRpcWriter

  constructor(reader: JsonRpcReader, writer: JsonRpcWriter) {
    this.#reader = reader
    this.#writer = writer
  }

  decode(bytes: Uint8Array): Frame {
    return this.#reader.read(bytes)
  }

  encode(frame: Frame, out: WriteBuffer): void {
    out.utf8(this.#writer.write(frame))
  }
}

function dotted(service: string, method: string): string {
  return service === '' ? method : `${service}.${method}`
}

/** @throws ERR_BAD_OPTION */
function requireName(option: string, name: unknown): void {
  if (typeof name !== 'string' || name === '' || utf8Length(name) > MAX_NAME_BYTES) {
    throw badOption(option, `must be a text of 1 to ${MAX_NAME_BYTES} bytes`)
  }
}
