import { allocate, EMPTY, View } from '../../core/bytes.ts'
import { badFrame, badMessage, frameTooLarge, type HawserError } from '../../core/errors.ts'
import {
  BINARY,
  CLOSE,
  CONTINUATION,
  FIN,
  LENGTH_BITS,
  LENGTH_IS_U16,
  LENGTH_IS_U64,
  MASKED,
  MAX_HEADER_BYTES,
  MAX_U16,
  OPCODE_BITS,
  PONG,
  RESERVED_BITS,
  SHORT_LENGTH,
  TEXT,
  turned,
  WordBytes,
} from './frame.ts'
import { Utf8Check } from './utf8-check.ts'

/** Of one message. The memory of its parts is one buffer, so that tiny and empty ones cost nothing but their number. */
const MAX_FRAGMENTS = 1024
const FIRST_BYTES = 4 * 1024
const TWO_32 = 0x1_0000_0000
const POLICY_VIOLATION = 1008

/** Who hears what a FrameParser finds. */
export interface FrameParserHost {
  /** A whole message; the bytes are the host's. `text` was checked to be UTF-8. */
  parserMessage(bytes: Uint8Array, text: boolean): void
  /** @param opcode CLOSE, PING or PONG @param payload valid during the call */
  parserControl(opcode: number, payload: Uint8Array): void
}

/**
 * Bytes in, messages and control frames out, however the bytes are cut:
 *
 *     chunk ──▶ header ──▶ payload, unmasked where it lies ──▶ a view of the chunk, where the message is one frame in it
 *                                                          └─▶ copied behind what came before, where it is not
 *
 * A split message is gathered in one buffer that doubles as bytes arrive, whatever length was announced.
 */
export class FrameParser {
  /** Set by the host: nothing more is parsed for now. */
  halted = false
  /** What the peer is told where the error that `parse` threw does not say so. */
  closeCode: number | undefined

  readonly #mask: number
  readonly #maxFrameBytes: number
  readonly #inPieces: boolean
  readonly #host: FrameParserHost

  /** A header that came in pieces. */
  #header: Uint8Array | undefined
  #headerBytes = 0

  // The frame whose payload is being read; #left is what is missing of it.
  #opcode = -1
  #final = false
  #left = 0
  #key = 0

  /** Of the message begun: CONTINUATION means none is. */
  #kind = CONTINUATION
  #fragments = 0
  #message: Uint8Array = EMPTY
  #messageBytes = 0
  #control: Uint8Array | undefined
  #controlBytes = 0
  #utf8 = new Utf8Check()

  /**
   * @param masked whether the peer must mask what it sends: it is the client
   * @param boundary 'stream': a message is given in the pieces that it comes in, and may be of any size
   */
  constructor(masked: boolean, maxFrameBytes: number, boundary: 'auto' | 'stream', host: FrameParserHost) {
    this.#mask = masked ? MASKED : 0
    this.#inPieces = boundary === 'stream'
    this.#maxFrameBytes = this.#inPieces ? Infinity : maxFrameBytes
    this.#host = host
  }

  /** Whether a message, or any frame, was begun and is not finished. */
  get isInside(): boolean {
    return this.#headerBytes > 0 || this.#opcode >= 0 || this.#kind !== CONTINUATION
  }

  /** As `isInside`, where the host is given nothing before the message is whole. */
  get isGathering(): boolean {
    return this.isInside && !this.#inPieces
  }

