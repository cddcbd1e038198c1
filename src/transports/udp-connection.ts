import { makeAddress } from '../core/address.ts'
import type { CloseReason, Connection, ConnectionSink, PeerInfo } from '../core/connection.ts'
import type { DatagramSender, DatagramSocket, Env } from '../core/env.ts'
import type { HawserError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'

/** What waits for a sink that does not read, at most; a first datagram is kept whatever its size. */
const WAITING_DATAGRAMS = 64
const WAITING_BYTES = 256 * 1024

/**
 * Whether the system refuses to send (no route, a firewall, nobody there) is asked of the first datagram, of each that is
 * larger than those before, and after so many others. Even, so that every other one that is asked is an even one: of two
 * sends to nobody the second may fail with what the first one caused, and clear it.
 */
const WATCH_AFTER = 14

const NO_PEER_INFO: PeerInfo = {}

/** What a connection stands on, and whom it tells. */
export interface UdpOwner {
  readonly env: Env
  readonly socket: DatagramSocket
  /** As a URL. */
  readonly localAddress: string
  readonly maxDatagramBytes: number
  /** The first datagram to this peer leaves. */
  answered(connection: UdpConnection): void
  /** Closed: nothing leaves or comes any more. Exactly once. */
  gone(connection: UdpConnection): void
}

/** One or several writes, whose taking is told at once. */
interface Unsent {
  readonly bytes: number
  readonly taken: (() => void) | undefined
}

/**
 * One peer of a datagram socket: a write is a datagram, and a datagram is a chunk.
 *
 * UDP has no end, so nobody hears of ours, and none is waited for: after `end()` the connection closes as soon as the
 * system has taken what was written. While the sink does not read, up to 64 datagrams wait for it, and no more than
 * 256 KiB; further ones are dropped and counted.
 */
export class UdpConnection implements Connection, DatagramSender {
  readonly host: string
  readonly port: number
  droppedChunks = 0
  watchesSend = false

  readonly #owner: UdpOwner
  #sink: ConnectionSink | undefined
  #paused = false
  /** What the sink gets in a turn that is due, or once it reads again. */
  #waiting: Uint8Array[] | undefined
  #waitingBytes = 0
  #turnDue = false
  #onTurn: (() => void) | undefined
  #corks = 0
  /** The latest write under cork: it leaves when it is known whether it is the last. */
  #held: Uint8Array | undefined
  #heldTaken: (() => void) | undefined
  /** Whose taking is to come. */
  #unsent: Fifo<Unsent> | undefined
  #unsentBytes = 0
  /** Of writes that left under cork without asking. */
  #unconfirmedBytes = 0
  /** Sends since the last one that was watched, and the largest that was. */
  #unwatched = 0
  #largestBytes = -1
  #hasAnswered = false
  #ending = false
  /** The peer counts as one that has ended, for this reason. */
  #peerEnd: CloseReason | undefined
  #endTold = false
  #gone = false
  #closeTold = false
  #error: Error | undefined

  constructor(owner: UdpOwner, host: string, port: number) {
    this.#owner = owner
    this.host = host
    this.port = port
  }

  get boundary(): 'message' {
    return 'message'
  }
  get reliable(): false {
    return false
  }
  get chunks(): 'kept' {
    return 'kept'
  }
  get maxWriteBytes(): number {
    return this.#owner.maxDatagramBytes
  }
  get localAddress(): string {
    return this.#owner.localAddress
  }
  get remoteAddress(): string {
    return makeAddress('udp', this.host, this.port).href
  }
  get peer(): PeerInfo {
    return NO_PEER_INFO
  }
  /** The system takes a datagram at once or, for a while, none of the socket's: before `taken` has come nothing waits, as a rule. */
  get bufferedBytes(): number {
    return this.#unsentBytes > 0 && this.#owner.socket.isBehind ? this.#unsentBytes : 0
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#sink = sink
    this.#paused = false
    if (unread !== undefined && unread.length > 0 && !this.#gone) {
      this.#waiting ??= []
      this.#waiting.unshift(unread)
      this.#waitingBytes += unread.length
    }
    if (this.#waiting !== undefined || this.#peerEnd !== undefined || this.#gone) this.#askForTurn()
  }

  write(chunk: Uint8Array, taken?: () => void): void {
    if (this.#gone || this.#ending) return
    if (!this.#hasAnswered) {
      this.#hasAnswered = true
      this.#owner.answered(this)
    }
    this.#unsentBytes += chunk.length
    if (this.#corks === 0) {
      this.#send(chunk, taken)
    } else {
      this.#sendHeld(false)
      this.#held = chunk
      this.#heldTaken = taken
    }
  }

  cork(): void {
    this.#corks++
  }

  uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0) this.#sendHeld(true)
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#waiting !== undefined || this.#peerEnd !== undefined) this.#askForTurn()
  }

  end(): void {
    if (this.#gone || this.#ending) return
    this.#corks = 0
    this.#sendHeld(true)
    this.#ending = true
    this.#closeIfSent()
  }

  destroy(error?: Error): void {
    if (this.#gone) return
    this.#leave(error)
    this.#askForTurn()
  }

  // ── From below, never from inside of a call above ───────────────────────────────────────────────────────────

  /** A datagram of the peer. */
  receive(bytes: Uint8Array): void {
    if (this.#gone || this.#ending || this.#peerEnd !== undefined) return
    if (this.#sink !== undefined && !this.#paused && this.#waiting === undefined) this.#sink.onChunk(bytes)
    else this.#keep(bytes)
  }

  /** The peer counts as one that has ended: what waits is still read. */
  expire(reason: CloseReason): void {
    if (this.#gone || this.#peerEnd !== undefined) return
    this.#peerEnd = reason
    if (!this.#turnDue) this.#deliver()
  }

  /** Closes at once; the sink knows when this returns. */
  fail(error: Error): void {
    if (this.#gone) return
    this.#leave(error)
    this.#tellClose()
  }

  onSendError(error: HawserError): void {
    this.fail(error)
  }

  onSent(): void {
    const sent = this.#unsent?.shift()
    if (this.#gone || sent === undefined) return
    this.#unsentBytes -= sent.bytes
    sent.taken?.()
    if (this.#ending) this.#closeIfSent()
  }

  // ── Sending ─────────────────────────────────────────────────────────────────────────────────────────────────

  /** What left unconfirmed before it is confirmed with it. */
  #send(chunk: Uint8Array, taken: (() => void) | undefined): void {
    this.watchesSend = this.#unwatched >= WATCH_AFTER || chunk.length > this.#largestBytes
    if (this.watchesSend) {
      this.#unwatched = 0
      this.#largestBytes = Math.max(this.#largestBytes, chunk.length)
    } else {
      this.#unwatched++
    }
    this.#unsent ??= new Fifo()
    this.#unsent.push({ bytes: this.#unconfirmedBytes + chunk.length, taken })
    this.#unconfirmedBytes = 0
    this.#owner.socket.send(chunk, this.host, this.port, this)
  }

  #sendHeld(isLast: boolean): void {
    const chunk = this.#held
    if (chunk === undefined) return
    const taken = this.#heldTaken
    this.#held = this.#heldTaken = undefined
    if (isLast || taken !== undefined) {
      this.#send(chunk, taken)
    } else {
      this.#unconfirmedBytes += chunk.length
      this.#owner.socket.send(chunk, this.host, this.port)
    }
  }

  // ── Receiving ───────────────────────────────────────────────────────────────────────────────────────────────

  #keep(bytes: Uint8Array): void {
    this.#waiting ??= []
    const { length } = this.#waiting
    if (length >= WAITING_DATAGRAMS || (length > 0 && this.#waitingBytes + bytes.length > WAITING_BYTES)) {
      this.droppedChunks++
      return
    }
    this.#waiting.push(bytes)
    this.#waitingBytes += bytes.length
  }

  #askForTurn(): void {
    if (this.#turnDue) return
    this.#turnDue = true
    this.#onTurn ??= () => {
      this.#turnDue = false
      if (this.#gone) this.#tellClose()
      else this.#deliver()
    }
    this.#owner.env.defer(this.#onTurn)
  }

  #deliver(): void {
    const sink = this.#sink
    if (sink === undefined) return
    while (this.#waiting !== undefined && this.#listens(sink)) {
      const chunk = this.#waiting.shift() as Uint8Array
      this.#waitingBytes -= chunk.length
      if (this.#waiting.length === 0) this.#waiting = undefined
      sink.onChunk(chunk)
    }
    if (this.#peerEnd === undefined || this.#endTold || this.#waiting !== undefined || !this.#listens(sink)) return
    this.#endTold = true
    sink.onEnd(this.#peerEnd)
  }

  #listens(sink: ConnectionSink): boolean {
    return sink === this.#sink && !this.#paused && !this.#gone
  }

  // ── Closing ─────────────────────────────────────────────────────────────────────────────────────────────────

  #closeIfSent(): void {
    if (this.#unsent !== undefined && this.#unsent.length > 0) return
    this.#leave(undefined)
    this.#askForTurn()
  }

  #leave(error: Error | undefined): void {
    this.#gone = true
    this.#error = error
    this.#waiting = this.#held = this.#heldTaken = this.#unsent = undefined
    this.#unsentBytes = 0
    this.#owner.gone(this)
  }

  #tellClose(): void {
    if (this.#closeTold || this.#sink === undefined) return
    this.#closeTold = true
    this.#sink.onClose(this.#error)
  }
}
