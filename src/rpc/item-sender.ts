import { isThenable } from '../core/thenable.ts'
import type { Frame, ItemSizes } from './frame.ts'
import { FIRST_CREDIT_BYTES, ITEM_COST_BYTES } from './item-cost.ts'

/** What an ItemSender needs of its call. */
export interface ItemSenderHost {
  /** Gives false where the session wants no more for now: `resume` follows. @throws what keeps the item from being sent */
  sendItem(frame: Frame, item: unknown): boolean
  /** The iterable has given its last item. Exactly one of these two, unless `stop` was called before. */
  itemsDone(): void
  /** It threw, or one of its items could not be sent; it is closed then. */
  itemsFailed(error: unknown): void
  /** Nothing of the iterable runs any more. Exactly once, last. */
  itemsSettled(): void
}

const DONE = /* @__PURE__ */ Promise.resolve()

type Source = Iterator<unknown> | AsyncIterator<unknown>

/**
 * Sends what an iterable gives, one direction of a stream: the next item is asked for when there is credit for it and
 * room in the session, and not before. Credit counts the bytes of bodies and a little for each item; the last one may
 * go beyond it.
 */
export class ItemSender implements ItemSizes {
  readonly #host: ItemSenderHost
  /** Of all its items, one after the other. */
  readonly #frame: Frame
  #source: Source | undefined
  #creditBytes = FIRST_CREDIT_BYTES
  /** A promise of the source has not settled. */
  #waiting = false
  /** The session's buffer is full. */
  #blocked = false
  /** Items that a stage holds back, so that their size is not known. */
  #unsized = 0
  #over = false
  #stepping = false
  /** It is to be closed as soon as it does not run. */
  #closeDue = false
  readonly #onResult = (result: IteratorResult<unknown>): void => {
    this.#waiting = false
    if (this.#over) return this.#settled()
    this.#stepping = true
    this.#take(result)
    this.#stepping = false
    this.#step()
  }
  readonly #onThrown = (error: unknown): void => {
    this.#waiting = false
    if (!this.#over) {
      this.#over = true
      this.#host.itemsFailed(error)
    }
    this.#settled()
  }

  readonly #onEncoded = (): void => this.#step()

  /** @param frame one of its items without a body: nobody else may use it */
  constructor(host: ItemSenderHost, frame: Frame) {
    this.#host = host
    this.#frame = frame
    frame.sizes = this
  }

  /** Begins. @throws where it is no iterable */
  start(iterable: unknown): void {
    const given = Object(iterable) as Partial<AsyncIterable<unknown> & Iterable<unknown>>
    this.#source = given[Symbol.asyncIterator]?.() ?? given[Symbol.iterator]?.()
    if (this.#source === undefined) throw new TypeError('a stream must be an iterable')
    this.#step()
  }

  /** So many more bytes may be sent. */
  credit(bytes: number): void {
    this.#creditBytes += bytes
    this.#step()
  }

  /** There is room in the session again. */
  resume(): void {
    this.#blocked = false
    this.#step()
  }

  encoded(bodyBytes: number): void {
    this.#unsized--
    this.#creditBytes -= bodyBytes + ITEM_COST_BYTES
    // A stage has let it go, and it is being encoded: nothing can be sent before that is done.
    if (!this.#stepping && this.#source !== undefined) void DONE.then(this.#onEncoded)
  }

  /** Nobody wants the rest: the iterable is closed, so that what it holds is released. */
  stop(): void {
    if (this.#over) return
    this.#over = this.#closeDue = true
    if (!this.#stepping) this.#close() // one that runs now cannot be closed
  }

  #step(): void {
    if (this.#stepping) return
    this.#stepping = true
    while (!this.#over && !this.#waiting && !this.#blocked && this.#creditBytes > 0 && this.#unsized === 0) {
      let result: IteratorResult<unknown> | Promise<IteratorResult<unknown>>
      try {
        result = (this.#source as Source).next()
      } catch (error) {
        this.#onThrown(error)
        break
      }
      if (isThenable(result)) {
        this.#waiting = true
        Promise.resolve(result).then(this.#onResult, this.#onThrown)
      } else if (!this.#over) {
        this.#take(result)
      }
    }
    this.#stepping = false
    if (this.#closeDue) this.#close()
  }

  #take(result: IteratorResult<unknown>): void {
    if (result.done === true) {
      this.#over = true
      this.#host.itemsDone()
      this.#settled()
      return
    }
    this.#unsized++
    try {
      if (!this.#host.sendItem(this.#frame, result.value)) this.#blocked = true
    } catch (error) {
      if (this.#over) return
      this.#over = this.#closeDue = true
      this.#host.itemsFailed(error)
    }
  }

  /** What `return` throws is nobody's concern: the call has ended. */
  #close(): void {
    this.#closeDue = false
    const source = this.#source
    const settled = (): void => this.#settled()
    let result: unknown
    try {
      result = source?.return?.()
    } catch {
      // as above
    }
    if (isThenable(result)) Promise.resolve(result).then(settled, settled)
    else if (!this.#waiting) this.#settled()
  }

  #settled(): void {
    if (this.#source === undefined) return
    this.#source = undefined
    this.#host.itemsSettled()
  }
}
