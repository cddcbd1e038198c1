/** What `await` would wait for. One whose `then` cannot even be read is one: as a promise it rejects with that. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false
  try {
    return typeof (value as { then?: unknown }).then === 'function'
  } catch {
    return true // Promise.resolve reads it again, and makes a rejection of what it throws
  }
}
