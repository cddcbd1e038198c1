/**
 * The frame of RFC 6455 section 5.2. FIN, the last one of its message, leads the first byte:
 *
 *      0               1               2 …
 *     +-+-+-+-+-------+-+-------------+-------------------------+---------------+─────────
 *     |F|R|R|R| opcode|M| length      | u16 (126) or u64 (127)  | mask (if M)   | payload
 *     |I|S|S|S|  (4)  |A|   (7)       | where length says so    | 4 bytes       | masked
 *     |N|V|V|V|       |S|             |                         |               |
 *     +-+-+-+-+-------+-+-------------+-------------------------+---------------+─────────
 */
export const FIN = 0x80
/** For extensions; we agree on none. */
export const RESERVED_BITS = 0x70
/** What kind of frame it is. */
export const OPCODE_BITS = 0x0f
/** A mask follows the length. */
export const MASKED = 0x80
/** The length, or how many bytes hold it. */
export const LENGTH_BITS = 0x7f

/** Opcode: more of a message. */
export const CONTINUATION = 0x0
/** Opcode: a message begins, which is UTF-8. */
export const TEXT = 0x1
/** Opcode: a message begins. */
export const BINARY = 0x2
/** Opcode, and the first of those that control. */
export const CLOSE = 0x8
/** Opcode. */
export const PING = 0x9
/** Opcode, the last one there is. */
export const PONG = 0xa

/** Lengths up to here stand in the second byte; control frames have no others. */
export const SHORT_LENGTH = 125
/** In place of a length: it follows in 2 bytes. */
export const LENGTH_IS_U16 = 126
/** In place of a length: it follows in 8 bytes. */
export const LENGTH_IS_U64 = 127
/** The longest length in 2 bytes. */
export const MAX_U16 = 0xffff
/** With the long length and a mask. */
export const MAX_HEADER_BYTES = 14

/** From so much memory on a view by words pays. */
const WORDS_FROM_BYTES = 256
/** Bit 7 of each of four bytes: a character beyond ASCII. */
const BEYOND_ASCII = 0x8080_8080
const LITTLE_ENDIAN = /* @__PURE__ */ new Uint8Array(new Uint32Array([1]).buffer)[0] === 1

/**
 * Bytes with a view of the same memory by words, so that masking goes four bytes at a time. Made once for a chunk or
 * slab, since making a view costs as much as masking a short frame.
 */
export class WordBytes {
  readonly bytes: Uint8Array
  readonly memory: ArrayBufferLike
  readonly offset: number
  readonly #words: Int32Array | undefined

  constructor(bytes: Uint8Array) {
    this.bytes = bytes
    this.memory = bytes.buffer
    this.offset = bytes.byteOffset
    if (LITTLE_ENDIAN && bytes.length >= WORDS_FROM_BYTES)
      this.#words = new Int32Array(this.memory, 0, this.memory.byteLength >> 2)
  }

  /**
   * Applies the mask in place; twice is as never. @param key the mask's four bytes, the first one lowest
   * @returns whether one of the unmasked bytes is beyond ASCII
   */
  unmask(from: number, to: number, key: number): boolean {
    const { bytes } = this
    const words = this.#words
    let mask = key
    let seen = 0
    let at = from
    if (words !== undefined && to - from >= 8) {
      for (; ((this.offset + at) & 3) !== 0; at++) {
        seen |= bytes[at] = (bytes[at] as number) ^ (mask & 0xff)
        mask = (mask >>> 8) | (mask << 24)
      }
      const last = (this.offset + to) >> 2
      let word = (this.offset + at) >> 2
      at += (last - word) << 2
      for (; word < last; word++) seen |= words[word] = (words[word] as number) ^ mask
    }
    for (; at < to; at++) {
      seen |= bytes[at] = (bytes[at] as number) ^ (mask & 0xff)
      mask = (mask >>> 8) | (mask << 24)
    }
    return (seen & BEYOND_ASCII) !== 0
  }

  /** Whether one of the bytes is beyond ASCII. */
  isBeyondAscii(from: number, to: number): boolean {
    const { bytes } = this
    let seen = 0
    for (let at = from; at < to; at++) seen |= bytes[at] as number
    return seen >= 0x80
  }
}

/** The mask as it stands after `count` bytes. */
export function turned(key: number, count: number): number {
  const bits = (count & 3) << 3
  return bits === 0 ? key : (key >>> bits) | (key << (32 - bits))
}
