import { Socket } from 'node:net'
import type { Duplex, Readable, Writable } from 'node:stream'
import { TLSSocket } from 'node:tls'
import type { Connection, ConnectionSink, Introduction, PeerInfo } from '../../core/connection.ts'
import { copy } from '../../core/bytes.ts'
import type { Env } from '../../core/env.ts'
import type { Ends } from './socket-address.ts'
import { Fifo } from '../../core/fifo.ts'
import { noteReceived } from './heap-top.ts'
import type { Loan } from './loan.ts'
import { hasTaken } from './stream-link.ts'
import { systemError } from './system-error.ts'
import { writeQueueBytes } from './write-queue.ts'

/** A stream may be what one connection reads and another one writes: each side has a mark of its own. */
const READER = Symbol('reader')
const WRITER = Symbol('writer')

/** A stream that knows its connections, so that all of them share one set of handlers instead of five closures each. */
interface Owned {
  [READER]?: SocketConnection | undefined
  [WRITER]?: SocketConnection | undefined
}

// Set by the class, where its private methods are in reach.
let onStreamData: (this: Owned, chunk: Uint8Array) => void
let onStreamEnd: (this: Owned) => void
let onStreamError: (this: Owned, error: Error) => void
let onStreamClose: (this: Owned) => void
let onWritableError: (this: Owned, error: Error) => void
let onWritableClose: (this: Owned) => void

const NO_PEER: PeerInfo = {}

/**
 * A Connection over a socket, any Duplex, or a pair of streams. It owns them from now on: nothing is read before
 * `attach`, and their errors are heard from the start.
 *
 * The stream's own queues are the connection's: `bufferedBytes` is the Writable's length, what arrived before `attach`
 * waits in the Readable or in the kernel.
 */
export class SocketConnection implements Connection {
  static {
    onStreamData = function (chunk) {
      const connection = this[READER]
      if (connection === undefined) return
      noteReceived(chunk.length)
      connection.#receive(chunk)
    }
    onStreamEnd = function () {
      const connection = this[READER]
      if (connection !== undefined) connection.#endOfPeer()
    }
    onStreamError = function (error) {
      const connection = this[READER]
      if (connection !== undefined) connection.#fail(error)
    }
    onStreamClose = function () {
      const connection = this[READER]
      if (connection !== undefined) connection.#windUp()
    }
    onWritableError = function (error) {
      const connection = this[WRITER]
      if (connection !== undefined) connection.#fail(error)
    }
    onWritableClose = function () {
      const connection = this[WRITER]
      if (connection !== undefined) connection.#windUp()
    }
  }

  readonly #local: Ends['local']
  #remote: Ends['remote']
  #peer: PeerInfo
  readonly #env: Env
  readonly #readable: Readable
  readonly #writable: Writable
  readonly chunks: 'kept' | 'borrowed'
  #sink: ConnectionSink | undefined
  #error: Error | undefined
  /** Of writes whose taking somebody wants to know of, in order. */
  #taken: Fifo<() => void> | undefined
  #onTaken: ((error?: Error | null) => void) | undefined
  /** Chunks that the sink gets before anything else, in a turn that is already asked for. */
  #unread: Uint8Array[] | undefined
  /** Depth of calls into the stream: one that is not a socket may answer from inside of them. */
  #calling = 0
  /** Our side: `end` was called. */
  #ending = false
  #destroyed = false
  /** The stream said 'end', and whether the sink knows. */
  #peerEnded = false
  #endTold = false
  /** The stream is gone, and whether the sink knows. */
  #closed = false
  #closeTold = false

  /**
   * `ends` and `peer` are told at once: a socket forgets them when it closes.
   * @param loan what the stream reads into, where it was made with one
   */
  constructor(env: Env, readable: Readable, writable: Writable, ends: Ends, peer: PeerInfo = NO_PEER, loan?: Loan) {
    this.#env = env
    this.#readable = readable
    this.#writable = writable
    this.#local = ends.local
    this.#remote = ends.remote
    this.#peer = peer
    this.chunks = loan === undefined ? 'kept' : 'borrowed'
    if (loan !== undefined) loan.onChunk = (chunk) => this.#receive(chunk)
    this.#listen()
  }