  /**
   * Parses from `from` until the chunk is used up, the host halts it, or `mostFrames` were read.
   * @param chunk is written to
   * @returns where it stopped
   * @throws ERR_BAD_FRAME, ERR_BAD_MESSAGE, ERR_FRAME_TOO_LARGE
   */
  parse(chunk: Uint8Array, from: number, mostFrames: number): number {
    const masked = this.#mask !== 0
    const end = chunk.length
    const words = new WordBytes(chunk)
    let at = from
    let frames = 0
    while (at < end && !this.halted && frames < mostFrames) {
      if (this.#opcode >= 0) {
        at = this.#readPayload(words, at, end)
        continue
      }
      frames++
      const first = chunk[at] as number
      const second = chunk[at + 1] as number
      const length = second & LENGTH_BITS
      const payloadAt = at + (masked ? 6 : 2)
      const payloadEnd = payloadAt + length
      const isWhole = first === (FIN | TEXT) || first === (FIN | BINARY)
      if (
        !isWhole ||
        this.#headerBytes > 0 ||
        payloadEnd > end ||
        length > SHORT_LENGTH ||
        length > this.#maxFrameBytes ||
        (second & MASKED) !== this.#mask ||
        this.#kind !== CONTINUATION
      ) {
        at = this.#readHeader(chunk, at, end)
        continue
      }
      // The hot path: a short message in one frame in one chunk.
      at = payloadEnd
      const text = first === (FIN | TEXT)
      const beyondAscii = masked
        ? words.unmask(payloadAt, payloadEnd, keyAt(chunk, payloadAt - 4))
        : text && words.isBeyondAscii(payloadAt, payloadEnd)
      if (text && beyondAscii) this.#requireUtf8(chunk, payloadAt, payloadEnd)
      this.#host.parserMessage(new View(words.memory, words.offset + payloadAt, length), text)
    }
    return at
  }

