import { Socket } from 'node:net'
import { allocate } from '../../core/bytes.ts'

/** What one read brings at most. */
const LOAN_BYTES = 64 * 1024

/** One for all sockets, made when first asked for: what was read is dealt with before anything else is read. */
let lent: Uint8Array | undefined

/** Where Node's sockets keep their handle. */
const HANDLE = '_handle'

/** A socket, as Node has it; a handle has this where `Socket` can be made with `onread`. */
interface Owner {
  [HANDLE]?: { readonly useUserBuffer?: unknown } | null
}

/** How a socket reads for a connection with `chunks: 'borrowed'`: into memory that is there already, and used again. */
export class Loan {
  /** For what was read; it is overwritten when this has returned. */
  onChunk: ((chunk: Uint8Array) => void) | undefined

  /** The option `onread` of sockets. */
  readonly onread: { readonly buffer: Uint8Array; readonly callback: (bytes: number, buffer: Uint8Array) => boolean }

  constructor() {
    lent ??= allocate(LOAN_BYTES)
    this.onread = {
      buffer: lent,
      callback: (bytes, buffer) => {
        this.onChunk?.(buffer.subarray(0, bytes))
        return true // reading goes on, unless the socket was paused
      },
    }
  }

  /**
   * Node offers `onread` to who dials. For an accepted socket, of which nothing was read, another one is made around the
   * same handle, which has no public name; undefined where this Node has none that can do it, and the socket stays as it is.
   */
  moved(socket: Socket): Socket | undefined {
    const handle = (socket as Owner)[HANDLE]
    if (typeof handle?.useUserBuffer !== 'function') return undefined
    const options = { handle, onread: this.onread, allowHalfOpen: true, pauseOnCreate: true }
    const reader = new Socket(options)
    if ((reader as Owner)[HANDLE] !== handle) return undefined
    ;(socket as Owner)[HANDLE] = null
    return reader
  }
}
