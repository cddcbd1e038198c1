import type { Env, Net, TimerHandle } from '../core/env.ts'
import { describe } from '../core/errors.ts'
import type { Logger } from '../core/logger.ts'
import { requireNumber } from '../core/session-options.ts'
import { promiseJobs, realTurn, throwUncaught } from './real-turn.ts'
import { EventQueue } from './event-queue.ts'
import { Random } from './random.ts'
import { VirtualDisk } from './virtual-disk.ts'
import { VirtualZlib } from './virtual-zlib.ts'
import { VirtualNet, type VirtualNetwork } from './virtual-network.ts'

/**
 * A world of its own for a test: its clock stands still until the test moves it, its chance comes from a seed, its
 * network and disk are in memory. The same seed and the same program give the same events in the same order.
 *
 * What is due *now* happens by itself, in the real event loop's next turns, so that `await listen(…)` just works.
 * Time passes only in `advance()`.
 */
export interface VirtualEnv extends Env {
  readonly net: Net
  readonly network: VirtualNetwork
  /** What decides all chance. */
  readonly seed: number
  /** Timers still set, in-flight bytes not counted: 0 at the end of a test. */
  readonly timers: number
  /** What was logged, oldest first. */
  readonly logs: readonly LogEntry[]
  /**
   * Moves the clock by `ms` and runs all that falls due on the way, in order of time; between any two events the promise
   * jobs are done. Rejects with what a callback threw, and when time does not get on because events breed events.
   */
  advance(ms: number): Promise<void>
  /** Until nothing more happens now. Rejects as `advance`. */
  settle(): Promise<void>
}

/** One line that was logged. */
export interface LogEntry {
  readonly at: number
  readonly level: 'debug' | 'info' | 'warn' | 'error'
  readonly message: string
  readonly fields: object | undefined
}

/** Where chance and the clock begin. */
export interface VirtualEnvOptions {
  /** @defaultValue 1 */
  readonly seed?: number | undefined
  /** Where the clock starts, in milliseconds since 1970. @defaultValue 2026-01-01T00:00Z */
  readonly now?: number | undefined
}

const DEFAULT_SEED = 1
const DEFAULT_NOW = 1_767_225_600_000
/** Of two seeds that belong together, the network's is this much further. */
const NETWORK_SEED = 0x5eed
/** So that a long simulation does not keep the process from its own I/O. */
const EVENTS_PER_REAL_TURN = 256
/** Events without the clock moving, after which something runs in a circle. */
const MAX_EVENTS_AT_ONCE = 1_000_000
/** As Node: a timer of 0 ms is one of 1 ms, so that rearming it lets time pass. */
const MIN_DELAY_MS = 1

/** A world of its own; see VirtualEnv. */
export function virtualEnv(options: VirtualEnvOptions = {}): VirtualEnv {
  const { seed = DEFAULT_SEED, now = DEFAULT_NOW } = options
  requireNumber('seed', seed, 0)
  requireNumber('now', now, 0)
  return new VirtualWorld(seed, now)
}

interface Waiter {
  readonly resolve: () => void
  readonly reject: (error: unknown) => void
}

/**
 *   defer ──▶ #deferred ───────────┐
 *                                  ├─▶ one at a time, promise jobs in between
 *   yield, timers, network ─▶ #queue ┘  (when nothing is deferred, what is due by #until)
 */
class VirtualWorld implements VirtualEnv {
  readonly seed: number
  readonly net: Net
  readonly network: VirtualNetwork
  readonly files: VirtualDisk = new VirtualDisk(this)
  readonly zlib: VirtualZlib = new VirtualZlib(this)
  readonly logger: Logger
  readonly logs: LogEntry[] = []
  readonly #random: Random
  readonly #deferred: (() => void)[] = []
  readonly #queue = new EventQueue()
  #now: number
  /** How far the clock may go. */
  #until: number
  #timers = 0
  #running = false
  #waiters: Waiter[] = []

