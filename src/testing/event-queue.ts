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
      last.index = entry.index
      this.#rise(last)
      this.#sink(last)
    }
    entry.index = -1
    return true
  }

  /** Puts it at its index or above. */
  #rise(entry: Entry): void {
    let { index } = entry
    while (index > 0) {
      const above = (index - 1) >> 1
      const parent = this.#heap[above] as Entry
      if (earlier(parent, entry)) break
      this.#place(parent, index)
      index = above
    }
    this.#place(entry, index)
  }

  /** Puts it at its index or below. */
  #sink(entry: Entry): void {
    const heap = this.#heap
    let { index } = entry
    for (let below = 2 * index + 1; below < heap.length; below = 2 * index + 1) {
      const right = below + 1
      if (right < heap.length && earlier(heap[right] as Entry, heap[below] as Entry)) below = right
      const child = heap[below] as Entry
      if (earlier(entry, child)) break
      this.#place(child, index)
      index = below
    }
    this.#place(entry, index)
  }

  #place(entry: Entry, index: number): void {
    this.#heap[index] = entry
    entry.index = index
  }
}

function earlier(one: Entry, other: Entry): boolean {
  return one.at < other.at || (one.at === other.at && one.sequence < other.sequence)
}
