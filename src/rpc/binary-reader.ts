import { EMPTY, View } from '../core/bytes.ts'
import { badMessage } from '../core/errors.ts'
import { JsonText } from '../core/json-text.ts'
import { readUtf8 } from '../core/utf8.ts'
import { DATA, DEADLINE, METADATA, NAME, NOT_RUN, TYPE_BITS } from './binary-flags.ts'
import { type ErrorBody, type Frame, FrameType } from './frame.ts'
import {
  MAX_ERROR_TEXT_BYTES,
  MAX_METADATA_BYTES,
  MAX_METADATA_ENTRIES,
  MAX_NAME_BYTES,
  MAX_NUMBERED_METHODS,
} from './limits.ts'
import { RPC_STATUSES, type RpcStatus } from './rpc-status.ts'

/** What a frame may have set beside its type. */
const FLAGS: readonly number[] = /* @__PURE__ */ Array.from({ length: FrameType.BATCH }, (_, type) => {
  if (type < FrameType.RESULT) return NAME | DEADLINE | METADATA
  if (type === FrameType.ERROR) return NOT_RUN | DATA | METADATA
  return type === FrameType.RESULT || type === FrameType.OUTPUT_END ? METADATA : 0
})

/** The types that end in a body, a bit each. What a stream begins with comes in frames of its own. */
const BODIES =
  (1 << FrameType.UNARY) |
  (1 << FrameType.ONE_WAY) |
  (1 << FrameType.SERVER_STREAM) |
  (1 << FrameType.RESULT) |
  (1 << FrameType.INPUT) |
  (1 << FrameType.OUTPUT)

const errorData = /* @__PURE__ */ new JsonText()

/** What the bytes of a frame say. @throws ERR_BAD_MESSAGE */
export class BinaryReader {
  /** The frame that is being read: `#bytes` from `#at` to `#end`, which lie in `#memory`. */
  #memory: ArrayBufferLike = EMPTY.buffer
  #bytes: Uint8Array = EMPTY
  /** Where `#bytes` begins in `#memory`: read once for the many frames of a chunk, as it is a call into the runtime. */
  #bytesAt = 0
  #at = 0
  #end = 0

  /** Sets all of `frame`. */
  read(frame: Frame, memory: ArrayBufferLike, bytes: Uint8Array, from: number, to: number): Frame {
    if (from === to) throw badMessage('an RPC frame is empty')
    const first = bytes[from] as number
    const type = (first & TYPE_BITS) as FrameType
    const flags = first & ~TYPE_BITS
    const allowed = FLAGS[type]
    if (allowed === undefined) throw badMessage(`an RPC frame is of the unknown type ${type}`)
    if ((flags & ~allowed) !== 0) throw badMessage(`an RPC frame of type ${type} has flags that it cannot have`)
    if (bytes !== this.#bytes) this.#open(memory, bytes)
    this.#at = from + 1
    this.#end = to
    frame.type = type
    frame.name = ''
    frame.number = -1
    frame.amount = 0
    frame.metadata = undefined
    frame.body = undefined
    if (type >= FrameType.REGISTER) return this.#readNotice(frame)
    frame.id = this.#varint()
    if (type < FrameType.RESULT) this.#readMethod(frame, flags)
    if ((flags & METADATA) !== 0) frame.metadata = this.#metadata()
    if (((BODIES >> type) & 1) !== 0) frame.body = this.#rest()
    else if (type === FrameType.ERROR) frame.body = this.#error(flags)
    else if (type === FrameType.INPUT_CREDIT || type === FrameType.OUTPUT_CREDIT) frame.amount = this.#varint()
    if (this.#at < to) throw badMessage('an RPC frame is longer than what it says')
    return frame
  }

  #open(memory: ArrayBufferLike, bytes: Uint8Array): void {
    this.#memory = memory
    this.#bytes = bytes
    this.#bytesAt = bytes.byteOffset
  }

  #readMethod(frame: Frame, flags: number): void {
    frame.number = this.#varint() - 1
    if (frame.number >= MAX_NUMBERED_METHODS) throw badMessage('an RPC method has too high a number')
    if ((flags & NAME) !== 0) frame.name = this.#name(this.#varint())
    if ((flags & DEADLINE) !== 0) frame.amount = this.#varint()
  }

  #readNotice(frame: Frame): Frame {
    const left = this.#end - this.#at
    frame.id = 0
    if (frame.type === FrameType.REGISTER || frame.type === FrameType.UNREGISTER) frame.name = this.#name(left)
    else if (left > 0) throw badMessage('an RPC frame is longer than what it says')
    return frame
  }

  #error(flags: number): ErrorBody {
    const code = this.#bytes[this.#take(1)] as number
    const status: RpcStatus = RPC_STATUSES[code - 1] ?? 'unknown'
    const length = this.#varint()
    if (length > MAX_ERROR_TEXT_BYTES) throw badMessage('the text of an RPC error is too long')
    const message = this.#utf8(length)
    const data = (flags & DATA) === 0 ? undefined : errorData.parse(this.#rest())
    return { status, message, data, notRun: (flags & NOT_RUN) !== 0, jsonRpcCode: undefined }
  }

  #metadata(): ReadonlyMap<string, string> {
    const from = this.#at
    const count = this.#varint()
    if (count > MAX_METADATA_ENTRIES) throw badMessage('RPC metadata have too many entries')
    const metadata = new Map<string, string>()
    for (let i = 0; i < count; i++) {
      const key = this.#utf8(this.#varint())
      metadata.set(key, this.#utf8(this.#varint()))
      if (this.#at - from > MAX_METADATA_BYTES) throw badMessage('RPC metadata are too long')
    }
    return metadata
  }

  #name(length: number): string {
    if (length === 0 || length > MAX_NAME_BYTES) throw badMessage('an RPC name is empty or too long')
    return this.#utf8(length)
  }

  #utf8(length: number): string {
    const at = this.#take(length)
    try {
      return readUtf8(this.#bytes.subarray(at, at + length))
    } catch (error) {
      throw badMessage('a text of an RPC frame is not UTF-8', error)
    }
  }

  #varint(): number {
    const bytes = this.#bytes
    let at = this.#at
    let value = 0
    // The hot path: four bytes, of which ids have most once a session has made millions of calls.
    for (let shift = 0; shift < 28 && at < this.#end; shift += 7) {
      const byte = bytes[at++] as number
      value |= (byte & 0x7f) << shift
      if (byte < 0x80) {
        this.#at = at
        return value
      }
    }
    return this.#longVarint()
  }

  #longVarint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.#bytes[this.#take(1)] as number
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49)
        throw badMessage('a number of an RPC frame is above 2^53 - 1')
      if (byte < 0x80) return value
    }
  }

  #rest(): Uint8Array {
    const at = this.#at
    const length = this.#end - at
    this.#at = this.#end
    return length === 0 ? EMPTY : new View(this.#memory, this.#bytesAt + at, length)
  }

  /** Gives where the next `length` bytes are, and goes behind them. */
  #take(length: number): number {
    const at = this.#at
    if (at + length > this.#end) throw badMessage(`an RPC frame ends ${at + length - this.#end} bytes too early`)
    this.#at = at + length
    return at
  }
}
