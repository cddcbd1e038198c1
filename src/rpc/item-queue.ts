import { Fifo } from '../core/fifo.ts'
import { BodyFifo } from './body-fifo.ts'
import { FIRST_CREDIT_BYTES, ITEM_COST_BYTES } from './item-cost.ts'
import { isPromise } from './promise.ts'
import type { WindowBudget } from './window-budget.ts'

/** What an ItemQueue needs of its call. */
export interface ItemQueueHost {
  /** The value of a received body, checked; may give a promise. @throws what is wrong with it */
  itemValue(body: unknown): unknown
  /** So many more bytes of items may come. */
  itemCredit(bytes: number): void
  /** Whoever reads will read no more. At most once, and not where the stream has ended before. */
  itemsUnwanted(): void
}

interface Reader {
  readonly resolve: (result: IteratorResult<unknown> | Promise<IteratorResult<unknown>>) => void
  readonly reject: (error: unknown) => void
}

/**
 * The items of one direction of a stream, as their reader iterates them: what has come waits here undecoded, never more
 * than the credit that the other side was given. Credit is given back for what was read, in pieces of half a window; so
 * a slow reader slows down its own stream and nothing else. The window is a small one at first, and doubles each time
 * that a reader who had to wait has read half of it: only who keeps up with the other side gains from a large one.
 */
export class ItemQueue implements AsyncIterableIterator<unknown> {
  readonly #host: ItemQueueHost
  readonly #windows: WindowBudget
  readonly #items = new BodyFifo()
  readonly #readers = new Fifo<Reader>()
  /** What the other side may still send. */
  #allowedBytes = FIRST_CREDIT_BYTES
  #windowBytes = FIRST_CREDIT_BYTES
  /** Read, and not yet given back. */
  #readBytes = 0
  /** A reader had to wait since credit was given back last. */
  #waited = false
  #ended = false
  /** Told to one reader, after which there is only "done". */
  #failure: { readonly error: unknown } | undefined

  constructor(host: ItemQueueHost, windows: WindowBudget) {
    this.#host = host
    this.#windows = windows
  }

  /** One more has come. False where the other side had no credit left, which is against the rules. */
  push(body: Uint8Array): boolean {
    if (this.#allowedBytes <= 0) return false
    this.#allowedBytes -= body.length + ITEM_COST_BYTES
    if (this.#ended) return true // nobody reads any more
    const reader = this.#readers.shift()
    if (reader === undefined) this.#items.push(body)
    else this.#readFor(reader, body)
    return true
  }

  /** No more will come. What has come is still read, then comes the end or `failure`. */
  end(failure?: { readonly error: unknown }): void {
    if (this.#ended) return
    this.#ended = true
    this.#failure = failure
    if (this.#items.length > 0) return // they take room until they are read
    this.#release()
    this.#tellEnd()
  }

  /** As `end`, where the reader has done all that it was there for: what it left unread is nobody's. */
  forget(): void {
    this.end()
    this.#release()
  }

  /** Nothing more is read. */
  abort(error: unknown): void {
    const unread = !this.#ended || this.#items.length > 0
    this.#drop()
    if (unread) this.#failure = { error }
    this.#tellEnd()
  }

  [Symbol.asyncIterator](): this {
    return this
  }

  next(): Promise<IteratorResult<unknown>> {
    const body = this.#items.shift()
    if (body !== undefined) {
      if (this.#ended && this.#items.length === 0) this.#release()
      return this.#readNow(body)
    }
    if (this.#ended) {
      const failure = this.#failure
      this.#failure = undefined
      return failure === undefined ? Promise.resolve(DONE) : Promise.reject(failure.error)
    }
    this.#waited = true
    return new Promise((resolve, reject) => {
      this.#readers.push({ resolve, reject })
    })
  }

  return(value?: unknown): Promise<IteratorResult<unknown>> {
    const wasOpen = !this.#ended
    this.#drop()
    this.#failure = undefined
    this.#tellEnd()
    if (wasOpen) this.#host.itemsUnwanted()
    return Promise.resolve({ done: true, value })
  }

  /** What has come before it was asked for: nearly always a value at once, for which one promise is enough. */
  #readNow(body: Uint8Array): Promise<IteratorResult<unknown>> {
    let value: unknown
    try {
      value = this.#valueOf(body)
    } catch (error) {
      const refused = Promise.reject<IteratorResult<unknown>>(error)
      this.#stop()
      return refused
    }
    if (!isPromise(value)) return Promise.resolve({ done: false, value })
    return new Promise((resolve, reject) => {
      this.#giveChecked(value, { resolve, reject })
    })
  }

  /** What was waited for. */
  #readFor(reader: Reader, body: Uint8Array): void {
    let value: unknown
    try {
      value = this.#valueOf(body)
    } catch (error) {
      this.#refuse(error, reader)
      return
    }
    if (isPromise(value)) this.#giveChecked(value, reader)
    else reader.resolve({ done: false, value })
  }

  #giveChecked(value: Promise<unknown>, reader: Reader): void {
    value.then(
      (checked: unknown) => reader.resolve({ done: false, value: checked }),
      (error: unknown) => this.#refuse(error, reader),
    )
  }

  #valueOf(body: Uint8Array): unknown {
    this.#giveBack(body.length + ITEM_COST_BYTES)
    return this.#host.itemValue(body)
  }

  /** An item that is none: the reader hears why, and that was the last. */
  #refuse(error: unknown, { reject }: Reader): void {
    reject(error)
    this.#stop()
  }

  #stop(): void {
    const wasOpen = !this.#ended
    this.#drop()
    this.#tellEnd()
    if (wasOpen) this.#host.itemsUnwanted()
  }

  #giveBack(bytes: number): void {
    const readBytes = this.#readBytes + bytes
    this.#readBytes = readBytes
    if (readBytes * 2 < this.#windowBytes || this.#ended) return
    const grownBytes = this.#waited ? this.#windows.grow(this.#windowBytes) : 0
    this.#windowBytes += grownBytes
    this.#waited = false
    this.#credit(readBytes + grownBytes)
    this.#readBytes = 0
  }

  #credit(bytes: number): void {
    this.#allowedBytes += bytes
    this.#host.itemCredit(bytes)
  }

  /** Nothing waits any more, nor will. */
  #release(): void {
    this.#windows.release(this.#windowBytes)
    this.#windowBytes = FIRST_CREDIT_BYTES
  }

  #drop(): void {
    this.#ended = true
    this.#items.clear()
    this.#release()
  }

  /** To all who wait: the failure to the first of them. */
  #tellEnd(): void {
    for (let reader = this.#readers.shift(); reader !== undefined; reader = this.#readers.shift()) {
      const failure = this.#failure
      this.#failure = undefined
      if (failure === undefined) reader.resolve(DONE)
      else reader.reject(failure.error)
    }
  }
}

const DONE: IteratorResult<unknown> = { done: true, value: undefined }
