import { copy } from '../core/bytes.ts'
import type { CloseReason, ConnectionSink } from '../core/connection.ts'
import type { Env } from '../core/env.ts'
import { Fifo } from '../core/fifo.ts'

type Item =
  | { readonly bytes: Uint8Array; readonly text: boolean | undefined }
  | { readonly reason: CloseReason | undefined }

/** Where the input comes from. */
export interface InputSource {
  /** A request: what is on its way may still be pushed. */
  pause(): void
  resume(): void
  /** How many of the next `bytes` may go up now; 0: none, and `HeldInput.flow` is called when that changes. Without it: all. */
  allow?(bytes: number): number
}

/** From so many bytes on that wait for the sink, the source is asked to pause. */
const HELD_BYTES = 16 * 1024

/**
 * The upper half of a layer that may have to keep what came from below for a while: chunks, end and close reach the sink
 * in order, never while it is paused, never inside a call of its own. A clean close waits for what came before it; a
 * fault does not. While much waits, or the sink is paused, so is the source.
 *
 *     source ── push, end, close ──▶ queue ──▶ onChunk, onEnd, onClose
 */
export class HeldInput {
  readonly #env: Env
  readonly #source: InputSource
  readonly #queue = new Fifo<Item>()
  #sink: ConnectionSink | undefined
  #heldBytes = 0
  /** How much of the first chunk has gone up. */
  #offset = 0
  #paused = false
  #sourcePaused = false
  /** Between attach() and the turn in which its sink may be called. */
  #attaching = false
  #flowDue = false
  #flowing = false
  #forgotten = false
  #closing: { readonly error: Error | undefined } | undefined
  #closed = false

  constructor(env: Env, source: InputSource) {
    this.#env = env
    this.#source = source
  }

  /** To be called when the source was attached, which begins to read by that. */
  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#sink = sink
    this.#paused = this.#sourcePaused = false
    this.#attaching = true
    this.#regulate()
    if (unread !== undefined && unread.length > 0) this.#unshift(unread)
    this.#env.defer(() => {
      this.#attaching = false
      this.flow()
    })
  }

  /** @param borrowed its memory is another's when this returns */
  push(bytes: Uint8Array, text: boolean | undefined, borrowed: boolean): void {
    if (this.#forgotten) return
    const straight = this.#queue.length === 0 && this.#mayFlow
    if (straight && this.#source.allow === undefined) {
      this.#sink?.onChunk(bytes, text)
      return
    }
    this.#queue.push({ bytes: borrowed ? copy(bytes) : bytes, text })
    this.#heldBytes += bytes.length
    this.flow()
  }

  end(reason: CloseReason | undefined): void {
    if (this.#forgotten) return
    this.#queue.push({ reason })
    this.flow()
  }

  close(error: Error | undefined): void {
    this.#closing = { error }
    if (error !== undefined) this.forget()
    this.flow()
  }

  pause(): void {
    this.#paused = true
    this.#regulate()
  }

  resume(): void {
    this.#paused = false
    this.#regulate()
    this.#flowLater()
  }

  /** Destroyed: nothing goes up any more but the close. */
  forget(): void {
    this.#forgotten = true
    while (this.#queue.shift() !== undefined) this.#heldBytes = 0
    this.#flowLater()
  }

  /** Hands up what may go now. Not to be called inside a call of the sink's owner. */
  flow(): void {
    if (this.#flowing) return
    this.#flowing = true
    while (this.#queue.length > 0 && this.#mayFlow && this.#step()) {}
    this.#flowing = false
    this.#regulate()
    if (this.#closing !== undefined && this.#queue.length === 0) this.#tellClose(this.#closing.error)
  }

  get #mayFlow(): boolean {
    return !this.#paused && !this.#attaching && this.#sink !== undefined
  }

  /** The next chunk or a part of it, or the end; false: it is not its time. */
  #step(): boolean {
    const item = this.#queue.first as Item
    if (!('bytes' in item)) {
      this.#queue.shift()
      this.#sink?.onEnd(item.reason)
      return true
    }
    const left = item.bytes.length - this.#offset
    const allowed = this.#source.allow?.(left) ?? left
    if (allowed <= 0 && left > 0) return false
    const part =
      allowed >= left && this.#offset === 0 ? item.bytes : item.bytes.subarray(this.#offset, this.#offset + allowed)
    this.#offset += part.length
    if (this.#offset === item.bytes.length) {
      this.#offset = 0
      this.#queue.shift()
    }
    this.#heldBytes -= part.length
    this.#sink?.onChunk(part, item.text)
    return true
  }

  /** In front of all that waits; what is left of a chunk that went up in part comes behind it. */
  #unshift(unread: Uint8Array): void {
    const waiting: Item[] = []
    for (let item = this.#queue.shift(); item !== undefined; item = this.#queue.shift()) {
      waiting.push(
        'bytes' in item && waiting.length === 0 ? { ...item, bytes: item.bytes.subarray(this.#offset) } : item,
      )
    }
    this.#offset = 0
    this.#queue.push({ bytes: unread, text: undefined })
    for (const item of waiting) this.#queue.push(item)
    this.#heldBytes += unread.length
  }

  #regulate(): void {
    const wanted = this.#paused || this.#heldBytes >= HELD_BYTES
    if (wanted === this.#sourcePaused) return
    this.#sourcePaused = wanted
    if (wanted) this.#source.pause()
    else this.#source.resume()
  }

  #flowLater(): void {
    if (this.#flowDue) return
    this.#flowDue = true
    this.#env.defer(() => {
      this.#flowDue = false
      this.flow()
    })
  }

  #tellClose(error: Error | undefined): void {
    if (this.#closed || this.#attaching || this.#sink === undefined) return
    this.#closed = true
    this.#sink.onClose(error)
  }
}
