import type { TimerHandle } from '../../core/env.ts'

/** The longest delay that Node keeps; a longer one would run at once. */
const LONGEST_MS = 2 ** 31 - 1

/** Runs once, after any delay: a long one is made of several of Node's. */
export class SystemTimer implements TimerHandle {
  #timeout: NodeJS.Timeout | undefined
  #leftMs: number
  readonly #run: () => void
  readonly #keepAlive: boolean

  constructor(delayMs: number, run: () => void, keepAlive: boolean) {
    this.#leftMs = delayMs
    this.#run = run
    this.#keepAlive = keepAlive
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
    if (!this.#keepAlive) this.#timeout.unref()
  }
}

/** Runs again and again, `intervalMs` after it ran last. */
export class SystemInterval implements Disposable {
  #timer: SystemTimer
  #disposed = false

  constructor(intervalMs: number, run: () => void) {
    const again = (): void => {
      run()
      if (!this.#disposed) this.#timer = new SystemTimer(intervalMs, again, false)
    }
    this.#timer = new SystemTimer(intervalMs, again, false)
  }

  [Symbol.dispose](): void {
    this.#disposed = true
    this.#timer.cancel()
  }
}
