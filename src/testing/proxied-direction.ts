import { copy } from '../core/bytes.ts'
import type { Connection, ConnectionSink } from '../core/connection.ts'
import type { Env, TimerHandle } from '../core/env.ts'
import { Fifo } from '../core/fifo.ts'
import type { Faults } from './faults.ts'
import type { Random } from './random.ts'

const WINDOW_BYTES = 64 * 1024
/** What is throttled leaves in portions of so much time, not in whole reads. */
const PORTION_MS = 10

/** What the links of one proxy share. */
export interface ProxyWeather {
  readonly env: Env
  readonly faults: Faults
  /** Nothing gets through; what is on its way waits. */
  readonly isCut: boolean
}

interface Flight {
  /** When it is due; not before those ahead of it. */
  readonly at: number
  /** Undefined: the end. */
  readonly bytes: Uint8Array | undefined
  /** Whether others may not leave with it. */
  readonly isApart: boolean
}

/**
 * One direction of one link through a proxy:
 *
 *     from ──onChunk──▶ sliced, corrupted ──▶ flights, each with its time ──▶ to
 *       ◀──pause───── once `windowBytes` are on their way or not taken
 */
export class ProxiedDirection implements ConnectionSink {
  readonly #weather: ProxyWeather
  readonly #random: Random
  readonly #from: Connection
  readonly #to: Connection
  readonly #reset: () => void
  readonly #closed: (error: Error | undefined) => void
  readonly #flights = new Fifo<Flight>()
  #timer: TimerHandle | undefined
  #yielded = false
  /** Bytes in flight, and written but not taken. */
  #heldBytes = 0
  /** Bytes that set out so far. */
  #sentBytes = 0
  /** Of the slice that is being filled; a chunk may bring it in parts. */
  #sliceLeft = 0
  /** Where in what is left of the slice a bit is turned, and which. */
  #flipAt = Infinity
  #flip = 0
  /** When the wire is free of what was put on it at `bytesPerSecond`, and when the last one lands. */
  #freeAt = 0
  #lastAt = 0
  #isBroken = false
  #isOver = false

  /** @param reset breaks the whole link  @param closed `from` is gone */
  constructor(
    weather: ProxyWeather,
    random: Random,
    from: Connection,
    to: Connection,
    reset: () => void,
    closed: (error: Error | undefined) => void,
  ) {
    this.#weather = weather
    this.#random = random
    this.#from = from
    this.#to = to
    this.#reset = reset
    this.#closed = closed
  }

  onChunk(chunk: Uint8Array): void {
    for (let at = 0; at < chunk.length && !this.#isBroken; ) at += this.#setOut(chunk, at)
    this.#flow()
    this.#rearm()
  }

  onActivity(): void {}

  onEnd(): void {
    if (this.#isBroken) return
    this.#fly(undefined)
    this.#rearm()
  }

  onClose(error?: Error): void {
    this.#closed(error)
  }

  /** What was held may go on, or must wait. */
  weatherChanged(): void {
    this.#flow()
    this.#rearm()
  }

  /** Nothing lands any more, whatever the weather: the other end of the link is no more, or nobody is to hear of it. */
  stop(): void {
    this.#isOver = true
    this.#timer?.cancel()
  }

  #rearm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    const { env, isCut } = this.#weather
    const next = this.#flights.first
    if (next === undefined || isCut || this.#isOver || this.#yielded) return
    const delayMs = next.at - env.now()
    if (delayMs > 0) this.#timer = env.setTimer(Math.ceil(delayMs), this.#land)
    else {
      this.#yielded = true
      env.yield(() => {
        this.#yielded = false
        if (!this.#weather.isCut) this.#land()
      })
    }
  }

  /** Takes the next part of `chunk`, as far as slice, portion and cut allow; gives its length. */
  #setOut(chunk: Uint8Array, at: number): number {
    if (this.#sliceLeft === 0) this.#beginSlice(chunk.length - at)
    const { bytesPerSecond = Infinity, cutAfterBytes = Infinity } = this.#weather.faults
    const portion = Math.ceil((bytesPerSecond * PORTION_MS) / 1000)
    const untilCut = Math.max(0, cutAfterBytes - this.#sentBytes)
    const length = Math.min(chunk.length - at, this.#sliceLeft, portion, untilCut)
    if (length > 0) this.#fly(this.#corrupted(chunk.subarray(at, at + length)))
    this.#sliceLeft -= length
    this.#sentBytes += length
    if (length < untilCut) return length
    this.#isBroken = true
    if (this.#heldBytes === 0) this.#reset()
    return length
  }

  #beginSlice(availableBytes: number): void {
    const { sliceBytes, corruptRatio = 0 } = this.#weather.faults
    this.#sliceLeft = sliceBytes === undefined ? availableBytes : 1 + this.#random.below(sliceBytes)
    const isHit = corruptRatio > 0 && this.#random.next() < corruptRatio
    this.#flipAt = isHit ? this.#random.below(this.#sliceLeft) : Infinity
    this.#flip = isHit ? 1 << this.#random.below(8) : 0
  }

  #corrupted(part: Uint8Array): Uint8Array {
    const at = this.#flipAt
    this.#flipAt -= part.length
    if (at < 0 || at >= part.length) return part
    const changed = copy(part)
    changed[at] = (changed[at] as number) ^ this.#flip
    return changed
  }

  #fly(bytes: Uint8Array | undefined): void {
    const { env, faults } = this.#weather
    const { latencyMs = 0, jitterMs = 0, bytesPerSecond = Infinity, sliceBytes } = faults
    const length = bytes?.length ?? 0
    this.#freeAt = Math.max(this.#freeAt, env.now()) + (length * 1000) / bytesPerSecond
    const jitter = jitterMs > 0 ? this.#random.next() * jitterMs : 0
    this.#lastAt = Math.max(this.#lastAt, this.#freeAt + latencyMs + jitter)
    this.#heldBytes += length
    this.#flights.push({ at: this.#lastAt, bytes, isApart: sliceBytes !== undefined })
  }

  readonly #land = (): void => {
    this.#timer = undefined
    const now = this.#weather.env.now()
    for (;;) {
      const next = this.#flights.first
      if (next === undefined || next.at > now || this.#isOver) break
      this.#flights.shift()
      this.#arrive(next.bytes)
      if (next.isApart) break // the next one in another turn, so that it is read by itself
    }
    this.#rearm()
  }

  #arrive(bytes: Uint8Array | undefined): void {
    if (bytes === undefined) return this.#to.end()
    this.#to.write(bytes, () => {
      this.#heldBytes -= bytes.length
      // A turn for the kernel: a reset throws away what it has not passed on.
      if (this.#isBroken && this.#heldBytes === 0) this.#weather.env.yield(this.#reset)
      else this.#flow()
    })
  }

  #flow(): void {
    const { windowBytes = WINDOW_BYTES } = this.#weather.faults
    if (this.#isBroken || this.#heldBytes >= windowBytes) this.#from.pause()
    else this.#from.resume()
  }
}
