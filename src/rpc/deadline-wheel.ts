import type { Env, TimerHandle } from '../core/env.ts'
import { type Flushable, type Runtime, runtimeOf } from '../core/runtime.ts'

/** A round is a little longer than the default deadline, so that an entry is hardly ever looked at twice. */
const SLOT_MS = 32
const SLOTS = 1024
/** A timer that comes later than this was held up by ourselves: what is due may have been answered, and not been read. */
const LATENESS_MS = 100

/**
 * Something that is over at a time. It stands in a wheel at most once. An interface, as a call in 256 would pay for the
 * constructor of a base class.
 */
export interface Due {
  // Small whole numbers, changed by the wheel only: a time as a double would be an object of its own for each call.
  /** When, in slots since the wheel's start, and milliseconds beyond; -1: in no wheel. */
  tick: number
  restMs: number
  /** In its slot's list. */
  next: Due | undefined
  previous: Due | undefined
  /** Called once, when it was not deleted before. */
  runDue(): void
}

/**
 * The deadlines of all calls of an Env behind one timer, in lists by time:
 *
 *     slot   0    1    2    3        1023
 *          ┌────┬────┬────┬────┬─ ─ ┬────┐
 *          │ ●  │    │ ●● │    │    │ ●  │   slot = ms since start / 32, modulo 1024
 *          └────┴────┴────┴────┴─ ─ ┴────┘
 *
 * Nearly all calls are answered long before, so what has to be cheap is to enter and to leave: a heap costs a call in 256
 * about 100 ns, this one 10. The timer is set to the very millisecond of the earliest, and left set when that one leaves.
 */
export class DeadlineWheel implements Flushable {
  readonly #env: Env
  readonly #runtime: Runtime
  readonly #start: number
  readonly #slots: (Due | undefined)[] = Array.from({ length: SLOTS }, () => undefined)
  #count = 0
  /** What is due before it has been run. */
  #tick = 0
  #timer: TimerHandle | undefined
  /** Milliseconds since start; Infinity: it is not set. */
  #timerAt = Infinity
  #turnMs = 0
  #turnKnown = false
  readonly #onTimer = (): void => this.#onTime()

  constructor(env: Env) {
    this.#env = env
    this.#runtime = runtimeOf(env)
    this.#start = env.now()
  }

  get size(): number {
    return this.#count
  }

  /** @param delayMs from the begin of this turn: a look at the clock costs as much as all the rest */
  add(due: Due, delayMs: number): void {
    if (!this.#turnKnown) this.#lookAtClock()
    const atMs = Math.ceil(this.#turnMs + delayMs)
    const tick = Math.floor(atMs / SLOT_MS)
    const first = this.#slots[tick & (SLOTS - 1)]
    due.tick = tick
    due.restMs = atMs - tick * SLOT_MS
    due.next = first
    if (first !== undefined) first.previous = due
    this.#slots[tick & (SLOTS - 1)] = due
    this.#count++
    if (atMs < this.#timerAt) this.#arm(atMs)
  }

  /** Does nothing for one that is not in. */
  delete(due: Due): void {
    const { next, previous, tick } = due
    if (tick < 0) return
    if (next !== undefined) next.previous = previous
    if (previous === undefined) this.#slots[tick & (SLOTS - 1)] = next
    else previous.next = next
    due.next = due.previous = undefined
    due.tick = -1
    this.#count--
  }

  /** Nobody may come back for a while: where nothing is due, no timer is left. */
  rest(): void {
    if (this.#count > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Infinity
  }

  /** The turn is over. */
  flush(): void {
    this.#turnKnown = false
  }

  /** What is called in the same turn is flushed at its end, too: to share that costs a call less than a defer. */
  #lookAtClock(): void {
    this.#turnMs = this.#env.now() - this.#start
    this.#turnKnown = true
    this.#runtime.markDirty(this)
  }

  #onTime(): void {
    this.#timer = undefined
    const lateMs = this.#env.now() - this.#start - this.#timerAt
    // Two turns of the event loop, in which what lies in the kernel is read.
    if (lateMs > LATENESS_MS) this.#env.yield(() => this.#env.yield(() => this.#fire()))
    else this.#fire()
  }

  #fire(): void {
    this.#timerAt = Infinity
    const nowMs = this.#env.now() - this.#start
    const last = Math.floor(nowMs / SLOT_MS)
    const over: Due[] = []
    for (let tick = Math.max(this.#tick, last - SLOTS + 1); tick <= last; tick++) {
      for (let due = this.#slots[tick & (SLOTS - 1)]; due !== undefined; due = due.next) {
        if (timeOf(due) <= nowMs) over.push(due)
      }
    }
    this.#tick = last
    for (const due of over) {
      if (due.tick < 0) continue // one before it has ended it
      this.delete(due)
      due.runDue()
    }
    if (this.#count > 0) this.#arm(Math.min(this.#timerAt, this.#earliest()))
  }

  /** When the next is due; of those beyond this round it is only known that they are. */
  #earliest(): number {
    for (let tick = this.#tick; tick < this.#tick + SLOTS; tick++) {
      let earliest = Infinity
      for (let due = this.#slots[tick & (SLOTS - 1)]; due !== undefined; due = due.next) {
        if (due.tick <= tick) earliest = Math.min(earliest, timeOf(due))
      }
      if (earliest < Infinity) return earliest
    }
    return (this.#tick + SLOTS) * SLOT_MS
  }

  #arm(atMs: number): void {
    this.#timer?.cancel()
    this.#timerAt = atMs
    const delayMs = atMs - (this.#env.now() - this.#start)
    this.#timer = this.#env.setTimer(Math.max(0, Math.ceil(delayMs)), this.#onTimer)
  }
}

/** In milliseconds since the wheel's start. */
function timeOf({ tick, restMs }: Due): number {
  return tick * SLOT_MS + restMs
}

const wheels = /* @__PURE__ */ new WeakMap<Env, DeadlineWheel>()

/** The one wheel of an Env, made when first asked for. */
export function wheelOf(env: Env): DeadlineWheel {
  let wheel = wheels.get(env)
  if (wheel === undefined) {
    wheel = new DeadlineWheel(env)
    wheels.set(env, wheel)
  }
  return wheel
}
