import { copy, EMPTY } from '../../core/bytes.ts'
import { closeReasonOf } from '../../core/close-code.ts'
import type { CloseReason, Connection, ConnectionSink, FrameFormat, PeerInfo } from '../../core/connection.ts'
import type { Env, TimerHandle } from '../../core/env.ts'
import { badFrame, HawserError, isHawserError } from '../../core/errors.ts'
import { closePayload, NORMAL, readClose } from './close-frame.ts'
import { BINARY, CLOSE, PING, PONG, TEXT } from './frame.ts'
import { frameMemoryOf } from './frame-memory.ts'
import { FrameParser, type FrameParserHost } from './frame-parser.ts'
import { FrameQueue } from './frame-queue.ts'
import { webSocketAddress } from '../../core/web-socket-address.ts'

/** After so many frames in one go the other connections have their turn. */
const BURST_FRAMES = 1024
/** So much waiting under cork leaves at once. */
const FLUSH_BYTES = 64 * 1024
/** Pongs on their way at once; of the pings beyond, the latest is answered (RFC 6455 section 5.5.3). */
const MAX_PONGS = 16
/** Pings and pongs within FLOOD_MS that are one too many. */
const FLOOD_FRAMES = 1024
const FLOOD_MS = 1000
/** After a mistake of the peer, how long we read and forget what it still sends, so that it can read our close frame. */
const LINGER_MS = 2000
const POLICY_VIOLATION = 1008

/** What a WebSocketConnection is made of. */
export interface WebSocketLink {
  readonly env: Env
  /** A byte stream whose sink becomes this connection. */
  readonly link: Connection
  /** What came behind the handshake. */
  readonly unread: Uint8Array
  readonly role: 'accepted' | 'dialed'
  readonly peer: PeerInfo
  readonly maxFrameBytes: number
  readonly boundary?: 'auto' | 'stream' | undefined
  /** What a write that does not say is. */
  readonly text: boolean
  /** Accepted: the 101 for the first `attach`, and the answer of `end` before it. */
  readonly handshake?: Handshake | undefined
}

/** The answers to an upgrade request, one of which is still to be given. */
export interface Handshake {
  readonly switching: Uint8Array
  refusal(reason: CloseReason): Uint8Array
}

/**
 * RFC 6455 over any stream Connection, in message mode:
 *
 *     write, writeFrames ──▶ FrameQueue ──▶ link        under cork, and while a chunk is read, all frames leave as one write
 *     onChunk ◀── FrameParser ◀── link     a message is a view of the link's chunk where it can be
 *
 * `end` sends a close frame; the peer's close frame is onEnd. Each direction lives until its own, so that a session can
 * still answer what it was sent. When both were sent the server ends the link, and the client when it sees that.
 *
 * What the parser does not get (paused, a new sink, a burst that has had its turn) is parked, with the link paused.
 */
export class WebSocketConnection implements Connection, ConnectionSink, FrameParserHost {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly peer: PeerInfo
  readonly #env: Env
  readonly #link: Connection
  readonly #isServer: boolean
  readonly #text: boolean
  readonly #parser: FrameParser
  readonly #out: FrameQueue
  /** Chunks may hold memory of others: they are copied before they are unmasked. */
  readonly #copies: boolean
  #sink: ConnectionSink | undefined
  /** The 101 that is to be sent. */
  #handshake: Handshake | undefined

  // Reading.
  #parked: Uint8Array[] = []
  /** Where in the first of them reading goes on. */
  #parkedAt = 0
  /** Messages that an `attach` gave back; they come before all that is parked. */
  #unread: Uint8Array[] | undefined
  #paused = false
  /** A turn of `#goOn` is asked for; until then the sink hears nothing. */
  #turnDue = false
  #reading = false
  /** The chunk at hand brought a message. */
  #heard = false
  #linkEnded = false
  #peerClosed = false
  #endReason: CloseReason | undefined
  #endTold = false

  // Writing.
  #corks = 0
  #closeSent = false
  #pongs = 0
  #owedPong: Uint8Array | undefined
  #onPongTaken: (() => void) | undefined
  #controls = 0
  #controlsSince = 0

