import { EMPTY } from '../core/bytes.ts'

/** Places of bodies that were taken, before they are given up. */
const TAKEN_ROOM = 1024

/**
 * Bodies that wait, first in, first out. A chunk brings many, and they are read to the last before the next one comes: the
 * ring of a Fifo would grow and shrink each time, which costs an item 80 ns; an array that is emptied costs nothing.
 */
export class BodyFifo {
  readonly #bodies: Uint8Array[] = []
  /** Where the first is. */
  #head = 0

  get length(): number {
    return this.#bodies.length - this.#head
  }

  push(body: Uint8Array): void {
    this.#bodies.push(body)
  }

  /** Takes the first; undefined where there is none. */
  shift(): Uint8Array | undefined {
    const bodies = this.#bodies
    const head = this.#head
    if (head === bodies.length) return undefined
    const body = bodies[head]
    bodies[head] = EMPTY // it would pin a chunk
    this.#head = head + 1
    if (this.#head === bodies.length) this.clear()
    else if (this.#head >= TAKEN_ROOM && this.#head * 2 >= bodies.length) this.#moveToFront()
    return body
  }

  clear(): void {
    this.#bodies.length = 0
    this.#head = 0
  }

  /** As many are moved as were taken, at most. */
  #moveToFront(): void {
    this.#bodies.splice(0, this.#head)
    this.#head = 0
  }
}
