import { readUtf8 } from './utf8.ts'
import { badMessage } from './errors.ts'

const TWO_32 = 0x1_0000_0000
const floatValue = /* @__PURE__ */ new DataView(new ArrayBuffer(8))

/** Reads a frame from the left; running out throws ERR_BAD_MESSAGE. Numbers are big-endian unless told. */
export class FrameReader {
  readonly #frame: Uint8Array
  #at = 0

  constructor(frame: Uint8Array) {
    this.#frame = frame
  }

  /** Bytes that were not read yet. */
  get remaining(): number {
    return this.#frame.length - this.#at
  }

  u8(): number {
    return this.#frame[this.#advance(1)] as number
  }

  i8(): number {
    return (this.u8() << 24) >> 24
  }

  u16(order: 'be' | 'le' = 'be'): number {
    const at = this.#advance(2)
    const first = this.#frame[at] as number
    const second = this.#frame[at + 1] as number
    return order === 'be' ? (first << 8) | second : (second << 8) | first
  }

  /** Two's complement; so are the other signed ones. */
  i16(order: 'be' | 'le' = 'be'): number {
    return (this.u16(order) << 16) >> 16
  }

  u32(order: 'be' | 'le' = 'be'): number {
    return this.i32(order) >>> 0
  }

  i32(order: 'be' | 'le' = 'be'): number {
    const at = this.#advance(4)
    const a = this.#frame[at] as number
    const b = this.#frame[at + 1] as number
    const c = this.#frame[at + 2] as number
    const d = this.#frame[at + 3] as number
    return order === 'be' ? (a << 24) | (b << 16) | (c << 8) | d : (d << 24) | (c << 16) | (b << 8) | a
  }

  /** @throws ERR_BAD_MESSAGE above 2^53 - 1 */
  u64(order: 'be' | 'le' = 'be'): number {
    const first = this.u32(order)
    const second = this.u32(order)
    const value = order === 'be' ? first * TWO_32 + second : second * TWO_32 + first
    if (value > Number.MAX_SAFE_INTEGER) throw badMessage('a 64-bit number is above 2^53 - 1')
    return value
  }

  /** @throws ERR_BAD_MESSAGE beyond 2^53 - 1 either way */
  i64(order: 'be' | 'le' = 'be'): number {
    const first = this.u32(order)
    const second = this.u32(order)
    const value = order === 'be' ? (first | 0) * TWO_32 + second : (second | 0) * TWO_32 + first
    if (!Number.isSafeInteger(value)) throw badMessage('a 64-bit number is beyond 2^53 - 1')
    return value
  }

  /** IEEE 754 single. */
  f32(order: 'be' | 'le' = 'be'): number {
    const at = this.#advance(4)
    for (let i = 0; i < 4; i++) floatValue.setUint8(i, this.#frame[at + i] as number)
    return floatValue.getFloat32(0, order === 'le')
  }

  /** IEEE 754 double. */
  f64(order: 'be' | 'le' = 'be'): number {
    const at = this.#advance(8)
    for (let i = 0; i < 8; i++) floatValue.setUint8(i, this.#frame[at + i] as number)
    return floatValue.getFloat64(0, order === 'le')
  }

  /** Unsigned LEB128. @throws ERR_BAD_MESSAGE above 2^53 - 1 */
  varint(): number {
    let value = 0
    for (let scale = 1; ; scale *= 128) {
      const byte = this.u8()
      value += (byte & 0x7f) * scale
      if (value > Number.MAX_SAFE_INTEGER || scale > 2 ** 49) throw badMessage('a varint is above 2^53 - 1')
      if (byte < 0x80) return value
    }
  }

  /** @param length in bytes @throws ERR_BAD_MESSAGE where the bytes are not UTF-8 */
  utf8(length: number): string {
    const bytes = this.bytes(length)
    try {
      return readUtf8(bytes)
    } catch (error) {
      throw badMessage('a text is not UTF-8', error)
    }
  }

  /** A view of the frame. */
  bytes(length: number): Uint8Array {
    const at = this.#advance(length)
    return this.#frame.subarray(at, at + length)
  }

  /** A view of all that is left. */
  rest(): Uint8Array {
    return this.bytes(this.remaining)
  }

  #advance(count: number): number {
    const at = this.#at
    if (!(count >= 0) || at + count > this.#frame.length) {
      throw badMessage(`the frame ends ${at + count - this.#frame.length} bytes too early`)
    }
    this.#at = at + count
    return at
  }
}
