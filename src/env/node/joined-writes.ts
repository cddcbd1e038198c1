import type { Writable } from 'node:stream'
import { copyInto } from '../../core/bytes.ts'

/** Small pieces are joined into writes of up to so many bytes: many buffers in one write cost more than their copy. */
const JOINED_BYTES = 64 * 1024
/** Up to here a loop beats the call into the runtime. */
const SHORT_BYTES = 16

/**
 * Pieces on their way to a stream: those that are put between two flushes leave together.
 *
 *     put ──▶ pieces, by reference ──flush──▶ one buffer of their size ──▶ stream.write
 */
export class JoinedWrites {
  readonly #stream: Writable
  #pieces: Uint8Array[] = []
  #bytes = 0
  /** The one callback of this stream, and of how many pieces it is to tell. */
  #taken: ((error?: Error | null) => void) | undefined
  #takenCount = 0

  constructor(stream: Writable) {
    this.#stream = stream
  }

  /** Not given to the stream yet. */
  get pendingBytes(): number {
    return this.#bytes
  }

  /**
   * Kept until `flush`; nobody may change the bytes before.
   * @param taken called for this piece, once the stream has taken it; the same function for all pieces of a stream
   */
  put(piece: Uint8Array, taken?: (error?: Error | null) => void): void {
    this.#pieces.push(piece)
    this.#bytes += piece.length
    if (taken === undefined) return
    this.#taken = taken
    this.#takenCount++
  }

  /** All that was put leaves; where the stream has ended it is forgotten. */
  flush(): void {
    const pieces = this.#pieces
    if (pieces.length === 0) return
    const bytes = this.#bytes
    const taken = this.#takenCount === 0 ? undefined : this.#tellAll()
    this.#pieces = []
    this.#bytes = 0
    const stream = this.#stream
    if (stream.destroyed || stream.writableEnded) return
    if (bytes <= JOINED_BYTES) {
      stream.write(joined(pieces, 0, pieces.length, bytes), taken)
      return
    }
    stream.cork()
    const writes = joinSmall(pieces)
    const last = writes.length - 1
    for (let i = 0; i <= last; i++) stream.write(writes[i], i === last ? taken : undefined)
    stream.uncork()
  }

  #tellAll(): (error?: Error | null) => void {
    const taken = this.#taken as (error?: Error | null) => void // #takenCount counts its calls
    const count = this.#takenCount
    this.#takenCount = 0
    if (count === 1) return taken
    return (error) => {
      for (let i = 0; i < count; i++) taken(error)
    }
  }
}

/** The same bytes in fewer pieces; what is large stays as it is. */
export function joinSmall(pieces: readonly Uint8Array[]): Uint8Array[] {
  const writes: Uint8Array[] = []
  let from = 0
  let bytes = 0
  for (let i = 0; i < pieces.length; i++) {
    const { length } = pieces[i] as Uint8Array
    if (bytes > 0 && bytes + length > JOINED_BYTES) {
      writes.push(joined(pieces, from, i, bytes))
      from = i
      bytes = 0
    }
    bytes += length
  }
  writes.push(joined(pieces, from, pieces.length, bytes))
  return writes
}

function joined(pieces: readonly Uint8Array[], from: number, to: number, bytes: number): Uint8Array {
  if (to - from === 1) return pieces[from] as Uint8Array
  const whole = Buffer.allocUnsafe(bytes) // of Node's pool where it is small: an ArrayBuffer costs more than a short write
  let at = 0
  for (let i = from; i < to; i++) {
    const piece = pieces[i] as Uint8Array
    const { length } = piece
    if (length > SHORT_BYTES) copyInto(whole, piece, at)
    else for (let j = 0; j < length; j++) whole[at + j] = piece[j] as number
    at += length
  }
  return whole
}