  #readHeader(chunk: Uint8Array, from: number, end: number): number {
    this.#header ??= allocate(MAX_HEADER_BYTES)
    const header = this.#header
    let at = from
    while (at < end) {
      header[this.#headerBytes++] = chunk[at++] as number
      if (this.#headerBytes === 2) this.#checkStart(header[0] as number, header[1] as number)
      if (this.#headerBytes >= 2 && this.#headerBytes === headerLength(header[1] as number)) {
        this.#headerBytes = 0
        this.#beginFrame(header)
        break
      }
    }
    return at
  }

  /** Everything that its first two bytes tell about a frame. */
  #checkStart(first: number, second: number): void {
    const opcode = first & OPCODE_BITS
    const isFinal = (first & FIN) !== 0
    const length = second & LENGTH_BITS
    if ((first & RESERVED_BITS) !== 0) throw badFrame('a reserved bit of a frame is set')
    if ((second & MASKED) !== this.#mask) throw badFrame(`a frame is ${this.#mask === 0 ? '' : 'not '}masked`)
    if (opcode >= CLOSE) {
      if (opcode > PONG) throw badFrame(`opcode ${opcode} is reserved`)
      if (!isFinal) throw badFrame('a control frame is fragmented')
      if (length > SHORT_LENGTH) throw badFrame('a control frame is longer than 125 B')
      return
    }
    if (opcode > BINARY) throw badFrame(`opcode ${opcode} is reserved`)
    if (opcode === CONTINUATION && this.#kind === CONTINUATION) throw badFrame('nothing was begun that could continue')
    if (opcode !== CONTINUATION && this.#kind !== CONTINUATION) throw badFrame('a message begins inside of another')
    if (opcode === CONTINUATION && ++this.#fragments > MAX_FRAGMENTS) {
      this.closeCode = POLICY_VIOLATION
      throw badFrame(`a message has more than ${MAX_FRAGMENTS} fragments`)
    }
  }

  #beginFrame(header: Uint8Array): void {
    const first = header[0] as number
    const opcode = first & OPCODE_BITS
    const length = lengthIn(header)
    if (opcode < CLOSE) {
      const total = this.#messageBytes + length
      if (total > this.#maxFrameBytes) throw frameTooLarge(total, this.#maxFrameBytes)
      if (opcode !== CONTINUATION) {
        this.#kind = opcode
        this.#fragments = 1
      }
    }
    this.#key = this.#mask === 0 ? 0 : keyAt(header, headerLength(header[1] as number) - 4)
    this.#opcode = opcode
    this.#final = (first & FIN) !== 0
    this.#left = length
    if (length === 0) this.#endFrame() // no byte follows that would
  }

  /** What the chunk holds of the payload, from `from` on. */
  #readPayload(words: WordBytes, from: number, end: number): number {
    const { bytes } = words
    const to = Math.min(end, from + this.#left)
    const isControl = this.#opcode >= CLOSE
    if (this.#mask !== 0) {
      words.unmask(from, to, this.#key)
      this.#key = turned(this.#key, to - from)
    }
    this.#left -= to - from
    if (isControl) {
      this.#control ??= allocate(SHORT_LENGTH)
      this.#control.set(bytes.subarray(from, to), this.#controlBytes)
      this.#controlBytes += to - from
    } else {
      if (this.#kind === TEXT && !this.#utf8.push(bytes, from, to)) throw notUtf8()
      if (this.#inPieces) {
        this.#host.parserMessage(new View(words.memory, words.offset + from, to - from), this.#kind === TEXT)
      } else if (this.#left === 0 && this.#final && this.#messageBytes === 0) {
        this.#message = new View(words.memory, words.offset + from, to - from) // all of it, in one chunk
        this.#messageBytes = to - from
      } else {
        this.#gather(bytes, from, to)
      }
    }
    if (this.#left === 0) this.#endFrame()
    return to
  }

  #gather(bytes: Uint8Array, from: number, to: number): void {
    const at = this.#messageBytes
    const needed = at + to - from
    if (needed > this.#message.length) {
      // Twice what came, but in the last frame not more than what was announced: the last byte then fills it. Of frames
      // before it nobody knows what follows: without the room each small fragment would copy the whole message.
      const most = this.#final ? needed + this.#left : Infinity
      const larger = allocate(Math.max(needed, Math.min(most, Math.max(at * 2, FIRST_BYTES))))
      larger.set(this.#message.subarray(0, at))
      this.#message = larger
    }
    this.#message.set(bytes.subarray(from, to), at)
    this.#messageBytes = needed
  }

  #endFrame(): void {
    const opcode = this.#opcode
    this.#opcode = -1
    if (opcode >= CLOSE) {
      const payload = this.#control?.subarray(0, this.#controlBytes) ?? EMPTY
      this.#controlBytes = 0
      this.#host.parserControl(opcode, payload)
    } else if (this.#final) {
      const text = this.#kind === TEXT
      if (text && !this.#utf8.isWhole) throw notUtf8()
      const message = this.#message
      const length = this.#messageBytes
      this.#kind = CONTINUATION
      this.#message = EMPTY
      this.#messageBytes = 0
      if (this.#inPieces) return
      this.#host.parserMessage(message.length === length ? message : message.subarray(0, length), text)
    }
  }

  #requireUtf8(bytes: Uint8Array, from: number, to: number): void {
    if (!this.#utf8.push(bytes, from, to) || !this.#utf8.isWhole) throw notUtf8()
  }
}

/** The mask's bytes, the first one lowest. */
function keyAt(bytes: Uint8Array, at: number): number {
  const low = (bytes[at] as number) | ((bytes[at + 1] as number) << 8)
  return low | ((bytes[at + 2] as number) << 16) | ((bytes[at + 3] as number) << 24)
}

function headerLength(second: number): number {
  const length = second & LENGTH_BITS
  return 2 + (length === LENGTH_IS_U64 ? 8 : length === LENGTH_IS_U16 ? 2 : 0) + ((second & MASKED) === 0 ? 0 : 4)
}

/** The payload's length; it takes its shortest form. */
function lengthIn(header: Uint8Array): number {
  const short = (header[1] as number) & LENGTH_BITS
  if (short <= SHORT_LENGTH) return short
  if (short === LENGTH_IS_U16) {
    const length = ((header[2] as number) << 8) | (header[3] as number)
    if (length <= SHORT_LENGTH) throw badFrame('the length of a frame is not in its shortest form')
    return length
  }
  if ((header[2] as number) > LENGTH_BITS) throw badFrame('the length of a frame has its highest bit set')
  const length = u32(header, 2) * TWO_32 + u32(header, 6)
  if (length <= MAX_U16) throw badFrame('the length of a frame is not in its shortest form')
  return length
}

function u32(bytes: Uint8Array, at: number): number {
  const high = ((bytes[at] as number) << 24) | ((bytes[at + 1] as number) << 16)
  return (high | ((bytes[at + 2] as number) << 8) | (bytes[at + 3] as number)) >>> 0
}

function notUtf8(): HawserError<'ERR_BAD_MESSAGE'> {
  return badMessage('a text message is not UTF-8')
}
