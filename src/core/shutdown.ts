import type { Env, TimerHandle } from './env.ts'

/** What is granted where the caller of `close` names no time. */
const SHUTDOWN_MS = 5_000
/** What is destroyed is closed in a turn or two; what is not by then never will be: a fault of a transport. */
const ABANDON_MS = 1_000

/** Who is shut down. */
export interface ShutdownHost {
  /** Time is up: what is left is to be destroyed. May be called again. */
  shutdownExpired(): void
  /** What was destroyed did not close: it is to be forgotten, for somebody waits for `closed`. */
  shutdownAbandons(): void
}

/** The closing of a Server or Client: it begins once, has one deadline, and ends once. */
export class Shutdown {
  /** Resolves at `finish`; never rejects. */
  readonly closed: Promise<void>
  readonly #env: Env
  readonly #host: ShutdownHost
  readonly #deadline = new AbortController()
  #resolve: () => void = () => {}
  #phase: 'no' | 'begun' | 'finished' = 'no'
  #dueAt = Infinity
  #timer: TimerHandle | undefined

  constructor(env: Env, host: ShutdownHost) {
    this.#env = env
    this.#host = host
    this.closed = new Promise((resolve) => {
      this.#resolve = resolve
    })
  }

  get begun(): boolean {
    return this.#phase !== 'no'
  }

  get finished(): boolean {
    return this.#phase === 'finished'
  }

  /** Aborts when time is up. */
  get signal(): AbortSignal {
    return this.#deadline.signal
  }

  /**
   * True for the call that begins it. A later one can only bring the deadline nearer, and only if it names a time.
   * @param timeoutMs 0: no deadline
   */
  begin(timeoutMs: number | undefined): boolean {
    if (this.#phase === 'finished') return false
    const first = this.#phase === 'no'
    this.#phase = 'begun'
    const grantedMs = timeoutMs ?? (first ? SHUTDOWN_MS : 0)
    if (grantedMs > 0) this.#setDeadline(grantedMs)
    return first
  }

  /** Time is up now. */
  expire(): void {
    this.#timer?.cancel()
    this.#timer = undefined
    this.#dueAt = -Infinity
    this.#deadline.abort()
    this.#host.shutdownExpired()
    if (this.#phase === 'finished') return
    this.#timer = this.#env.setTimer(ABANDON_MS, () => this.#host.shutdownAbandons(), true)
  }

  finish(): void {
    this.#phase = 'finished'
    this.#timer?.cancel()
    this.#resolve()
  }

  #setDeadline(grantedMs: number): void {
    const dueAt = this.#env.now() + grantedMs
    if (dueAt >= this.#dueAt) return
    this.#dueAt = dueAt
    this.#timer?.cancel()
    this.#timer = this.#env.setTimer(grantedMs, () => this.expire(), true) // somebody waits for `closed`
  }
}
