import { STATUS_CODES } from 'node:http'
import type { Duplex } from 'node:stream'
import { copy, EMPTY, utf8Length } from '../../core/bytes.ts'
import { closeReasonOf, isSendable, sendableText } from '../../core/close-code.ts'
import type { CloseReason, Connection, ConnectionSink, FrameFormat, PeerInfo } from '../../core/connection.ts'
import type { Env, TimerHandle } from '../../core/env.ts'
import { badFrame, badMessage, frameTooLarge, HawserError, isHawserError } from '../../core/errors.ts'
import { type FrameSender, refusalStatus } from '../../core/web-socket.ts'
import { hasTaken } from './stream-link.ts'
import { codeOf, systemError } from './system-error.ts'
import { writeQueueBytes } from './write-queue.ts'

/** What is asked of the package's WebSocket, which answers a close frame only when told to. */
export interface PatientWebSocket {
  /** The subprotocol, or ''. */
  readonly protocol: string
  /** Those that were agreed on, or ''. */
  readonly extensions: string
  readonly bufferedAmount: number
  /** It is about to send a close frame, by itself or for `sendClose`. */
  onBeforeClose: (() => void) | undefined
  /** The peer's close frame: its code, 1005 where it holds none, and its text. Later than any message. */
  onPeerClose: ((code: number, text: string) => void) | undefined
  on(event: 'message', listener: (data: Uint8Array, isBinary: boolean) => void): unknown
  on(event: 'ping', listener: (data: Uint8Array) => void): unknown
  on(event: 'pong', listener: () => void): unknown
  /** What the peer did wrong; it has been told its code. */
  on(event: 'error', listener: (error: Error) => void): unknown
  /** The stream below is closed; the last event. */
  on(event: 'close', listener: () => void): unknown
  send(data: Uint8Array, options: SendOptions, taken: (error?: Error) => void): void
  ping(data: Uint8Array, mask: boolean | undefined, taken: (error?: Error) => void): void
  pong(data: Uint8Array, mask: boolean | undefined, taken: (error?: Error) => void): void
  pause(): void
  resume(): void
  terminate(): void
  /** Our close frame; none but the first is sent. */
  sendClose(code: number | undefined, text: string): void
}

interface SendOptions {
  readonly binary: boolean
  readonly compress: boolean
}

/** What a WsConnection is made of. */
export interface WsLink {
  readonly env: Env
  /** Below the WebSocket; both sides own it. */
  readonly socket: Duplex
  readonly localAddress: string
  readonly remoteAddress: string
  readonly peer: PeerInfo
  /** What a write that does not say is. */
  readonly text: boolean
  readonly maxFrameBytes: number
  /** Of a message once it is inflated; Infinity where its session does not care how large it is. */
  readonly maxMessageBytes: number
  /** As of a Connection. */
  readonly copiesWrites: boolean
  /** Messages of so many bytes and more are compressed, where the peer agreed. */
  readonly thresholdBytes: number
  /** To `socket`: frames of messages that are not compressed. */
  readonly out: FrameSender
  /** Sends the 101; undefined where the request was not acceptable after all. */
  readonly open: () => PatientWebSocket | undefined
}

interface Waiting {
  readonly chunk: Uint8Array
  readonly text: boolean
}

const TEXT = 1
const BINARY = 2
/** So much waiting under cork leaves at once. */
const FLUSH_BYTES = 64 * 1024
/** Pongs on their way at once. Of the pings beyond, the latest is answered (RFC 6455 section 5.5.3). */
const MAX_PONGS = 16
/** Pings and pongs within FLOOD_MS that are one too many. */
const FLOOD_FRAMES = 1024
const FLOOD_MS = 1000
/** After a mistake of the peer, how long we read and forget what it still sends, so that it can read our close frame. */
const LINGER_MS = 2_000
/** Of a ping or pong, masked. */
const CONTROL_HEADER_BYTES = 6
const NORMAL = 1000
const POLICY_VIOLATION = 1008
const TOO_BIG = 1009
/** Never on the wire: a close frame without a code. */
const NO_CODE = 1005
const BAD_REQUEST = 400

/**
 * A Connection over the WebSocket of the package `ws`:
 *
 *     write ──▶ FrameSender ──▶ socket      under cork, and while a chunk is read, all frames leave as one write
 *        └─ to be compressed ──▶ ws.send ──▶ socket
 *     onChunk ◀── 'message' ◀── ws ◀── socket
 *
 * The package's `send`, which makes a buffer or two for each frame, is left out where it has nothing to compress.
 * Whatever it writes by itself comes behind what waits here.
 *
 * `end` sends a close frame, the peer's close frame is onEnd, and each direction lives until then: the package would
 * answer a close frame at once, and what the session still had to say would be lost. Both sent, the stream below ends.
 */
