import { encodeUtf8 } from './utf8.ts'
import { messageTooLarge } from './errors.ts'
import type { WriteBuffer } from './write-buffer.ts'

type Order = 'be' | 'le'
/** As DataView names them. */
type Kind = `${'Int' | 'Uint'}${8 | 16 | 32}`

/** What a short message is given at first. */
const ROOM_BYTES = 64
/** What a codec may write and take back; the limit is looked at again at the end. */
const OVERHEAD_BYTES = 64
const MAX_SAFE = Number.MAX_SAFE_INTEGER

/**
 * The WriteBuffer of a session whose messages leave one by one, each in memory of its own. It is small, where FrameWriter
 * is fast: nothing is referred to, and memory is not shared.
 */
export class MessageWriter implements WriteBuffer {
  text = false
  #bytes: Uint8Array = new Uint8Array(0)
  #view: DataView = new DataView(this.#bytes.buffer)
  position = 0
  #limitBytes = 0
  #busy = false

  /** Starts a message. @throws where a codec sends from inside of `encode` */
  begin(limitBytes: number, text: boolean): void {
    if (this.#busy) throw new TypeError('send() was called from inside of encode()')
    this.#busy = true
    this.#limitBytes = limitBytes
    this.text = text
  }

  /** The message, which is somebody's now. */
  take(): Uint8Array {
    const message = this.#bytes.subarray(0, this.position)
    this.abandon()
    return message
  }

  /** As if it had never been begun. */
  abandon(): void {
    this.#useBytes(0)
    this.position = 0
    this.#busy = false
  }

  u8(value: number): void {
    this.#add('Uint8', 1, value)
  }

  i8(value: number): void {
    this.#add('Int8', 1, value)
  }

  u16(value: number, order?: Order): void {
    this.#add('Uint16', 2, value, order)
  }

  i16(value: number, order?: Order): void {
    this.#add('Int16', 2, value, order)
  }

  u32(value: number, order?: Order): void {
    this.#add('Uint32', 4, value, order)
  }

  i32(value: number, order?: Order): void {
    this.#add('Int32', 4, value, order)
  }

  u64(value: number, order?: Order): void {
    requireWhole(value, 0, MAX_SAFE)
    this.i64(value, order)
  }

  i64(value: number, order?: Order): void {
    requireWhole(value, -MAX_SAFE, MAX_SAFE)
    const at = this.#room(8)
    this.#view.setBigInt64(at, BigInt(value), order === 'le')
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
    const at = this.#room(length)
    this.#bytes.fill(0, at, at + length) // what was removed may lie here
    return at
  }

  setU8(position: number, value: number): void {
    this.#set('Uint8', 1, position, value)
  }

  setU16(position: number, value: number, order?: Order): void {
    this.#set('Uint16', 2, position, value, order)
  }

  setU32(position: number, value: number, order?: Order): void {
    this.#set('Uint32', 4, position, value, order)
  }

  remove(position: number, length: number): void {
    this.#bytes.copyWithin(this.#within(position, length), position + length, this.position)
    this.position -= length
  }

  indexOf(bytes: number | Uint8Array, from: number): number {
    const message = this.#bytes.subarray(0, this.position)
    const pattern = typeof bytes === 'number' ? [bytes] : Array.from(bytes)
    const first = pattern[0] as number // one at least
    let at = message.indexOf(first, from)
    while (at >= 0 && pattern.some((byte, i) => message[at + i] !== byte)) at = message.indexOf(first, at + 1)
    return at
  }

  #add(kind: Kind, length: number, value: number, order?: Order): void {
    requireRange(kind, length, value)
    const at = this.#room(length)
    this.#view[`set${kind}`](at, value, order === 'le')
  }

  #set(kind: Kind, length: number, position: number, value: number, order?: Order): void {
    requireRange(kind, length, value)
    this.#view[`set${kind}`](this.#within(position, length), value, order === 'le')
  }

  /** Where `length` more bytes go. @throws ERR_MESSAGE_TOO_LARGE before there is memory for them */
  #room(length: number): number {
    const at = this.position
    const needed = at + length
    if (needed > this.#limitBytes + OVERHEAD_BYTES) throw messageTooLarge(needed, this.#limitBytes)
    const bytes = this.#bytes
    if (needed > bytes.length) {
      this.#useBytes(Math.max(needed, 2 * bytes.length, ROOM_BYTES))
      this.#bytes.set(bytes)
    }
    this.position = needed
    return at
  }

  #useBytes(length: number): void {
    this.#bytes = new Uint8Array(length)
    this.#view = new DataView(this.#bytes.buffer)
  }

  #within(position: number, length: number): number {
    if (position < 0 || position + length > this.position) throw new RangeError(`no ${length} bytes at ${position}`)
    return position
  }
}

function requireRange(kind: Kind, length: number, value: number): void {
  const values = 2 ** (8 * length)
  const low = kind.startsWith('U') ? 0 : -values / 2
  requireWhole(value, low, low + values - 1)
}

function requireWhole(value: number, low: number, high: number): void {
  if (!(value >= low && value <= high && Number.isInteger(value)))
    throw new RangeError(`${value} is not a whole number from ${low} to ${high}`)
}
