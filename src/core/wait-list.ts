import { onceAborted } from './abort-listeners.ts'
import type { Env, TimerHandle } from './env.ts'
import { badOption, type HawserError, timedOut } from './errors.ts'
import type { Wait } from './wait.ts'

interface Waiter<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
  timer: TimerHandle | undefined
  /** Stops listening to the signal. */
  takeBack: (() => void) | undefined
}

/** Promises that wait for the same thing, first come first served. Each one settles exactly once. */
export class WaitList<T> {
  readonly #env: Env
  readonly #waiters = new Set<Waiter<T>>()

  constructor(env: Env) {
    this.#env = env
  }

  get size(): number {
    return this.#waiters.size
  }

  /** @param what for the text of ERR_TIMEOUT @param onLeave called when it times out or is aborted */
  add(what: string, wait: Wait | null = {}, onLeave?: () => void): Promise<T> {
    const { signal, timeoutMs = 0 } = wait ?? {}
    const wrong = complaintAbout(signal, timeoutMs)
    if (wrong !== undefined) return Promise.reject(wrong)
    if (signal?.aborted) return Promise.reject(signal.reason as unknown)
    return new Promise<T>((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject, timer: undefined, takeBack: undefined }
      this.#waiters.add(waiter)
      if (timeoutMs <= 0 && signal === undefined) return
      const leave = (error: unknown) => {
        this.#remove(waiter)
        reject(error)
        onLeave?.()
      }
      if (timeoutMs > 0) waiter.timer = this.#env.setTimer(timeoutMs, () => leave(timedOut(what, timeoutMs)), true)
      if (signal !== undefined) waiter.takeBack = onceAborted(signal, () => leave(signal.reason))
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
    waiter.takeBack?.()
  }
}

/** `promise`, left early over time or when aborted: what was waited for goes on. */
export function waitFor<T>(env: Env, what: string, promise: Promise<T>, wait: Wait | null = {}): Promise<T> {
  if (wait === null || (wait.signal === undefined && (wait.timeoutMs ?? 0) === 0)) return promise
  const list = new WaitList<T>(env)
  const waiting = list.add(what, wait)
  promise.then(
    (value) => list.resolveNext(value),
    (error: unknown) => list.rejectNext(error),
  )
  return waiting
}

/** What is wrong with a Wait that JavaScript handed in; undefined where nothing is. */
export function complaintAbout(signal: unknown, timeoutMs: unknown): HawserError | undefined {
  if (signal !== undefined && !(signal instanceof AbortSignal)) return badOption('signal', 'must be an AbortSignal')
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0)) return badOption('timeoutMs', 'must be a number from 0 on')
  return undefined
}
