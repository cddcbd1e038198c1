import { copy } from '../core/bytes.ts'
import type { CloseReason, Connection, ConnectionSink, PeerInfo } from '../core/connection.ts'
import type { Env } from '../core/env.ts'
import { HawserError } from '../core/errors.ts'

/** What kind of link it seems to be. */
export interface HeldConnectionOptions {
  /** Whose turns it calls its user in. */
  readonly env: Env
  /** Whether it carries bytes or messages. @defaultValue 'stream' */
  readonly boundary?: 'stream' | 'message' | undefined
  /** 'borrowed' fills each chunk with 0xDB when onChunk has returned. @defaultValue 'kept' */
  readonly chunks?: 'kept' | 'borrowed' | undefined
  /** false: as a link that may lose messages, such as UDP's. @defaultValue true */
  readonly reliable?: boolean | undefined
  /** Largest message that it takes. @defaultValue Infinity */
  readonly maxWriteBytes?: number | undefined
  /** Where we seem to be. @defaultValue 'inproc://here' */
  readonly localAddress?: string | undefined
  /** Where the peer seems to be. @defaultValue 'inproc://test' */
  readonly remoteAddress?: string | undefined
  /** What more is known of the peer. @defaultValue {} */
  readonly peer?: PeerInfo | undefined
}

/** One `write`, as it was made. */
export interface HeldWrite {
  readonly bytes: Uint8Array
  readonly text: boolean
  /** Those with the same number left together, under cork or by themselves. */
  readonly flight: number
}

interface Untaken {
  /** The writer's own memory, and what was in it. */
  readonly chunk: Uint8Array
  readonly asWritten: Uint8Array
  readonly taken: (() => void) | undefined
}

type Incoming = { readonly bytes: Uint8Array; readonly text: boolean } | { readonly reason: CloseReason | undefined }

const POISON = 0xdb

/**
 * A connection whose peer is the test: what is written is looked at, what comes in is fed. It keeps every sentence of
 * the contract, and holds its user to the user's part: memory that changes before it was taken is found out.
 */
export class HeldConnection implements Connection {
  readonly boundary: 'stream' | 'message'
  readonly reliable: boolean
  readonly chunks: 'kept' | 'borrowed'
  readonly maxWriteBytes: number
  readonly localAddress: string
  readonly remoteAddress: string
  readonly peer: PeerInfo

  /** Every write so far, oldest first. */
  readonly writes: HeldWrite[] = []
  /** `end()` was called, with this reason. */
  ended: { readonly reason: CloseReason | undefined } | undefined
  /** `destroy()` was called, with this error. */
  destroyed: { readonly error: Error | undefined } | undefined
  pings = 0

  readonly #env: Env
  #sink: ConnectionSink | undefined
  #looked = 0
  #flight = 1
  #corks = 0
  #untaken: Untaken[] = []
  #bufferedBytes = 0
  #stalled = false
  #incoming: Incoming[] = []
  #paused = false
  #turnDue = false
  #endSeen = false
  #gone = false
  #closeError: Error | undefined
  #closeTold = false

  constructor(options: HeldConnectionOptions) {
    this.#env = options.env
    this.boundary = options.boundary ?? 'stream'
    this.chunks = options.chunks ?? 'kept'
    this.reliable = options.reliable ?? true
    this.maxWriteBytes = options.maxWriteBytes ?? Infinity
    this.localAddress = options.localAddress ?? 'inproc://here'
    this.remoteAddress = options.remoteAddress ?? 'inproc://test'
    this.peer = options.peer ?? {}
  }

  // ── The peer's part, for the test ───────────────────────────────────────────────────────────────────────

  /** Bytes from the peer, as one chunk in memory of its own; while reading is paused they wait. */
  feed(bytes: Uint8Array, text = false): void {
    this.#incoming.push({ bytes: copy(bytes), text })
    this.#schedule()
  }

  /** The peer sends no more. */
  feedEnd(reason?: CloseReason): void {
    this.#incoming.push({ reason })
    this.#schedule()
  }

