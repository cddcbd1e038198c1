import type { Env, TimerHandle } from './env.ts'

/** Something that is due at a time. It stands in the queue at most once. */
export abstract class Deadline {
  /** Env time; changed by TimerQueue only. */
  dueAt = 0
  /** Place in the heap, -1 outside of it. */
  place = -1
  abstract run(now: number): void
}

/**
 * All deadlines of an Env behind one timer: a binary heap by time. An Env timer a session would cost memory and, for
 * those moved with each message, a system call each; here moving one is a few compares.
 */
export class TimerQueue {
  readonly #env: Env
  readonly #heap: Deadline[] = []
  #timer: TimerHandle | undefined
  #timerAt = Infinity
  readonly #onTimer = (): void => this.#fire()

  constructor(env: Env) {
    this.#env = env
  }

  get size(): number {
    return this.#heap.length
  }

  /** Puts it in, or moves it. */
  set(deadline: Deadline, dueAt: number): void {
    const heap = this.#heap
    if (deadline.place < 0) {
      deadline.dueAt = dueAt
      deadline.place = heap.length
      heap.push(deadline)
      this.#rise(deadline)
    } else if (dueAt < deadline.dueAt) {
      deadline.dueAt = dueAt
      this.#rise(deadline)
    } else {
      deadline.dueAt = dueAt
      this.#sink(deadline)
    }
    this.#arm()
  }

  delete(deadline: Deadline): void {
    const { place } = deadline
    if (place < 0) return
    deadline.place = -1
    const last = this.#heap.pop() as Deadline
    if (last !== deadline) {
      last.place = place
      this.#heap[place] = last
      this.#rise(last)
      this.#sink(last)
    }
    if (this.#heap.length === 0) this.#disarm()
  }

  #fire(): void {
    this.#timer = undefined
    this.#timerAt = Infinity
    const now = this.#env.now()
    // Only what was due when this began: a deadline that sets itself again for now waits for its next turn.
    try {
      for (let left = this.#heap.length; left > 0; left--) {
        const first = this.#heap[0]
        if (first === undefined || first.dueAt > now) break
        this.delete(first)
        first.run(now)
      }
    } finally {
      this.#arm() // one that throws must not stop the others' time
    }
  }

  #arm(): void {
    const first = this.#heap[0]
    if (first === undefined || first.dueAt >= this.#timerAt) return
    this.#timer?.cancel()
    this.#timerAt = first.dueAt
    this.#timer = this.#env.setTimer(Math.max(0, Math.ceil(first.dueAt - this.#env.now())), this.#onTimer)
  }

  #disarm(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#timerAt = Infinity
  }

  #rise(deadline: Deadline): void {
    const heap = this.#heap
    let { place } = deadline
    while (place > 0) {
      const parentPlace = (place - 1) >> 1
      const parent = heap[parentPlace] as Deadline
      if (parent.dueAt <= deadline.dueAt) break
      heap[place] = parent
      parent.place = place
      place = parentPlace
    }
    heap[place] = deadline
    deadline.place = place
  }

  #sink(deadline: Deadline): void {
    const heap = this.#heap
    let { place } = deadline
    for (;;) {
      let childPlace = place * 2 + 1
      const left = heap[childPlace]
      if (left === undefined) break
      const right = heap[childPlace + 1]
      let child = left
      if (right !== undefined && right.dueAt < left.dueAt) {
        child = right
        childPlace++
      }
      if (deadline.dueAt <= child.dueAt) break
      heap[place] = child
      child.place = place
      place = childPlace
    }
    heap[place] = deadline
    deadline.place = place
  }
}
