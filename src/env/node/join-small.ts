import { copyInto } from '../../core/bytes.ts'

/** Small pieces are joined into writes of up to so many bytes: many buffers in one write cost more than their copy. */
const JOINED_BYTES = 64 * 1024
/** Up to here a loop beats the call into the runtime. */
const SHORT_BYTES = 16

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
