import type { Env } from './env.ts'

/** One line for a repeated event in so long a time. */
const PERIOD_MS = 30_000

/** Keeps a failure that repeats itself from flooding the log. Its memory grows with the number of different keys. */
export class LogLimit {
  readonly #env: Env
  readonly #entries = new Map<string, { loggedAt: number; suppressed: number }>()

  constructor(env: Env) {
    this.#env = env
  }

  /** Runs `log` with the number of times it did not since the last line, unless that was less than 30 s ago. */
  log(key: string, log: (suppressed: number) => void): void {
    const now = this.#env.now()
    const entry = this.#entries.get(key)
    if (entry === undefined) {
      this.#entries.set(key, { loggedAt: now, suppressed: 0 })
      log(0)
    } else if (now - entry.loggedAt < PERIOD_MS) {
      entry.suppressed++
    } else {
      const { suppressed } = entry
      entry.loggedAt = now
      entry.suppressed = 0
      log(suppressed)
    }
  }
}
