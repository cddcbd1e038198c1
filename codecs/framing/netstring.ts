import { badFrame, messageTooLarge } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

const ZERO = 0x30
const COLON = 0x3a
const COMMA = 0x2c
/** No message has a length with more digits. */
const MAX_DIGITS = 10

/**
 * Netstrings: `5:hello,`. The length is decimal, without leading zeros; it, the colon and the comma do not count
 * against maxFrameBytes. Source: D. J. Bernstein, https://cr.yp.to/proto/netstrings.txt.
 * @throws ERR_BAD_FRAME for anything else; ERR_FRAME_TOO_LARGE as soon as the length is known
 */
export function netstring(): FramingFactory {
  return () => new Netstring()
}

class Netstring implements Framing {
  next(buffer: ReadBuffer): Uint8Array | undefined {
    let length = 0
    let at = 0
    for (; ; at++) {
      if (!buffer.has(at + 1)) return buffer.need(at + 1, at + 1)
      const byte = buffer.u8(at)
      if (byte === COLON && at > 0) break
      if (byte < ZERO || byte > ZERO + 9) throw badFrame('a netstring does not begin with its length')
      if (at === MAX_DIGITS) throw badFrame('the length of a netstring has more than 10 digits')
      if (at === 1 && length === 0) throw badFrame('the length of a netstring has a leading zero')
      length = length * 10 + byte - ZERO
    }
    const from = at + 1
    const end = from + length
    buffer.need(end + 1, from + 1)
    if (!buffer.has(end + 1)) return undefined
    if (buffer.u8(end) !== COMMA) throw badFrame('a netstring does not end with a comma')
    const frame = buffer.view(from, end)
    buffer.skip(end + 1)
    return frame
  }

  begin(out: WriteBuffer): number {
    return out.reserve(MAX_DIGITS + 1)
  }

  end(out: WriteBuffer, mark: number): void {
    let left = out.position - mark - MAX_DIGITS - 1
    if (left >= 10 ** MAX_DIGITS) throw messageTooLarge(left, 10 ** MAX_DIGITS - 1, 'the length field')
    let at = mark + MAX_DIGITS
    out.setU8(at, COLON)
    do {
      at--
      out.setU8(at, ZERO + (left % 10))
      left = Math.floor(left / 10)
    } while (left > 0)
    out.u8(COMMA)
    out.remove(mark, at - mark)
  }
}
