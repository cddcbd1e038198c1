import { copy, copyInto, View } from '../../core/bytes.ts'
import type { FrameWriter } from '../../core/frame-writer.ts'
import type { FrameLink, FrameSender } from '../../core/web-socket.ts'
import {
  BINARY,
  FIN,
  LENGTH_IS_U16,
  LENGTH_IS_U64,
  MASKED,
  MAX_HEADER_BYTES,
  MAX_U16,
  SHORT_LENGTH,
  TEXT,
  turned,
  WordBytes,
} from './frame.ts'
import { type FrameMemory, SLAB_BYTES } from './frame-memory.ts'

/** From here on an unmasked payload goes by reference, and a masked one leaves the slab. */
const LARGE_BYTES = 32 * 1024
const PIECE_BYTES = 64 * 1024
const SMALL_BYTES = 16
const TWO_32 = 0x1_0000_0000

/**
 * Frames on their way to the link: those that are written between two flushes lie behind each other in the slab and leave
 * as one write.
 *
 *     write ──▶ header + payload (masked by clients) ──▶ slab ──flush──▶ link.write
 *               a large payload, unmasked ──────────── by reference ──▶ link.write
 *
 * Sessions write theirs to their own slab, framed and masked where they were encoded, and it all leaves by `writeFrames`.
 */
export class FrameQueue implements FrameSender {
  readonly #link: FrameLink
  readonly #memory: FrameMemory
  readonly #masked: boolean
  #slab: WordBytes | undefined
  #from = 0
  #to = 0
  /** To be called when what lies between #from and #to was taken. */
  #taken: (() => void) | undefined
  #moreTaken: (() => void)[] | undefined
  /** Between two flushes more than one write leaves: together. */
  #linkCorked = false
  /** Of the last frame that was encoded in place: the next one is likely to be of its kind. */
  #headerBytes: number

  /** @param masked as a client's frames are */
  constructor(link: FrameLink, memory: FrameMemory, masked: boolean) {
    this.#link = link
    this.#memory = memory
    this.#masked = masked
    this.#headerBytes = headerLength(0, masked)
  }

  /** Not given to the link yet. */
  get pendingBytes(): number {
    return this.#to - this.#from
  }

