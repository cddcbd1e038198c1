import { allocate, copy } from './bytes.ts'
import type { Codec } from './codec.ts'
import type { Connection, FrameFormat } from './connection.ts'
import { Fifo } from './fifo.ts'
import { encodeFailed, messageTooLarge, overflown, sessionClosed } from './errors.ts'
import { FrameWriter, SLAB_BYTES } from './frame-writer.ts'
import type { Framing } from './framing.ts'
import { PLAIN } from './plain-framing.ts'
import type { Flushable, Runtime } from './runtime.ts'
import type { OutboundHost, SendingHalf } from './sending-half.ts'
import type { ResolvedLimits } from './session-options.ts'
import type { Wait } from './wait.ts'
import { WaitList } from './wait-list.ts'

/** So much pending is written at once, without waiting for the end of the turn. */
const FLUSH_BYTES = 64 * 1024
/**
 * Of the answers to one chunk, so many leave at a time where the connection makes the frames: the peer is at work on them
 * while we are at work on the rest (a WebSocket echo with 256 on the way: twice the messages, for the same CPU).
 */
const SHARE_MESSAGES = 128
/** What a frame that waits costs beside its bytes, where each is kept apart: a flood of tiny ones must not be free. */
const FRAME_OVERHEAD_BYTES = 256
/** A slow session's own memory starts with this and doubles up to a slab. */
const FIRST_OWN_BYTES = 4 * 1024

interface Delivery {
  /** Resolved once so many bytes were taken. */
  readonly at: number
  readonly waiting: WaitList<void>
}

/**
 * The sending half of a session: messages in, ranges of the shared slab pending, one write a turn out.
 *
 *     put ──▶ FrameWriter ──▶ pending ranges ──flush──▶ Connection.write ──▶ taken
 *                              #pendingBytes              #owedBytes
 */
export class Outbound<Out> implements SendingHalf<Out>, Flushable {
  readonly codec: Codec<unknown, Out>
  readonly #connection: Connection
  /** Undefined where each message is a write of its own. */
  readonly #framing: Framing | FrameFormat | undefined
  /** The framing is the connection's own. */
  readonly #writesFrames: boolean
  readonly #plain: boolean
  readonly #limits: ResolvedLimits
  readonly #runtime: Runtime
  readonly #writer: FrameWriter
  readonly #host: OutboundHost
  readonly #text: boolean
  /** The largest frame that the connection carries; Infinity on streams. */
  readonly #maxWriteBytes: number
  readonly #copiesWrites: boolean
  /** Below so much pending no limit is reached and nothing is flushed; 0 in message mode. */
  readonly #easyBytes: number

  // The newest pending range; those before it stand in #earlier.
  #slab: Uint8Array | undefined
  #from = 0
  #to = 0
  #earlier: Uint8Array[] | undefined
  /** Message mode: which of the pending frames are text. */
  #texts: boolean[] | undefined
  #pendingBytes = 0
  /** The connection's bufferedBytes when it was last looked at; it only falls until the next write. */
  #owedBytes = 0
  #flushedBytes = 0
  /** Of all that was put: headers of frames that are the connection's own. */
  #addedBytes = 0
  #dirty = false
  #blocked = false
  #closed = false
  #expecting = false

  /** Where a slow session's frames are copied, so that it pins what it is owed and not slabs of others. */
  #own: Uint8Array | undefined
  #ownTo = 0

  #deliveries: Fifo<Delivery> | undefined
  #drainWaits: WaitList<void> | undefined
  /** Positions of the writes whose `taken` is to come. */
  #marks: Fifo<number> | undefined
  /** Message mode: frames pending, and frames of the writes whose `taken` is to come. */
  #pendingFrames = 0
  #owedFrames = 0
  #frameMarks: Fifo<number> | undefined
  /** Of the owed frames, those after the last mark: the next one stands for them, too. */
  #unmarkedFrames = 0
  /** One of the pending frames is empty: bytes alone do not tell whether it was taken. */
  #hasEmptyFrame = false
  #onTaken: (() => void) | undefined

  sentMessages = 0
  droppedMessages = 0
  /** Whether somebody looks at `wroteAt`. */
  stampsWrites = false
  /** Env time when something was last handed to the connection. */
  wroteAt = 0
  /** Env time when the peer fell behind, or last took something since. */
  progressAt = 0
  /** Whether the last `put` or `putBody` took its message. Stages set it before they are run: they may keep theirs. */
  tookLast = true