  get localAddress(): string {
    return this.#local.toString()
  }
  get remoteAddress(): string {
    return this.#remote.toString()
  }
  get peer(): PeerInfo {
    return this.#peer
  }
  get boundary(): 'stream' {
    return 'stream'
  }
  get reliable(): true {
    return true
  }
  /** Other streams may hand on what their writer still has. */
  get ownsChunks(): boolean {
    return this.#readable instanceof Socket
  }
  get maxWriteBytes(): number {
    return Infinity
  }

  /** A socket tries to write at once; what is left over it still counts. TLS and other streams may keep what they got. */
  get copiesWrites(): boolean {
    return this.#writable instanceof Socket && !(this.#writable instanceof TLSSocket)
  }

  get bufferedBytes(): number {
    return this.#closed || this.#destroyed ? 0 : this.#writable.writableLength
  }

  get progress(): number {
    return writeQueueBytes(this.#writable)
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    const detached = this.#sink === undefined
    this.#sink = sink
    if (this.#closeTold) return
    if (unread !== undefined && unread.length > 0 && !this.#destroyed) {
      if (this.#unread === undefined) this.#unread = [unread]
      else this.#unread.unshift(unread)
    }
    if (this.#unread !== undefined || this.#peerEnded || this.#closed) this.#env.defer(() => this.#catchUp())
    if (detached) this.#readable.on('data', onStreamData)
    if (!this.#destroyed) this.#readable.resume()
  }

  detach(unread: Uint8Array, introduction?: Introduction): void {
    this.#sink = undefined
    this.#readable.off('data', onStreamData).pause()
    if (unread.length > 0 && !this.#destroyed) {
      this.#unread ??= []
      this.#unread.unshift(unread)
    }
    if (introduction === undefined) return
    this.#remote = introduction.remoteAddress
    this.#peer = introduction.peer
  }

  write(chunk: Uint8Array, taken?: () => void): void {
    if (this.#ending || this.#destroyed || this.#writable.destroyed || this.#writable.writableEnded) return
    this.#calling++
    if (taken === undefined) this.#writable.write(chunk)
    else this.#writable.write(chunk, this.#tellTaken(taken))
    this.#calling--
  }

  cork(): void {
    this.#writable.cork()
  }

  uncork(): void {
    this.#calling++
    this.#writable.uncork()
    this.#calling--
  }

  pause(): void {
    this.#readable.pause()
  }

  resume(): void {
    if (this.#sink !== undefined && !this.#destroyed) this.#readable.resume()
  }

  end(): void {
    if (this.#ending || this.#destroyed) return
    this.#ending = true
    this.#calling++
    this.#writable.end()
    this.#calling--
  }

  destroy(error?: Error): void {
    if (this.#destroyed) return
    this.#destroyed = true
    this.#error ??= error
    this.#unread = undefined
    this.#discard()
  }

  /**
   * Gives the stream to somebody who speaks another protocol over it, what is unread still in it; the connection is no
   * more. Only while nobody is attached, and never for a pair, or a socket that reads into a loan.
   */
  release(): Duplex | undefined {
    if (this.#sink !== undefined || this.#isPair() || this.chunks === 'borrowed') return undefined
    if (this.#destroyed || this.#readable.destroyed) return undefined
    const stream = this.#readable as Duplex & Owned
    stream[READER] = undefined // the handlers stay, and do nothing but hear errors
    stream[WRITER] = undefined
    for (const chunk of this.#unread?.toReversed() ?? []) stream.unshift(chunk)
    this.#unread = undefined
    this.#destroyed = true
    return stream
  }

  /**
   * Writes are taken in order, so one callback serves them all. Of writes that a socket never finished Node says, once it
   * is destroyed, that they went well.
   */
  #tellTaken(taken: () => void): (error?: Error | null) => void {
    this.#taken ??= new Fifo()
    this.#taken.push(taken)
    this.#onTaken ??= (error) => {
      const next = this.#taken?.shift()
      if (hasTaken(this.#writable, error)) next?.()
    }
    return this.#onTaken
  }

  #isPair(): boolean {
    return (this.#writable as unknown) !== this.#readable
  }

  #listen(): void {
    const readable = this.#readable as Readable & Owned
    readable[READER] = this
    readable.pause()
    readable.on('end', onStreamEnd).on('error', onStreamError).on('close', onStreamClose)
    if (readable instanceof Socket) return // it closes by itself when both sides have ended, and says so
    const writable = this.#writable as Writable & Owned
    writable[WRITER] = this
    writable.on('finish', onWritableClose)
    if (this.#isPair()) writable.on('error', onWritableError).on('close', onWritableClose)
    this.#peerEnded = readable.readableEnded
    if (readable.errored !== null) this.#fail(readable.errored)
    else this.#windUp()
  }

  #receive(chunk: Uint8Array): void {
    if (this.#destroyed) return
    if (this.#unread !== undefined) {
      this.#unread.push(this.#toKeep(chunk))
    } else if (this.#calling > 0) {
      this.#unread = [this.#toKeep(chunk)]
      this.#env.defer(() => this.#catchUp())
    } else {
      this.#sink?.onChunk(chunk)
    }
  }

  #toKeep(chunk: Uint8Array): Uint8Array {
    return this.chunks === 'borrowed' ? copy(chunk) : chunk
  }

  #endOfPeer(): void {
    this.#peerEnded = true
    this.#tellEnd()
    if (!(this.#readable instanceof Socket)) this.#windUp()
  }

  /**
   * A TLS socket whose handshake is done says 'error' and goes on: to 'end', as if its peer had closed. But that was an
   * alert, such as TLS 1.3 answers a client's certificate with that is missing or not wanted.
   */
  #fail(error: Error): void {
    this.#error ??= systemError(error, this.remoteAddress)
    this.#discard()
  }

  /** Closes when nothing more can come or go: both sides are over, or the stream broke off. */
  #windUp(): void {
    const { destroyed } = this.#readable
    if (this.#readable instanceof Socket) return this.#close()
    const written = this.#writable.writableFinished || this.#writable.destroyed
    if ((this.#peerEnded && written) || (destroyed && !this.#peerEnded)) this.#discard()
  }

  #discard(): void {
    this.#readable.destroy()
    if (this.#readable instanceof Socket) return
    this.#writable.destroy()
    this.#env.yield(() => this.#close()) // not every stream says 'close'
  }

  #close(): void {
    this.#closed = true
    if (this.#peerEnded) this.#tellEnd()
    this.#tellClose()
  }

  /** What came before the sink, or before the unread bytes of a second one, in order. */
  #catchUp(): void {
    const sink = this.#sink
    if (sink === undefined) return // detached meanwhile
    while (this.#unread !== undefined) {
      const chunk = this.#unread.shift()
      if (chunk === undefined) this.#unread = undefined
      else sink.onChunk(chunk)
      if (this.#sink !== sink) return // its attach has asked for a turn of its own
    }
    if (this.#peerEnded) this.#tellEnd()
    if (this.#closed) this.#tellClose()
  }

  #tellEnd(): void {
    if (this.#sink === undefined || this.#unread !== undefined || this.#endTold || this.#destroyed) return
    this.#endTold = true
    this.#sink.onEnd()
  }

  #tellClose(): void {
    if (this.#sink === undefined || this.#unread !== undefined || this.#closeTold) return
    this.#closeTold = true
    this.#taken = undefined
    this.#sink.onClose(this.#error)
  }
}
