import { addAbortHook, removeAbortHook } from '../../core/abort-hooks.ts'
import { timedOut } from '../../core/errors.ts'
import type { LinkOptions } from '../../core/transport.ts'

/** How an attempt ends; the first call counts. */
export interface Outcome<T> {
  readonly resolve: (value: T) => void
  readonly reject: (error: unknown) => void
}

/**
 * Something that may take too long. `start` gives what undoes it, and that runs when the time is up (ERR_TIMEOUT) or
 * the signal aborts (its reason); timer and signal are let go of however it ends.
 */
export function attempt<T>(
  what: string,
  { env, signal, timeoutMs }: Pick<LinkOptions, 'env' | 'signal' | 'timeoutMs'>,
  start: (outcome: Outcome<T>) => () => void,
): Promise<T> {
  return new Promise((resolve, reject) => {
    if (signal?.aborted === true) return reject(signal.reason)
    let undo: (() => void) | undefined
    let settled = false
    const settle = (): boolean => {
      if (settled) return false
      settled = true
      timer?.cancel()
      if (signal !== undefined) removeAbortHook(signal, onAbort)
      return true
    }
    const giveUp = (error: unknown): void => {
      if (!settle()) return
      undo?.()
      reject(error)
    }
    const onAbort = (): void => giveUp(signal?.reason)
    const timer = timeoutMs > 0 ? env.setTimer(timeoutMs, () => giveUp(timedOut(what, timeoutMs))) : undefined
    if (signal !== undefined) addAbortHook(signal, onAbort)
    try {
      undo = start({
        resolve: (value) => {
          if (settle()) resolve(value)
        },
        reject: (error) => {
          if (settle()) reject(error)
        },
      })
    } catch (error) {
      if (settle()) reject(error)
    }
  })
}