  constructor(seed: number, now: number) {
    this.seed = seed
    this.#now = now
    this.#until = now
    this.#random = new Random(seed)
    this.logger = {
      debug: (message, fields) => this.#log('debug', message, fields),
      info: (message, fields) => this.#log('info', message, fields),
      warn: (message, fields) => this.#log('warn', message, fields),
      error: (message, fields) => this.#log('error', message, fields),
    }
    const schedule = (delayMs: number, run: () => void) => this.#schedule(delayMs, run)
    const net = new VirtualNet(this, new Random(seed + NETWORK_SEED), schedule)
    this.net = net
    this.network = net
  }

  get timers(): number {
    return this.#timers
  }

  now(): number {
    return this.#now
  }

  every(intervalMs: number, run: () => void): Disposable {
    requireNumber('intervalMs', intervalMs, MIN_DELAY_MS)
    let timer: TimerHandle
    const again = () => {
      timer = this.setTimer(intervalMs, again)
      this.#guarded(run)
    }
    timer = this.setTimer(intervalMs, again)
    return { [Symbol.dispose]: () => timer.cancel() }
  }

  after(delayMs: number, run: () => void): Disposable {
    requireNumber('delayMs', delayMs, 0)
    const timer = this.setTimer(delayMs, () => this.#guarded(run))
    return { [Symbol.dispose]: () => timer.cancel() }
  }

  setTimer(delayMs: number, run: () => void): TimerHandle {
    this.#timers++
    let set = true
    const handle = this.#schedule(Math.max(MIN_DELAY_MS, delayMs), () => {
      this.#timers--
      set = false
      run()
    })
    return {
      cancel: () => {
        if (!set) return
        set = false
        this.#timers--
        handle.cancel()
      },
    }
  }

  defer(run: () => void): void {
    this.#deferred.push(run)
    this.#wake()
  }

  yield(run: () => void): void {
    this.#queue.push(this.#now, run) // behind all that is due now already
    this.#wake()
  }

  randomBytes(count: number): Uint8Array {
    return this.#random.bytes(count)
  }

  random(): number {
    return this.#random.next()
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

  #schedule(delayMs: number, run: () => void): TimerHandle {
    const event = this.#queue.push(this.#now + delayMs, run)
    if (event.at <= this.#until) this.#wake()
    return { cancel: () => void this.#queue.remove(event) }
  }

  #wake(): void {
    if (this.#running) return
    this.#running = true
    void this.#run()
  }

  async #run(): Promise<void> {
    let eventsAtOnce = 0
    for (let events = 1; ; events++) {
      await (events % EVENTS_PER_REAL_TURN === 0 ? realTurn() : promiseJobs())
      const before = this.#now
      const run = this.#next()
      if (run === undefined) break
      eventsAtOnce = this.#now === before ? eventsAtOnce + 1 : 0
      if (eventsAtOnce > MAX_EVENTS_AT_ONCE) {
        this.#fail(new Error(`${MAX_EVENTS_AT_ONCE} events and the clock still stands at ${this.#now}`))
        break
      }
      try {
        run()
      } catch (error) {
        this.#fail(error)
      }
    }
    this.#running = false
    for (const waiter of this.#waiters.splice(0)) waiter.resolve()
  }

  #next(): (() => void) | undefined {
    const deferred = this.#deferred.shift()
    if (deferred !== undefined) return deferred
    const event = this.#queue.peek()
    if (event === undefined || event.at > this.#until) {
      this.#now = this.#until
      return undefined
    }
    this.#queue.pop()
    this.#now = Math.max(this.#now, event.at)
    return event.run
  }

  /** What a callback threw goes to whoever moves the clock; with nobody there it is an uncaught exception, as on Node. */
  #fail(error: unknown): void {
    const waiters = this.#waiters.splice(0)
    for (const waiter of waiters) waiter.reject(error)
    if (waiters.length === 0) throwUncaught(error)
  }

  #guarded(run: () => void): void {
    try {
      run()
    } catch (error) {
      this.logger.error(`a timer threw: ${describe(error)}`, { error })
    }
  }

  #log(level: LogEntry['level'], message: string, fields: object | undefined): void {
    this.logs.push({ at: this.#now, level, message, fields })
  }
}
