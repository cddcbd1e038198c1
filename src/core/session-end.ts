import type { HawserError } from './errors.ts'
import type { CloseCause } from './session.ts'

/**
 * How the end of a session is told to those who wait for it: `signal`, `closed`, and libraries beside the listener.
 * Nothing of it exists until somebody asks.
 */
export class SessionEnd {
  #abort: AbortController | undefined
  #closed: Promise<CloseCause> | undefined
  #resolve: ((cause: CloseCause) => void) | undefined
  #gone: Set<() => void> | undefined
  #why: (() => HawserError) | undefined
  #cause: CloseCause | undefined

  get signal(): AbortSignal {
    if (this.#abort === undefined) {
      this.#abort = new AbortController()
      if (this.#why !== undefined) this.#abort.abort(this.#why())
    }
    return this.#abort.signal
  }

  /** Resolves once `tellClosed` was called; never rejects. */
  get closed(): Promise<CloseCause> {
    this.#closed ??=
      this.#cause === undefined
        ? new Promise((resolve) => {
            this.#resolve = resolve
          })
        : Promise.resolve(this.#cause)
    return this.#closed
  }

  /** `run` is called once, by `tellGone`; at once if it is over. */
  onGone(run: () => void): void {
    if (this.#why !== undefined) return run()
    this.#gone ??= new Set()
    this.#gone.add(run)
  }

  offGone(run: () => void): void {
    this.#gone?.delete(run)
  }

  /** Before `onClose`: the signal aborts. */
  abort(why: () => HawserError): void {
    this.#why = why
    this.#abort?.abort(why())
  }

  /** Before `onClose`, when nothing of the session works any more. */
  tellGone(): void {
    for (const run of this.#gone ?? []) run()
    this.#gone = undefined
  }

  /** After `onClose`. */
  tellClosed(cause: CloseCause): void {
    this.#cause = cause
    this.#resolve?.(cause)
  }
}