  /** Life without bytes: a pong. */
  feedActivity(): void {
    this.#env.defer(() => {
      if (!this.#gone) this.#sink?.onActivity()
    })
  }

  /** The link breaks: what the sink has not got is lost. */
  reset(): void {
    this.#leave(new HawserError('ERR_CONNECTION_RESET', 'the peer reset the connection', { retryable: true }))
  }

  /** The peer takes nothing more until `drain()`. */
  stall(): void {
    this.#stalled = true
  }

  drain(): void {
    this.#stalled = false
    this.#schedule()
  }

  /** The writes since the last look. */
  takeWrites(): HeldWrite[] {
    const taken = this.writes.slice(this.#looked)
    this.#looked = this.writes.length
    return taken
  }

  /** The bytes written since the last look, as one. */
  takeBytes(): Uint8Array {
    const writes = this.takeWrites()
    const bytes = new Uint8Array(writes.reduce((sum, write) => sum + write.bytes.length, 0))
    let at = 0
    for (const write of writes) {
      bytes.set(write.bytes, at)
      at += write.bytes.length
    }
    return bytes
  }

  get isPaused(): boolean {
    return this.#paused
  }

  get isClosed(): boolean {
    return this.#gone
  }

  // ── Connection ──────────────────────────────────────────────────────────────────────────────────────────

  get bufferedBytes(): number {
    return this.#bufferedBytes
  }

  attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.#sink = sink
    this.#paused = false
    if (unread !== undefined && unread.length > 0) this.#incoming.unshift({ bytes: unread, text: false })
    this.#schedule()
  }

  write(chunk: Uint8Array, taken?: () => void, text = false): void {
    if (this.#gone || this.ended !== undefined) return
    const asWritten = copy(chunk)
    this.writes.push({ bytes: asWritten, text, flight: this.#flight })
    if (this.#corks === 0) this.#flight++
    this.#untaken.push({ chunk, asWritten, taken })
    this.#bufferedBytes += chunk.length
    this.#schedule()
  }

  cork(): void {
    this.#corks++
  }

  uncork(): void {
    if (this.#corks === 0 || --this.#corks > 0) return
    this.#flight++
    this.#schedule()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#schedule()
  }

  ping(): void {
    this.pings++
  }

  end(reason?: CloseReason): void {
    if (this.#gone || this.ended !== undefined) return
    this.ended = { reason }
    this.#corks = 0
    this.#schedule()
  }

  destroy(error?: Error): void {
    if (this.#gone) return
    this.destroyed = { error }
    this.#leave(error)
  }

  #schedule(): void {
    if (this.#turnDue) return
    this.#turnDue = true
    this.#env.defer(this.#turn)
  }

  readonly #turn = (): void => {
    this.#turnDue = false
    this.#take()
    this.#deliver()
    const allSent = this.ended !== undefined && this.#untaken.length === 0
    if (allSent && this.#endSeen && !this.#gone) this.#leave(undefined)
    else if (this.#gone && this.#sink !== undefined && !this.#closeTold) {
      this.#closeTold = true
      this.#sink.onClose(this.#closeError)
    }
  }

  #take(): void {
    while (!this.#stalled && this.#corks === 0 && !this.#gone) {
      const next = this.#untaken.shift()
      if (next === undefined) return
      if (next.chunk.some((byte, at) => byte !== next.asWritten[at]))
        throw new Error(`${next.chunk.length} bytes were changed after write() and before they were taken`)
      this.#bufferedBytes -= next.chunk.length
      next.taken?.()
    }
  }

  #deliver(): void {
    while (!this.#paused && !this.#gone && this.#sink !== undefined) {
      const next = this.#incoming.shift()
      if (next === undefined) return
      if ('bytes' in next) {
        this.#sink.onChunk(next.bytes, this.boundary === 'message' ? next.text : undefined)
        if (this.chunks === 'borrowed') next.bytes.fill(POISON)
      } else {
        this.#endSeen = true
        this.#sink.onEnd(next.reason)
      }
    }
  }

  #leave(error: Error | undefined): void {
    if (this.#gone) return
    this.#gone = true
    this.#closeError = error
    this.#untaken = []
    this.#incoming = []
    this.#bufferedBytes = 0
    this.#schedule()
  }
}
