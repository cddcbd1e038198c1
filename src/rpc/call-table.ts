import type { CallId } from './frame.ts'

const FIRST_ROOM = 64

/** What stands in a CallTable. */
export interface Numbered {
  /** Given by the table; 0 before. */
  id: number
}

/**
 * Calls by id, in a ring: `ring[id % room]`. Ids count up and are never used twice in a session; one whose place is still
 * taken by a call that lasts longer is passed over. Room is twice what is in use, so that this is rare.
 * A Map costs a call in 256 a sixth of its time more (PERF: 1.24 M calls/s against 1.44 M).
 */
export class CallTable<T extends Numbered> {
  #ring: (T | undefined)[] = []
  #mask = -1
  #lastId = 0
  #size = 0

  get size(): number {
    return this.#size
  }

  /** Gives `call` its id. */
  add(call: T): void {
    if (this.#size * 2 > this.#mask) this.#grow()
    const ring = this.#ring
    let id = this.#lastId + 1
    while (ring[id & this.#mask] !== undefined) id++
    this.#lastId = id
    call.id = id
    ring[id & this.#mask] = call
    this.#size++
  }

  get(id: CallId): T | undefined {
    if (typeof id !== 'number') return undefined
    const call = this.#ring[id & this.#mask]
    return call?.id === id ? call : undefined
  }

  /** One that is in. */
  delete(call: T): void {
    this.#ring[call.id & this.#mask] = undefined
    this.#size--
  }

  /** A copy: what is done with them may end others. */
  all(): T[] {
    return this.#ring.filter((call) => call !== undefined)
  }

  #grow(): void {
    const old = this.all()
    const room = Math.max(FIRST_ROOM, 2 * this.#ring.length)
    this.#ring = Array.from({ length: room }, () => undefined)
    this.#mask = room - 1
    for (const call of old) this.#ring[call.id & this.#mask] = call
  }
}