  // The end.
  #linkEnding = false
  #failed = false
  #destroyed = false
  #error: Error | undefined
  #linger: TimerHandle | undefined
  #linkClosed = false
  #closeTold = false

  constructor({ env, link, unread, role, peer, maxFrameBytes, boundary = 'auto', text, handshake }: WebSocketLink) {
    this.#env = env
    this.#link = link
    this.#isServer = role === 'accepted'
    this.#text = text
    this.#handshake = handshake
    this.peer = peer
    this.localAddress = webSocketAddress(link.localAddress)
    this.remoteAddress = webSocketAddress(link.remoteAddress)
    this.#copies = link.chunks === 'borrowed' || (this.#isServer && link.ownsChunks !== true)
    this.#parser = new FrameParser(this.#isServer, maxFrameBytes, boundary, this)
    this.#out = new FrameQueue(link, frameMemoryOf(env), !this.#isServer)
    this.#parser.halted = true
    if (unread.length > 0) this.#parked.push(this.#owned(unread))
    link.attach(this)
    link.pause()
  }

  get boundary(): 'message' {
    return 'message'
  }
  get reliable(): true {
    return true
  }
  get chunks(): 'kept' {
    return 'kept'
  }
  get maxWriteBytes(): number {
    return Infinity
  }

  get bufferedBytes(): number {
    return this.#linkClosed || this.#destroyed ? 0 : this.#out.pendingBytes + this.#link.bufferedBytes
  }

  get copiesWrites(): boolean {
    return this.#link.copiesWrites === true
  }

  get frames(): FrameFormat {
    return this.#out
  }

  get progress(): number {
    return this.#link.progress ?? 0
  }

  get isInside(): boolean {
    return this.#parser.isGathering
  }

