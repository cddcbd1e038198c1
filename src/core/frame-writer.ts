import { allocate, copyInto, indexOfByte, utf8Length, View, writeUtf8 } from './bytes.ts'
import { messageTooLarge } from './errors.ts'
import { PLAIN, PLAIN_HEADER_BYTES } from './plain-framing.ts'
import type { WriteBuffer } from './write-buffer.ts'

/** Frames of all sessions of an Env are appended to one slab of this size. */
export const SLAB_BYTES: number = 64 * 1024
/** From here on payloads go by reference: copying costs as much as one more entry of a writev (PERF: equal at 64 KiB). */
export const REFER_BYTES: number = 32 * 1024
/** A piece at the end of a slab that is smaller may be left unused. */
const MOST_GIVEN_UP_BYTES = SLAB_BYTES / 4
/** What a framing may add to a body before the limit is looked at again at the end. */
const OVERHEAD_BYTES = 64
/** Up to here a gap is zeroed by hand. */
const SMALL_GAP_BYTES = 16
const MAX_SAFE = Number.MAX_SAFE_INTEGER
const TWO_32 = 0x1_0000_0000

const floatValue = /* @__PURE__ */ new Float64Array(1)
const singleValue = /* @__PURE__ */ new Float32Array(1)
const singleBytes = /* @__PURE__ */ new Uint8Array(singleValue.buffer)
const floatBytes = /* @__PURE__ */ new Uint8Array(floatValue.buffer)
const LITTLE_ENDIAN_HOST = /* @__PURE__ */ new Uint8Array(new Uint16Array([1]).buffer)[0] === 1

/**
 * The one WriteBuffer of an Env. A frame is a piece of the current slab, or, when it refers to payloads, several parts:
 *
 *     slab  ┌── frames of before ──┬──── this frame ────┬── free ──┐
 *           └──────────────────────┴────────────────────┴──────────┘
 *                                  #from                #to
 *
 * Slabs are append-only and never pooled: receivers in the same process may keep views of them. Only when each byte of
 * all its frames was released, a slab is written anew from its start. A frame too large for a slab is written to memory
 * of its own.
 */
export class FrameWriter implements WriteBuffer {
  text = false
  /** What the frame becomes: `slab` from `from` to `to`, behind `parts` where it refers to payloads. To look at, not to set. */
  slab: Uint8Array = allocate(SLAB_BYTES)
  from = 0
  to = 0
  parts: Uint8Array[] | undefined
  /** Bytes of this frame in `parts`, before the current piece. */
  #before = 0
  #limitBytes = Infinity
  /** The slab to come back to, while a large frame has memory of its own. */
  #home: Uint8Array | undefined
  #homeAt = 0
  #busy = false
  /** Where `slab` lies, unless it is a large frame's own. */
  #memory: ArrayBufferLike = this.slab.buffer
  #memoryAt = this.slab.byteOffset
  /** Bytes of `slab`'s frames that nobody refers to any more; -Infinity where a frame is several sessions'. */
  #released = 0
  /** The body of a frame in `slab` that goes to several sessions, and where it lies. */
  #sharedBody: Uint8Array | undefined
  #sharedFrom = 0
  #sharedTo = 0