export class WsConnection implements Connection {
  readonly localAddress: string
  readonly remoteAddress: string
  readonly peer: PeerInfo
  readonly #env: Env
  readonly #socket: Duplex
  readonly #text: boolean
  readonly #maxFrameBytes: number
  readonly #maxMessageBytes: number
  readonly #copiesWrites: boolean
  #thresholdBytes: number
  readonly #out: FrameSender
  #open: (() => PatientWebSocket | undefined) | undefined
  /** Undefined before the 101, and where it was never sent. */
  #ws: PatientWebSocket | undefined
  #sink: ConnectionSink | undefined
  #error: Error | undefined
  /** Messages that the sink gets before anything else, in a turn that is already asked for. */
  #unread: Waiting[] | undefined
  /** Who hears that the package has read the chunk at hand to its end. */
  #batchSink: ConnectionSink | undefined
  /** The chunk at hand brought a message, a ping or a pong. */
  #heard = false
  #inside = false
  #reading = false
  /** While the chunk at hand is read the socket is corked, for the package's own frames: pongs leave together. */
  #socketCorked = false
  #corks = 0
  /** Messages that the package compresses; what follows them waits behind them, in its queue. */
  #compressing = 0
  #pongs = 0
  /** Of pings and pongs on their way. */
  #controlBytes = 0
  #controls = 0
  #controlsSince = 0
  /** Of the latest ping that has no pong yet. */
  #owedPong: Uint8Array | undefined
  /** `end` was called. */
  #ending = false
  #destroyed = false
  /** The peer broke the protocol: only onClose is left to tell. */
  #failed = false
  #linger: TimerHandle | undefined
  #peerEnded = false
  #endReason: CloseReason | undefined
  #endTold = false
  #closed = false
  #closeTold = false

