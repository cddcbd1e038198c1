import { badFrame, messageTooLarge } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/** A length below 2^35 has at most so many bytes. */
const MAX_VARINT_BYTES = 5
/** What Protobuf's own delimited messages can be at most. */
const MAX_LENGTH = 0x7fff_ffff

/**
 * Frames led by their length as an unsigned LEB128, as delimited Protobuf messages are:
 *
 *     +-------------------+------------------+
 *     | len: varint, 1–5 B | body (len bytes) |
 *     +-------------------+------------------+
 *
 * `len` counts the body only and is written in as few bytes as it takes.
 * Source: Protobuf, "Streaming Multiple Messages"; `writeDelimitedTo` of its Java library.
 * @throws ERR_BAD_FRAME for a length in more bytes than it takes, or in more than five
 * @throws ERR_FRAME_TOO_LARGE as soon as the length is known
 */
export function varintPrefixed(): FramingFactory {
  return () => new VarintPrefixed()
}

class VarintPrefixed implements Framing {
  next(buffer: ReadBuffer): Uint8Array | undefined {
    let length = 0
    let headerBytes = 0
    for (let scale = 1; ; scale *= 128) {
      if (headerBytes === MAX_VARINT_BYTES) throw badFrame('the length of a frame has more than 5 bytes')
      if (!buffer.has(headerBytes + 1)) return buffer.need(headerBytes + 1, headerBytes + 1)
      const byte = buffer.u8(headerBytes)
      headerBytes++
      length += (byte & 0x7f) * scale
      if (byte < 0x80) {
        if (byte === 0 && headerBytes > 1) throw badFrame('the length of a frame has more bytes than it takes')
        break
      }
    }
    return buffer.frame(headerBytes, headerBytes + length, headerBytes)
  }

  begin(out: WriteBuffer): number {
    return out.reserve(MAX_VARINT_BYTES)
  }

  end(out: WriteBuffer, mark: number): void {
    const length = out.position - mark - MAX_VARINT_BYTES
    if (length > MAX_LENGTH) throw messageTooLarge(length, MAX_LENGTH, 'the length field')
    let headerBytes = 1
    for (let left = length >>> 7; left > 0; left >>>= 7) headerBytes++
    const unused = MAX_VARINT_BYTES - headerBytes
    for (let i = 0; i < headerBytes; i++) {
      const more = i < headerBytes - 1 ? 0x80 : 0
      out.setU8(mark + unused + i, ((length >>> (7 * i)) & 0x7f) | more)
    }
    out.remove(mark, unused)
  }
}
