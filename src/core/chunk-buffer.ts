import { allocate, copy, EMPTY, indexOfByte, View } from './bytes.ts'
import type { InPlaceCodec } from './codec.ts'
import { frameTooLarge } from './errors.ts'
import { PLAIN, PLAIN_HEADER_BYTES } from './plain-framing.ts'
import type { ReadBuffer } from './read-buffer.ts'

/** A chunk smaller than this is copied behind what waits already, a larger one is kept as it came. */
const SMALL_BYTES = 16 * 1024
/** Of EMPTY, read once: it is a call into the runtime. */
const NO_MEMORY: ArrayBufferLike = EMPTY.buffer
/** The largest buffer in which small chunks are gathered. */
const MAX_TAIL_BYTES = 64 * 1024

/**
 * The receiving end of a byte stream: chunks in, contiguous bytes out.
 *
 *     window (contiguous, read by the framing)      queue (later chunks, as they came or gathered)
 *     ┌──────────┬─────────────┬─────────┐          ┌────────────┐ ┌──────┬───────┐
 *     │ consumed │ #at … #end  │ (spare) │    ◀──   │   chunk    │ │ tail │ spare │
 *     └──────────┴─────────────┴─────────┘          └────────────┘ └──────┴───────┘
 *
 * A whole frame in one chunk is never copied. A split frame is copied once, into memory of its size, when its last byte
 * is there. Memory grows with what has arrived (at most twice), never with what was announced. Bytes handed out as
 * views are never written again.
 */
export class ChunkBuffer implements ReadBuffer {
  /** Its framing is PLAIN: `plainFrame` does. */
  readonly isPlain: boolean
  readonly #limitBytes: number
  #bytes: Uint8Array = EMPTY
  /** Where #bytes lies. */
  #memory: ArrayBufferLike = NO_MEMORY
  #memoryAt = 0
  #at = 0
  #end = 0
  /** The window is memory of our own: what lies behind #end may be written. */
  #owned = false
  #queue: Uint8Array[] | undefined
  #queuedBytes = 0
  /** Bytes used of the queue's last entry where that is a buffer of our own with room; -1 where it is a chunk. */
  #tailFill = -1
  #wanted = 0
  /** The frame that `decodePlain` threw at. */
  refused: Uint8Array = EMPTY

  /** @param limitBytes maxFrameBytes */
  constructor(limitBytes: number, isPlain = false) {
    this.isPlain = isPlain
    this.#limitBytes = limitBytes
  }

  get length(): number {
    return this.#end - this.#at
  }

  /** All that has arrived and was not taken. */
  get totalBytes(): number {
    return this.#end - this.#at + this.#queuedBytes
  }

  /** Whether what the framing last asked for by `need()` is there. */
  get ready(): boolean {
    return this.#end - this.#at + this.#queuedBytes >= this.#wanted
  }

  append(chunk: Uint8Array): void {
    if (this.#at === this.#end && this.#queuedBytes === 0) {
      this.#setWindow(chunk)
      this.#at = 0
      this.#end = chunk.length
      this.#owned = false
    } else if (chunk.length === 0) {
      return
    } else if (this.#queuedBytes === 0) {
      this.#appendToWindow(chunk)
    } else {
      this.#appendToQueue(chunk)
    }
  }

