/** Rooms are powers of two: the first that is made, and the largest that is never given back: for what one read brings. */
const FIRST_ROOM = 4
const KEPT_ROOM = 64

/**
 * First in, first out, in constant time however long it grows: `Array.shift` moves all that is left, and a peer that
 * makes a long queue would make us pay for it. A ring, so that a queue which is emptied all the time allocates nothing.
 */
export class Fifo<T> {
  #ring: (T | undefined)[] = []
  #head = 0
  #length = 0

  get length(): number {
    return this.#length
  }

  get first(): T | undefined {
    return this.at(0)
  }

  get last(): T | undefined {
    return this.at(this.#length - 1)
  }

  /** The one behind `index` others; undefined where there is none. */
  at(index: number): T | undefined {
    if (index < 0 || index >= this.#length) return undefined
    return this.#ring[(this.#head + index) & (this.#ring.length - 1)]
  }

  push(item: T): void {
    if (this.#length === this.#ring.length) this.#move(Math.max(FIRST_ROOM, 2 * this.#length))
    this.#ring[(this.#head + this.#length++) & (this.#ring.length - 1)] = item
  }

  /** Takes the first; undefined where there is none. */
  shift(): T | undefined {
    if (this.#length === 0) return undefined
    const item = this.#ring[this.#head]
    this.#ring[this.#head] = undefined
    this.#head = (this.#head + 1) & (this.#ring.length - 1)
    this.#length--
    if (this.#ring.length > KEPT_ROOM && this.#length < this.#ring.length / 4) this.#move(this.#ring.length / 2)
    return item
  }

  #move(room: number): void {
    const ring: (T | undefined)[] = []
    for (let index = 0; index < room; index++) ring.push(this.at(index))
    this.#ring = ring
    this.#head = 0
  }
}