  /**
   * Between frames: some `bytes` in all are likely to follow. Where only the end of a slab is left, and less than that,
   * it is given up: one write of one piece costs less than a writev of two (3 % of an echo's CPU).
   */
  expect(bytes: number): void {
    const left = this.slab.length - this.to
    if (left >= MOST_GIVEN_UP_BYTES || left >= bytes || this.#busy) return
    this.#startSlab(allocate(SLAB_BYTES))
  }

  /**
   * So many bytes of frames in `slab` have left this process, and nobody has a view of them. A program that only talks
   * over sockets writes the same few kilobytes again and again, which stay in the processor's cache.
   */
  release(slab: Uint8Array, bytes: number): void {
    if (slab !== this.slab) return
    this.#released += bytes
    if (this.#released === this.to && !this.#busy) this.#startSlab(slab)
  }

  /** Starts a frame. @throws where a codec writes a message from inside of another's `encode` */
  begin(limitBytes: number, text: boolean): void {
    if (this.#busy) throw new TypeError('send() was called from inside of encode()')
    this.#busy = true
    this.#limitBytes = limitBytes
    this.text = text
  }

  /** As `PLAIN.begin(this)`; the header is no zeros, as `endPlain` fills it in. */
  beginPlain(): void {
    this.#space(PLAIN_HEADER_BYTES)
    this.to += PLAIN_HEADER_BYTES
  }

  /** As `PLAIN.end(this, 0)`. Gives the bytes of the body. */
  endPlain(): number {
    const { slab, from } = this
    const length = this.position - PLAIN_HEADER_BYTES
    if (this.parts !== undefined || (length | 0) !== length) {
      PLAIN.end(this, 0)
    } else {
      slab[from] = length >>> 24
      slab[from + 1] = length >>> 16
      slab[from + 2] = length >>> 8
      slab[from + 3] = length
    }
    return length
  }

  /** Before `commit`: other sessions may be given the same frame of `body`, which nobody changes. */
  share(body: Uint8Array): void {
    if (this.parts !== undefined || this.#home !== undefined) return
    this.#sharedBody = body
    this.#sharedFrom = this.from
    this.#sharedTo = this.to
  }

  /**
   * After `begin`: the frame is the one of `body` that was shared, as it lies there; false where there is none. So frames
   * of several broadcasts in a turn lie side by side for each of its receivers, and leave in one piece.
   */
  recall(body: Uint8Array): boolean {
    if (body !== this.#sharedBody) return false
    this.#home = this.slab
    this.#homeAt = this.to
    this.from = this.#sharedFrom
    this.to = this.#sharedTo
    this.#released = -Infinity
    return true
  }

  /** The frame is somebody's now: the next one starts behind it. */
  commit(): void {
    if (this.parts !== undefined || this.#home !== undefined) return this.#finish(this.to)
    this.from = this.to // the hot path: nothing else has changed
    this.#busy = false
  }

  /** As if it had never been begun. */
  abandon(): void {
    if (this.#home === undefined) this.#sharedBody = undefined // it may be this one
    this.#finish(this.from)
  }

  /** The frame, or what follows its `parts`. */
  get piece(): Uint8Array {
    const { from, to } = this
    if (this.#home !== undefined) return this.slab.subarray(from, to)
    return new View(this.#memory, this.#memoryAt + from, to - from)
  }

  /** `slab`, which may be one of before, from `from` to `to`. */
  range(slab: Uint8Array, from: number, to: number): Uint8Array {
    if (slab !== this.slab || this.#home !== undefined) return slab.subarray(from, to)
    return new View(this.#memory, this.#memoryAt + from, to - from)
  }

  /** So many bytes were written by hand where `to` was, in `slab`, which had room for them. */
  wrote(length: number): void {
    this.to += length
  }

  get position(): number {
    return this.#before + this.to - this.from
  }

  u8(value: number): void {
    if ((value & 0xff) !== value) throw outOfRange('u8', value)
    this.#space(1)[this.to] = value
    this.to += 1
  }

  i8(value: number): void {
    if ((value << 24) >> 24 !== value) throw outOfRange('i8', value)
    this.#space(1)[this.to] = value
    this.to += 1
  }

  i16(value: number, order: 'be' | 'le' = 'be'): void {
    if ((value << 16) >> 16 !== value) throw outOfRange('i16', value)
    putU16(this.#space(2), this.to, value, order)
    this.to += 2
  }

  u16(value: number, order: 'be' | 'le' = 'be'): void {
    if ((value & 0xffff) !== value) throw outOfRange('u16', value)
    putU16(this.#space(2), this.to, value, order)
    this.to += 2
  }

  u32(value: number, order: 'be' | 'le' = 'be'): void {
    if (value >>> 0 !== value) throw outOfRange('u32', value)
    putU32(this.#space(4), this.to, value, order)
    this.to += 4
  }

  i32(value: number, order: 'be' | 'le' = 'be'): void {
    if ((value | 0) !== value) throw outOfRange('i32', value)
    putU32(this.#space(4), this.to, value, order)
    this.to += 4
  }

  u64(value: number, order: 'be' | 'le' = 'be'): void {
    if (!(value >= 0 && value <= MAX_SAFE && Number.isInteger(value))) throw outOfRange('u64', value)
    const bytes = this.#space(8)
    const high = Math.floor(value / TWO_32)
    putU32(bytes, this.to, order === 'be' ? high : value, order)
    putU32(bytes, this.to + 4, order === 'be' ? value : high, order)
    this.to += 8
  }

  i64(value: number, order: 'be' | 'le' = 'be'): void {
    if (!Number.isSafeInteger(value)) throw outOfRange('i64', value)
    const bytes = this.#space(8)
    const high = Math.floor(value / TWO_32)
    putU32(bytes, this.to, order === 'be' ? high : value, order)
    putU32(bytes, this.to + 4, order === 'be' ? value : high, order)
    this.to += 8
  }

  f32(value: number, order: 'be' | 'le' = 'be'): void {
    const bytes = this.#space(4)
    singleValue[0] = value
    const forward = (order === 'le') === LITTLE_ENDIAN_HOST
    for (let i = 0; i < 4; i++) bytes[this.to + i] = singleBytes[forward ? i : 3 - i] as number
    this.to += 4
  }

  f64(value: number, order: 'be' | 'le' = 'be'): void {
    const bytes = this.#space(8)
    floatValue[0] = value
    const forward = (order === 'le') === LITTLE_ENDIAN_HOST
    for (let i = 0; i < 8; i++) bytes[this.to + i] = floatBytes[forward ? i : 7 - i] as number
    this.to += 8
  }

  varint(value: number): void {
    if ((value & 0x7f) !== value) return this.#longVarint(value)
    this.#space(1)[this.to] = value
    this.to += 1
  }

  bytes(value: Uint8Array): void {
    if (value.length >= REFER_BYTES) return this.refer(value)
    const at = this.#room(value.length)
    copyInto(this.slab, value, at)
    this.to = at + value.length
  }

  refer(value: Uint8Array): void {
    this.#checkLimit(value.length)
    this.parts ??= []
    if (this.to > this.from) this.parts.push(this.slab.subarray(this.from, this.to))
    this.parts.push(value)
    this.#before += this.to - this.from + value.length
    this.from = this.to
  }

  utf8(value: string): number {
    const length = value.length
    if (length < 24 && this.#ascii(value)) return length
    // Three bytes at most for a UTF-16 unit; the exact figure only where that much is not free anyway.
    if (this.to + length * 3 > this.slab.length) this.#room(utf8Length(value))
    const written = writeUtf8(this.slab, value, this.to)
    this.to += written
    return written
  }

  reserve(length: number): number {
    const at = this.to
    const end = at + length
    if (length > SMALL_GAP_BYTES || end > this.slab.length) return this.#reserveMore(length)
    for (let i = at; i < end; i++) this.slab[i] = 0 // a header: `fill` would be a call into the runtime
    this.to = end
    return this.#before + at - this.from
  }

  setU8(position: number, value: number): void {
    if ((value & 0xff) !== value) throw outOfRange('u8', value)
    const at = this.#locate(position, 1)
    at.bytes[at.offset] = value
  }

  setU16(position: number, value: number, order: 'be' | 'le' = 'be'): void {
    if ((value & 0xffff) !== value) throw outOfRange('u16', value)
    const at = this.#locate(position, 2)
    putU16(at.bytes, at.offset, value, order)
  }

  setU32(position: number, value: number, order: 'be' | 'le' = 'be'): void {
    if (value >>> 0 !== value) throw outOfRange('u32', value)
    const at = this.from + position - this.#before
    if (at >= this.from && at + 4 <= this.to && order === 'be') {
      const { slab } = this // the hot path allocates nothing
      slab[at] = value >>> 24
      slab[at + 1] = value >>> 16
      slab[at + 2] = value >>> 8
      slab[at + 3] = value
    } else {
      const { bytes, offset } = this.#locate(position, 4)
      putU32(bytes, offset, value, order)
    }
  }

  remove(position: number, length: number): void {
    if (length === 0) return
    if (position >= this.#before) return this.#removeFromPiece(position - this.#before, length)
    const parts = this.parts as Uint8Array[] // #before > 0 says that they are there
    let start = 0
    for (let i = 0; i < parts.length; i++) {
      const part = parts[i] as Uint8Array
      if (position < start + part.length) {
        if (position + length > start + part.length) throw new RangeError('the bytes to remove are not in one piece')
        part.copyWithin(length, 0, position - start)
        parts[i] = part.subarray(length)
        this.#before -= length
        return
      }
      start += part.length
    }
  }

  /** Makes room for `length` more bytes at the very beginning of the frame; what they hold is undefined. */
  widen(length: number): void {
    const first = this.parts?.[0]
    if (first !== undefined) {
      const wider = allocate(length + first.length)
      wider.set(first, length)
      ;(this.parts as Uint8Array[])[0] = wider
      this.#before += length
      return
    }
    this.#room(length)
    this.slab.copyWithin(this.from + length, this.from, this.to)
    this.to += length
  }

  indexOf(bytes: number | Uint8Array, from: number): number {
    const parts = this.parts
    let start = 0
    if (parts !== undefined) {
      for (const part of parts) {
        const found = this.#search(bytes, from, start, part, 0, part.length)
        if (found >= 0) return found
        start += part.length
      }
    }
    return this.#search(bytes, from, start, this.slab, this.from, this.to)
  }

  #startSlab(slab: Uint8Array): void {
    if (slab !== this.slab) this.#setSlab(slab)
    this.from = this.to = this.#released = 0
    this.#sharedBody = undefined
  }

  #setSlab(slab: Uint8Array): void {
    this.slab = slab
    this.#memory = slab.buffer
    this.#memoryAt = slab.byteOffset
  }

  #reserveMore(length: number): number {
    const { position } = this
    const at = this.#room(length)
    this.slab.fill(0, at, at + length)
    this.to = at + length
    return position
  }

  #finish(at: number): void {
    this.#busy = false
    this.#before = 0
    this.parts = undefined
    if (this.#home === undefined) {
      this.from = this.to = at
    } else {
      this.slab = this.#home
      this.from = this.to = this.#homeAt
      this.#home = undefined
    }
  }

  #longVarint(value: number): void {
    if (!(value >= 0 && value <= MAX_SAFE && Number.isInteger(value))) throw outOfRange('varint', value)
    const bytes = this.#space(8)
    let at = this.to
    let left = value
    while (left > 0x7fff_ffff) {
      bytes[at++] = (left % 128) | 0x80
      left = Math.floor(left / 128)
    }
    for (; left > 0x7f; left >>= 7) bytes[at++] = (left & 0x7f) | 0x80 // whole numbers of 31 bits: no division
    bytes[at++] = left
    this.to = at
  }

  /** Where `length` more bytes go. */
  #room(length: number): number {
    if (this.to + length > this.slab.length) this.#grow(length)
    return this.to
  }

  #space(length: number): Uint8Array {
    if (this.to + length > this.slab.length) this.#grow(length)
    return this.slab
  }

  #grow(length: number): void {
    this.#checkLimit(length)
    const written = this.to - this.from
    const needed = written + length
    const { piece } = this
    if (this.#home === undefined && needed <= SLAB_BYTES / 2) {
      this.#startSlab(allocate(SLAB_BYTES))
    } else {
      if (this.#home === undefined) {
        this.#home = this.slab
        this.#homeAt = this.from
      }
      this.slab = allocate(Math.max(needed, written * 2))
      this.from = 0
    }
    this.slab.set(piece)
    this.to = written
  }

  #checkLimit(length: number): void {
    const total = this.position + length
    if (total > this.#limitBytes + OVERHEAD_BYTES) throw messageTooLarge(total, this.#limitBytes)
  }

  /** Short texts are mostly ASCII: a loop beats the call into the runtime. */
  #ascii(value: string): boolean {
    const at = this.#room(value.length)
    const bytes = this.slab
    for (let i = 0; i < value.length; i++) {
      const unit = value.charCodeAt(i)
      if (unit > 0x7f) return false
      bytes[at + i] = unit
    }
    this.to = at + value.length
    return true
  }

  /** Looks for what begins in one part, which stands at `start` in the frame and lies in `part` from `low` to `high`. */
  #search(
    wanted: number | Uint8Array,
    from: number,
    start: number,
    part: Uint8Array,
    low: number,
    high: number,
  ): number {
    const first = typeof wanted === 'number' ? wanted : (wanted[0] as number)
    for (let at = low + Math.max(0, from - start); ; at++) {
      at = indexOfByte(part, first, at, high)
      if (at < 0) return -1
      const position = start + at - low
      if (typeof wanted === 'number' || this.#matches(wanted, position)) return position
    }
  }

  /** Whether `pattern`, whose first byte does, stands at `position`, perhaps across parts. */
  #matches(pattern: Uint8Array, position: number): boolean {
    if (position + pattern.length > this.position) return false
    for (let i = 1; i < pattern.length; i++) {
      const { bytes, offset } = this.#locate(position + i, 1)
      if (bytes[offset] !== pattern[i]) return false
    }
    return true
  }

  #locate(position: number, length: number): { bytes: Uint8Array; offset: number } {
    if (position < 0 || position + length > this.position) throw new RangeError(`no ${length} bytes at ${position}`)
    if (position >= this.#before) return { bytes: this.slab, offset: this.from + position - this.#before }
    let start = 0
    for (const part of this.parts as Uint8Array[]) {
      const end = start + part.length
      if (position < end && position + length <= end) return { bytes: part, offset: position - start }
      if (position < end) break
      start = end
    }
    throw new RangeError(`the ${length} bytes at ${position} are not in one piece`)
  }

  #removeFromPiece(offset: number, length: number): void {
    const at = this.from + offset
    if (at + length > this.to) throw new RangeError('there is less to remove')
    if (this.to - at < 4096) {
      this.slab.copyWithin(at, at + length, this.to)
      this.to -= length
    } else {
      this.slab.copyWithin(this.from + length, this.from, at) // the header is shorter than the body
      this.from += length
    }
  }
}

function putU16(bytes: Uint8Array, at: number, value: number, order: 'be' | 'le'): void {
  bytes[at] = order === 'be' ? value >>> 8 : value
  bytes[at + 1] = order === 'be' ? value : value >>> 8
}

function putU32(bytes: Uint8Array, at: number, value: number, order: 'be' | 'le'): void {
  if (order === 'be') {
    bytes[at] = value >>> 24
    bytes[at + 1] = value >>> 16
    bytes[at + 2] = value >>> 8
    bytes[at + 3] = value
  } else {
    bytes[at] = value
    bytes[at + 1] = value >>> 8
    bytes[at + 2] = value >>> 16
    bytes[at + 3] = value >>> 24
  }
}

function outOfRange(kind: string, value: number): RangeError {
  return new RangeError(`${value} is not a ${kind}`)
}
