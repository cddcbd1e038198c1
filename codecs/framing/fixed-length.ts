import { badOption, cannotEncode } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/**
 * Frames of one length, with nothing between them.
 * @throws ERR_ENCODE to the sender of a message of another length
 */
export function fixedLength(frameBytes: number): FramingFactory {
  if (!(Number.isSafeInteger(frameBytes) && frameBytes > 0))
    throw badOption('frameBytes', 'is a whole number from 1 on')
  return () => new FixedLength(frameBytes)
}

class FixedLength implements Framing {
  readonly #frameBytes: number

  constructor(frameBytes: number) {
    this.#frameBytes = frameBytes
  }

  next(buffer: ReadBuffer): Uint8Array | undefined {
    return buffer.frame(0, this.#frameBytes)
  }

  begin(out: WriteBuffer): number {
    return out.position
  }

  end(out: WriteBuffer, mark: number): void {
    const length = out.position - mark
    if (length !== this.#frameBytes)
      throw cannotEncode(`the message has ${length} B, and a frame ${this.#frameBytes} B`)
  }
}
