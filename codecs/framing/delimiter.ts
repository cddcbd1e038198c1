import { writeUtf8, utf8Length, allocate, copy } from '../../src/core/bytes.ts'
import { badOption, cannotEncode } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/**
 * Frames that end with these bytes (a text is taken as UTF-8), which the codec neither sees nor writes. They do not
 * count against maxFrameBytes.
 * @throws ERR_ENCODE to the sender of a message that contains the delimiter or would form it with its end: the peer
 *   would see other messages than were sent
 */
export function delimiter(bytes: Uint8Array | string): FramingFactory {
  const delimiting = typeof bytes === 'string' ? utf8(bytes) : copy(bytes)
  if (delimiting.length === 0) throw badOption('delimiter', 'has at least one byte')
  return () => new Delimited(delimiting)
}

class Delimited implements Framing {
  readonly #delimiter: Uint8Array
  /** As one byte where it is one: found faster. */
  readonly #wanted: number | Uint8Array
  /** No delimiter begins in so many bytes: what was searched is not searched again. */
  #searched = 0

  constructor(delimiting: Uint8Array) {
    this.#delimiter = delimiting
    this.#wanted = delimiting.length === 1 ? (delimiting[0] as number) : delimiting
  }

  next(buffer: ReadBuffer): Uint8Array | undefined {
    const overheadBytes = this.#delimiter.length
    for (;;) {
      const end = buffer.indexOf(this.#wanted, this.#searched)
      if (end >= 0) {
        buffer.need(end + overheadBytes, overheadBytes)
        const frame = buffer.view(0, end)
        buffer.skip(end + overheadBytes)
        this.#searched = 0
        return frame
      }
      this.#searched = Math.max(0, buffer.length - overheadBytes + 1)
      buffer.need(buffer.length + 1, overheadBytes)
      if (!buffer.more()) return undefined
    }
  }

  begin(out: WriteBuffer): number {
    return out.position
  }

  end(out: WriteBuffer, mark: number): void {
    const end = out.position
    out.bytes(this.#delimiter)
    if (out.indexOf(this.#wanted, mark) < end) throw cannotEncode('the message contains the delimiter of its framing')
  }
}

function utf8(text: string): Uint8Array {
  const bytes = allocate(utf8Length(text))
  writeUtf8(bytes, text, 0)
  return bytes
}
