/**
 * What `await` would wait for. Never throws: something whose `then` throws when it is looked at counts, and
 * `Promise.resolve` makes a rejection of that throw.
 */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  if (typeof value !== 'object' || value === null) return false
  try {
    return typeof (value as { then?: unknown }).then === 'function'
  } catch {
    return true // see above
  }
}
