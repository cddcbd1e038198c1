import { badFrame, badOption } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/**
 * Frames whose own header tells their size, as MQTT's or a game's do. The codec sees and writes the header itself, and
 * all of it counts against maxFrameBytes.
 * @param sizeOf size of the whole frame that begins at offset 0, in bytes, or undefined when more of it is needed to
 *   tell; it looks (`has`, `u8`, `u32` …) and takes nothing. It is asked again from the start, so a format that must
 *   be walked to its end (RESP) is better a Framing of its own, which remembers where it was.
 * @throws ERR_BAD_OPTION unless it is a function; later ERR_BAD_FRAME for a size that is no whole number from 1 on; ERR_FRAME_TOO_LARGE as soon as the size is known
 */
export function sized(sizeOf: (buffer: ReadBuffer) => number | undefined): FramingFactory {
  if (typeof sizeOf !== 'function') throw badOption('sizeOf', 'must be a function')
  return () => new Sized(sizeOf)
}

class Sized implements Framing {
  readonly #sizeOf: (buffer: ReadBuffer) => number | undefined

  constructor(sizeOf: (buffer: ReadBuffer) => number | undefined) {
    this.#sizeOf = sizeOf
  }

  next(buffer: ReadBuffer): Uint8Array | undefined {
    for (;;) {
      const frameBytes = this.#sizeOf(buffer)
      if (frameBytes !== undefined) {
        if (!(Number.isSafeInteger(frameBytes) && frameBytes > 0)) throw badFrame(`a frame claims ${frameBytes} B`)
        return buffer.frame(0, frameBytes)
      }
      if (!buffer.more()) return buffer.need(buffer.length + 1)
    }
  }

  begin(out: WriteBuffer): number {
    return out.position
  }

  end(): void {
    // The codec wrote a whole frame.
  }
}
