import { encodeUtf8, readUtf8 } from '../core/utf8.ts'
import { closeReasonOf, sendableText } from '../core/close-code.ts'
import type { CloseReason, Connection, ConnectionSink, PeerInfo } from '../core/connection.ts'
import type { Env, TimerHandle } from '../core/env.ts'
import { HawserError, isHawserError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'
import { isBroken, receivedReason, sendableCode } from './close-code.ts'
import type { MessageReceived, SocketClosed, WebSocketObject } from './web-socket-class.ts'

/** While something is on its way out, `bufferedAmount` is looked at: soon, then less and less often while it stands still. */
const FIRST_LOOK_MS = 1
const LONGEST_LOOK_MS = 64
/** What a message that waits costs beside its bytes: a flood of empty ones must not be free. */
const MESSAGE_OVERHEAD_BYTES = 64

/** What a connection knows beside its socket. */
export interface WebSocketConnectionOptions {
  readonly env: Env
  /** Messages leave as text unless `write` says otherwise. */
  readonly text: boolean
  readonly maxHeldBytes: number
  readonly remoteAddress: string
}

interface Held {
  readonly bytes: Uint8Array
  readonly text: boolean
}

/** A write whose taking is awaited: up to here in all that was ever written. */
interface Written {
  readonly end: number
  readonly taken: () => void
}

/**
 * A Connection over a WebSocket of the browser, which is open and whose events are the connection's from now on.
 *
 * What the browser has not, is made up here or is not there:
 *
 *   - no way to read slower: while paused, messages are kept, up to `maxHeldBytes`; then it is ERR_OVERFLOW
 *   - no word of what was taken: while somebody waits for it, `bufferedAmount` is looked at by a timer
 *   - no half-open: after `end` the browser drops what still comes in
 *   - no ping: it answers the server's by itself, and tells nobody
 *   - no end at once: after `destroy` it closes in the background
 */
export class WebSocketConnection implements Connection {
  readonly boundary = 'message'
  readonly reliable = true
  readonly chunks = 'kept'
  readonly maxWriteBytes: number = Infinity
  /** A page does not learn its own. */
  readonly localAddress = 'browser://local:0'
  readonly remoteAddress: string
  readonly peer: PeerInfo
  readonly #socket: WebSocketObject
  readonly #env: Env
  readonly #text: boolean
  readonly #maxHeldBytes: number
  #sink: ConnectionSink | undefined

  /** Received, and not given to the sink. */
  #held = new Fifo<Held>()
  #heldBytes = 0
  #paused = false
  /** Between attach() and the turn in which its sink may be called. */
  #attaching = false
  /** The peer's last word, until the sink knows. */
  #end: CloseReason | undefined

  #writtenBytes = 0
  #written = new Fifo<Written>()
  #look: TimerHandle | undefined
  #lookMs = FIRST_LOOK_MS

  /** Our side: nothing is written after it. */
  #ending = false
  /** Closed or about to be: onClose was called or will be, as soon as there is a sink. */
  #gone = false
  #error: Error | undefined
  #closeTold = false

  constructor(socket: WebSocketObject, { env, text, maxHeldBytes, remoteAddress }: WebSocketConnectionOptions) {
    this.#socket = socket
    this.#env = env
    this.#text = text
    this.#maxHeldBytes = maxHeldBytes
    this.remoteAddress = remoteAddress
    this.peer = socket.protocol === '' ? {} : { protocol: socket.protocol }
    socket.onmessage = (event: MessageReceived) => this.#onSocketMessage(event)
    socket.onclose = (event: SocketClosed) => this.#onSocketClose(event)
    socket.onerror = () => {} // it says nothing; the close that follows has a code
  }

  get bufferedBytes(): number {
    return this.#gone || this.#end !== undefined ? 0 : this.#socket.bufferedAmount
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#sink = sink
    this.#paused = false
    this.#attaching = true
    if (unread !== undefined && unread.length > 0 && !this.#gone) this.#holdFirst(unread)
    this.#env.defer(this.#onAttached)
  }

  write(chunk: Uint8Array, taken?: () => void, text: boolean = this.#text): void {
    if (this.#ending || this.#gone) return
    this.#socket.send(text ? readUtf8(chunk) : chunk)
    this.#writtenBytes += chunk.length
    if (taken === undefined) return
    this.#written.push({ end: this.#writtenBytes, taken })
    if (this.#look === undefined) this.#lookAfter(FIRST_LOOK_MS)
  }

  /** The browser gathers what one turn writes. */
  cork(): void {}
  uncork(): void {}

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#env.defer(this.#onResumed)
  }

  end(reason: CloseReason = {}): void {
    if (this.#ending || this.#gone) return
    this.#ending = true
    this.#socket.close(sendableCode(reason.code), sendableText(reason.text ?? ''))
  }

  destroy(error?: Error): void {
    if (this.#gone) return
    if (!this.#ending) this.#socket.close(sendableCode(isHawserError(error) ? closeReasonOf(error).code : undefined))
    this.#leave(error)
  }

  // ── Receiving ──────────────────────────────────────────────────────────────────────────────────────────────

  #onSocketMessage({ data }: MessageReceived): void {
    if (this.#gone || this.#ending) return
    const text = typeof data === 'string'
    const bytes = text ? encodeUtf8(data) : new Uint8Array(data)
    if (this.#mayDeliver && this.#held.length === 0) this.#sink?.onChunk(bytes, text)
    else this.#hold(bytes, text)
  }

  #onSocketClose({ code, reason }: SocketClosed): void {
    if (this.#gone) return
    this.#ending = true
    if (isBroken(code)) {
      this.#leave(
        new HawserError('ERR_CONNECTION_RESET', `the connection to ${this.remoteAddress} broke off`, {
          retryable: true,
        }),
      )
    } else {
      this.#look?.cancel()
      this.#end = receivedReason(code, reason)
      this.#deliver()
    }
  }

  get #mayDeliver(): boolean {
    return this.#sink !== undefined && !this.#attaching && !this.#paused && !this.#gone
  }

  #hold(bytes: Uint8Array, text: boolean): void {
    const cost = bytes.length + MESSAGE_OVERHEAD_BYTES
    if (this.#heldBytes > 0 && this.#heldBytes + cost > this.#maxHeldBytes) {
      this.destroy(
        new HawserError('ERR_OVERFLOW', `more than ${this.#maxHeldBytes} B (ws.maxHeldBytes) came in while paused`),
      )
      return
    }
    this.#held.push({ bytes, text })
    this.#heldBytes += cost
  }

  #holdFirst(bytes: Uint8Array): void {
    const later = this.#held
    this.#held = new Fifo()
    this.#hold(bytes, false)
    for (let next = later.shift(); next !== undefined; next = later.shift()) this.#held.push(next)
  }

  /** What is held, and behind it the peer's end. */
  #deliver(): void {
    while (this.#mayDeliver && this.#held.length > 0) {
      const { bytes, text } = this.#held.shift() as Held
      this.#heldBytes -= bytes.length + MESSAGE_OVERHEAD_BYTES
      this.#sink?.onChunk(bytes, text)
    }
    // A sink that is slow, or pauses, is told only when nothing waits for it.
    if (this.#sink === undefined || this.#attaching || this.#gone || this.#held.length > 0 || this.#end === undefined)
      return
    this.#sink.onEnd(this.#end)
    if (!this.#gone) this.#leave(undefined)
  }

  readonly #onAttached = (): void => {
    this.#attaching = false
    if (this.#gone) this.#tellClose()
    else this.#deliver()
  }

  readonly #onResumed = (): void => this.#deliver()

  // ── Sending ────────────────────────────────────────────────────────────────────────────────────────────────

  #lookAfter(delayMs: number): void {
    this.#lookMs = delayMs
    this.#look = this.#env.setTimer(delayMs, this.#onLook)
  }

  readonly #onLook = (): void => {
    this.#look = undefined
    const before = this.#written.length
    const { bufferedAmount } = this.#socket
    const takenBytes = bufferedAmount === 0 ? this.#writtenBytes : this.#writtenBytes - bufferedAmount
    for (let next = this.#written.first; next !== undefined && next.end <= takenBytes; next = this.#written.first) {
      this.#written.shift()
      next.taken() // it may destroy the connection, and then nothing is left to be taken
    }
    if (this.#written.length === 0 || this.#look !== undefined) return
    const stoodStill = this.#written.length === before
    this.#lookAfter(stoodStill ? Math.min(this.#lookMs * 2, LONGEST_LOOK_MS) : FIRST_LOOK_MS)
  }

  // ── Closing ────────────────────────────────────────────────────────────────────────────────────────────────

  #leave(error: Error | undefined): void {
    this.#gone = true
    this.#error = error
    this.#end = undefined
    this.#held = new Fifo()
    this.#heldBytes = 0
    this.#written = new Fifo()
    this.#look?.cancel()
    if (!this.#attaching) this.#env.defer(this.#onAttached)
  }

  #tellClose(): void {
    if (this.#closeTold || this.#sink === undefined) return
    this.#closeTold = true
    this.#sink.onClose(this.#error)
  }
}
