import { EMPTY, utf8Length } from '../core/bytes.ts'
import { readUtf8 } from '../core/utf8.ts'
import type { Codec } from '../core/codec.ts'
import { badMessage, badOption, cannotEncode } from '../core/errors.ts'
import { JsonText } from '../core/json-text.ts'
import { PLAIN } from '../core/plain-framing.ts'
import type { RpcBody, RpcPart } from '../core/rpc-body.ts'
import type { WriteBuffer } from '../core/write-buffer.ts'
import { type ErrorBody, Frame, FrameType } from './frame.ts'
import { jsonBody } from './json-body.ts'
import {
  MAX_ERROR_TEXT_BYTES,
  MAX_METADATA_BYTES,
  MAX_METADATA_ENTRIES,
  MAX_NAME_BYTES,
  MAX_NUMBERED_METHODS,
} from './limits.ts'
import { RPC_STATUSES, type RpcStatus } from './rpc-status.ts'
import { opaqueWire, type RpcWire, type Wire } from './wire.ts'

/** The low bits of a frame's first byte are its type, the others these. */
const TYPE_BITS = 0x1f
/** Calls: the method's name follows its number. ERROR: the handler was not begun. */
const NAME = 0x20
const NOT_RUN = NAME
/** Calls: a deadline follows. ERROR: data follow. */
const DEADLINE = 0x40
const DATA = DEADLINE
/** Metadata follow. */
const METADATA = 0x80

/** What a frame may have set beside its type. */
const FLAGS: readonly number[] = /* @__PURE__ */ Array.from({ length: FrameType.BATCH }, (_, type) => {
  if (type < FrameType.RESULT) return NAME | DEADLINE | METADATA
  if (type === FrameType.ERROR) return NOT_RUN | DATA | METADATA
  return type === FrameType.RESULT || type === FrameType.OUTPUT_END ? METADATA : 0
})

const errorData = /* @__PURE__ */ new JsonText()

/** What `binary()` takes. */
export interface BinaryOptions {
  /** How arguments and results become bytes; the same on both sides. @defaultValue jsonBody */
  readonly body?: RpcBody | undefined
}

/**
 * Our own wire: a few bytes before each body, and everything that RPC can do. docs/rpc-wire.md has it byte by byte.
 * Frames are led by their length (4 bytes, big-endian); on WebSocket each is a binary message.
 */
export function binary(options: BinaryOptions = {}): RpcWire {
  const { body = jsonBody } = options
  if (typeof body?.encode !== 'function' || typeof body.decode !== 'function') {
    throw badOption('body', 'must be an RpcBody: jsonBody, rawBody, or one of hawser/codecs')
  }
  return opaqueWire(new BinaryWire(body))
}

class BinaryWire implements Wire {
  readonly framing = (): typeof PLAIN => PLAIN
  readonly codec: Codec<Frame>
  readonly answersCanceled = false
  readonly repeatsIds = false
  readonly #body: RpcBody

  constructor(body: RpcBody) {
    this.#body = body
    this.codec = new BinaryCodec(body)
  }

  can(type: FrameType): boolean {
    return type < FrameType.BATCH
  }

  nameOf(service: string, method: string): string {
    return service === '' ? method : `${service}.${method}`
  }

  decodeBody(body: unknown, name: string, part: RpcPart): unknown {
    return this.#body.decode(body as Uint8Array, name, part) // `decode` below made it one
  }

  bodyBytes(body: unknown): Uint8Array {
    return body as Uint8Array
  }
}

class BinaryCodec implements Codec<Frame> {
  readonly #body: RpcBody
  /** Where `decode` is in its frame. */
  #at = 0

  constructor(body: RpcBody) {
    this.#body = body
  }

