import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Env } from './env.ts'
import { frameTooLarge, type HawserError, undecodable } from './errors.ts'
import { Fifo } from './fifo.ts'
import type { HandlerLoopHost } from './handler-loop.ts'
import { pushedToListener, type ReceivingHalf } from './receiving-half.ts'
import type { ResolvedLimits } from './session-options.ts'
import { isThenable } from './thenable.ts'

/** After so many frames in one go the page has its turn. */
const BURST_FRAMES = 1024
/** What a waiting frame costs beside its bytes: a flood of empty ones must not be free. */
const FRAME_OVERHEAD_BYTES = 64

interface Frame {
  readonly bytes: Uint8Array
  readonly text: boolean
}

/**
 * The receiving half of a session whose messages are pushed to a listener, over a reliable connection that keeps messages
 * apart: a WebSocket of a browser. It keeps the same rules as HandlerLoop, without what streams, stages and `receive` need.
 *
 *     chunk ──▶ frames ──decode──▶ message ──▶ listener
 */
export class MessageLoop<In> implements ReceivingHalf<In> {
  readonly #connection: Connection
  readonly #codec: Codec<In, never>
  readonly #limits: ResolvedLimits
  readonly #env: Env
  readonly #host: HandlerLoopHost<In>

  #frames = new Fifo<Frame>()
  #held = true
  #paused = false
  #discarding = false
  /** One could not be decoded: what follows is no message. */
  #broken = false
  #inRun = false
  #yielding = false
  /** Frames since the last chunk or yield, in whatever promise jobs. */
  #burst = 0
  #endReported = false

  direct = false
  receivedBytes = 0
  receivedMessages = 0
  undecodedBytes = 0
  activeAt: number
  lastMessageAt: number
  frameSince = 0
  running = 0
  ended = false
  readPaused = false
  onIdle: (() => void) | undefined

  constructor(
    connection: Connection,
    codec: Codec<In, never>,
    limits: ResolvedLimits,
    env: Env,
    host: HandlerLoopHost<In>,
  ) {
    this.#connection = connection
    this.#codec = codec
    this.#limits = limits
    this.#env = env
    this.#host = host
    this.activeAt = this.lastMessageAt = env.now()
  }

  beginBatch(): void {}
  endBatch(): void {}

  onChunk(bytes: Uint8Array, text: boolean): void {
    this.activeAt = this.#env.now()
    this.receivedBytes += bytes.length
    if (this.#discarding || this.ended) return
    const { maxFrameBytes } = this.#limits
    if (bytes.length > maxFrameBytes) return this.#break(frameTooLarge(bytes.length, maxFrameBytes))
    this.#frames.push({ bytes, text })
    this.undecodedBytes += bytes.length + FRAME_OVERHEAD_BYTES
    this.#burst = 0
    this.#run()
  }

  onEnd(): void {
    this.ended = true
    this.#run()
  }

  /** Nobody pulls. */
  setPull(): void {}
  turnAway(): void {}
  receive(): Promise<never> {
    return pushedToListener()
  }

  hold(): void {
    this.#held = true
  }

  release(): void {
    this.#held = false
    this.#run()
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    this.#paused = false
    this.#env.defer(this.#runLater)
  }

  hand(message: In): void {
    this.receivedMessages++
    this.lastMessageAt = this.activeAt
    const result = this.#host.loopHandle(message)
    if (!isThenable(result)) return
    this.running++
    // A thenable of somebody's own may settle twice.
    Promise.resolve(result).then(this.#onSettled, (error: unknown) => {
      this.#host.loopRejected(error)
      this.#onSettled()
    })
  }

  discard(): void {
    this.#discarding = true
    this.#frames = new Fifo()
    this.undecodedBytes = 0
    this.#regulate()
  }

  finish(): void {
    this.ended = this.#endReported = true
    this.discard()
  }

  get #mayHandle(): boolean {
    const { concurrency } = this.#limits
    const held = this.#held || this.#paused || this.#yielding || this.#discarding || this.#broken
    return !held && this.running < concurrency
  }

  readonly #runLater = (): void => this.#run()

  readonly #onSettled = (): void => {
    this.running--
    this.#run()
    if (this.running === 0) this.onIdle?.()
  }

  /** Hands out what may be handed out now. Not to be called inside of a call of the application. */
  #run(): void {
    if (this.#inRun) return
    this.#inRun = true
    while (this.#mayHandle) {
      if (this.#burst++ === BURST_FRAMES) this.#yieldTurn()
      else if (!this.#handleNext()) break
    }
    this.#inRun = false
    this.#regulate()
    if (!this.ended || this.undecodedBytes > 0 || this.#held || this.running > 0 || this.#endReported) return
    this.#endReported = true
    this.#host.loopEnded()
  }

  /** False where there is none. */
  #handleNext(): boolean {
    const frame = this.#frames.shift()
    if (frame === undefined) return false
    this.undecodedBytes -= frame.bytes.length + FRAME_OVERHEAD_BYTES
    let message: In
    try {
      message = this.#codec.decode(frame.bytes, frame.text)
    } catch (error) {
      this.#break(undecodable(error))
      return false
    }
    this.#host.loopDecoded(message)
    return true
  }

  #yieldTurn(): void {
    this.#yielding = true
    this.#env.yield(() => {
      this.#yielding = false
      this.#burst = 0
      this.#run()
    })
  }

  /** Nothing can be made of what follows. */
  #break(error: HawserError): void {
    this.#broken = true
    this.#host.loopFailed(error)
  }

  /** Backpressure. While it discards, reading goes on. */
  #regulate(): void {
    const mark = this.#limits.inboundHighWaterMarkBytes
    if (this.readPaused) {
      if (!this.#mayHandle && this.undecodedBytes > mark / 2) return
      this.readPaused = false
      this.#connection.resume()
    } else if (!this.#mayHandle && this.undecodedBytes >= mark && !this.ended) {
      this.readPaused = true
      this.#connection.pause()
    }
  }
}
