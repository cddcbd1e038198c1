import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/**
 * None: each chunk as it came, so where a frame ends is chance. For proxies, and for protocols that are taken apart
 * above. Nothing is gathered, so maxFrameBytes does not apply to what arrives.
 */
export function unframed(): FramingFactory {
  return () => UNFRAMED
}

const UNFRAMED: Framing = {
  next(buffer: ReadBuffer): Uint8Array | undefined {
    return buffer.length === 0 ? undefined : buffer.take(buffer.length)
  },
  begin(out: WriteBuffer): number {
    return out.position
  },
  end(): void {
    // There is nothing to add.
  },
}
