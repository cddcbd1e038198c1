import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import { encodeFailed, messageTooLarge, overflown, sessionClosed } from './errors.ts'
import { Fifo } from './fifo.ts'
import type { MessageEncoder, OutgoingMessage } from './message-encoder.ts'
import type { Flushable, Runtime } from './runtime.ts'
import type { OutboundHost, SendingHalf } from './sending-half.ts'
import type { ResolvedLimits } from './session-options.ts'
import type { Wait } from './wait.ts'
import { WaitList } from './wait-list.ts'

/** What a message that waits costs beside its bytes: a flood of tiny ones must not be free. */
const OVERHEAD_BYTES = 256

/** One flush, until its last message is taken. */
interface Flight {
  readonly messages: number
  /** Who waits for the taking. */
  waiting: WaitList<void> | undefined
}

/**
 * The sending half of a session whose connection keeps messages apart and sends each by itself: a WebSocket of a browser.
 * It keeps the same rules as Outbound, without what makes that fast and large.
 *
 *     put ──▶ MessageEncoder ──▶ pending ──flush──▶ Connection.write ──▶ taken
 */
export class MessageOutbound<Out> implements SendingHalf<Out>, Flushable {
  readonly codec: Codec<unknown, Out>
  readonly #connection: Connection
  readonly #limits: ResolvedLimits
  readonly #runtime: Runtime
  readonly #host: OutboundHost
  readonly #encode: MessageEncoder<Out>

  #pending: OutgoingMessage[] = []
  #pendingBytes = 0
  /** Who waits for the taking of what is pending. */
  #waiting: WaitList<void> | undefined
  #flights = new Fifo<Flight>()
  #messagesInFlight = 0
  #flushedBytes = 0
  #isBehind = false
  #isBlocked = false
  #closed = false
  #drainWaits: WaitList<void> | undefined

  sentMessages = 0
  droppedMessages = 0
  wroteAt = 0
  progressAt = 0
  tookLast = true

  constructor(
    connection: Connection,
    codec: Codec<unknown, Out>,
    limits: ResolvedLimits,
    runtime: Runtime,
    host: OutboundHost,
    encode: MessageEncoder<Out>,
  ) {
    this.#connection = connection
    this.codec = codec
    this.#limits = limits
    this.#runtime = runtime
    this.#host = host
    this.#encode = encode
  }

  get bufferedBytes(): number {
    return this.#pendingBytes + (this.#closed ? 0 : this.#connection.bufferedBytes)
  }

  get sentBytes(): number {
    return this.#flushedBytes + this.#pendingBytes
  }

  get takenBytes(): number {
    return this.#flushedBytes - this.#connection.bufferedBytes
  }

  get writable(): boolean {
    return this.#fill < this.#limits.highWaterMarkBytes
  }

  put(message: Out): boolean {
    let encoded: OutgoingMessage
    try {
      encoded = this.#encode(message, this.#limits.maxFrameBytes)
    } catch (error) {
      throw encodeFailed(error)
    }
    return this.putBody(encoded.bytes, encoded.text)
  }

  putBody(bytes: Uint8Array, text: boolean): boolean {
    this.#requireSendable(bytes.length)
    return this.#keep({ bytes, text })
  }

  drop(): false {
    this.droppedMessages++
    this.tookLast = false
    return false
  }

  /** Each taking is known. */
  expectTaken(): void {}
  expectNothing(): void {}

  delivered(wait: Wait | undefined): Promise<void> {
    this.#waiting ??= new WaitList(this.#runtime.env)
    return this.#waiting.add('deliver()', wait) // what was put is pending: it leaves at the end of this turn
  }

  drained(wait: Wait | undefined): Promise<void> {
    if (this.writable) return Promise.resolve()
    this.#drainWaits ??= new WaitList(this.#runtime.env)
    return this.#drainWaits.add('drained()', wait)
  }

  flush(): void {
    const messages = this.#pending
    if (messages.length === 0) return // flushAll was first
    const connection = this.#connection
    this.#flights.push({ messages: messages.length, waiting: this.#waiting })
    this.#messagesInFlight += messages.length
    this.#flushedBytes += this.#pendingBytes
    this.#pending = []
    this.#pendingBytes = 0
    this.#waiting = undefined
    this.wroteAt = this.#runtime.env.now()
    const last = messages.pop() as OutgoingMessage
    try {
      connection.cork()
      for (const { bytes, text } of messages) connection.write(bytes, undefined, text)
      connection.write(last.bytes, this.#onTaken, last.text)
      connection.uncork()
    } catch (error) {
      this.#host.outboundFailed(error) // and no other session's flush is kept back
      return
    }
    const wasBehind = this.#isBehind
    this.#isBehind = connection.bufferedBytes > 0
    if (!this.#isBehind || wasBehind) return
    this.progressAt = this.#runtime.env.now()
    this.#host.outboundBehind()
  }

  flushAll(): void {
    this.flush()
  }

  close(why: () => unknown): void {
    this.#closed = true
    this.#pending = []
    this.#pendingBytes = this.#messagesInFlight = 0
    this.#waiting?.rejectAll(notDelivered(why()))
    for (let next = this.#flights.shift(); next !== undefined; next = this.#flights.shift()) {
      next.waiting?.rejectAll(notDelivered(why()))
    }
    this.#drainWaits?.rejectAll(sessionClosed('the session closed', why()))
  }

  refuseMore(why: () => unknown): void {
    this.#drainWaits?.rejectAll(sessionClosed('the session is closing', why()))
  }

  /** What waits, as the limits count it. */
  get #fill(): number {
    return this.bufferedBytes + (this.#pending.length + this.#messagesInFlight) * OVERHEAD_BYTES
  }

  #requireSendable(length: number): void {
    const { maxFrameBytes } = this.#limits
    const { maxWriteBytes } = this.#connection
    if (length > maxFrameBytes) throw messageTooLarge(length, maxFrameBytes)
    if (length > maxWriteBytes) throw messageTooLarge(length, maxWriteBytes, 'what the connection carries')
  }

  #keep(message: OutgoingMessage): boolean {
    const { highWaterMarkBytes, maxBufferedBytes, overflow } = this.#limits
    const fill = this.#fill + message.bytes.length + OVERHEAD_BYTES
    if (fill > maxBufferedBytes) {
      this.drop()
      if (overflow === 'throw') throw overflown(fill, maxBufferedBytes)
      if (overflow === 'close') this.#host.outboundFailed(overflown(fill, maxBufferedBytes))
      return false
    }
    this.sentMessages++
    this.tookLast = true
    if (this.#pending.push(message) === 1) this.#runtime.markDirty(this)
    this.#pendingBytes += message.bytes.length
    const hasRoom = fill < highWaterMarkBytes
    if (!hasRoom) this.#isBlocked = true
    return hasRoom
  }

  readonly #onTaken = (): void => {
    const flight = this.#flights.shift()
    if (flight === undefined) return // closed meanwhile
    this.#messagesInFlight -= flight.messages
    if (this.#isBehind) this.progressAt = this.#runtime.env.now()
    this.#isBehind = this.#connection.bufferedBytes > 0
    flight.waiting?.resolveAll()
    if (!this.#isBlocked || this.#closed || this.#fill > this.#limits.highWaterMarkBytes / 2) return
    this.#isBlocked = false
    this.#drainWaits?.resolveAll()
    this.#host.outboundDrained()
  }
}

function notDelivered(cause: unknown): Error {
  return sessionClosed('the session closed before it was taken', cause)
}
