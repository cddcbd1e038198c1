import { ChunkBuffer } from './chunk-buffer.ts'
import { copy } from './bytes.ts'
import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Env } from './env.ts'
import { badFrame, badMessage, describe, frameTooLarge, type HawserError, isHawserError } from './errors.ts'
import type { Framing } from './framing.ts'
import { protocolHint } from './protocol-hint.ts'
import type { ResolvedLimits } from './session-options.ts'
import { isThenable } from './thenable.ts'
import type { Wait } from './wait.ts'
import { WaitList } from './wait-list.ts'

/** After so many frames in one go the other sessions have their turn. */
const BURST_FRAMES = 1024
/** What a waiting frame costs beside its bytes: a flood of empty ones must not be free. */
const FRAME_OVERHEAD_BYTES = 64
/** What a framing may need beyond the body, where it does not say so. */
const HEADER_BYTES = 64

/** What the loop tells its session. None of these is called from inside of a hook. */
export interface HandlerLoopHost<In> {
  /** A decoded message, on its way through heartbeat and stages to `HandlerLoop.hand`. */
  loopDecoded(message: In): void
  /** Calls the listener; gives what it gave. Never throws. */
  loopHandle(message: In): unknown
  /** A promise of the listener rejected. */
  loopRejected(error: unknown): void
  /** The stream cannot be read on. */
  loopFailed(error: HawserError): void
  /** A datagram was undecodable; the loop goes on. */
  loopReported(error: HawserError): void
  /** The peer has ended, and all that it sent is handled, but for `leftBytes` of an unfinished frame. */
  loopEnded(leftBytes: number): void
  /** A frame was begun and is not finished. */
  loopAwaitsFrame(): void
}

/**
 * The receiving half of a session: chunks in, one message at a time out.
 *
 *     chunk ──▶ ChunkBuffer ──Framing.next──▶ frame ──decode──▶ message ──▶ stages ──▶ listener or receive()
 *
 * Nothing is decoded while the listener is busy, held or paused, or nobody pulls: there is no queue of messages, and
 * what waits are bytes. From `inboundHighWaterMarkBytes` on the connection is asked to pause.
 */
export class HandlerLoop<In> {
  readonly #connection: Connection
  readonly #codec: Codec<In, never>
  readonly #framing: Framing | undefined
  readonly #limits: ResolvedLimits
  readonly #env: Env
  readonly #host: HandlerLoopHost<In>
  readonly #buffer: ChunkBuffer

  /** Message mode: frames that wait. */
  #frames: Uint8Array[] | undefined
  #frameTexts: boolean[] | undefined
  #framesBytes = 0
  /** Messages that a stage gave while the listener was busy. */
  #extra: In[] | undefined
  #receivers: WaitList<In> | undefined

  /** Whether the next frame may be decoded: everything below, in one word. */
  #go = false
  #held = true
  #paused = false
  #yielding = false
  #pull = false
  #running = 0
  #discarding = false
  #inRun = false
  #readPaused = false
  #ended = false
  #endReported = false
  #finishedWith: unknown
  #onSettled: (() => void) | undefined
  #onRejected: ((error: unknown) => void) | undefined

  receivedBytes = 0
  receivedMessages = 0
  /** Env time of the last byte. */
  activeAt: number
  /** Env time of the chunk that brought the last message which reached the listener. */
  lastMessageAt: number
  /** Called when the last running handler has settled: for a shutdown that waits for it. */
  onIdle: (() => void) | undefined
  /** Env time when the frame that waits for its rest was begun; 0: none does. */
  frameSince = 0

  constructor(
    connection: Connection,
    codec: Codec<In, never>,
    framing: Framing | undefined,
    limits: ResolvedLimits,
    env: Env,
    host: HandlerLoopHost<In>,
  ) {
    this.#connection = connection
    this.#codec = codec
    this.#framing = framing
    this.#limits = limits
    this.#env = env
    this.#host = host
    this.#buffer = new ChunkBuffer(limits.maxFrameBytes)
    this.activeAt = this.lastMessageAt = env.now()
  }

  get undecodedBytes(): number {
    return this.#buffer.totalBytes + this.#framesBytes
  }

  /** Handlers that have begun and not settled. */
  get running(): number {
    return this.#running
  }