  encode(frame: Frame, out: WriteBuffer): void {
    const { type, id, metadata } = frame
    const flags = metadata === undefined ? 0 : METADATA
    if (type < FrameType.RESULT) {
      this.#encodeCall(frame, flags, out)
      return
    }
    switch (type) {
      case FrameType.RESULT:
      case FrameType.INPUT:
      case FrameType.OUTPUT:
        out.u8(type | flags)
        out.varint(id as number)
        if (metadata !== undefined) writeMetadata(metadata, out)
        this.#encodeBody(frame, type === FrameType.INPUT ? 'input' : 'output', out)
        return
      case FrameType.ERROR:
        writeError(frame, flags, out)
        return
      case FrameType.REGISTER:
      case FrameType.UNREGISTER:
        out.u8(type)
        out.utf8(frame.name)
        return
      case FrameType.GO_AWAY:
      case FrameType.GO_AWAY_SEEN:
        out.u8(type)
        return
      default:
        out.u8(type | flags)
        out.varint(id as number)
        if (metadata !== undefined) writeMetadata(metadata, out)
        if (type === FrameType.INPUT_CREDIT || type === FrameType.OUTPUT_CREDIT) out.varint(frame.amount)
    }
  }

  decode(bytes: Uint8Array): Frame {
    if (bytes.length === 0) throw badMessage('an RPC frame is empty')
    const first = bytes[0] as number
    const type = (first & TYPE_BITS) as FrameType
    const flags = first & ~TYPE_BITS
    const allowed = FLAGS[type]
    if (allowed === undefined) throw badMessage(`an RPC frame is of the unknown type ${type}`)
    if ((flags & ~allowed) !== 0) throw badMessage(`an RPC frame of type ${type} has flags that it cannot have`)
    this.#at = 1
    if (type >= FrameType.REGISTER) return this.#decodeNotice(bytes, type)
    const frame = new Frame(type, this.#varint(bytes), '', undefined)
    if (type < FrameType.RESULT) {
      frame.number = this.#varint(bytes) - 1
      if (frame.number >= MAX_NUMBERED_METHODS) throw badMessage('an RPC method has too high a number')
      if ((flags & NAME) !== 0) frame.name = this.#name(bytes, this.#varint(bytes))
      if ((flags & DEADLINE) !== 0) frame.amount = this.#varint(bytes)
    }
    if ((flags & METADATA) !== 0) frame.metadata = this.#metadata(bytes)
    switch (type) {
      case FrameType.ERROR:
        frame.body = this.#error(bytes, flags)
        return frame
      case FrameType.INPUT_CREDIT:
      case FrameType.OUTPUT_CREDIT:
        frame.amount = this.#varint(bytes)
        break
      case FrameType.CLIENT_STREAM:
      case FrameType.BIDI_STREAM:
      case FrameType.CANCEL:
      case FrameType.INPUT_END:
      case FrameType.OUTPUT_END:
        break
      default:
        frame.body = this.#rest(bytes)
        return frame
    }
    if (this.#at < bytes.length) throw badMessage('an RPC frame is longer than what it says')
    return frame
  }

  #encodeCall(frame: Frame, flags: number, out: WriteBuffer): void {
    const { amount, metadata } = frame
    const named = frame.named || frame.number < 0
    out.u8(frame.type | flags | (named ? NAME : 0) | (amount > 0 ? DEADLINE : 0))
    out.varint(frame.id as number)
    out.varint(frame.number + 1)
    if (named) writeText(frame.name, out)
    if (amount > 0) out.varint(amount)
    if (metadata !== undefined) writeMetadata(metadata, out)
    if (frame.type < FrameType.CLIENT_STREAM) this.#encodeBody(frame, 'input', out) // a stream comes in frames of its own
  }

  #encodeBody(frame: Frame, part: RpcPart, out: WriteBuffer): void {
    const from = out.position
    if (frame.encoded) out.bytes(frame.body as Uint8Array)
    else this.#body.encode(frame.body, out, frame.name, part)
    frame.sizes?.encoded(out.position - from)
  }

