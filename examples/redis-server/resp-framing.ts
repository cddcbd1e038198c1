import type { Framing, FramingFactory, ReadBuffer, WriteBuffer } from 'hawser'
import { protocolError } from './protocol-error.ts'

const LF = 0x0a
const CR = 0x0d
const MINUS = 0x2d
const DOLLAR = 0x24
const STAR = 0x2a
const ZERO = 0x30
/** As in Redis. */
const MAX_INLINE_BYTES = 64 * 1024
/** No length that could be allowed has more; ten fit exactly into a number. */
const MAX_DIGITS = 10

export interface RespFramingOptions {
  /** Of one command, its name included. @defaultValue 16 384 */
  readonly maxArguments?: number | undefined
}

/**
 * Commands as Redis clients send them, each frame one command with all of its headers:
 *
 *     *2\r\n $4\r\n ECHO\r\n $2\r\n hi\r\n        an array of bulk strings
 *     ECHO hi\r\n                                 an inline command, for people with nc
 *
 * Nothing but headers is looked at: an argument is skipped by its length. How much of an unfinished command was walked
 * is remembered, so that a command in a thousand pieces costs no more than in one. A reply is written whole by the codec.
 * Source: Redis serialization protocol specification, RESP2.
 * @throws ERR_BAD_FRAME, with what Redis would answer as its `cause`; ERR_FRAME_TOO_LARGE as soon as a length is known
 */
export function resp(options: RespFramingOptions = {}): FramingFactory {
  const { maxArguments = 16_384 } = options
  return () => new Resp(maxArguments)
}

class Resp implements Framing {
  readonly #maxArguments: number
  /** Where the next header stands, or the search for the end of a line goes on: all before it was walked. */
  #at = 0
  /** Arguments that are still to come; -1 where the array's own header is. */
  #missing = -1

  constructor(maxArguments: number) {
    this.#maxArguments = maxArguments
  }

  next(buffer: ReadBuffer): Uint8Array | undefined {
    if (this.#missing < 0) {
      if (!reach(buffer, 1)) return undefined
      if (buffer.u8(0) !== STAR) return this.#inline(buffer)
      const count = this.#number(buffer, 'invalid multibulk length')
      if (count === undefined) return undefined
      if (count > this.#maxArguments) throw protocolError('ERR_BAD_FRAME', 'invalid multibulk length')
      this.#missing = Math.max(0, count) // a client may well send an array of nothing
    }
    while (this.#missing > 0) {
      const header = this.#at
      if (!reach(buffer, header + 1)) return undefined
      if (buffer.u8(header) !== DOLLAR)
        throw protocolError('ERR_BAD_FRAME', `expected '$', got '${character(buffer.u8(header))}'`)
      const length = this.#number(buffer, 'invalid bulk length')
      if (length === undefined) return undefined
      if (length < 0) throw protocolError('ERR_BAD_FRAME', 'invalid bulk length')
      const end = this.#at + length + 2
      if (!reach(buffer, end)) {
        this.#at = header // its header is read again: a few bytes
        return undefined
      }
      this.#at = end
      this.#missing--
    }
    return this.#take(buffer, this.#at)
  }

  begin(out: WriteBuffer): number {
    return out.position
  }

  end(): void {
    // The codec wrote a whole reply.
  }

  #inline(buffer: ReadBuffer): Uint8Array | undefined {
    for (;;) {
      const feed = buffer.indexOf(LF, this.#at)
      if (feed >= 0) return this.#take(buffer, feed + 1)
      if (buffer.length > MAX_INLINE_BYTES) throw protocolError('ERR_BAD_FRAME', 'too big inline request')
      this.#at = buffer.length
      buffer.need(buffer.length + 1)
      if (!buffer.more()) return undefined
    }
  }

  #take(buffer: ReadBuffer, length: number): Uint8Array {
    this.#at = 0
    this.#missing = -1
    buffer.need(length)
    return buffer.take(length)
  }

  /** The number between the type at #at and its \r\n, behind which #at then stands; undefined when it is not all there. */
  #number(buffer: ReadBuffer, complaint: string): number | undefined {
    const from = this.#at + 1
    if (!reach(buffer, from + 1)) return undefined
    const negative = buffer.u8(from) === MINUS
    const first = negative ? from + 1 : from
    let value = 0
    for (let at = first; ; at++) {
      if (!reach(buffer, at + 1)) return undefined
      const byte = buffer.u8(at)
      if (byte === CR && at > first) {
        if (!reach(buffer, at + 2)) return undefined
        if (buffer.u8(at + 1) !== LF) throw protocolError('ERR_BAD_FRAME', complaint)
        this.#at = at + 2
        return negative ? -value : value
      }
      const digit = byte - ZERO
      if (digit < 0 || digit > 9 || at - first === MAX_DIGITS) throw protocolError('ERR_BAD_FRAME', complaint)
      value = value * 10 + digit
    }
  }
}

/** Brings the first `count` bytes together, or says that so many are needed. */
function reach(buffer: ReadBuffer, count: number): boolean {
  if (buffer.length >= count) return true
  buffer.need(count)
  // A long argument is brought together to the byte. Short ones and headers come with all that follows them: otherwise
  // each of them would move the whole command so far.
  if (count >= buffer.length * 2) return buffer.has(count)
  while (buffer.length < count) if (!buffer.more()) return false
  return true
}

function character(byte: number): string {
  return byte > 0x20 && byte < 0x7f ? String.fromCharCode(byte) : '?'
}
