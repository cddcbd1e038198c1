import { badOption, type HawserError } from './errors.ts'

/** What every wait takes. Over time: ERR_TIMEOUT (left out or 0: no limit); aborted: rejects with `signal.reason`, and what was waited for goes on. */
export interface Wait {
  /** Gives up waiting. @defaultValue none */
  readonly signal?: AbortSignal | undefined
  /** So long at most, in milliseconds; 0 is no limit. @defaultValue 0 */
  readonly timeoutMs?: number | undefined
}

/**
 * What is wrong with the options of a wait, to reject with before anything is done: a waiter that cannot leave would
 * take what the next one is due.
 */
export function wrongWait(options: unknown): HawserError<'ERR_BAD_OPTION'> | undefined {
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null) return badOption('options', 'must be an object')
  const { signal, timeoutMs = 0 } = options as { readonly signal?: unknown; readonly timeoutMs?: unknown }
  if (!isSignal(signal)) return badOption('signal', 'must be an AbortSignal')
  if (typeof timeoutMs !== 'number' || !(timeoutMs >= 0 && timeoutMs <= Number.MAX_SAFE_INTEGER)) {
    return badOption('timeoutMs', 'must be a number from 0 on')
  }
  return undefined
}

/** @throws ERR_BAD_OPTION that names what is wrong */
export function requireWait(options: unknown): void {
  const wrong = wrongWait(options)
  if (wrong !== undefined) throw wrong
}

/** @throws ERR_BAD_OPTION unless it is an AbortSignal, or nothing */
export function requireSignal(option: string, value: unknown): void {
  if (!isSignal(value)) throw badOption(option, 'must be an AbortSignal')
}

/** By what it can do: there are AbortSignals of other makings. */
function isSignal(value: unknown): boolean {
  if (value === undefined) return true
  if (typeof value !== 'object' || value === null) return false
  const { aborted, addEventListener, removeEventListener } = value as Partial<AbortSignal>
  return (
    typeof aborted === 'boolean' && typeof addEventListener === 'function' && typeof removeEventListener === 'function'
  )
}