  attach(sink: ConnectionSink, unread: Uint8Array = EMPTY): void {
    this.#sink = sink
    this.#paused = false
    if (this.#closeTold) return
    if (unread.length > 0 && !this.#destroyed) {
      if (this.#unread === undefined) this.#unread = [unread]
      else this.#unread.unshift(unread)
    }
    this.#open()
    this.#goOnLater()
  }

  write(chunk: Uint8Array, taken?: () => void, text: boolean = this.#text): void {
    if (this.#closeSent || this.#linkEnding || this.#destroyed || this.#linkClosed) return
    this.#out.put(text ? TEXT : BINARY, chunk, taken)
    this.#flushIfDue()
  }

  writeFrames(bytes: Uint8Array, taken?: () => void): void {
    if (this.#closeSent || this.#linkEnding || this.#destroyed || this.#linkClosed) return
    this.#open() // who sends without having attached still sends behind the 101
    this.#out.writeFrames(bytes, taken, this.#corks > 0)
    this.#flushIfDue()
  }

  cork(): void {
    this.#corks++
  }

  uncork(): void {
    if (this.#corks === 0) return
    this.#corks--
    this.#flushIfDue()
  }

  pause(): void {
    this.#paused = true
    this.#halt()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#sink !== undefined) this.#goOnLater()
  }

  ping(): void {
    if (this.#closeSent || this.#linkEnding || this.#destroyed || this.#handshake !== undefined) return
    this.#out.put(PING, EMPTY, undefined)
    this.#flushIfDue()
  }

  end(reason: CloseReason = {}): void {
    if (this.#closeSent || this.#linkEnding || this.#destroyed || this.#linkClosed) return
    this.#corks = 0
    if (this.#handshake !== undefined) return this.#refuse(this.#handshake, reason)
    if (this.#linkEnded && !this.#peerClosed) {
      this.#out.flush() // who left without a close frame gets none
      return this.#endLink()
    }
    this.#sendClose(reason)
    if (this.#linkEnded || (this.#peerClosed && this.#isServer)) this.#endLink()
  }

  destroy(error?: Error): void {
    if (this.#destroyed || this.#linkClosed) return
    if (this.#handshake === undefined && isHawserError(error)) this.#sendClose(closeReasonOf(error))
    this.#destroyed = true
    this.#parser.halted = true
    this.#error ??= error
    this.#forget()
    this.#link.destroy()
  }

  // ── Opening ────────────────────────────────────────────────────────────────────────────────────────────────

  #open(): void {
    const handshake = this.#handshake
    if (handshake === undefined || this.#linkEnding || this.#destroyed) return
    this.#handshake = undefined
    this.#link.cork()
    this.#link.write(handshake.switching)
    this.#out.flush()
    this.#link.uncork()
  }

  /** Before the 101: an answer in HTTP, and the end. */
  #refuse(handshake: Handshake, reason: CloseReason): void {
    this.#link.write(handshake.refusal(reason))
    this.#forget()
    this.#endLink()
    this.#link.resume() // what it still sends is read and forgotten, or it would be reset before it has read
  }

  // ── Writing ────────────────────────────────────────────────────────────────────────────────────────────────

  #flushIfDue(): void {
    if (this.#handshake !== undefined) return // behind the 101
    if ((this.#corks === 0 && !this.#reading) || this.#out.pendingBytes >= FLUSH_BYTES) this.#out.flush()
  }

  /** Ours, once. A reason without a code answers the peer's, or says that all went well. */
  #sendClose(reason: CloseReason): void {
    if (this.#closeSent || this.#linkEnding) return
    this.#closeSent = true
    const { code = NORMAL, text } = reason
    const ours = this.#peerClosed && reason.code === undefined ? this.#endReason : { code, text }
    this.#out.put(CLOSE, closePayload(ours ?? {}), undefined)
    this.#out.flush()
  }

  #pong(payload: Uint8Array): void {
    if (this.#closeSent || this.#linkEnding) return
    if (this.#pongs >= MAX_PONGS) {
      this.#owedPong = copy(payload)
      return
    }
    this.#pongs++
    this.#onPongTaken ??= () => {
      this.#pongs--
      const owed = this.#owedPong
      this.#owedPong = undefined
      if (owed !== undefined && !this.#destroyed) this.#pong(owed)
    }
    this.#out.put(PONG, payload, this.#onPongTaken)
    this.#flushIfDue()
  }

  #endLink(): void {
    if (this.#linkEnding) return
    this.#linkEnding = true
    this.#link.end()
  }

  // ── Reading ────────────────────────────────────────────────────────────────────────────────────────────────

  onChunk(chunk: Uint8Array): void {
    if (this.#failed || this.#destroyed || this.#linkEnding || this.#peerClosed) return
    const bytes = this.#owned(chunk)
    if (this.#parser.halted || this.#parked.length > 0) this.#parked.push(bytes)
    else this.#read(bytes, 0)
  }

  onActivity(): void {
    this.#sink?.onActivity()
  }

  onEnd(): void {
    this.#linkEnded = true
    if (this.#peerClosed || (this.#parked.length === 0 && !this.#parser.halted)) this.#endOfLink()
  }

  onClose(error?: Error): void {
    this.#linkClosed = true
    this.#linger?.cancel()
    this.#error ??= error
    this.#owedPong = undefined
    if (error !== undefined) this.#forget()
    if (this.#turnDue || this.#sink === undefined || this.#parked.length > 0) return
    if (this.#linkEnded) this.#endOfLink()
    this.#tellClose()
  }

  parserMessage(bytes: Uint8Array, text: boolean): void {
    this.#heard = true
    this.#sink?.onChunk(bytes, text)
  }

  parserControl(opcode: number, payload: Uint8Array): void {
    if (opcode === CLOSE) return this.#peerCloses(readClose(payload))
    this.#refuseFlood()
    if (opcode === PING) this.#pong(payload)
  }

  #owned(chunk: Uint8Array): Uint8Array {
    return this.#copies ? copy(chunk) : chunk
  }

  #read(chunk: Uint8Array, from: number): void {
    const parser = this.#parser
    const sink = this.#sink
    let at = chunk.length
    this.#reading = true
    this.#heard = false
    sink?.beginBatch?.(chunk.length - from)
    try {
      at = parser.parse(chunk, from, BURST_FRAMES)
    } catch (error) {
      if (!isHawserError(error)) throw error
      this.#fail(error)
    } finally {
      sink?.endBatch?.()
      this.#reading = false
    }
    if ((!this.#heard || parser.isGathering) && !parser.halted) this.#sink?.onActivity()
    if (!this.#destroyed) this.#flushIfDue()
    if (at === chunk.length || this.#peerClosed || this.#failed || this.#destroyed) return
    this.#parked.unshift(chunk)
    this.#parkedAt = at
    if (parser.halted) return
    this.#halt()
    this.#turnDue = true
    this.#env.yield(this.#goOn)
  }

  /** The parser stops after the message at hand. */
  #halt(): void {
    this.#parser.halted = true
    if (!this.#linkClosed) this.#link.pause()
  }

  #goOnLater(): void {
    this.#halt()
    if (this.#turnDue) return
    this.#turnDue = true
    this.#env.defer(this.#goOn)
  }

  /** What waits, in order, and then the link again. */
  readonly #goOn = (): void => {
    this.#turnDue = false
    const sink = this.#sink
    while (this.#unread !== undefined && !this.#paused && !this.#turnDue) {
      const chunk = this.#unread.shift()
      if (chunk === undefined) this.#unread = undefined
      else sink?.onChunk(chunk, this.#text)
    }
    if (this.#turnDue) return
    if (!this.#paused) this.#parser.halted = false
    while (this.#parked.length > 0 && !this.#parser.halted) {
      const at = this.#parkedAt
      this.#parkedAt = 0
      this.#read(this.#parked.shift() as Uint8Array, at)
    }
    if (this.#turnDue || (this.#paused && !this.#linkClosed)) return
    if (this.#parked.length > 0 || this.#unread !== undefined) return
    if (this.#linkEnded) this.#endOfLink()
    if (this.#linkClosed) this.#tellClose()
    else this.#link.resume()
  }

  #refuseFlood(): void {
    if (++this.#controls < FLOOD_FRAMES) return
    const now = this.#env.now()
    const isFlood = now - this.#controlsSince < FLOOD_MS
    this.#controls = 0
    this.#controlsSince = now
    if (!isFlood) return
    this.#parser.closeCode = POLICY_VIOLATION
    throw badFrame(`the peer sent ${FLOOD_FRAMES} pings and pongs within a second`)
  }

  // ── The end ────────────────────────────────────────────────────────────────────────────────────────────────

  /** Its close frame: nothing behind it counts. */
  #peerCloses(reason: CloseReason): void {
    this.#peerClosed = true
    this.#endReason = reason
    this.#parser.halted = true
    this.#forget()
    if (this.#closeSent && this.#isServer) this.#endLink()
    this.#tellEnd()
  }

  /** The link brings no more. */
  #endOfLink(): void {
    if (this.#failed || this.#destroyed) return
    if (this.#parser.isInside && !this.#peerClosed) {
      return this.#fail(new HawserError('ERR_TRUNCATED', 'the peer ended in the middle of a message'))
    }
    this.#tellEnd()
    if (this.#closeSent) this.#endLink()
  }

  /** The peer broke the protocol: it is told why, what it still sends is forgotten, and onClose tells the sink. */
  #fail(error: HawserError): void {
    if (this.#failed || this.#destroyed) return
    this.#failed = true
    this.#parser.halted = true
    this.#error ??= error
    this.#forget()
    if (this.#linkClosed) return
    if (!this.#linkEnded) this.#sendClose({ code: this.#parser.closeCode ?? closeReasonOf(error).code })
    this.#endLink()
    this.#link.resume()
    this.#linger = this.#env.setTimer(LINGER_MS, () => this.#link.destroy())
  }

  #forget(): void {
    this.#parked = []
    this.#unread = undefined
    this.#owedPong = undefined
  }

  #tellEnd(): void {
    if (this.#sink === undefined || this.#endTold || this.#destroyed || this.#failed) return
    this.#endTold = true
    this.#sink.onEnd(this.#endReason)
  }

  #tellClose(): void {
    if (this.#sink === undefined || this.#closeTold) return
    this.#closeTold = true
    this.#sink.onClose(this.#error)
  }
}