  /** The connection was asked to pause, because we are behind. */
  get readPaused(): boolean {
    return this.#readPaused
  }

  /** The first bytes that wait, for an error message. */
  get waiting(): Uint8Array {
    return this.#buffer.view(0, Math.min(16, this.#buffer.length))
  }

  onChunk(chunk: Uint8Array, text: boolean): void {
    this.activeAt = this.#env.now()
    this.receivedBytes += chunk.length
    if (this.#discarding || this.#ended) return
    if (this.#framing === undefined) {
      this.#onFrame(chunk, text)
      return
    }
    this.#buffer.append(chunk)
    if (this.#buffer.ready || !this.#go) this.run()
    if (this.#connection.chunks === 'borrowed') this.#buffer.settle(true)
  }

  /** The peer sends no more. */
  onEnd(): void {
    this.#ended = true
    this.run()
  }

  /** Messages are pulled by `receive`, or pushed to the listener. */
  setPull(pull: boolean): void {
    this.#pull = pull
    this.#update()
  }

  /** Nothing is handed out until `release`. */
  hold(): void {
    this.#held = true
    this.#update()
  }

  release(): void {
    this.#held = false
    this.#update()
    this.run()
  }

  pause(): void {
    this.#paused = true
    this.#update()
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    this.#update()
    this.run()
  }

  receive(wait: Wait | undefined): Promise<In> {
    this.#receivers ??= new WaitList<In>(this.#env)
    const message = this.#receivers.add('receive()', wait, () => this.#update())
    this.#update()
    this.run()
    return message
  }

  /** From the last stage, or straight from the decoder. A stage may give more messages than it got, or later. */
  hand(message: In): void {
    if (!this.#go) {
      if (this.#discarding) return
      this.#extra ??= []
      this.#extra.push(message)
      return
    }
    this.receivedMessages++
    this.lastMessageAt = this.activeAt
    if (this.#pull) {
      this.#receivers?.resolveNext(message)
      this.#update()
      return
    }
    const result = this.#host.loopHandle(message)
    if (isThenable(result)) this.#await(result)
  }

  /** Whatever came or comes is forgotten: the session closes. Reading goes on, so that nothing unread resets the link. */
  discard(): void {
    this.#discarding = true
    this.frameSince = 0
    this.#buffer.clear()
    this.#frames = this.#frameTexts = this.#extra = undefined
    this.#framesBytes = 0
    this.#update()
    if (this.#readPaused) {
      this.#readPaused = false
      this.#connection.resume()
    }
  }

  /** No chunk follows; who pulls is still given what was received, then `error`. */
  finish(error: unknown): void {
    this.#ended = true
    this.#endReported = true
    this.#finishedWith = error
    this.#held = this.#paused = false
    this.#update()
    this.run()
  }

  /** Hands out what may be handed out now. */
  run(): void {
    if (this.#inRun) return
    this.#inRun = true
    let count = 0
    try {
      while (this.#go && this.#step()) {
        if (++count < BURST_FRAMES) continue
        this.#yieldTurn()
        break
      }
    } catch (error) {
      if (this.#finishedWith === undefined) this.#host.loopFailed(this.#explain(error))
      else this.#discarding = true // the end was told already; what is left cannot be read
    }
    this.#inRun = false
    this.#settle(count)
  }

  /** One message; false when there is none. */
  #step(): boolean {
    if (this.#extra !== undefined) {
      const message = this.#extra.shift() as In
      if (this.#extra.length === 0) this.#extra = undefined
      this.hand(message)
      return true
    }
    if (this.#framing === undefined) {
      const frame = this.#frames?.shift()
      if (frame === undefined) return false
      this.#framesBytes -= frame.length + FRAME_OVERHEAD_BYTES
      this.#decode(frame, this.#frameTexts?.shift() ?? false)
      return true
    }
    const frame = this.#framing.next(this.#buffer)
    if (frame === undefined) return false
    if (frame.length > this.#limits.maxFrameBytes) throw frameTooLarge(frame.length, this.#limits.maxFrameBytes)
    this.#decode(frame, false)
    return true
  }

  #onFrame(frame: Uint8Array, text: boolean): void {
    if (frame.length > this.#limits.maxFrameBytes) {
      this.#host.loopFailed(frameTooLarge(frame.length, this.#limits.maxFrameBytes))
      return
    }
    this.#frames ??= []
    this.#frameTexts ??= []
    this.#frames.push(frame)
    this.#frameTexts.push(text)
    this.#framesBytes += frame.length + FRAME_OVERHEAD_BYTES
    this.run()
    if (this.#connection.chunks === 'borrowed' && this.#frames?.at(-1) === frame)
      this.#frames[this.#frames.length - 1] = copy(frame)
  }

  #decode(frame: Uint8Array, text: boolean): void {
    let message: In
    try {
      message = this.#codec.decode(frame, text)
    } catch (error) {
      const reason = isHawserError(error) ? error : badMessage(`a frame cannot be decoded: ${describe(error)}`, error)
      if (this.receivedMessages === 0) reason.message += protocolHint(frame)
      if (this.#connection.reliable) throw reason
      this.#host.loopReported(reason)
      return
    }
    this.#host.loopDecoded(message)
  }

  #await(result: PromiseLike<unknown>): void {
    this.#running++
    this.#update()
    // Made once for a session that needs them, not for each message.
    this.#onSettled ??= () => {
      this.#running--
      this.#update()
      this.run()
      if (this.#running === 0) this.onIdle?.()
    }
    this.#onRejected ??= (error) => {
      this.#host.loopRejected(error)
      this.#onSettled?.()
    }
    result.then(this.#onSettled, this.#onRejected)
  }

  #update(): void {
    const free = this.#pull ? (this.#receivers?.size ?? 0) > 0 : this.#running < this.#limits.concurrency
    this.#go = free && !this.#held && !this.#paused && !this.#yielding && !this.#discarding
  }

  #yieldTurn(): void {
    this.#yielding = true
    this.#update()
    this.#env.yield(() => {
      this.#yielding = false
      this.#update()
      this.run()
    })
  }

  /** After a run: memory, backpressure, the clock of an unfinished frame, the peer's end. */
  #settle(count: number): void {
    if (this.#discarding) {
      if (this.#finishedWith !== undefined) this.#receivers?.rejectAll(this.#finishedWith)
      return
    }
    this.#buffer.settle(false)
    const undecodedBytes = this.undecodedBytes
    this.#regulate(undecodedBytes)
    if (!this.#go || undecodedBytes === 0 || this.#ended) {
      this.frameSince = 0
    } else if (count > 0 || this.frameSince === 0) {
      this.frameSince = this.activeAt
      this.#checkUndelimited()
      this.#host.loopAwaitsFrame()
    } else {
      this.#checkUndelimited()
    }
    if (!this.#ended || this.#extra !== undefined || (undecodedBytes > 0 && !this.#go)) return
    // Ended, and nothing more can be made of what is left.
    if (this.#finishedWith !== undefined) {
      this.#receivers?.rejectAll(this.#finishedWith)
      this.#update()
    } else if (!this.#endReported && !this.#held && this.#running === 0) {
      this.#endReported = true
      this.#host.loopEnded(undecodedBytes)
    }
  }

  #regulate(undecodedBytes: number): void {
    const mark = this.#limits.inboundHighWaterMarkBytes
    if (this.#readPaused) {
      if (!this.#go && undecodedBytes > mark / 2) return
      this.#readPaused = false
      this.#connection.resume()
    } else if (!this.#go && undecodedBytes >= mark && !this.#ended) {
      this.#readPaused = true
      this.#connection.pause()
    }
  }

  /** The last line of defence against a framing that never says what it needs. */
  #checkUndelimited(): void {
    const waiting = this.#buffer.totalBytes
    const { maxFrameBytes } = this.#limits
    if (waiting > maxFrameBytes + HEADER_BYTES && this.#buffer.ready) {
      this.#host.loopFailed(frameTooLarge(waiting, maxFrameBytes))
    }
  }

  #explain(error: unknown): HawserError {
    const reason = isHawserError(error) ? error : badFrame(`the framing failed: ${describe(error)}`)
    if (reason.code !== 'ERR_BAD_MESSAGE' && this.receivedMessages === 0) reason.message += protocolHint(this.waiting)
    return reason
  }
}
