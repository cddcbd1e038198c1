import type { Codec } from './codec.ts'
import type { Connection } from './connection.ts'
import type { Env } from './env.ts'
import { frameTooLarge, type HawserError, undecodable } from './errors.ts'
import type { HandlerLoopHost } from './handler-loop.ts'
import { pushedToListener, type ReceivingHalf } from './receiving-half.ts'
import type { ResolvedLimits } from './session-options.ts'
import { isThenable } from './thenable.ts'

/** After so many messages the page has its turn: what waited in the connection may be as many as there is room for. */
const BURST_MESSAGES = 1024

/**
 * The receiving half of a session whose messages are pushed to a listener, over a connection that keeps messages apart and
 * gives none while it is paused: a WebSocket of a browser. It keeps the same rules as HandlerLoop, without what streams,
 * stages and `receive` need. Nothing waits here: while the listener is busy, held or paused, so is the connection.
 *
 *     chunk ──decode──▶ message ──▶ listener
 */
export class MessageLoop<In> implements ReceivingHalf<In> {
  readonly #connection: Connection
  readonly #codec: Codec<In, never>
  readonly #limits: ResolvedLimits
  readonly #env: Env
  readonly #host: HandlerLoopHost<In>

  #held = true
  #paused = false
  #discarding = false
  /** One could not be decoded: what follows is no message. */
  #broken = false
  #yielding = false
  #burst = 0
  #endReported = false

  direct = false
  receivedBytes = 0
  receivedMessages = 0
  readonly undecodedBytes = 0
  activeAt: number
  lastMessageAt: number
  readonly frameSince = 0
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
  /** A browser keeps pings and pongs to itself. */
  onActivity(): void {}

  onChunk(bytes: Uint8Array, text: boolean): void {
    this.activeAt = this.#env.now()
    this.receivedBytes += bytes.length
    if (this.#discarding || this.#broken) return
    const { maxFrameBytes } = this.#limits
    if (bytes.length > maxFrameBytes) return this.#break(frameTooLarge(bytes.length, maxFrameBytes))
    let message: In
    try {
      message = this.#codec.decode(bytes, text)
    } catch (error) {
      return this.#break(undecodable(error))
    }
    if (++this.#burst === BURST_MESSAGES) this.#yieldTurn()
    this.#host.loopDecoded(message)
  }

  onEnd(): void {
    this.ended = true
    this.#update()
  }

  /** Nobody pulls. */
  setPull(): void {}
  turnAway(): void {}
  receive(): Promise<never> {
    return pushedToListener()
  }

  hold(): void {
    this.#held = true
    this.#update()
  }

  release(): void {
    this.#held = false
    this.#update()
  }

  pause(): void {
    this.#paused = true
    this.#update()
  }

  resume(): void {
    this.#paused = false
    this.#update()
  }

  hand(message: In): void {
    this.receivedMessages++
    this.lastMessageAt = this.activeAt
    const result = this.#host.loopHandle(message)
    if (!isThenable(result)) return
    this.running++
    this.#update()
    // A thenable of somebody's own may settle twice.
    Promise.resolve(result).then(this.#onSettled, (error: unknown) => {
      this.#host.loopRejected(error)
      this.#onSettled()
    })
  }

  discard(): void {
    this.#discarding = true
    this.#update()
  }

  finish(): void {
    this.ended = this.#endReported = true
    this.discard()
  }

  readonly #onSettled = (): void => {
    this.running--
    this.#update()
    if (this.running === 0) this.onIdle?.()
  }

  #yieldTurn(): void {
    this.#yielding = true
    this.#update()
    this.#env.yield(() => {
      this.#yielding = false
      this.#burst = 0
      this.#update()
    })
  }

  /** Nothing can be made of what follows. */
  #break(error: HawserError): void {
    this.#broken = true
    this.#host.loopFailed(error)
  }

  /** The connection gives messages while one may be handled, or all are forgotten; the end is told behind the last. */
  #update(): void {
    const isBusy = this.#held || this.#paused || this.#yielding || this.running >= this.#limits.concurrency
    const shallPause = isBusy && !this.#discarding
    if (shallPause !== this.readPaused) {
      this.readPaused = shallPause
      if (shallPause) this.#connection.pause()
      else this.#connection.resume()
    }
    if (!this.ended || this.#endReported || this.#held || this.running > 0) return
    this.#endReported = true
    this.#host.loopEnded()
  }
}
