import { allocate, encodeUtf8 } from './bytes.ts'
import { messageTooLarge } from './errors.ts'
import type { WriteBuffer } from './write-buffer.ts'

type Order = 'be' | 'le'

/** Messages are written behind each other into memory of this size. */
const ROOM_BYTES = 4 * 1024
/** What a codec may write and take back; the limit is looked at again at the end. */
const OVERHEAD_BYTES = 64
const MAX_SAFE = Number.MAX_SAFE_INTEGER
const TWO_32 = 0x1_0000_0000

/**
 * The WriteBuffer of a session whose messages leave one by one, each in one piece. It is small, where FrameWriter is fast:
 * nothing is referred to, and memory is not shared with other sessions.
 */
export class MessageWriter implements WriteBuffer {
  text = false
  #bytes: Uint8Array = allocate(0)
  #view: DataView = viewOf(this.#bytes)
  #from = 0
  #to = 0
  #limitBytes = 0
  #busy = false

  /** Starts a message. @throws where a codec sends from inside of `encode` */
  begin(limitBytes: number, text: boolean): void {
    if (this.#busy) throw new TypeError('send() was called from inside of encode()')
    this.#busy = true
    this.#limitBytes = limitBytes
    this.text = text
  }

  /** The message, which is somebody's now: the next one starts behind it. */
  take(): Uint8Array {
    const message = this.#message
    this.#from = this.#to
    this.#busy = false
    return message
  }

  /** As if it had never been begun. */
  abandon(): void {
    this.#to = this.#from
    this.#busy = false
  }

  get position(): number {
    return this.#to - this.#from
  }

  u8(value: number): void {
    const at = this.#number(value, 0, 0xff, 1)
    this.#view.setUint8(at, value)
  }

  i8(value: number): void {
    const at = this.#number(value, -0x80, 0x7f, 1)
    this.#view.setInt8(at, value)
  }

  u16(value: number, order?: Order): void {
    const at = this.#number(value, 0, 0xffff, 2)
    this.#view.setUint16(at, value, order === 'le')
  }

  i16(value: number, order?: Order): void {
    const at = this.#number(value, -0x8000, 0x7fff, 2)
    this.#view.setInt16(at, value, order === 'le')
  }

  u32(value: number, order?: Order): void {
    const at = this.#number(value, 0, 0xffff_ffff, 4)
    this.#view.setUint32(at, value, order === 'le')
  }

  i32(value: number, order?: Order): void {
    const at = this.#number(value, -0x8000_0000, 0x7fff_ffff, 4)
    this.#view.setInt32(at, value, order === 'le')
  }

  u64(value: number, order?: Order): void {
    this.#long(this.#number(value, 0, MAX_SAFE, 8), value, order === 'le')
  }

  i64(value: number, order?: Order): void {
    this.#long(this.#number(value, -MAX_SAFE, MAX_SAFE, 8), value, order === 'le')
  }

  f32(value: number, order?: Order): void {
    const at = this.#room(4)
    this.#view.setFloat32(at, value, order === 'le')
  }

  f64(value: number, order?: Order): void {
    const at = this.#room(8)
    this.#view.setFloat64(at, value, order === 'le')
  }

  varint(value: number): void {
    requireWhole(value, 0, MAX_SAFE)
    let left = value
    for (; left > 0x7f; left = Math.floor(left / 128)) this.u8((left % 128) | 0x80)
    this.u8(left)
  }

  bytes(value: Uint8Array): void {
    const at = this.#room(value.length)
    this.#bytes.set(value, at)
  }

  /** Copied, so that it may change as soon as `send` returns. */
  refer(value: Uint8Array): void {
    this.bytes(value)
  }

  utf8(value: string): number {
    const bytes = encodeUtf8(value)
    this.bytes(bytes)
    return bytes.length
  }

  reserve(length: number): number {
    const { position } = this
    const at = this.#room(length)
    this.#bytes.fill(0, at, at + length) // what was abandoned lies here
    return position
  }

  setU8(position: number, value: number): void {
    requireWhole(value, 0, 0xff)
    this.#view.setUint8(this.#within(position, 1), value)
  }

  setU16(position: number, value: number, order?: Order): void {
    requireWhole(value, 0, 0xffff)
    this.#view.setUint16(this.#within(position, 2), value, order === 'le')
  }

  setU32(position: number, value: number, order?: Order): void {
    requireWhole(value, 0, 0xffff_ffff)
    this.#view.setUint32(this.#within(position, 4), value, order === 'le')
  }

  remove(position: number, length: number): void {
    const at = this.#within(position, length)
    this.#bytes.copyWithin(at, at + length, this.#to)
    this.#to -= length
  }

  indexOf(bytes: number | Uint8Array, from: number): number {
    const message = this.#message
    const pattern = typeof bytes === 'number' ? [bytes] : Array.from(bytes)
    const first = pattern[0] as number // one at least
    let at = message.indexOf(first, from)
    while (at >= 0 && pattern.some((byte, i) => message[at + i] !== byte)) at = message.indexOf(first, at + 1)
    return at
  }

  get #message(): Uint8Array {
    return this.#bytes.subarray(this.#from, this.#to)
  }

  /** Two's complement of up to 53 bits. */
  #long(at: number, value: number, little: boolean): void {
    this.#view.setUint32(little ? at + 4 : at, Math.floor(value / TWO_32), little)
    this.#view.setUint32(little ? at : at + 4, value, little)
  }

  #number(value: number, low: number, high: number, length: number): number {
    requireWhole(value, low, high)
    return this.#room(length)
  }

  /** Where `length` more bytes go. @throws ERR_MESSAGE_TOO_LARGE before there is memory for them */
  #room(length: number): number {
    const at = this.#to
    const needed = this.position + length
    if (needed > this.#limitBytes + OVERHEAD_BYTES) throw messageTooLarge(needed, this.#limitBytes)
    if (at + length > this.#bytes.length) return this.#grow(needed, length)
    this.#to += length
    return at
  }

  #grow(needed: number, length: number): number {
    const message = this.#message
    this.#bytes = allocate(Math.max(ROOM_BYTES, needed * 2))
    this.#view = viewOf(this.#bytes)
    this.#bytes.set(message)
    this.#from = 0
    this.#to = needed
    return needed - length
  }

  #within(position: number, length: number): number {
    if (position < 0 || position + length > this.position) throw new RangeError(`no ${length} bytes at ${position}`)
    return this.#from + position
  }
}

function viewOf({ buffer, byteOffset, length }: Uint8Array): DataView {
  return new DataView(buffer, byteOffset, length)
}

function requireWhole(value: number, low: number, high: number): void {
  if (!(value >= low && value <= high && Number.isInteger(value)))
    throw new RangeError(`${value} is not a whole number from ${low} to ${high}`)
}
