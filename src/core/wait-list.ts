import { addAbortHook, removeAbortHook } from './abort-hooks.ts'
import type { Env, TimerHandle } from './env.ts'
import { timedOut } from './errors.ts'
import { type Wait, wrongWait } from './wait.ts'

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
  timer: TimerHandle | undefined
  signal: AbortSignal | undefined
  onAbort: (() => void) | undefined
}

/** Promises that wait for the same thing, first come first served. Each one settles exactly once. */
export class WaitList<T> {
  readonly #env: Env
  readonly #waiters = new Set<Waiter<T>>()
  /** What went wrong last, for whoever waits in vain. */
  lastFailure: Error | undefined

  constructor(env: Env) {
    this.#env = env
  }

  get size(): number {
    return this.#waiters.size
  }

  /**
   * @param what for the text of ERR_TIMEOUT @param onLeave called when it times out or is aborted
   * @throws (as a rejection) ERR_BAD_OPTION for a wrong `wait`, and nobody was added
   */
  add(what: string, wait?: Wait, onLeave?: () => void): Promise<T> {
    const wrong = wrongWait(wait)
    if (wrong !== undefined) return Promise.reject(wrong)
    const { signal, timeoutMs = 0 } = wait ?? {}
    if (signal?.aborted) return Promise.reject(signal.reason as unknown)
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject, timer: undefined, signal: undefined, onAbort: undefined }
      this.#waiters.add(waiter)
      if (timeoutMs <= 0 && signal === undefined) return
      const leave = (error: unknown) => {
        this.#remove(waiter)
        reject(error)
        onLeave?.()
      }
      const expire = (): void => leave(timedOut(what, timeoutMs, this.lastFailure))
      if (timeoutMs > 0) waiter.timer = this.#env.setTimer(timeoutMs, expire, true)
      if (signal !== undefined) {
        waiter.signal = signal
        waiter.onAbort = () => leave(signal.reason)
        addAbortHook(signal, waiter.onAbort)
      }
    })
  }

  /** Gives `value` to the one who waits longest; false when nobody does. */
  resolveNext(value: T): boolean {
    for (const waiter of this.#waiters) {
      this.#remove(waiter)
      waiter.resolve(value)
      return true
    }
    return false
  }

  resolveAll(value: T): void {
    while (this.resolveNext(value));
  }

  rejectNext(error: unknown): boolean {
    for (const waiter of this.#waiters) {
      this.#remove(waiter)
      waiter.reject(error)
      return true
    }
    return false
  }

  rejectAll(error: unknown): void {
    while (this.rejectNext(error));
  }

  #remove(waiter: Waiter<T>): void {
    this.#waiters.delete(waiter)
    waiter.timer?.cancel()
    if (waiter.signal !== undefined && waiter.onAbort !== undefined) removeAbortHook(waiter.signal, waiter.onAbort)
  }
}

/**
 * `promise`, left early over time or when aborted: what was waited for goes on.
 * @throws (as a rejection) ERR_BAD_OPTION for a wrong `wait`
 */
export function waitFor<T>(env: Env, what: string, promise: Promise<T>, wait: Wait = {}): Promise<T> {
  const wrong = wrongWait(wait)
  if (wrong !== undefined) return Promise.reject(wrong)
  if (wait.signal === undefined && (wait.timeoutMs ?? 0) === 0) return promise
  const list = new WaitList<T>(env)
  const waiting = list.add(what, wait)
  promise.then(
    (value) => list.resolveNext(value),
    (error: unknown) => list.rejectNext(error),
  )
  return waiting
}
