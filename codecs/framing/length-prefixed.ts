import { badFrame, badOption, cannotEncode, messageTooLarge } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import { PLAIN } from '../../src/core/plain-framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/** The parameters of Netty's LengthFieldBasedFrameDecoder; with none of them, a 4-byte big-endian length of the body. */
export interface LengthPrefixedOptions {
  /** Width of the length field. @defaultValue 4 */
  readonly fieldBytes?: 1 | 2 | 3 | 4 | 8 | undefined
  /** Byte order of the length field. @defaultValue 'be' */
  readonly order?: 'be' | 'le' | undefined
  /** Bytes before the length field: a magic number, a type. @defaultValue 0 */
  readonly offset?: number | undefined
  /** What to add to the length to get the number of bytes behind the field; negative where it counts the header too. @defaultValue 0 */
  readonly adjustment?: number | undefined
  /** Bytes cut off the front before the codec sees the frame. @defaultValue offset + fieldBytes, all of the header */
  readonly strip?: number | undefined
}

const FIELD_BYTES: readonly number[] = [1, 2, 3, 4, 8]
const TWO_32 = 0x1_0000_0000

/**
 * Frames that tell their length:
 *
 *     +--------+----------+------------------------------+
 *     | offset | len: uN  | body (len + adjustment bytes) |
 *     +--------+----------+------------------------------+
 *     └─── strip: not the codec's ───┘
 *
 * What is stripped the codec neither sees nor writes: going out it is zeros with the length filled in. What is not, the
 * codec writes itself, with any value in the place of the length. The header does not count against maxFrameBytes.
 * Source: Netty, LengthFieldBasedFrameDecoder.
 * @throws ERR_FRAME_TOO_LARGE as soon as the length is known; ERR_BAD_FRAME for one above 2^53 - 1 or shorter than its header
 * @throws ERR_MESSAGE_TOO_LARGE to the sender of a message whose length the field cannot hold
 */
export function lengthPrefixed(options: LengthPrefixedOptions = {}): FramingFactory {
  const { fieldBytes = 4, order = 'be', offset = 0, adjustment = 0 } = options
  const strip = options.strip ?? offset + fieldBytes
  if (!FIELD_BYTES.includes(fieldBytes)) throw badOption('fieldBytes', 'is 1, 2, 3, 4 or 8')
  if (!(Number.isSafeInteger(offset) && offset >= 0)) throw badOption('offset', 'is a whole number from 0 on')
  if (!Number.isSafeInteger(adjustment)) throw badOption('adjustment', 'is a whole number')
  if (!(Number.isSafeInteger(strip) && strip >= 0)) throw badOption('strip', 'is a whole number from 0 on')
  const isPlain = fieldBytes === 4 && order === 'be' && offset === 0 && adjustment === 0 && strip === 4
  if (isPlain) return () => PLAIN
  return () => new LengthPrefixed(fieldBytes, order, offset, adjustment, strip)
}

class LengthPrefixed implements Framing {
  readonly #fieldBytes: number
  readonly #order: 'be' | 'le'
  readonly #offset: number
  readonly #headerBytes: number
  readonly #adjustment: number
  readonly #strip: number
  /** The largest number the field holds. */
  readonly #maxLength: number

  constructor(fieldBytes: number, order: 'be' | 'le', offset: number, adjustment: number, strip: number) {
    this.#fieldBytes = fieldBytes
    this.#order = order
    this.#offset = offset
    this.#headerBytes = offset + fieldBytes
    this.#adjustment = adjustment
    this.#strip = strip
    this.#maxLength = fieldBytes < 8 ? 2 ** (fieldBytes * 8) - 1 : Number.MAX_SAFE_INTEGER
  }

  next(buffer: ReadBuffer): Uint8Array | undefined {
    const headerBytes = this.#headerBytes
    if (!buffer.has(headerBytes)) return buffer.need(headerBytes, headerBytes)
    const total = headerBytes + this.#adjustment + this.#lengthIn(buffer)
    if (total < headerBytes || total < this.#strip) throw badFrame(`a frame of ${total} B is shorter than its header`)
    return buffer.frame(this.#strip, total, headerBytes)
  }

  begin(out: WriteBuffer): number {
    return out.reserve(this.#strip)
  }

  end(out: WriteBuffer, mark: number): void {
    const total = out.position - mark
    const length = total - this.#headerBytes - this.#adjustment
    if (total < this.#headerBytes || length < 0)
      throw cannotEncode(`a message of ${total} B is shorter than its header`)
    this.#setLength(out, mark + this.#offset, length)
  }

  #lengthIn(buffer: ReadBuffer): number {
    const at = this.#offset
    const order = this.#order
    switch (this.#fieldBytes) {
      case 1:
        return buffer.u8(at)
      case 2:
        return buffer.u16(at, order)
      case 3:
        return order === 'be'
          ? (buffer.u16(at) << 8) | buffer.u8(at + 2)
          : (buffer.u8(at + 2) << 16) | buffer.u16(at, 'le')
      case 4:
        return buffer.u32(at, order)
      default:
        return this.#u64In(buffer, at, order)
    }
  }

  #u64In(buffer: ReadBuffer, at: number, order: 'be' | 'le'): number {
    const high = buffer.u32(order === 'be' ? at : at + 4, order)
    const low = buffer.u32(order === 'be' ? at + 4 : at, order)
    if (high >= 0x20_0000) throw badFrame('the length of a frame is above 2^53 - 1')
    return high * TWO_32 + low
  }

  #setLength(out: WriteBuffer, at: number, length: number): void {
    const order = this.#order
    const fieldBytes = this.#fieldBytes
    if (length > this.#maxLength) throw messageTooLarge(length, this.#maxLength, 'the length field')
    switch (fieldBytes) {
      case 1:
        return out.setU8(at, length)
      case 2:
        return out.setU16(at, length, order)
      case 3:
        out.setU8(order === 'be' ? at : at + 2, length >>> 16)
        return out.setU16(order === 'be' ? at + 1 : at, length & 0xffff, order)
      case 4:
        return out.setU32(at, length, order)
      default:
        out.setU32(order === 'be' ? at : at + 4, Math.floor(length / TWO_32), order)
        return out.setU32(order === 'be' ? at + 4 : at, length >>> 0, order)
    }
  }
}
