import { HawserError } from '../core/errors.ts'
import { Fifo } from '../core/fifo.ts'
import type { LinkOptions } from '../core/transport.ts'
import { type Carrier, type MemoryConnection, memoryLink } from '../transports/memory-connection.ts'
import type { QueuedEvent } from './event-queue.ts'
import type { Faults } from './faults.ts'
import type { Random } from './random.ts'
import type { VirtualMachine } from './virtual-machine.ts'
import type { Timeline } from './virtual-timeline.ts'

const WINDOW_BYTES = 64 * 1024
const WINDOW_MESSAGES = 1024

/** What the links of a network share. */
export interface Weather {
  readonly faults: Faults
  /** Nothing gets through; what is on its way waits. */
  readonly isCut: boolean
  readonly random: Random
  /** What is scheduled here is not counted in `env.timers`. */
  readonly timeline: Timeline
}

/** One end as it is opened: where it is, and what its owner wished. */
export interface LinkEnd {
  readonly address: string
  readonly options: LinkOptions
  readonly machine: VirtualMachine
}

/** A link of the virtual network, in the hand of a test. */
export interface VirtualLink {
  /** As URLs: who dialed, and whom. */
  readonly from: string
  readonly to: string
  /** Bytes that have left, dialer to listener and back. */
  readonly sentBytes: { readonly forth: number; readonly back: number }
  /** Silence: what is on its way waits, and no end learns anything. */
  cut(): void
  heal(): void
  /** Both ends get ERR_CONNECTION_RESET. */
  reset(): void
}

/** A pair of memory connections with weather between them. */
export class WeatheredLink implements VirtualLink {
  readonly from: string
  readonly to: string
  readonly dialed: MemoryConnection
  readonly accepted: MemoryConnection
  readonly #forth: WeatheredCarrier
  readonly #back: WeatheredCarrier
  readonly #dialer: VirtualMachine
  readonly #listener: VirtualMachine
  #openEnds = 2

