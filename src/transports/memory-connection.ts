import { Fifo } from '../core/fifo.ts'
import { allocate, copy, copyInto, EMPTY } from '../core/bytes.ts'
import type { CloseReason, Connection, ConnectionSink, Introduction, PeerInfo } from '../core/connection.ts'
import type { Env } from '../core/env.ts'
import { HawserError } from '../core/errors.ts'

/**
 * How one direction of a link brings bytes to the other side. In memory that takes a turn; the virtual network adds
 * time and faults.
 */
export interface Carrier {
  /** What may be on its way to the reader and wait there, together. A message above it goes alone. */
  readonly windowBytes: number
  readonly windowMessages: number
  /** The most that leaves as one piece now, at least 1. Asked in stream mode, once for each piece. */
  pieceBytes(): number
  /**
   * Calls `arrive` exactly once, in a later turn, in the order of the calls. `piece` is in memory of its own and may
   * be changed on the way; undefined is an end or a reset.
   */
  carry(piece: Uint8Array | undefined, arrive: () => void): void
  /** The side that writes here is gone; what is on its way still arrives. */
  closed?(): void
}

/** One end of a link in memory, as its other end sees it. */
export interface MemoryEnd {
  /** In whose turns it works. */
  readonly env: Env
  readonly localAddress: string
  readonly remoteAddress: string
  /** For what this end writes. */
  readonly carrier: Carrier
  /** 'borrowed' lends a buffer for the time of onChunk and fills it with 0xDB afterwards. */
  readonly chunks: 'kept' | 'borrowed'
  /** Message mode: what a write that does not say is. */
  readonly text: boolean
}

interface Waiting {
  readonly chunk: Uint8Array
  /** How much of it was taken. */
  offset: number
  readonly taken: (() => void) | undefined
  readonly text: boolean
}

type Segment =
  | { readonly kind: 'chunk'; readonly bytes: Uint8Array; readonly text: boolean | undefined }
  | { readonly kind: 'end'; readonly reason: CloseReason | undefined }
  | { readonly kind: 'reset' }

const RESET: Segment = { kind: 'reset' }
const POISON = 0xdb
/** Up to this a loop beats making a view and copying it. */
const SHORT_BYTES = 16
const NO_PEER_INFO: PeerInfo = {}

/** Two connections that are each other's peer. */
export function memoryLink(
  boundary: 'stream' | 'message',
  dialing: MemoryEnd,
  listening: MemoryEnd,
): { readonly dialed: MemoryConnection; readonly accepted: MemoryConnection } {
  const dialed = new MemoryConnection(boundary, dialing)
  const accepted = new MemoryConnection(boundary, listening)
  MemoryConnection.join(dialed, accepted)
  return { dialed, accepted }
}

/**
 * One end of a link in memory, with the manners of TCP:
 *
 *     write() ─▶ #queue ──▶ carrier ──▶ #travelling, #arrived of the other end ─▶ onChunk
 *                       taken           └── on its way, then waiting: at most the window ──┘
 *
 * While the reader does not read, the window fills, and what is written after that stays in `bufferedBytes`.
 *
 * Taken bytes are copied, always and once: `taken` gives the writer its memory back, while the reader may keep a view of
 * its chunk for ever, and nothing tells a slab that is never rewound from a buffer that will be written again. Small
 * writes are gathered by that copy into one chunk, as one read of a socket would bring them.
 *
 * Where it ends: `destroy()` with bytes unsent or unread resets the peer, which gets ERR_CONNECTION_RESET at once, and
 * loses what it has not read; otherwise the peer sees an end. Bytes that reach a destroyed end are answered by a reset.
 */
export class MemoryConnection implements Connection {
  readonly boundary: 'stream' | 'message'
  readonly reliable: boolean = true
  readonly chunks: 'kept' | 'borrowed'
  readonly ownsChunks: boolean = true
  readonly maxWriteBytes: number = Infinity
  readonly localAddress: string

  readonly #env: Env
  #remoteAddress: string
  #peer: PeerInfo = NO_PEER_INFO
  readonly #carrier: Carrier
  readonly #text: boolean
  #other: MemoryConnection = this
  #sink: ConnectionSink | undefined

  #queue = new Fifo<Waiting>()
  #queuedBytes = 0
  #corks = 0
  #pumpDue = false
  /** `end()` was called, with this reason. */
  #ending = false
  #endReason: CloseReason | undefined
  /** Our end is on its way: nothing is written after it. */
  #endSent = false