  /** One frame, final; kept until `flush`. */
  put(opcode: number, payload: Uint8Array, taken: (() => void) | undefined): void {
    const { length } = payload
    if (length >= LARGE_BYTES) return this.#putLarge(opcode, payload, taken)
    this.#reserve(length + MAX_HEADER_BYTES)
    const key = this.#masked ? this.#memory.nextKey() : 0
    const slab = this.#slab as WordBytes
    const at = this.#writeHeader(slab.bytes, this.#to, opcode, length, key)
    if (length < SMALL_BYTES) for (let i = 0; i < length; i++) slab.bytes[at + i] = payload[i] as number
    else copyInto(slab.bytes, payload, at)
    this.#to = this.#memory.at = at + length
    if (this.#masked) slab.unmask(at, this.#to, key)
    if (taken !== undefined) this.#remember(taken)
  }

  begin(out: FrameWriter): number {
    return out.reserve(this.#headerBytes)
  }

  end(out: FrameWriter): void {
    const length = out.position - this.#headerBytes
    const headerBytes = headerLength(length, this.#masked)
    if (headerBytes !== this.#headerBytes) this.#fitHeader(out, headerBytes)
    const key = this.#masked ? this.#memory.nextKey() : 0
    const opcode = out.text ? TEXT : BINARY
    const { parts, slab, from } = out
    if (parts !== undefined) return this.#endParts(out, parts, opcode, length, key)
    const at = this.#writeHeader(slab, from, opcode, length, key)
    if (this.#masked) this.#memory.wordsOf(slab).unmask(at, out.to, key)
  }

  writeFrames(bytes: Uint8Array, taken: (() => void) | undefined, together: boolean): void {
    if (together || this.pendingBytes > 0) {
      this.#corkLink()
      this.#writePending()
    }
    this.#link.write(bytes, taken)
  }

  /** All that was put leaves. */
  flush(): void {
    this.#writePending()
    if (!this.#linkCorked) return
    this.#linkCorked = false
    this.#link.uncork()
  }

  #fitHeader(out: FrameWriter, headerBytes: number): void {
    const more = headerBytes - this.#headerBytes
    if (more > 0) out.widen(more)
    else out.remove(0, -more)
    this.#headerBytes = headerBytes
  }

  /** The frame refers to payloads, which are somebody else's: masked, they are copies. */
  #endParts(out: FrameWriter, parts: Uint8Array[], opcode: number, length: number, key: number): void {
    let at = this.#writeHeader(parts[0] as Uint8Array, 0, opcode, length, key)
    if (!this.#masked) return
    let done = 0
    for (let i = 0; i < parts.length; i++) {
      const part = new WordBytes(copy(parts[i] as Uint8Array))
      part.unmask(at, part.bytes.length, turned(key, done))
      done += part.bytes.length - at
      at = 0
      parts[i] = part.bytes
    }
    this.#memory.wordsOf(out.slab).unmask(out.from, out.to, turned(key, done))
  }

  #putLarge(opcode: number, payload: Uint8Array, taken: (() => void) | undefined): void {
    this.#reserve(MAX_HEADER_BYTES)
    const key = this.#masked ? this.#memory.nextKey() : 0
    this.#to = this.#memory.at = this.#writeHeader(
      (this.#slab as WordBytes).bytes,
      this.#to,
      opcode,
      payload.length,
      key,
    )
    this.#corkLink()
    this.#writePending()
    if (!this.#masked) return this.#link.write(payload, taken)
    for (let at = 0; at < payload.length; at += PIECE_BYTES) {
      const isLast = at + PIECE_BYTES >= payload.length
      const piece = new WordBytes(copy(payload.subarray(at, at + PIECE_BYTES)))
      piece.unmask(0, piece.bytes.length, turned(key, at))
      this.#link.write(piece.bytes, isLast ? taken : undefined)
    }
  }

  /** Room in the slab, behind what is pending if that is possible. */
  #reserve(count: number): void {
    const memory = this.#memory
    memory.reserve(count)
    if (this.#slab === memory.slab && this.#to === memory.at) return
    if (this.#to > this.#from) {
      this.#corkLink()
      this.#writePending()
    }
    this.#slab = memory.slab
    this.#from = this.#to = memory.at
  }

  /** Gives where the payload begins. */
  #writeHeader(bytes: Uint8Array, from: number, opcode: number, length: number, key: number): number {
    const mask = this.#masked ? MASKED : 0
    let at = from
    bytes[at++] = FIN | opcode
    if (length <= SHORT_LENGTH) {
      bytes[at++] = mask | length
    } else if (length <= MAX_U16) {
      bytes[at++] = mask | LENGTH_IS_U16
      bytes[at++] = length >>> 8
      bytes[at++] = length
    } else {
      bytes[at++] = mask | LENGTH_IS_U64
      at = putU32(bytes, at, Math.floor(length / TWO_32))
      at = putU32(bytes, at, length)
    }
    if (!this.#masked) return at
    bytes[at++] = key
    bytes[at++] = key >>> 8
    bytes[at++] = key >>> 16
    bytes[at++] = key >>> 24
    return at
  }

  #corkLink(): void {
    if (this.#linkCorked) return
    this.#linkCorked = true
    this.#link.cork()
  }

  #writePending(): void {
    const from = this.#from
    const length = this.#to - from
    if (length === 0) return
    this.#from = this.#to
    const { memory, offset } = this.#slab as WordBytes
    const range = new View(memory, offset + from, length)
    const taken = this.#taken === undefined ? undefined : this.#allTaken()
    // A slow peer pins what it is owed, and not slabs of others.
    const isPinning = length < SLAB_BYTES / 2 && this.#link.bufferedBytes > 0
    this.#link.write(isPinning ? copy(range) : range, taken)
  }

  #remember(taken: () => void): void {
    if (this.#taken === undefined) {
      this.#taken = taken
    } else {
      this.#moreTaken ??= []
      this.#moreTaken.push(taken)
    }
  }

  #allTaken(): (() => void) | undefined {
    const first = this.#taken
    const more = this.#moreTaken
    this.#taken = this.#moreTaken = undefined
    if (more === undefined) return first
    return () => {
      first?.()
      for (const next of more) next()
    }
  }
}

function headerLength(length: number, masked: boolean): number {
  return (length <= SHORT_LENGTH ? 2 : length <= MAX_U16 ? 4 : 10) + (masked ? 4 : 0)
}

function putU32(bytes: Uint8Array, at: number, value: number): number {
  bytes[at] = value >>> 24
  bytes[at + 1] = value >>> 16
  bytes[at + 2] = value >>> 8
  bytes[at + 3] = value
  return at + 4
}
