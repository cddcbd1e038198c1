/** What a callback is for its process: one that was paused goes on with them in another order. */
export type Turn = 'defer' | 'timer' | 'io' | 'yield'

/** Whose callbacks they are. */
export interface Owner {
  /** Whether it can run it now; where not, it has kept it or forgotten it. */
  admits(turn: Turn, run: () => void): boolean
}

/** Something that will happen at a time; of the same time, what was asked for first. */
export interface QueuedEvent {
  readonly at: number
  readonly run: () => void
  /** Undefined: nobody's, and nobody can put it off. */
  readonly owner: Owner | undefined
  readonly turn: Turn
}

interface Entry extends QueuedEvent {
  readonly sequence: number
  /** Where it stands in the heap; -1 when it is out of it. */
  index: number
}

/** A binary heap on (time, order of asking). */
export class EventQueue {
  readonly #heap: Entry[] = []
  #sequence = 0

  get length(): number {
    return this.#heap.length
  }

  /** The earliest, which stays. */
  peek(): QueuedEvent | undefined {
    return this.#heap[0]
  }

  push(at: number, run: () => void, owner?: Owner, turn: Turn = 'io'): QueuedEvent {
    const entry: Entry = { at, run, owner, turn, sequence: this.#sequence++, index: this.#heap.length }
    this.#heap.push(entry)
    this.#rise(entry)
    return entry
  }

  /** Takes the earliest out. */
  pop(): QueuedEvent | undefined {
    const first = this.#heap[0]
    if (first !== undefined) this.remove(first)
    return first
  }

  /** False where it is out already. */
  remove(event: QueuedEvent): boolean {
    const entry = event as Entry // `push` and `pop` hand out nothing else
    if (entry.index < 0) return false
    const last = this.#heap.pop() as Entry
    if (last !== entry) {
      this.#place(last, entry.index)
      this.#rise(last)
      this.#sink(last)
    }
    entry.index = -1
    return true
  }

  #rise(entry: Entry): void {
    while (entry.index > 0) {
      const parent = this.#heap[(entry.index - 1) >> 1] as Entry
      if (earlier(parent, entry)) return
      this.#swap(parent, entry)
    }
  }

  #sink(entry: Entry): void {
    for (;;) {
      const left = this.#heap[2 * entry.index + 1]
      const right = this.#heap[2 * entry.index + 2]
      const child = left !== undefined && right !== undefined && earlier(right, left) ? right : left
      if (child === undefined || earlier(entry, child)) return
      this.#swap(entry, child)
    }
  }

  #swap(parent: Entry, child: Entry): void {
    const at = child.index
    this.#place(child, parent.index)
    this.#place(parent, at)
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry
    entry.index = index
  }
}

function earlier(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.sequence < other.sequence)
}