  /** What the other end sent and the sink has not got: on its way, and here. */
  readonly #travelling = new Fifo<Segment>()
  #arrived = new Fifo<Segment>()
  #incomingBytes = 0
  #paused = false
  /** Between attach() and the turn in which its sink may be called. */
  #attaching = false
  #deliverDue = false
  #endSeen = false
  #lent: Uint8Array = EMPTY

  /** Closed, by us or by the peer; onClose was called or will be, as soon as there is a sink. */
  #gone = false
  #closeError: Error | undefined
  #closeTold = false

  constructor(boundary: 'stream' | 'message', end: MemoryEnd) {
    this.#env = end.env
    this.boundary = boundary
    this.chunks = end.chunks
    this.localAddress = end.localAddress
    this.#remoteAddress = end.remoteAddress
    this.#carrier = end.carrier
    this.#text = end.text
  }

  static join(one: MemoryConnection, other: MemoryConnection): void {
    one.#other = other
    other.#other = one
  }

  get remoteAddress(): string {
    return this.#remoteAddress
  }
  get peer(): PeerInfo {
    return this.#peer
  }
  get bufferedBytes(): number {
    return this.#queuedBytes
  }

  attach(sink: ConnectionSink, unread: Uint8Array = EMPTY): void {
    this.#sink = sink
    this.#paused = false
    this.#attaching = true
    this.#putBack(unread)
    this.#env.defer(this.#onAttached)
  }

  detach(unread: Uint8Array, introduction?: Introduction): void {
    this.#sink = undefined
    this.#putBack(unread)
    if (introduction === undefined) return
    this.#remoteAddress = introduction.remoteAddress
    this.#peer = introduction.peer
  }

