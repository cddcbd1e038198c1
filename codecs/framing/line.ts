import { badOption, cannotEncode } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/** What `line` takes. */
export interface LineOptions {
  /** What ends the lines that are sent, and '\r\n' those that are received, too. @defaultValue '\n', which takes both */
  readonly ending?: '\n' | '\r\n' | undefined
}

const LF = 0x0a
const CR = 0x0d
/** The longest ending; it does not count against maxFrameBytes. */
const ENDING_BYTES = 2

/**
 * Lines, without their ending. With '\n' a line that ends in '\r\n' loses both; with '\r\n' a line feed alone belongs
 * to its line.
 * @throws ERR_ENCODE to the sender of a message that contains a line feed, whatever the ending: peers that end a line
 *   at a bare one would see two messages, the second as if this side had said it. With '\n' also of one that ends in a
 *   carriage return, which would be lost.
 */
export function line(options: LineOptions = {}): FramingFactory {
  const { ending = '\n' } = options
  if (ending !== '\n' && ending !== '\r\n') throw badOption('ending', "is '\\n' or '\\r\\n'")
  return () => new Line(ending === '\r\n')
}

class Line implements Framing {
  readonly #strict: boolean
  /** No line ends in so many bytes: what was searched is not searched again. */
  #searched = 0

  constructor(strict: boolean) {
    this.#strict = strict
  }

  next(buffer: ReadBuffer): Uint8Array | undefined {
    for (;;) {
      const feed = buffer.indexOf(LF, this.#searched)
      if (feed >= 0) {
        const returned = feed > 0 && buffer.u8(feed - 1) === CR
        if (this.#strict && !returned) {
          this.#searched = feed + 1
          continue
        }
        const end = returned ? feed - 1 : feed
        buffer.need(feed + 1, feed + 1 - end)
        const frame = buffer.view(0, end)
        buffer.skip(feed + 1)
        this.#searched = 0
        return frame
      }
      this.#searched = buffer.length
      buffer.need(buffer.length + 1, ENDING_BYTES)
      if (!buffer.more()) return undefined
    }
  }

  begin(out: WriteBuffer): number {
    return out.position
  }

  end(out: WriteBuffer, mark: number): void {
    if (out.indexOf(LF, mark) >= 0) throw cannotEncode('the message contains a line feed, which would end its line')
    if (this.#strict) {
      out.u8(CR)
    } else if (out.position > mark && out.indexOf(CR, out.position - 1) >= 0) {
      throw cannotEncode('the message ends in a carriage return, which its line would lose')
    }
    out.u8(LF)
  }
}
