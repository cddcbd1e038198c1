// Where the frames of all peers of a process are written, one after the other.

export const SLAB_BYTES = 64 * 1024

/**
 * A peer that writes holds a range of it until it flushes. When the kernel has taken all that was flushed, and nobody
 * holds a range, it is written anew from its beginning, and so stays in the processor's cache; else a full one is left
 * to the garbage collector.
 */
export const slab = { bytes: Buffer.allocUnsafeSlow(SLAB_BYTES), end: 0, holders: 0, isKept: false }

/** Makes room for `bytes` at its end. */
export function reserve(bytes) {
  if (slab.end + bytes <= slab.bytes.length) return
  slab.bytes = Buffer.allocUnsafeSlow(Math.max(SLAB_BYTES, bytes))
  slab.end = 0
  slab.isKept = false
}

/** A range was flushed; `isTaken`: the kernel has it, nobody looks at it any more. */
export function release(isTaken) {
  slab.holders--
  if (!isTaken) slab.isKept = true
  else if (slab.holders === 0 && !slab.isKept) slab.end = 0
}