  /** At the end of a pass: lets go of memory that is mostly consumed. `borrowed`: the last chunk is about to be reused. */
  settle(borrowed: boolean): void {
    if (borrowed) this.#copyLastQueued()
    const length = this.#end - this.#at
    if (length === 0) {
      if (this.#queuedBytes > 0) return
      this.#dropWindow()
      return
    }
    const held = this.#memory.byteLength
    if (this.#owned ? this.#at > 0 && length * 4 < held : borrowed || length * 2 < held) this.#moveWindow(length)
  }

  has(count: number): boolean {
    return this.#end - this.#at >= count || this.#gather(count)
  }

  #gather(count: number): boolean {
    const length = this.#end - this.#at
    if (length + this.#queuedBytes < count) return false
    this.#join(count, count)
    return true
  }

  more(): boolean {
    const next = this.#queue?.[0]
    if (next === undefined || this.#queuedBytes === 0) return false
    const length = this.#end - this.#at
    const added = this.#queue?.length === 1 && this.#tailFill >= 0 ? this.#tailFill : next.length
    this.#join(length + added, Math.max(length + added, length * 2)) // twice: or a long search would copy all for each chunk
    return true
  }

  need(totalBytes: number, overheadBytes = 0): undefined {
    if (totalBytes - overheadBytes > this.#limitBytes) throw frameTooLarge(totalBytes - overheadBytes, this.#limitBytes)
    this.#wanted = totalBytes
  }

  frame(from: number, totalBytes: number, overheadBytes = 0): Uint8Array | undefined {
    if (totalBytes - overheadBytes > this.#limitBytes) throw frameTooLarge(totalBytes - overheadBytes, this.#limitBytes)
    const end = this.#at + totalBytes
    if (!(from >= 0 && end <= this.#end)) return this.#frameInPieces(from, totalBytes)
    const frame = new View(this.#memory, this.#memoryAt + this.#at + from, totalBytes - from)
    this.#at = end
    this.#wanted = 0
    if (end === this.#end && this.#queuedBytes > 0) this.#advance()
    return frame
  }

  /**
   * Instead of `append`: where `chunk` is one plain frame and nothing waits before it, that frame; else undefined. Of a peer
   * that waits for each answer every chunk is one, and to keep it in the window costs more than all else that is done with it.
   */
  lone(chunk: Uint8Array): Uint8Array | undefined {
    if (!this.isPlain || this.#at !== this.#end || this.#queuedBytes > 0) return undefined
    const length = chunk.length - PLAIN_HEADER_BYTES
    if (length < 0 || length > this.#limitBytes) return undefined
    const announced =
      ((chunk[0] as number) << 24) | ((chunk[1] as number) << 16) | ((chunk[2] as number) << 8) | (chunk[3] as number)
    if (announced !== length) return undefined
    return new View(chunk.buffer, chunk.byteOffset + PLAIN_HEADER_BYTES, length)
  }

  /** What `PLAIN.next(this)` gives, in one flat step. */
  plainFrame(): Uint8Array | undefined {
    const from = this.#at + PLAIN_HEADER_BYTES
    if (from > this.#end) return PLAIN.next(this)
    const bytes = this.#bytes
    const a = bytes[from - 4] as number
    const b = bytes[from - 3] as number
    const c = bytes[from - 2] as number
    const d = bytes[from - 1] as number
    const length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    const end = from + length
    if (length > this.#limitBytes || end > this.#end) return PLAIN.next(this)
    const frame = new View(this.#memory, this.#memoryAt + from, length)
    this.#at = end
    this.#wanted = 0
    if (end === this.#end && this.#queuedBytes > 0) this.#advance()
    return frame
  }

  /** What `codec` makes of `plainFrame()`, without that view. Undefined where the next frame is not whole in the window. */
  decodePlain<In>(codec: InPlaceCodec<In>): In | undefined {
    const bytes = this.#bytes
    const memory = this.#memory
    const from = this.#at + PLAIN_HEADER_BYTES
    if (from > this.#end) return undefined
    const a = bytes[from - 4] as number
    const b = bytes[from - 3] as number
    const c = bytes[from - 2] as number
    const d = bytes[from - 1] as number
    const length = ((a << 24) | (b << 16) | (c << 8) | d) >>> 0
    const end = from + length
    if (length > this.#limitBytes || end > this.#end) return undefined
    this.#at = end
    this.#wanted = 0
    if (end === this.#end && this.#queuedBytes > 0) this.#advance()
    try {
      return codec.decodeInPlace(memory, bytes, from, end)
    } catch (error) {
      this.refused = bytes.subarray(from, end)
      throw error
    }
  }

  u8(offset: number): number {
    return this.#bytes[this.#within(offset, 1)] as number
  }

  u16(offset: number, order: 'be' | 'le' = 'be'): number {
    const at = this.#within(offset, 2)
    const first = this.#bytes[at] as number
    const second = this.#bytes[at + 1] as number
    return order === 'be' ? (first << 8) | second : (second << 8) | first
  }

  u32(offset: number, order: 'be' | 'le' = 'be'): number {
    const at = this.#within(offset, 4)
    const bytes = this.#bytes
    const a = bytes[at] as number
    const b = bytes[at + 1] as number
    const c = bytes[at + 2] as number
    const d = bytes[at + 3] as number
    return (order === 'be' ? (a << 24) | (b << 16) | (c << 8) | d : (d << 24) | (c << 16) | (b << 8) | a) >>> 0
  }

  indexOf(bytes: number | Uint8Array, from = 0): number {
    const found =
      typeof bytes === 'number'
        ? indexOfByte(this.#bytes, bytes, this.#at + from, this.#end)
        : this.#indexOfBytes(bytes, this.#at + from)
    return found < 0 ? -1 : found - this.#at
  }

  view(from: number, to: number): Uint8Array {
    const at = this.#within(from, to - from)
    return new View(this.#memory, this.#memoryAt + at, to - from)
  }

  take(length: number): Uint8Array {
    const at = this.#within(0, length)
    const taken = new View(this.#memory, this.#memoryAt + at, length)
    this.#forget(length)
    return taken
  }

  skip(length: number): void {
    this.#within(0, length)
    this.#forget(length)
  }

  /** Forgets everything. */
  clear(): void {
    this.#dropWindow()
    this.#queuedBytes = this.#wanted = 0
    this.#queue = undefined
    this.#tailFill = -1
  }

  #frameInPieces(from: number, totalBytes: number): Uint8Array | undefined {
    this.#wanted = totalBytes
    if (!this.has(totalBytes)) return undefined
    const frame = this.view(from, totalBytes)
    this.#forget(totalBytes)
    return frame
  }

  #dropWindow(): void {
    this.#bytes = EMPTY
    this.#memory = NO_MEMORY
    this.#memoryAt = this.#at = this.#end = 0
  }

  #setWindow(bytes: Uint8Array): void {
    this.#bytes = bytes
    this.#memory = bytes.buffer
    this.#memoryAt = bytes.byteOffset
  }

  #forget(length: number): void {
    this.#at += length
    this.#wanted = 0
    if (this.#at === this.#end && this.#queuedBytes > 0) this.#advance()
  }

  #within(offset: number, count: number): number {
    if (offset < 0 || count < 0 || offset + count > this.#end - this.#at) this.#refuse(offset, count)
    return this.#at + offset
  }

  #refuse(offset: number, count: number): never {
    throw new RangeError(`${count} bytes at ${offset} lie outside of the ${this.length} at hand`)
  }

  #indexOfBytes(pattern: Uint8Array, from: number): number {
    const first = pattern[0]
    if (first === undefined) return from
    const last = this.#end - pattern.length
    for (let at = from; at <= last; at++) {
      at = indexOfByte(this.#bytes, first, at, last + 1)
      if (at < 0) return -1
      let matched = 1
      while (matched < pattern.length && this.#bytes[at + matched] === pattern[matched]) matched++
      if (matched === pattern.length) return at
    }
    return -1
  }

  #appendToWindow(chunk: Uint8Array): void {
    const fits = this.#owned && this.#end + chunk.length <= this.#bytes.length
    if (!fits) {
      if (chunk.length >= SMALL_BYTES) return this.#push(chunk)
      this.#moveWindow((this.#end - this.#at + chunk.length) * 2)
    }
    this.#bytes.set(chunk, this.#end)
    this.#end += chunk.length
  }

  #appendToQueue(chunk: Uint8Array): void {
    const tail = this.#tailFill < 0 ? undefined : this.#queue?.at(-1)
    if (tail !== undefined && this.#tailFill + chunk.length <= tail.length) {
      tail.set(chunk, this.#tailFill)
      this.#tailFill += chunk.length
      this.#queuedBytes += chunk.length
      return
    }
    if (chunk.length >= SMALL_BYTES) return this.#push(chunk)
    const gathered = allocate(Math.min(MAX_TAIL_BYTES, Math.max(chunk.length, tail?.length ?? 0) * 2))
    gathered.set(chunk)
    this.#push(gathered)
    this.#tailFill = chunk.length
    this.#queuedBytes -= gathered.length - chunk.length
  }

  #push(chunk: Uint8Array): void {
    this.#sealTail()
    this.#queue ??= []
    this.#queue.push(chunk)
    this.#queuedBytes += chunk.length
  }

  #copyLastQueued(): void {
    const queue = this.#queue
    if (queue === undefined || this.#tailFill >= 0) return
    const last = queue.length - 1
    queue[last] = copy(queue[last] as Uint8Array)
  }

  #sealTail(): void {
    if (this.#tailFill < 0 || this.#queue === undefined) return
    const last = this.#queue.length - 1
    this.#queue[last] = (this.#queue[last] as Uint8Array).subarray(0, this.#tailFill)
    this.#tailFill = -1
  }

  /** The window is empty: the next chunk becomes the window. */
  #advance(): void {
    const queue = this.#queue as Uint8Array[] // #queuedBytes > 0 says that it is there
    if (queue.length === 1 && this.#tailFill >= 0) {
      this.#end = this.#tailFill
      this.#tailFill = -1
      this.#owned = true
    } else {
      this.#end = (queue[0] as Uint8Array).length
      this.#owned = false
    }
    this.#setWindow(queue.shift() as Uint8Array)
    this.#at = 0
    this.#queuedBytes -= this.#end
    if (queue.length === 0) this.#queue = undefined
  }

  /** Makes the window `count` bytes long, pulling what it misses from the queue. */
  #join(count: number, capacity: number): void {
    if (this.#tailFill >= 0) this.#sealTail()
    if (!this.#owned || this.#at + count > this.#bytes.length) this.#moveWindow(capacity)
    const queue = this.#queue as Uint8Array[]
    let used = 0
    while (this.#end - this.#at < count) {
      const chunk = queue[used] as Uint8Array
      const missing = this.#at + count - this.#end
      const part = chunk.length > missing ? chunk.subarray(0, missing) : chunk
      this.#bytes.set(part, this.#end)
      this.#end += part.length
      this.#queuedBytes -= part.length
      if (part === chunk) used++
      else queue[used] = chunk.subarray(missing)
    }
    if (used === queue.length) this.#queue = undefined
    else queue.splice(0, used)
  }

  #moveWindow(capacity: number): void {
    const moved = allocate(capacity)
    moved.set(this.#bytes.subarray(this.#at, this.#end))
    this.#setWindow(moved)
    this.#end -= this.#at
    this.#at = 0
    this.#owned = true
  }
}