  write(chunk: Uint8Array, taken?: () => void, text: boolean = this.#text): void {
    if (this.#gone || this.#ending) return
    this.#queue.push({ chunk, offset: 0, taken, text })
    this.#queuedBytes += chunk.length
    this.#schedulePump()
  }

  cork(): void {
    this.#corks++
  }

  uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0) this.#schedulePump()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#scheduleDelivery()
  }

  end(reason?: CloseReason): void {
    if (this.#gone || this.#ending) return
    this.#ending = true
    this.#endReason = reason
    this.#corks = 0
    this.#schedulePump()
  }

  destroy(error?: Error): void {
    if (this.#gone) return
    if (this.#arrived.first?.kind === 'chunk' || this.#queue.length > 0) this.#send(undefined, RESET)
    else if (!this.#endSent) this.#send(undefined, { kind: 'end', reason: this.#endReason })
    this.#leave(error)
  }

  /** As if the network had broken: onClose gets `error`, what was not read is lost, the peer learns nothing of it. */
  fail(error: HawserError): void {
    if (!this.#gone) this.#leave(error)
  }

  // ── Writing ─────────────────────────────────────────────────────────────────────────────────────────────

  #schedulePump(): void {
    if (this.#pumpDue || this.#corks > 0) return
    if (this.#queue.length === 0 && !this.#ending) return
    this.#pumpDue = true
    this.#env.defer(this.#pump)
  }

  /** Sends what the window has room for; the reader schedules it again when it has made room. */
  readonly #pump = (): void => {
    this.#pumpDue = false
    while (this.#queue.length > 0 && this.#corks === 0 && !this.#gone) {
      if (!(this.boundary === 'message' ? this.#pumpMessage() : this.#pumpPiece())) return
    }
    if (this.#ending && !this.#endSent && !this.#gone && this.#corks === 0) {
      this.#endSent = true
      this.#send(undefined, { kind: 'end', reason: this.#endReason })
      this.#closeWhenBothEnded()
    }
  }

  #pumpMessage(): boolean {
    const next = this.#queue.first as Waiting
    const { windowBytes, windowMessages } = this.#carrier
    const other = this.#other
    if (other.#travelling.length + other.#arrived.length >= windowMessages) return false
    if (other.#incomingBytes > 0 && other.#incomingBytes + next.chunk.length > windowBytes) return false
    const bytes = copy(next.chunk)
    this.#send(bytes, { kind: 'chunk', bytes, text: next.text })
    this.#queuedBytes -= bytes.length
    this.#giveBack(1)
    return true
  }

  #pumpPiece(): boolean {
    const room = this.#carrier.windowBytes - this.#other.#incomingBytes
    if (room <= 0 && this.#queuedBytes > 0) return false
    const length = this.#queuedBytes === 0 ? 0 : Math.min(room, this.#carrier.pieceBytes(), this.#queuedBytes)
    const piece = length === 0 ? EMPTY : allocate(length)
    let filled = 0
    let emptied = 0
    for (let waiting = this.#queue.first; waiting !== undefined; waiting = this.#queue.at(emptied)) {
      const part = Math.min(waiting.chunk.length - waiting.offset, length - filled)
      const { chunk, offset } = waiting
      waiting.offset += part
      if (part <= SHORT_BYTES) for (let at = 0; at < part; at++) piece[filled + at] = chunk[offset + at] as number
      else copyInto(piece, part === chunk.length ? chunk : chunk.subarray(offset, waiting.offset), filled)
      filled += part
      if (waiting.offset < chunk.length) break
      emptied++
      if (filled === length && length > 0) break
    }
    if (length > 0) this.#send(piece, { kind: 'chunk', bytes: piece, text: undefined })
    this.#queuedBytes -= length
    this.#giveBack(emptied)
    return true
  }

  /** The first `count` writes belong to their writer again. */
  #giveBack(count: number): void {
    for (let i = 0; i < count && !this.#gone; i++) this.#queue.shift()?.taken?.()
  }

  #send(piece: Uint8Array | undefined, segment: Segment): void {
    const other = this.#other
    other.#travelling.push(segment)
    if (piece !== undefined) other.#incomingBytes += piece.length
    this.#carrier.carry(piece, other.#arrive)
  }

  // ── Reading ─────────────────────────────────────────────────────────────────────────────────────────────

  /** The next segment is here. */
  readonly #arrive = (): void => {
    const segment = this.#travelling.shift() as Segment
    if (this.#gone) {
      if (segment.kind !== 'chunk') return
      this.#incomingBytes -= segment.bytes.length
      if (!this.#other.#gone) this.#send(undefined, RESET)
    } else if (segment.kind === 'reset') {
      this.#leave(
        new HawserError('ERR_CONNECTION_RESET', `${this.remoteAddress} reset the connection`, { retryable: true }),
      )
    } else {
      this.#arrived.push(segment)
      this.#deliver()
    }
  }

  #scheduleDelivery(): void {
    if (this.#deliverDue || this.#gone) return
    this.#deliverDue = true
    this.#env.defer(this.#onDeliveryDue)
  }

  readonly #onDeliveryDue = (): void => {
    this.#deliverDue = false
    this.#deliver()
  }

  readonly #onAttached = (): void => {
    this.#attaching = false
    if (this.#gone) this.#tellClose()
    else this.#deliver()
  }

  #deliver(): void {
    while (this.#arrived.length > 0 && !this.#paused && !this.#attaching && !this.#gone && this.#sink !== undefined) {
      const segment = this.#arrived.shift() as Segment
      if (segment.kind === 'chunk') {
        this.#incomingBytes -= segment.bytes.length
        this.#other.#schedulePump()
        if (this.chunks === 'borrowed') this.#lend(this.#sink, segment.bytes)
        else this.#sink.onChunk(segment.bytes, segment.text)
      } else if (segment.kind === 'end') {
        this.#endSeen = true
        this.#sink.onEnd(segment.reason)
        this.#closeWhenBothEnded()
      }
    }
  }

  /** Before all that waits. */
  #putBack(unread: Uint8Array): void {
    if (unread.length === 0 || this.#gone) return
    const waiting = this.#arrived
    this.#arrived = new Fifo()
    this.#arrived.push({ kind: 'chunk', bytes: unread, text: this.boundary === 'message' ? false : undefined })
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) this.#arrived.push(next)
    this.#incomingBytes += unread.length
  }

  #lend(sink: ConnectionSink, bytes: Uint8Array): void {
    if (this.#lent.length < bytes.length) this.#lent = allocate(bytes.length)
    const lent = this.#lent.subarray(0, bytes.length)
    lent.set(bytes)
    sink.onChunk(lent)
    lent.fill(POISON)
  }

  // ── Closing ─────────────────────────────────────────────────────────────────────────────────────────────

  #closeWhenBothEnded(): void {
    if (this.#endSent && this.#endSeen && !this.#gone) this.#leave(undefined)
  }

  #leave(error: Error | undefined): void {
    this.#gone = true
    this.#closeError = error
    this.#queue = new Fifo()
    this.#queuedBytes = 0
    for (let next = this.#arrived.shift(); next !== undefined; next = this.#arrived.shift()) {
      if (next.kind === 'chunk') this.#incomingBytes -= next.bytes.length
    }
    this.#carrier.closed?.()
    if (!this.#attaching) this.#env.defer(this.#onAttached)
  }

  #tellClose(): void {
    if (this.#closeTold || this.#sink === undefined) return
    this.#closeTold = true
    this.#sink.onClose(this.#closeError)
  }
}