  constructor({
    env,
    socket,
    localAddress,
    remoteAddress,
    peer,
    text,
    maxFrameBytes,
    maxMessageBytes,
    copiesWrites,
    thresholdBytes,
    out,
    open,
  }: WsLink) {
    this.localAddress = localAddress
    this.remoteAddress = remoteAddress
    this.peer = peer
    this.#env = env
    this.#socket = socket
    this.#text = text
    this.#maxFrameBytes = maxFrameBytes
    this.#maxMessageBytes = maxMessageBytes
    this.#copiesWrites = copiesWrites
    this.#thresholdBytes = thresholdBytes
    this.#out = out
    this.#open = open
    socket.on('error', (error) => (this.#error ??= systemError(error, remoteAddress)))
    // The package closes once it has inflated what it has; nobody waits for that who wants nothing more of it.
    socket.on('close', () => {
      if (this.#ws === undefined || this.#destroyed) this.#close()
    })
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

  get copiesWrites(): boolean {
    return this.#copiesWrites
  }

  /** Not where the package may compress a message, and has to send what follows in its turn. */
  get frames(): FrameFormat | undefined {
    return this.#thresholdBytes === Infinity ? this.#out : undefined
  }

  get bufferedBytes(): number {
    if (this.#closed || this.#destroyed || this.#ws === undefined) return 0
    const bytes = this.#out.pendingBytes + this.#ws.bufferedAmount
    return bytes <= this.#controlBytes ? 0 : bytes // nobody is told when a ping is taken, so nobody shall wait for it
  }

  /** As far as the package lets us see: something came that completed nothing, and no message since. */
  get isInside(): boolean {
    return this.#inside
  }

  get progress(): number {
    return writeQueueBytes(this.#socket)
  }

  /** The 101 leaves now, with its WebSocket behind it, unless it is there or will never be. */
  open(): void {
    const open = this.#open
    this.#open = undefined
    if (open === undefined || this.#destroyed || this.#ending || this.#closed) return
    const ws = open()
    if (ws === undefined) {
      this.#error ??= badFrame('the request for a WebSocket cannot be answered')
      return this.end({ code: BAD_REQUEST })
    }
    this.#ws = ws
    if (ws.extensions === '') this.#thresholdBytes = Infinity
    ws.pause()
    this.#listen(ws)
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#sink = sink
    if (this.#closeTold) return
    if (unread !== undefined && unread.length > 0 && !this.#destroyed) {
      const chunk = { chunk: unread, text: false }
      if (this.#unread === undefined) this.#unread = [chunk]
      else this.#unread.unshift(chunk)
    }
    this.open()
    if (this.#unread !== undefined || this.#peerEnded || this.#closed) this.#env.defer(() => this.#catchUp())
    if (!this.#destroyed) this.resume()
  }

  write(chunk: Uint8Array, taken?: () => void, text: boolean = this.#text): void {
    if (this.#ending || this.#destroyed || this.#failed || this.#closed) return
    if (this.#open !== undefined) this.open()
    if (this.#ws === undefined) return
    if (this.#compressing > 0 || chunk.length >= this.#thresholdBytes) {
      return this.#sendInTurn(this.#ws, chunk, text, taken)
    }
    this.#out.put(text ? TEXT : BINARY, chunk, taken)
    this.#flushIfDue()
  }

  writeFrames(bytes: Uint8Array, taken?: () => void): void {
    if (this.#ending || this.#destroyed || this.#failed || this.#closed) return
    this.open()
    if (this.#ws === undefined) return
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
    this.#ws?.pause()
  }

  resume(): void {
    if (this.#sink === undefined || this.#destroyed) return
    if (this.#ws !== undefined) this.#ws.resume()
    else this.#socket.resume() // what a refused peer still sends is forgotten
  }

  ping(): void {
    if (this.#ending || this.#destroyed || this.#failed || this.#ws === undefined) return
    this.#controlBytes += CONTROL_HEADER_BYTES
    this.#out.flush()
    this.#ws.ping(EMPTY, undefined, () => {
      this.#controlBytes -= CONTROL_HEADER_BYTES
    })
  }

  end(reason: CloseReason = {}): void {
    if (this.#ending || this.#destroyed) return
    this.#ending = true
    if (this.#ws === undefined) this.#refuse(reason)
    else this.#sayGoodbye(this.#ws, reason)
  }

  destroy(error?: Error): void {
    if (this.#destroyed) return
    if (this.#ws !== undefined && isHawserError(error)) this.#sayGoodbye(this.#ws, closeReasonOf(error))
    this.#destroyed = true
    this.#error ??= error
    this.#unread = undefined
    if (this.#ws === undefined) this.#socket.destroy()
    else this.#ws.terminate()
  }

  // ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────

  #flushIfDue(): void {
    if ((this.#corks === 0 && !this.#reading) || this.#out.pendingBytes >= FLUSH_BYTES) this.#out.flush()
  }

  /** By the package, which compresses it, or keeps it until what is being compressed has left. */
  #sendInTurn(ws: PatientWebSocket, chunk: Uint8Array, text: boolean, taken?: () => void): void {
    this.#out.flush()
    this.#compressing++
    ws.send(chunk, { binary: !text, compress: chunk.length >= this.#thresholdBytes }, (error) => {
      this.#compressing--
      if (hasTaken(this.#socket, error)) taken?.()
    })
  }

  /** Before the 101: an answer in HTTP. */
  #refuse({ code, text = '' }: CloseReason): void {
    const status = refusalStatus(code)
    const body = text === '' ? '' : `${text}\n`
    this.#socket.end(
      `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Refused'}\r\n` +
        'Connection: close\r\n' +
        'Content-Type: text/plain; charset=utf-8\r\n' +
        `Content-Length: ${utf8Length(body)}\r\n\r\n${body}`,
    )
  }

  /** A reason without a code echoes the peer's, or says that all went well. */
  #sayGoodbye(ws: PatientWebSocket, reason: CloseReason): void {
    if (this.#peerEnded && reason.code === undefined) {
      const { code, text = '' } = this.#endReason ?? {}
      return ws.sendClose(code, text)
    }
    const { code = NORMAL, text = '' } = reason
    ws.sendClose(isSendable(code) ? code : POLICY_VIOLATION, sendableText(text))
  }

  #pong(data: Uint8Array): void {
    const bytes = CONTROL_HEADER_BYTES + data.length
    this.#pongs++
    this.#controlBytes += bytes
    this.#out.flush()
    if (this.#reading && !this.#socketCorked) {
      this.#socketCorked = true
      this.#socket.cork()
    }
    this.#ws?.pong(data, undefined, () => {
      this.#pongs--
      this.#controlBytes -= bytes
      const owed = this.#owedPong
      this.#owedPong = undefined
      if (owed !== undefined && !this.#destroyed) this.#pong(owed)
    })
  }

  // ── Receiving ───────────────────────────────────────────────────────────────────────────────────────────

  #listen(ws: PatientWebSocket): void {
    ws.on('message', (data, isBinary) => this.#receive(data, !isBinary))
    ws.on('ping', (data) => {
      this.#heard = true
      this.#live()
      if (this.#isFlooded() || this.#ending || this.#destroyed) return
      if (this.#pongs < MAX_PONGS) this.#pong(data)
      else this.#owedPong = copy(data)
    })
    ws.on('pong', () => {
      this.#heard = true
      this.#live()
      this.#isFlooded()
    })
    ws.on('error', (error) => this.#fail(this.#mistakeOf(error)))
    ws.on('close', () => this.#close())
    ws.onBeforeClose = () => this.#out.flush()
    ws.onPeerClose = (code, text) => this.#endOfPeer(code === NO_CODE ? {} : { code, text })
    // Around the package's own listener: what is answered while a chunk is read leaves together.
    this.#socket.prependListener('data', (chunk: Uint8Array) => this.#beginRead(chunk.length))
    this.#socket.on('data', () => this.#endRead())
  }

  #beginRead(bytes: number): void {
    this.#heard = false
    this.#reading = true
    this.#batchSink = this.#sink
    this.#batchSink?.beginBatch?.(bytes)
  }

  #endRead(): void {
    if (!this.#heard) {
      this.#inside = true
      this.#live() // bytes that completed nothing are life, too
    }
    this.#batchSink?.endBatch?.()
    this.#reading = false
    this.#flushIfDue()
    if (!this.#socketCorked) return
    this.#socketCorked = false
    this.#socket.uncork()
  }

  #receive(chunk: Uint8Array, text: boolean): void {
    if (this.#destroyed || this.#failed) return
    if (chunk.length > this.#maxMessageBytes) {
      return this.#breakOff(TOO_BIG, frameTooLarge(chunk.length, this.#maxFrameBytes))
    }
    this.#heard = true
    this.#inside = false
    if (this.#unread !== undefined) this.#unread.push({ chunk, text })
    else this.#sink?.onChunk(chunk, text)
  }

  #live(): void {
    if (!this.#destroyed && !this.#peerEnded && !this.#failed) this.#sink?.onActivity()
  }

  /** Its close frame. Ours follows with `end`, and the stream below ends when both were sent. */
  #endOfPeer(reason: CloseReason): void {
    if (this.#peerEnded) return
    this.#peerEnded = true
    this.#endReason = reason
    this.#tellEnd()
  }

  #isFlooded(): boolean {
    if (this.#failed) return true
    if (++this.#controls < FLOOD_FRAMES) return false
    const now = this.#env.now()
    const isFlood = now - this.#controlsSince < FLOOD_MS
    this.#controls = 0
    this.#controlsSince = now
    if (!isFlood) return false
    this.#breakOff(POLICY_VIOLATION, badFrame(`the peer sent ${FLOOD_FRAMES} pings and pongs within a second`))
    return true
  }

  /** For what the package lets pass. */
  #breakOff(code: number, error: HawserError): void {
    this.#ws?.sendClose(code, '')
    this.#fail(error)
    this.#socket.end()
  }

  /** The peer has been sent a close frame that says why, and behind it the stream ends. */
  #fail(error: HawserError): void {
    this.#failed = true
    this.#error ??= error
    this.#linger ??= this.#env.setTimer(LINGER_MS, () => this.#socket.destroy())
  }

  #mistakeOf(error: Error): HawserError {
    const code = codeOf(error)
    // How large the message is nobody knows: the rest of it was not read, or not inflated.
    if (TOO_LARGE.has(code)) return frameTooLarge(this.#maxFrameBytes + 1, this.#maxFrameBytes)
    if (code === 'WS_ERR_INVALID_UTF8') return badMessage('a text message or close reason is not UTF-8', error)
    if (code.startsWith('Z_')) return badMessage(`a compressed message cannot be inflated: ${error.message}`, error)
    return badFrame(`${this.remoteAddress} broke the WebSocket protocol: ${error.message}`)
  }

  #close(): void {
    if (this.#closed) return
    this.#closed = true
    this.#linger?.cancel()
    this.#owedPong = undefined
    if (this.#ws !== undefined && this.#error === undefined && !this.#peerEnded) this.#endOfStream()
    if (this.#peerEnded) this.#tellEnd()
    this.#tellClose()
  }

  /** It left without a close frame. */
  #endOfStream(): void {
    if (!this.#inside) this.#peerEnded = true
    else this.#error = new HawserError('ERR_TRUNCATED', 'the peer ended in the middle of a message')
  }

  /** What came before the sink, or before the unread bytes of a second one, in order. */
  #catchUp(): void {
    const sink = this.#sink
    while (this.#unread !== undefined) {
      const next = this.#unread.shift()
      if (next === undefined) this.#unread = undefined
      else sink?.onChunk(next.chunk, next.text)
      if (this.#sink !== sink) return // its attach has asked for a turn of its own
    }
    if (this.#peerEnded) this.#tellEnd()
    if (this.#closed) this.#tellClose()
  }

  #tellEnd(): void {
    if (this.#sink === undefined || this.#unread !== undefined || this.#endTold || this.#destroyed || this.#failed)
      return
    this.#endTold = true
    this.#sink.onEnd(this.#endReason)
  }

  #tellClose(): void {
    if (this.#sink === undefined || this.#unread !== undefined || this.#closeTold) return
    this.#closeTold = true
    this.#sink.onClose(this.#error)
  }
}

const TOO_LARGE = new Set(['WS_ERR_UNSUPPORTED_MESSAGE_LENGTH', 'WS_ERR_UNSUPPORTED_DATA_PAYLOAD_LENGTH'])