  /** @param onGone both ends are closed */
  constructor(weather: Weather, dialing: LinkEnd, listening: LinkEnd, onGone: (link: WeatheredLink) => void) {
    this.from = dialing.address
    this.to = listening.address
    const reset = () => this.reset()
    const closed = () => {
      if (--this.#openEnds === 0) onGone(this)
    }
    this.#dialer = dialing.machine
    this.#listener = listening.machine
    this.#forth = new WeatheredCarrier(weather, dialing.machine, listening.machine, reset, closed)
    this.#back = new WeatheredCarrier(weather, listening.machine, dialing.machine, reset, closed)
    const { dialed, accepted } = memoryLink(
      'stream',
      {
        env: dialing.options.env,
        localAddress: dialing.address,
        remoteAddress: listening.address,
        carrier: this.#forth,
        chunks: dialing.options.chunks,
        text: false,
      },
      {
        env: listening.options.env,
        localAddress: listening.address,
        remoteAddress: dialing.address,
        carrier: this.#back,
        chunks: listening.options.chunks,
        text: false,
      },
    )
    this.dialed = dialed
    this.accepted = accepted
  }

  get sentBytes(): { readonly forth: number; readonly back: number } {
    return { forth: this.#forth.sentBytes, back: this.#back.sentBytes }
  }

  cut(): void {
    this.#forth.cut()
    this.#back.cut()
  }

  heal(): void {
    this.#forth.heal()
    this.#back.heal()
  }

  /** The network's weather has changed: what was held may go on. */
  weatherChanged(): void {
    this.#forth.rearm()
    this.#back.rearm()
  }

  /** The process on `machine` is gone. `silent`: nothing tells the other end. */
  leave(machine: VirtualMachine, silent: boolean): void {
    if (machine === this.#dialer) leave(this.dialed, silent || this.#back.hasUnheard)
    if (machine === this.#listener) leave(this.accepted, silent || this.#forth.hasUnheard)
  }

  reset(): void {
    if (this.#openEnds === 0) return
    for (const end of [this.dialed, this.accepted]) {
      end.fail(
        new HawserError('ERR_CONNECTION_RESET', `${end.remoteAddress} reset the connection`, { retryable: true }),
      )
    }
  }
}

/** @param silent nothing is sent: the other end never hears of it, or as soon as its bytes are answered by a reset */
function leave(end: MemoryConnection, silent: boolean): void {
  if (silent) end.fail(new HawserError('ERR_CONNECTION_RESET', 'the process is gone'))
  else end.destroy()
}

interface Flight {
  /** When it is due; not before those ahead of it. */
  readonly at: number
  readonly length: number
  readonly arrive: () => void
}

/** One direction. Pieces arrive in order, one an event, each after the time that the weather takes. */
class WeatheredCarrier implements Carrier {
  readonly windowMessages: number = WINDOW_MESSAGES
  readonly closed: () => void
  readonly #weather: Weather
  readonly #from: VirtualMachine
  readonly #to: VirtualMachine
  readonly #reset: () => void
  readonly #flights = new Fifo<Flight>()
  #landing: QueuedEvent | undefined
  /** When the wire is free of what was put on it at `bytesPerSecond`. */
  #freeAt = 0
  #isCut = false
  #unheardBytes = 0
  sentBytes = 0

  constructor(weather: Weather, from: VirtualMachine, to: VirtualMachine, reset: () => void, closed: () => void) {
    this.#weather = weather
    this.#from = from
    this.#to = to
    this.#reset = reset
    this.closed = closed
  }

  /** Bytes have arrived at a process that sleeps. */
  get hasUnheard(): boolean {
    return this.#unheardBytes > 0
  }

  get windowBytes(): number {
    return this.#weather.faults.windowBytes ?? WINDOW_BYTES
  }

  pieceBytes(): number {
    const { random, faults } = this.#weather
    const slice = faults.sliceBytes === undefined ? Infinity : 1 + random.below(faults.sliceBytes)
    const { cutAfterBytes = Infinity } = faults
    // What leaves after the last byte before the cut never arrives: its size does not matter.
    return cutAfterBytes > this.sentBytes ? Math.min(slice, cutAfterBytes - this.sentBytes) : slice
  }

  carry(piece: Uint8Array | undefined, arrive: () => void): void {
    const length = piece?.length ?? 0
    const { cutAfterBytes = Infinity } = this.#weather.faults
    const last = length > 0 && this.sentBytes + length >= cutAfterBytes
    if (last && this.sentBytes >= cutAfterBytes) return this.#fly(0, this.#reset)
    this.sentBytes += length
    if (piece !== undefined) corrupt(this.#weather, piece)
    this.#fly(length, arrive)
    if (last) this.#fly(0, this.#reset)
  }

  cut(): void {
    this.#isCut = true
    this.rearm()
  }

  heal(): void {
    this.#isCut = false
    this.rearm()
  }

  rearm(): void {
    const { isCut, timeline } = this.#weather
    if (this.#landing !== undefined) timeline.cancel(this.#landing)
    this.#landing = undefined
    const next = this.#flights.first
    if (next === undefined || this.#isCut || isCut || isApart(this.#from, this.#to)) return
    this.#landing = timeline.schedule(Math.max(0, next.at - timeline.now), this.#land)
  }

  #fly(length: number, arrive: () => void): void {
    const { latencyMs = 0, jitterMs = 0, bytesPerSecond = Infinity } = this.#weather.faults
    this.#freeAt = Math.max(this.#freeAt, this.#weather.timeline.now) + (length * 1000) / bytesPerSecond
    const jitter = jitterMs > 0 ? this.#weather.random.next() * jitterMs : 0
    this.#flights.push({ at: this.#freeAt + latencyMs + jitter, length, arrive })
    if (this.#flights.length === 1) this.rearm()
  }

  readonly #land = (): void => {
    this.#landing = undefined
    const flight = this.#flights.shift()
    this.rearm()
    if (flight === undefined) return
    const { length, arrive } = flight
    const { process } = this.#to
    if (process.hearsAtOnce) return arrive()
    this.#unheardBytes += length
    process.hear(() => {
      this.#unheardBytes -= length
      arrive()
    })
  }
}

/** Whether a cable between the two is out. */
export function isApart(one: VirtualMachine, other: VirtualMachine): boolean {
  return one !== other && (one.isUnplugged || other.isUnplugged)
}

/** As the weather has it, turns a bit in what is on its way. */
export function corrupt({ random, faults }: Weather, piece: Uint8Array): void {
  const { corruptRatio = 0 } = faults
  if (corruptRatio === 0 || random.next() >= corruptRatio) return
  const at = random.below(piece.length)
  piece[at] = (piece[at] as number) ^ (1 << random.below(8))
}