  constructor(
    connection: Connection,
    codec: Codec<unknown, Out>,
    framing: Framing | undefined,
    limits: ResolvedLimits,
    runtime: Runtime,
    host: OutboundHost,
  ) {
    this.codec = codec
    this.#connection = connection
    this.#framing = framing ?? connection.frames
    this.#writesFrames = framing === undefined && connection.frames !== undefined
    this.#plain = framing === PLAIN
    this.#limits = limits
    this.#runtime = runtime
    runtime.writer ??= new FrameWriter()
    this.#writer = runtime.writer
    this.#host = host
    this.#text = codec.format === 'text'
    this.#maxWriteBytes = connection.maxWriteBytes
    this.#copiesWrites = connection.copiesWrites === true
    const { maxFrameBytes, highWaterMarkBytes, maxBufferedBytes } = limits
    this.#easyBytes =
      this.#framing === undefined
        ? 0
        : Math.min(FLUSH_BYTES, maxFrameBytes, this.#maxWriteBytes, highWaterMarkBytes, maxBufferedBytes)
  }

  /** Sent and not yet taken. */
  get bufferedBytes(): number {
    return this.#pendingBytes + (this.#closed ? 0 : this.#connection.bufferedBytes)
  }

  /** All that was ever given to `put`, framed; without what the connection itself adds to it. */
  get sentBytes(): number {
    return this.#putBytes - this.#addedBytes
  }

  /** What the connection has taken so far: as long as it rises, the peer is reading. */
  get takenBytes(): number {
    return this.#flushedBytes - this.#connection.bufferedBytes
  }

  /** Changes while the peer takes parts of a large write. */
  get progress(): number {
    return this.#connection.progress ?? 0
  }

  get writable(): boolean {
    return this.#fillNow() < this.#limits.highWaterMarkBytes
  }

  /**
   * Encodes `message` and keeps it for the flush. Gives whether there is room for more; `tookLast` says whether it was taken.
   * @throws ERR_ENCODE, ERR_MESSAGE_TOO_LARGE, and ERR_OVERFLOW where `overflow` is 'throw'
   */
  put(message: Out): boolean {
    const writer = this.#writer
    const framing = this.#framing
    const { maxFrameBytes } = this.#limits
    let bodyBytes: number
    writer.begin(maxFrameBytes, this.#text)
    try {
      if (this.#plain) {
        writer.beginPlain()
        this.codec.encode(message, writer)
        bodyBytes = writer.endPlain()
      } else if (framing === undefined) {
        this.codec.encode(message, writer)
        bodyBytes = writer.position
      } else {
        const mark = framing.begin(writer)
        const from = writer.position
        this.codec.encode(message, writer)
        bodyBytes = writer.position - from
        framing.end(writer, mark)
      }
    } catch (error) {
      writer.abandon()
      throw encodeFailed(error)
    }
    const { slab, from, to } = writer
    const fill = this.#pendingBytes + to - from
    if (fill >= this.#easyBytes || this.#owedBytes > 0 || to === from || writer.parts !== undefined) {
      return this.#keep(writer, bodyBytes)
    }
    // The hot path, flat, because the compiler stops inlining once its budget is used up: the peer takes what it is
    // given, no limit is near, the frame is one piece, and lies behind the one before.
    if (slab !== this.#slab || from !== this.#to) this.#startRange(slab, from)
    this.#to = to
    this.#pendingBytes = fill
    writer.commit()
    this.sentMessages++
    this.tookLast = true
    if (!this.#dirty) this.#markDirty()
    if (this.#writesFrames) {
      this.#addedBytes += to - from - bodyBytes
      if (this.sentMessages % SHARE_MESSAGES === 0 && this.#runtime.passes > 0) this.flush()
    }
    return true
  }

  /** A body that was encoded before, and never changes: broadcast. As `put`. */
  putBody(body: Uint8Array, text: boolean): boolean {
    const writer = this.#writer
    const framing = this.#framing
    writer.begin(this.#limits.maxFrameBytes, text)
    // Not where a receiver may get the very memory that is sent, and write to it.
    const isShared = this.#plain && this.#copiesWrites
    if (isShared && writer.recall(body)) return this.#keep(writer, body.length)
    try {
      const mark = framing === undefined ? 0 : framing.begin(writer)
      writer.bytes(body)
      framing?.end(writer, mark)
      if (isShared) writer.share(body)
    } catch (error) {
      writer.abandon()
      throw encodeFailed(error)
    }
    return this.#keep(writer, body.length)
  }

  /** Around a `put` whose taking is to be known. */
  expectTaken(): void {
    this.#expecting = true
  }

  expectNothing(): void {
    this.#expecting = false
  }

  /** A message that was not taken, for `stats`. */
  drop(): false {
    this.droppedMessages++
    this.tookLast = false
    return false
  }

  /** After `expectTaken` and a `put` that took: resolves when all that was put so far is taken. */
  delivered(wait: Wait | undefined): Promise<void> {
    this.#expecting = false
    if (this.#closed) return Promise.reject(sessionClosed('the session closed before the message was taken'))
    const marked = this.#dirty || this.#pendingBytes > 0 || this.#marks?.last === this.#flushedBytes
    if (!marked) return Promise.resolve() // nothing at all was put
    const waiting = new WaitList<void>(this.#runtime.env)
    this.#deliveries ??= new Fifo()
    this.#deliveries.push({ at: this.#putBytes, waiting })
    return waiting.add('deliver()', wait)
  }

  /** Resolves when `writable`. */
  drained(wait: Wait | undefined): Promise<void> {
    if (this.writable) return Promise.resolve()
    this.#drainWaits ??= new WaitList<void>(this.#runtime.env)
    return this.#drainWaits.add('drained()', wait)
  }

  flush(): void {
    if (!this.#dirty) return
    this.#dirty = false
    // While the peer is behind, small frames are gathered until it has taken something: a write for each turn would cost
    // far more memory than the bytes that it is for.
    const awaited = this.#framing !== undefined && this.#marks !== undefined && this.#marks.length > 0
    if (!awaited || this.#pendingBytes >= FLUSH_BYTES || this.#connection.bufferedBytes === 0) this.#handOver()
  }

  /** Everything that is pending leaves now: the session ends. */
  flushAll(): void {
    this.#dirty = false
    if (this.#pendingBytes > 0 || this.#pendingFrames > 0) this.#handOver()
  }

  #handOver(): void {
    if (this.#closed) return
    const bytes = this.#pendingBytes
    this.#pendingBytes = 0
    this.#flushedBytes += bytes
    if (this.stampsWrites) this.wroteAt = this.#runtime.env.now()
    const wanted =
      this.#blocked ||
      this.#expecting ||
      this.#deliveries !== undefined ||
      this.#own !== undefined ||
      (this.#framing === undefined && (this.#owedBytes > 0 || this.#hasEmptyFrame))
    const frames = this.#pendingFrames
    this.#pendingFrames = 0
    this.#hasEmptyFrame = false
    const taken = wanted ? this.#mark(frames) : undefined
    const slab = this.#earlier === undefined ? this.#slab : undefined
    let wasBehind = false
    try {
      wasBehind = this.#owedBytes > 0 && this.#connection.bufferedBytes > 0
      this.#write(taken)
      this.#owedBytes = this.#connection.bufferedBytes
    } catch (error) {
      this.#host.outboundFailed(error) // and no other session's flush is kept back
      return
    }
    if (this.#owedBytes > 0 && !wanted && frames > 0) this.#oweUnmarked(frames)
    if (this.#owedBytes === 0 && slab !== undefined && this.#copiesWrites) this.#writer.release(slab, bytes)
    if (this.#owedBytes === 0 || wasBehind) return
    this.progressAt = this.#runtime.env.now()
    this.#host.outboundBehind()
  }

  /** The connection is gone: nothing leaves any more, and who waits is told why. */
  close(why: () => unknown): void {
    this.#closed = true
    this.#slab = this.#earlier = this.#texts = this.#own = undefined
    this.#pendingBytes = this.#owedBytes = this.#pendingFrames = this.#owedFrames = this.#unmarkedFrames = 0
    const deliveries = this.#deliveries
    this.#deliveries = undefined
    for (let next = deliveries?.shift(); next !== undefined; next = deliveries?.shift()) {
      next.waiting.rejectAll(sessionClosed('the session closed before the message was taken', why()))
    }
    this.#drainWaits?.rejectAll(sessionClosed('the session closed', why()))
  }

  /** The session takes no more messages: nobody has a reason to wait for room. */
  refuseMore(why: () => unknown): void {
    this.#drainWaits?.rejectAll(sessionClosed('the session is closing', why()))
  }

  get #putBytes(): number {
    return this.#flushedBytes + this.#pendingBytes
  }

  #keep(writer: FrameWriter, bodyBytes: number): boolean {
    const frameBytes = writer.position
    const limits = this.#limits
    if (bodyBytes > limits.maxFrameBytes) {
      writer.abandon()
      throw messageTooLarge(bodyBytes, limits.maxFrameBytes)
    }
    if (frameBytes > this.#maxWriteBytes) {
      writer.abandon()
      throw messageTooLarge(frameBytes, this.#maxWriteBytes, 'what the connection carries')
    }
    const overhead = this.#framing === undefined ? FRAME_OVERHEAD_BYTES : 0
    const fill = this.#fillNow() + frameBytes + overhead
    if (fill > limits.maxBufferedBytes) return this.#overflow(writer, fill)
    this.sentMessages++
    this.tookLast = true
    if (this.#writesFrames) this.#addedBytes += frameBytes - bodyBytes
    if (this.#framing === undefined) this.#keepFrame(writer)
    else if (frameBytes === 0) return this.#keepNothing(writer, fill)
    else if (writer.parts !== undefined) this.#keepParts(writer, writer.parts)
    else if (this.#owedBytes > 0 && frameBytes <= SLAB_BYTES / 2) this.#keepCopy(writer)
    else this.#keepRange(writer) // a large one pins no more than twice itself
    this.#pendingBytes += frameBytes
    if (!this.#dirty) this.#markDirty()
    const hasRoom = fill < limits.highWaterMarkBytes
    if (this.#pendingBytes < FLUSH_BYTES) {
      if (!hasRoom) this.#blocked = true
      return hasRoom
    }
    return this.#flushFull(hasRoom)
  }

  /** Enough for a write. The connection may take it all at once, and then there is room after all. */
  #flushFull(hasRoom: boolean): boolean {
    const wasBlocked = this.#blocked
    if (!hasRoom) this.#blocked = true // before the flush, so that it asks for `taken`
    this.flush()
    if (hasRoom) return true
    const roomNow = this.#fillNow() < this.#limits.highWaterMarkBytes
    if (roomNow && !wasBlocked) this.#blocked = false
    return roomNow
  }

  #keepNothing(writer: FrameWriter, fill: number): boolean {
    writer.commit()
    return fill < this.#limits.highWaterMarkBytes
  }

  #overflow(writer: FrameWriter, fill: number): false {
    writer.abandon()
    this.drop()
    const { overflow, maxBufferedBytes } = this.#limits
    if (overflow === 'drop') return false
    const error = overflown(fill, maxBufferedBytes)
    if (overflow === 'throw') throw error
    this.#host.outboundFailed(error)
    return false
  }

  #keepRange(writer: FrameWriter): void {
    const { slab, from, to } = writer
    if (slab !== this.#slab || from !== this.#to) this.#startRange(slab, from)
    this.#to = to
    writer.commit()
  }

  #startRange(slab: Uint8Array, from: number): void {
    this.#completeRange()
    this.#slab = slab
    this.#from = from
  }

  #markDirty(): void {
    this.#dirty = true
    this.#runtime.markDirty(this)
  }

  #keepCopy(writer: FrameWriter): void {
    const { slab, from, to } = writer
    const length = to - from
    let own = this.#own
    if (own === undefined || this.#ownTo + length > own.length) {
      own = allocate(Math.max(length, own === undefined ? FIRST_OWN_BYTES : Math.min(own.length * 2, SLAB_BYTES)))
      this.#own = own
      this.#ownTo = 0
    }
    own.set(slab.subarray(from, to), this.#ownTo)
    writer.abandon()
    if (own !== this.#slab || this.#ownTo !== this.#to) this.#startRange(own, this.#ownTo)
    this.#ownTo += length
    this.#to = this.#ownTo
  }

  #keepParts(writer: FrameWriter, parts: readonly Uint8Array[]): void {
    this.#completeRange()
    this.#earlier ??= []
    const { slab, from, to } = writer
    for (const part of parts) this.#earlier.push(this.#pinning(part, slab))
    if (to > from) this.#earlier.push(this.#pinning(slab.subarray(from, to), slab))
    writer.commit()
  }

  /** Message mode: one write is one frame, so parts are joined and ranges never merge. */
  #keepFrame(writer: FrameWriter): void {
    const { parts, piece, slab, text } = writer
    if (writer.position === 0) this.#hasEmptyFrame = true
    this.#earlier ??= []
    if (parts === undefined) this.#earlier.push(this.#owedBytes > 0 ? this.#pinning(piece, slab) : piece)
    else if (parts.length === 1 && piece.length === 0) this.#earlier.push(parts[0] as Uint8Array)
    else this.#earlier.push(joined([...parts, piece], writer.position))
    writer.commit()
    this.#texts ??= []
    this.#texts.push(text)
    this.#pendingFrames++
  }

  /** A small piece of the shared slab, in memory of its own while the peer is slow. */
  #pinning(part: Uint8Array, slab: Uint8Array): Uint8Array {
    return this.#owedBytes > 0 && part.buffer === slab.buffer && part.length <= SLAB_BYTES / 2 ? copy(part) : part
  }

  #completeRange(): void {
    if (this.#slab === undefined) return
    this.#earlier ??= []
    this.#earlier.push(this.#slab.subarray(this.#from, this.#to))
    this.#slab = undefined
  }

  #write(taken: (() => void) | undefined): void {
    const connection = this.#connection
    const slab = this.#slab
    const earlier = this.#earlier
    const texts = this.#texts
    this.#slab = this.#earlier = this.#texts = undefined
    if (earlier === undefined) {
      if (slab !== undefined) this.#writeOne(this.#writer.range(slab, this.#from, this.#to), taken, undefined)
      return
    }
    if (slab !== undefined) earlier.push(slab.subarray(this.#from, this.#to))
    const last = earlier.length - 1
    if (last === 0) return this.#writeOne(earlier[0] as Uint8Array, taken, texts?.[0])
    connection.cork()
    for (let i = 0; i <= last; i++) {
      this.#writeOne(earlier[i] as Uint8Array, i === last ? taken : undefined, texts?.[i])
    }
    connection.uncork()
  }

  #writeOne(range: Uint8Array, taken: (() => void) | undefined, text: boolean | undefined): void {
    if (this.#writesFrames) this.#connection.writeFrames?.(range, taken)
    else this.#connection.write(range, taken, text)
  }

  /** The `taken` for a write, which ends at #flushedBytes. */
  #mark(frames: number): () => void {
    this.#marks ??= new Fifo()
    this.#marks.push(this.#flushedBytes)
    if (this.#framing === undefined) {
      this.#frameMarks ??= new Fifo()
      this.#frameMarks.push(this.#unmarkedFrames + frames)
      this.#owedFrames += frames
      this.#unmarkedFrames = 0
    }
    this.#onTaken ??= () => this.#taken()
    return this.#onTaken
  }

  #oweUnmarked(frames: number): void {
    this.#owedFrames += frames
    this.#unmarkedFrames += frames
  }

  #taken(): void {
    const at = this.#marks?.shift() ?? 0
    this.#owedFrames -= this.#frameMarks?.shift() ?? 0
    const wasBehind = this.#owedBytes > 0
    this.#lookAtOwed()
    if (wasBehind) this.progressAt = this.#runtime.env.now()
    this.#settleDeliveries(at)
    if (this.#pendingBytes > 0 && !this.#dirty) this.#handOver() // what was gathered meanwhile
    if (this.#owedBytes === 0 && this.#pendingBytes === 0) this.#own = undefined
    this.#lookAgain()
  }

  #settleDeliveries(at: number): void {
    const deliveries = this.#deliveries
    if (deliveries === undefined) return
    while (deliveries.first !== undefined && deliveries.first.at <= at) deliveries.shift()?.waiting.resolveAll()
    if (deliveries.length === 0) this.#deliveries = undefined
  }

  #lookAgain(): void {
    if (!this.#blocked || this.#closed || this.#fillNow() > this.#limits.highWaterMarkBytes / 2) return
    this.#blocked = false
    this.#drainWaits?.resolveAll()
    this.#host.outboundDrained()
  }

  /** Where nothing is left, frames that nobody tells about were taken, too. */
  #lookAtOwed(): void {
    this.#owedBytes = this.#connection.bufferedBytes
    if (this.#owedBytes > 0) return
    this.#owedFrames -= this.#unmarkedFrames
    this.#unmarkedFrames = 0
  }

  /** What waits, as the limits count it. */
  #fillNow(): number {
    if (this.#owedBytes > 0) this.#lookAtOwed()
    return this.#pendingBytes + this.#owedBytes + (this.#pendingFrames + this.#owedFrames) * FRAME_OVERHEAD_BYTES
  }
}

function joined(parts: readonly Uint8Array[], length: number): Uint8Array {
  const whole = allocate(length)
  let at = 0
  for (const part of parts) {
    whole.set(part, at)
    at += part.length
  }
  return whole
}
