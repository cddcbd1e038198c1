import { Fifo } from '../core/fifo.ts'
import { requireNumber } from '../core/session-options.ts'
import { EventQueue, type Owner, type QueuedEvent, type Turn } from './event-queue.ts'
import { promiseJobs, PromiseTurns, throwUncaught } from './real-turn.ts'

/** So that a long simulation does not keep the process from its own I/O. */
const EVENTS_PER_REAL_TURN = 256
/** Events without the clock moving, after which something runs in a circle. A link without latency that slices finely has a million of them with a megabyte. */
const MAX_EVENTS_AT_ONCE = 4_000_000

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

interface Deferred {
  readonly owner: Owner
  readonly run: () => void
}

/**
 * The clock of a virtual world, and all that will happen in it:
 *
 *   defer ──▶ #deferred ───────────┐
 *                                  ├─▶ one at a time, promise jobs in between
 *   yield, timers, network ─▶ #queue ┘  (when nothing is deferred, what is due by #until)
 */
export class Timeline {
  readonly #deferred = new Fifo<Deferred>()
  readonly #queue = new EventQueue()
  #now: number
  /** How far the clock may go. */
  #until: number
  #running = false
  /** Since it was woken, and since the clock moved. */
  #events = 0
  #eventsAtOnce = 0
  readonly #turns = new PromiseTurns(() => this.#turn())
  #waiters: Waiter[] = []

  constructor(now: number) {
    this.#now = now
    this.#until = now
  }

  get now(): number {
    return this.#now
  }

  /** Before all that is in the queue. */
  defer(owner: Owner, run: () => void): void {
    this.#deferred.push({ owner, run })
    this.#wake()
  }

  /** With no owner it is the network's, which runs whatever becomes of the processes. */
  schedule(delayMs: number, run: () => void, owner?: Owner, turn: Turn = 'io'): QueuedEvent {
    const event = this.#queue.push(this.#now + delayMs, run, owner, turn)
    if (event.at <= this.#until) this.#wake()
    return event
  }

  cancel(event: QueuedEvent): void {
    this.#queue.remove(event)
  }

  advance(ms: number): Promise<void> {
    requireNumber('advanceMs', ms, 0)
    this.#until += ms
    return this.settle()
  }

  settle(): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#waiters.push({ resolve, reject })
      this.#wake()
    })
  }

  #wake(): void {
    if (this.#running) return
    this.#running = true
    this.#events = 0
    this.#eventsAtOnce = 0
    void promiseJobs().then(() => this.#turn())
  }

  /** One event, in a promise job; the next comes when all that it led to is done. */
  #turn(): void {
    const before = this.#now
    const run = this.#next()
    if (run === undefined) return this.#rest()
    this.#eventsAtOnce = this.#now === before ? this.#eventsAtOnce + 1 : 0
    if (this.#eventsAtOnce > MAX_EVENTS_AT_ONCE) {
      this.#fail(new Error(`${MAX_EVENTS_AT_ONCE} events and the clock still stands at ${this.#now}`))
      return this.#rest()
    }
    try {
      run()
    } catch (error) {
      this.#fail(error)
    }
    if (++this.#events % EVENTS_PER_REAL_TURN === 0) this.#turns.afterIo()
    else this.#turns.afterJobs()
  }

  /** Nothing more happens now. */
  #rest(): void {
    this.#running = false
    for (const waiter of this.#waiters.splice(0)) waiter.resolve()
  }

  #next(): (() => void) | undefined {
    for (;;) {
      const deferred = this.#deferred.shift()
      if (deferred === undefined) break
      if (deferred.owner.admits('defer', deferred.run)) return deferred.run
    }
    for (;;) {
      const event = this.#queue.peek()
      if (event === undefined || event.at > this.#until) {
        this.#now = this.#until
        return undefined
      }
      this.#queue.pop()
      this.#now = Math.max(this.#now, event.at)
      if (event.owner === undefined || event.owner.admits(event.turn, event.run)) return event.run
    }
  }

  /** What a callback threw goes to whoever moves the clock; with nobody there it is an uncaught exception, as on Node. */
  #fail(error: unknown): void {
    const waiters = this.#waiters.splice(0)
    for (const waiter of waiters) waiter.reject(error)
    if (waiters.length === 0) throwUncaught(error)
  }
}
