/**
 * How much may pass: `perSecond` of it in the long run, `capacity` of it at once. What is taken beyond that is a debt, and
 * nothing passes until time has paid it. Times are those of one Env.
 */
export class TokenBucket {
  readonly #perMs: number
  readonly #capacity: number
  #tokens: number
  #at: number

  /** Full at first. */
  constructor(perSecond: number, capacity: number, now: number) {
    this.#perMs = perSecond / 1000
    this.#capacity = capacity
    this.#tokens = capacity
    this.#at = now
  }

  /** What may be taken now; negative: a debt. */
  available(now: number): number {
    // A clock never goes back, but two callers may look at it in one order and come here in another.
    const elapsedMs = Math.max(0, now - this.#at)
    this.#tokens = Math.min(this.#capacity, this.#tokens + elapsedMs * this.#perMs)
    this.#at += elapsedMs
    return this.#tokens
  }

  /** Takes `amount`, whether it is there or not. */
  take(amount: number, now: number): void {
    this.#tokens = this.available(now) - amount
  }

  /** Whole milliseconds until `amount` (at most the capacity) is there; 0: it is. */
  waitMs(amount: number, now: number): number {
    const missing = Math.min(amount, this.#capacity) - this.available(now)
    return missing <= 0 ? 0 : Math.ceil(missing / this.#perMs)
  }
}
