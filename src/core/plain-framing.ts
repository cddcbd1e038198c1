import { messageTooLarge } from './errors.ts'
import type { Framing } from './framing.ts'
import type { ReadBuffer } from './read-buffer.ts'
import type { WriteBuffer } from './write-buffer.ts'

/** Bytes of the length before each frame. */
export const PLAIN_HEADER_BYTES = 4
const MAX_U32 = 0xffff_ffff

/** A 4-byte big-endian length and the body. It has no state. */
class PlainFraming implements Framing {
  next(buffer: ReadBuffer): Uint8Array | undefined {
    if (!buffer.has(PLAIN_HEADER_BYTES)) return buffer.need(PLAIN_HEADER_BYTES, PLAIN_HEADER_BYTES)
    return buffer.frame(PLAIN_HEADER_BYTES, PLAIN_HEADER_BYTES + buffer.u32(0), PLAIN_HEADER_BYTES)
  }

  begin(out: WriteBuffer): number {
    return out.reserve(PLAIN_HEADER_BYTES)
  }

  end(out: WriteBuffer, mark: number): void {
    const length = out.position - mark - PLAIN_HEADER_BYTES
    if (length > MAX_U32) throw messageTooLarge(length, MAX_U32, 'the length field')
    out.setU32(mark, length)
  }
}

/**
 * The framing that nearly all use. Core knows it: ChunkBuffer and FrameWriter read and write its header themselves,
 * because a call of one framing among several costs as much as the work that is in it (bench/micro.mjs).
 */
export const PLAIN: Framing = /* @__PURE__ */ new PlainFraming()
