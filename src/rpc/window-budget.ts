import { FIRST_CREDIT_BYTES } from './item-cost.ts'
import { GROWN_WINDOWS } from './limits.ts'

/**
 * By how much the windows of the streams of a peer may have grown, all together: what each of a thousand may hold
 * whose reader keeps up is too much to be held for all of them.
 */
export class WindowBudget {
  #leftBytes: number
  readonly #windowBytes: number

  /** @param windowBytes of one stream at most */
  constructor(windowBytes: number) {
    this.#windowBytes = windowBytes
    this.#leftBytes = GROWN_WINDOWS * windowBytes
  }

  /** By how many bytes a window of so many may grow: as many again, where there are as many left. */
  grow(windowBytes: number): number {
    const grownBytes = Math.min(windowBytes, this.#windowBytes - windowBytes, this.#leftBytes)
    this.#leftBytes -= grownBytes
    return grownBytes
  }

  /** The stream of a window of so many bytes is over. */
  release(windowBytes: number): void {
    this.#leftBytes += windowBytes - FIRST_CREDIT_BYTES
  }
}
