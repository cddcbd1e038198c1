import { badFrame, messageTooLarge } from '../../src/core/errors.ts'
import type { Framing, FramingFactory } from '../../src/core/framing.ts'
import type { ReadBuffer } from '../../src/core/read-buffer.ts'
import type { WriteBuffer } from '../../src/core/write-buffer.ts'

/** A block of headers longer than this is refused; it does not count against maxFrameBytes. */
const MAX_HEADER_BYTES = 4096
const MAX_DIGITS = 10
const NAME = /* @__PURE__ */ ascii('content-length')
const BLOCK_END = /* @__PURE__ */ ascii('\r\n\r\n')
const LEADING = /* @__PURE__ */ ascii('Content-Length: ')
/** Header going out, with room for the longest length. */
const HEADER = /* @__PURE__ */ ascii(`Content-Length: ${'0'.repeat(MAX_DIGITS)}\r\n\r\n`)
const ZERO = 0x30
const COLON = 0x3a
const SPACE = 0x20
const TAB = 0x09

/**
 * Frames led by headers, as language servers and debug adapters speak:
 *
 *     Content-Length: 5\r\n
 *     \r\n
 *     hello
 *
 * Names are compared without case; other headers are ignored, and none but Content-Length is sent.
 * Source: Language Server Protocol, "Base Protocol".
 * @throws ERR_BAD_FRAME for a block above 4 KiB, a length that is missing, given twice or no plain decimal number, and
 *   for a line that is not a header
 * @throws ERR_FRAME_TOO_LARGE as soon as the length is known
 */
export function contentLength(): FramingFactory {
  return () => new ContentLength()
}

class ContentLength implements Framing {
  /** No block ends in so many bytes: what was searched is not searched again. */
  #searched = 0
  /** Headers of the frame that is arriving, once they were read. */
  #headerBytes = 0
  #bodyBytes = 0

  next(buffer: ReadBuffer): Uint8Array | undefined {
    if (this.#headerBytes === 0 && !this.#readHeaders(buffer)) return undefined
    const total = this.#headerBytes + this.#bodyBytes
    buffer.need(total, this.#headerBytes)
    if (!buffer.has(total)) return undefined
    const frame = buffer.view(this.#headerBytes, total)
    buffer.skip(total)
    this.#headerBytes = 0
    return frame
  }

  begin(out: WriteBuffer): number {
    const mark = out.position
    out.bytes(HEADER)
    return mark
  }

  end(out: WriteBuffer, mark: number): void {
    let left = out.position - mark - HEADER.length
    if (left >= 10 ** MAX_DIGITS) throw messageTooLarge(left, 10 ** MAX_DIGITS - 1, 'the length field')
    const from = mark + LEADING.length
    let at = from + MAX_DIGITS
    do {
      at--
      out.setU8(at, ZERO + (left % 10))
      left = Math.floor(left / 10)
    } while (left > 0)
    out.remove(from, at - from)
  }

  #readHeaders(buffer: ReadBuffer): boolean {
    for (;;) {
      const end = buffer.indexOf(BLOCK_END, this.#searched)
      if (end > MAX_HEADER_BYTES || (end < 0 && buffer.length > MAX_HEADER_BYTES + BLOCK_END.length)) {
        throw badFrame(`the headers of a frame exceed ${MAX_HEADER_BYTES} B`)
      }
      if (end >= 0) {
        const headerBytes = end + BLOCK_END.length
        this.#bodyBytes = bodyBytesOf(buffer.view(0, end + 2))
        this.#headerBytes = headerBytes
        this.#searched = 0
        return true
      }
      this.#searched = Math.max(0, buffer.length - BLOCK_END.length + 1)
      buffer.need(buffer.length + 1, buffer.length + 1)
      if (!buffer.more()) return false
    }
  }
}

/** @param block lines, each with its \r\n */
function bodyBytesOf(block: Uint8Array): number {
  let length = -1
  let from = 0
  while (from < block.length) {
    const colon = endOfName(block, from)
    const end = endOfValue(block, colon + 1)
    if (isContentLength(block, from, colon)) {
      if (length >= 0) throw badFrame('a frame has two Content-Length headers')
      length = parseLength(block, colon + 1, end)
    }
    from = end + 2
  }
  if (length < 0) throw badFrame('a frame has no Content-Length header')
  return length
}

/** Position of the colon; the name before it is visible ASCII, with no space at all. */
function endOfName(block: Uint8Array, from: number): number {
  let at = from
  while (at < block.length) {
    const byte = block[at] as number
    if (byte === COLON && at > from) return at
    if (byte <= SPACE || byte > 0x7e || byte === COLON) break
    at++
  }
  throw badFrame('what stands before a frame is not a header')
}

/** Position of the \r\n; other control characters are refused. */
function endOfValue(block: Uint8Array, from: number): number {
  let at = from
  while ((block[at] as number) >= SPACE || block[at] === TAB) at++
  if (block[at] !== 0x0d || block[at + 1] !== 0x0a) throw badFrame('a header of a frame contains a control character')
  return at
}

function isContentLength(block: Uint8Array, from: number, to: number): boolean {
  if (to - from !== NAME.length) return false
  for (let i = 0; i < NAME.length; i++) {
    const byte = block[from + i] as number
    const lower = byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    if (lower !== NAME[i]) return false
  }
  return true
}

function parseLength(block: Uint8Array, from: number, to: number): number {
  let at = from
  let end = to
  while (at < end && isBlank(block[at])) at++
  while (end > at && isBlank(block[end - 1])) end--
  if (at === end || end - at > MAX_DIGITS) throw badFrame('a Content-Length is no number')
  let length = 0
  for (; at < end; at++) {
    const digit = (block[at] as number) - ZERO
    if (digit < 0 || digit > 9) throw badFrame('a Content-Length is no number')
    length = length * 10 + digit
  }
  return length
}

function isBlank(byte: number | undefined): boolean {
  return byte === SPACE || byte === TAB
}

function ascii(text: string): Uint8Array {
  return Uint8Array.from(text, (character) => character.charCodeAt(0))
}
