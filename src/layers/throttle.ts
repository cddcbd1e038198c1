import type { CloseReason, Connection, ConnectionSink, Wrapper } from '../core/connection.ts'
import type { Env, TimerHandle } from '../core/env.ts'
import { badOption } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber } from '../core/session-options.ts'
import { TokenBucket } from '../core/token-bucket.ts'
import { HeldInput } from './held-input.ts'
import { Layer } from './layer.ts'

/** How fast bytes may pass. At least one of them. */
export interface ThrottleOptions {
  /** What each session reads. @defaultValue unlimited */
  readonly readBytesPerSecond?: number | undefined
  /** What each session writes. @defaultValue unlimited */
  readonly writeBytesPerSecond?: number | undefined
}

/** Bytes leave in portions of so much time: small enough to be smooth, large enough that the timer is not the work. */
const PORTION_MS = 20

/**
 * Traffic shaping: each session reads and writes no faster than this, evenly. What is written faster waits, and counts
 * in `bufferedBytes`; what comes in faster stays with the peer, but for what one read brought.
 * @throws ERR_BAD_OPTION
 */
export function throttle(options: ThrottleOptions): Wrapper {
  if (typeof options !== 'object' || options === null) throw badOption('throttle', 'must be an object')
  requireKnown('throttle.', options, ['readBytesPerSecond', 'writeBytesPerSecond'])
  const { readBytesPerSecond, writeBytesPerSecond } = options
  if (readBytesPerSecond === undefined && writeBytesPerSecond === undefined) {
    throw badOption('throttle', 'needs readBytesPerSecond or writeBytesPerSecond')
  }
  if (readBytesPerSecond !== undefined) requireNumber('throttle.readBytesPerSecond', readBytesPerSecond, 1)
  if (writeBytesPerSecond !== undefined) requireNumber('throttle.writeBytesPerSecond', writeBytesPerSecond, 1)
  return (connection, _role, env) => new Throttle(connection, env, readBytesPerSecond, writeBytesPerSecond)
}

/** Hands out portions of bytes, and calls when the next one is due. */
class Portions {
  readonly #env: Env
  readonly #bucket: TokenBucket | undefined
  readonly #portion: number
  readonly #whole: boolean
  readonly #due: () => void
  #timer: TimerHandle | undefined

  /** @param whole a message passes in one piece, or not at all: it may leave a debt */
  constructor(env: Env, bytesPerSecond: number | undefined, whole: boolean, due: () => void) {
    this.#env = env
    this.#whole = whole
    this.#due = due
    this.#portion = Math.max(1, Math.floor(((bytesPerSecond ?? 0) * PORTION_MS) / 1000))
    if (bytesPerSecond !== undefined) this.#bucket = new TokenBucket(bytesPerSecond, this.#portion, env.now())
  }

  allow(bytes: number): number {
    if (this.#bucket === undefined || bytes === 0) return bytes
    const now = this.#env.now()
    const waitMs = this.#bucket.waitMs(Math.min(bytes, this.#portion), now)
    if (waitMs > 0) {
      this.#timer ??= this.#env.setTimer(waitMs, () => {
        this.#timer = undefined
        this.#due()
      })
      return 0
    }
    const allowed = this.#whole ? bytes : Math.min(bytes, Math.floor(this.#bucket.available(now)))
    this.#bucket.take(allowed, now)
    return allowed
  }

  stop(): void {
    this.#timer?.cancel()
    this.#timer = undefined
  }
}

interface Waiting {
  readonly chunk: Uint8Array
  readonly taken: (() => void) | undefined
  readonly text: boolean | undefined
  offset: number
}

class Throttle extends Layer {
  readonly #input: HeldInput
  readonly #reading: Portions
  readonly #writing: Portions
  readonly #queue = new Fifo<Waiting>()
  #queuedBytes = 0
  #passedBytes = 0
  #corks = 0
  #ending: { readonly reason: CloseReason | undefined } | undefined
  #endPassed = false
  #gone = false

  constructor(below: Connection, env: Env, read: number | undefined, write: number | undefined) {
    super(below)
    const whole = below.boundary === 'message'
    this.#reading = new Portions(env, read, whole, () => this.#input.flow())
    this.#writing = new Portions(env, write, whole, () => this.#pump())
    this.#input = new HeldInput(env, {
      pause: () => below.pause(),
      resume: () => below.resume(),
      allow: (bytes) => this.#reading.allow(bytes),
    })
  }

  override get bufferedBytes(): number {
    return this.#queuedBytes + this.below.bufferedBytes
  }
  override get progress(): number {
    return this.#passedBytes + (this.below.progress ?? 0)
  }

  override attach(sink: ConnectionSink, unread?: Uint8Array): void {
    this.above = sink
    this.below.attach(this)
    this.#input.attach(sink, unread)
  }

  override write(chunk: Uint8Array, taken?: () => void, text?: boolean): void {
    if (this.#gone || this.#ending !== undefined) return
    this.#queue.push({ chunk, taken, text, offset: 0 })
    this.#queuedBytes += chunk.length
    this.#pump()
  }

  override cork(): void {
    this.#corks++
  }

  override uncork(): void {
    if (this.#corks > 0 && --this.#corks === 0) this.#pump()
  }

  override pause(): void {
    this.#input.pause()
  }

  override resume(): void {
    this.#input.resume()
  }

  override end(reason?: CloseReason): void {
    if (this.#gone || this.#ending !== undefined) return
    this.#ending = { reason }
    this.#corks = 0
    this.#pump()
  }

  override destroy(error?: Error): void {
    this.#leave()
    this.#reading.stop()
    this.#input.forget()
    this.below.destroy(error)
  }

  override onChunk(chunk: Uint8Array, text?: boolean): void {
    this.#input.push(chunk, text, this.below.chunks === 'borrowed')
  }

  override onEnd(reason?: CloseReason): void {
    this.#input.end(reason)
  }

  override onClose(error?: Error): void {
    this.#leave()
    if (error !== undefined) this.#reading.stop()
    this.#input.close(error)
  }

  /** What may pass now, in as few writes as it takes. */
  #pump(): void {
    if (this.#corks > 0 || this.#gone) return
    this.below.cork()
    for (let next = this.#queue.first; next !== undefined; next = this.#queue.first) {
      const left = next.chunk.length - next.offset
      const allowed = this.#writing.allow(left)
      if (allowed <= 0 && left > 0) break
      this.#pass(next, allowed)
    }
    this.below.uncork()
    if (this.#ending === undefined || this.#endPassed || this.#queue.length > 0) return
    this.#endPassed = true
    this.below.end(this.#ending.reason)
  }

  #pass(waiting: Waiting, bytes: number): void {
    const { chunk, offset, taken, text } = waiting
    waiting.offset += bytes
    this.#queuedBytes -= bytes
    this.#passedBytes += bytes
    const isLast = waiting.offset === chunk.length
    if (isLast) this.#queue.shift()
    this.below.write(chunk.subarray(offset, waiting.offset), isLast ? taken : undefined, text)
  }

  /** Nothing is written any more. */
  #leave(): void {
    this.#gone = true
    while (this.#queue.shift() !== undefined) this.#queuedBytes = 0
    this.#writing.stop()
  }
}