  #decodeNotice(bytes: Uint8Array, type: FrameType): Frame {
    const frame = new Frame(type, 0, '', undefined)
    const left = bytes.length - 1
    if (type === FrameType.REGISTER || type === FrameType.UNREGISTER) frame.name = this.#name(bytes, left)
    else if (left > 0) throw badMessage('an RPC frame is longer than what it says')
    return frame
  }

  #error(bytes: Uint8Array, flags: number): ErrorBody {
    const code = this.#take(bytes, 1)
    const status: RpcStatus = RPC_STATUSES[(bytes[code] as number) - 1] ?? 'unknown'
    const length = this.#varint(bytes)
    if (length > MAX_ERROR_TEXT_BYTES) throw badMessage('the text of an RPC error is too long')
    const message = this.#utf8(bytes, length)
    const data = (flags & DATA) === 0 ? undefined : errorData.parse(this.#rest(bytes))
    if (this.#at < bytes.length) throw badMessage('an RPC frame is longer than what it says')
    return { status, message, data, notRun: (flags & NOT_RUN) !== 0, jsonRpcCode: undefined }
  }

  #metadata(bytes: Uint8Array): ReadonlyMap<string, string> {
    const from = this.#at
    const count = this.#varint(bytes)
    if (count > MAX_METADATA_ENTRIES) throw badMessage('RPC metadata have too many entries')
    const metadata = new Map<string, string>()
    for (let i = 0; i < count; i++) {
      const key = this.#utf8(bytes, this.#varint(bytes))
      metadata.set(key, this.#utf8(bytes, this.#varint(bytes)))
      if (this.#at - from > MAX_METADATA_BYTES) throw badMessage('RPC metadata are too long')
    }
    return metadata
  }

  #name(bytes: Uint8Array, length: number): string {
    if (length === 0 || length > MAX_NAME_BYTES) throw badMessage('an RPC name is empty or too long')
    return this.#utf8(bytes, length)
  }

  #utf8(bytes: Uint8Array, length: number): string {
    const at = this.#take(bytes, length)
    try {
      return readUtf8(bytes.subarray(at, at + length))
    } catch (error) {
      throw badMessage('a text of an RPC frame is not UTF-8', error)
    }
  }

  #varint(bytes: Uint8Array): number {
    let byte = bytes[this.#take(bytes, 1)] as number
    if (byte < 0x80) return byte
    let value = byte & 0x7f
    for (let scale = 128; ; scale *= 128) {
      byte = bytes[this.#take(bytes, 1)] as number
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49)
        throw badMessage('a number of an RPC frame is above 2^53 - 1')
      if (byte < 0x80) return value
    }
  }

  #rest(bytes: Uint8Array): Uint8Array {
    const at = this.#at
    this.#at = bytes.length
    return at === bytes.length ? EMPTY : bytes.subarray(at)
  }

  /** Gives where the next `length` bytes are, and goes behind them. */
  #take(bytes: Uint8Array, length: number): number {
    const at = this.#at
    if (at + length > bytes.length) throw badMessage(`an RPC frame ends ${at + length - bytes.length} bytes too early`)
    this.#at = at + length
    return at
  }
}

function writeError(frame: Frame, flags: number, out: WriteBuffer): void {
  const { status, message, data, notRun } = frame.body as ErrorBody
  out.u8(FrameType.ERROR | flags | (notRun ? NOT_RUN : 0) | (data === undefined ? 0 : DATA))
  out.varint(frame.id as number)
  if (frame.metadata !== undefined) writeMetadata(frame.metadata, out)
  out.u8(RPC_STATUSES.indexOf(status) + 1)
  writeText(message, out)
  if (data !== undefined) out.utf8(errorData.toText(data))
}

function writeText(text: string, out: WriteBuffer): void {
  out.varint(utf8Length(text))
  out.utf8(text)
}

function writeMetadata(metadata: ReadonlyMap<string, string>, out: WriteBuffer): void {
  if (metadata.size > MAX_METADATA_ENTRIES) {
    throw cannotEncode(`metadata have ${metadata.size} entries, of ${MAX_METADATA_ENTRIES} at most`)
  }
  const from = out.position
  out.varint(metadata.size)
  for (const [key, value] of metadata) {
    writeText(key, out)
    writeText(value, out)
  }
  const length = out.position - from
  if (length > MAX_METADATA_BYTES) throw cannotEncode(`metadata take ${length} bytes, of ${MAX_METADATA_BYTES} at most`)
}
