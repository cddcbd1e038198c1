import type { TimerHandle } from '../core/env.ts'

/** The longest delay that a browser keeps; a longer one would run at once. */
const LONGEST_MS = 2 ** 31 - 1

/** Runs once, after any delay: a long one is made of several of the browser's. */
export class BrowserTimer implements TimerHandle {
  #timeout: ReturnType<typeof setTimeout> | undefined
  #leftMs: number
  readonly #run: () => void

  constructor(delayMs: number, run: () => void) {
    this.#leftMs = delayMs
    this.#run = run
    this.#arm()
  }

  cancel(): void {
    clearTimeout(this.#timeout)
  }

  [Symbol.dispose](): void {
    this.cancel()
  }

  #arm(): void {
    const delayMs = Math.min(this.#leftMs, LONGEST_MS)
    this.#leftMs -= delayMs
    this.#timeout = setTimeout(() => (this.#leftMs > 0 ? this.#arm() : this.#run()), delayMs)
  }
}

/** Runs again and again, `intervalMs` after it ran last. */
export class BrowserInterval implements Disposable {
  #timer: BrowserTimer
  #disposed = false

  constructor(intervalMs: number, run: () => void) {
    const again = (): void => {
      run()
      if (!this.#disposed) this.#timer = new BrowserTimer(intervalMs, again)
    }
    this.#timer = new BrowserTimer(intervalMs, again)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#timer.cancel()
  }
}
