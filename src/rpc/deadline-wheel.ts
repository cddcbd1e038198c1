import type { Env, TimerHandle } from '../core/env.ts'

/** A round is a little longer than the default deadline, so that an entry is hardly ever looked at twice. */
const SLOT_MS = 32
const SLOTS = 1024

/** Something that is over at a time. It stands in a wheel at most once. */
export abstract class Due {
  /** Env time; changed by the wheel only. */
  dueAt = 0
  /** In its slot's list; changed by the wheel only. */
  next: Due | undefined = undefined
  previous: Due | undefined = undefined
  placed = false
  /** Called once, when it was not deleted before. */
  abstract runDue(): void
}

/**
 * The deadlines of all calls of an Env behind one timer, in lists by time:
 *
 *     slot   0    1    2    3        1023
 *          ┌────┬────┬────┬────┬─ ─ ┬────┐
 *          │ ●  │    │ ●● │    │    │ ●  │   slot = dueAt / 32 ms, modulo 1024
 *          └────┴────┴────┴────┴─ ─ ┴────┘
 *
 * Nearly all calls are answered long before, so what has to be cheap is to enter and to leave: a heap costs a call in 256
 * about 100 ns, this one 10. The timer is set to the very millisecond of the earliest, and left set when that one leaves.
 */
export class DeadlineWheel {
  readonly #env: Env
  readonly #slots: (Due | undefined)[] = Array.from({ length: SLOTS }, () => undefined)
  #count = 0
  /** The round's place: what is due before it has been run. */
  #tick: number
  #timer: TimerHandle | undefined
  #timerAt = Infinity
  readonly #onTimer = (): void => this.#fire()

  constructor(env: Env) {
    this.#env = env
    this.#tick = tickOf(env.now())
  }

  get size(): number {
    return this.#count
  }

  /** @param dueAt not before now */
  add(due: Due, dueAt: number): void {
    const slot = tickOf(dueAt) % SLOTS
    const first = this.#slots[slot]
    due.dueAt = dueAt
    due.placed = true
    due.next = first
    if (first !== undefined) first.previous = due
    this.#slots[slot] = due
    this.#count++
    if (dueAt < this.#timerAt) this.#arm(dueAt)
  }

  /** Does nothing for one that is not in. */
  delete(due: Due): void {
    if (!due.placed) return
    const { next, previous } = due
    if (next !== undefined) next.previous = previous
    if (previous === undefined) this.#slots[tickOf(due.dueAt) % SLOTS] = next
    else previous.next = next
    due.next = due.previous = undefined
    due.placed = false
    this.#count--
  }

  /** Nobody may come back for a while: where nothing is due, no timer is left. */
  rest(): void {
    if (this.#count > 0) return
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Infinity
  }

  #fire(): void {
    this.#timer = undefined
    this.#timerAt = Infinity
    const now = this.#env.now()
    const over: Due[] = []
    const last = tickOf(now)
    for (let tick = Math.max(this.#tick, last - SLOTS + 1); tick <= last; tick++) {
      for (let due = this.#slots[tick % SLOTS]; due !== undefined; due = due.next) if (due.dueAt <= now) over.push(due)
    }
    this.#tick = last
    for (const due of over) {
      if (!due.placed) continue // one before it has ended it
      this.delete(due)
      due.runDue()
    }
    if (this.#count > 0) this.#arm(Math.min(this.#timerAt, this.#earliest()))
  }

  /** When the next is due; of those beyond this round it is only known that they are. */
  #earliest(): number {
    for (let tick = this.#tick; tick < this.#tick + SLOTS; tick++) {
      let earliest = Infinity
      for (let due = this.#slots[tick % SLOTS]; due !== undefined; due = due.next) {
        if (due.dueAt < earliest && tickOf(due.dueAt) <= tick) earliest = due.dueAt
      }
      if (earliest < Infinity) return earliest
    }
    return (this.#tick + SLOTS) * SLOT_MS
  }

  #arm(at: number): void {
    this.#timer?.cancel()
    this.#timerAt = at
    this.#timer = this.#env.setTimer(Math.max(0, Math.ceil(at - this.#env.now())), this.#onTimer)
  }
}

function tickOf(time: number): number {
  return Math.floor(time / SLOT_MS)
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
