/**
 * What is to be called when a signal aborts, behind one listener for each signal: an application hands the same signal to
 * all its waits and sessions, and from the eleventh listener on Node warns of a leak.
 */
class AbortHooks {
  readonly #signal: AbortSignal
  readonly #hooks = new Set<() => void>()
  readonly #onAbort = (): void => {
    this.#leave()
    for (const hook of this.#hooks) hook()
  }

  constructor(signal: AbortSignal) {
    this.#signal = signal
    signal.addEventListener('abort', this.#onAbort)
  }

  add(hook: () => void): void {
    this.#hooks.add(hook)
  }

  delete(hook: () => void): void {
    if (this.#hooks.delete(hook) && this.#hooks.size === 0 && !this.#signal.aborted) this.#leave()
  }

  #leave(): void {
    all.delete(this.#signal)
    this.#signal.removeEventListener('abort', this.#onAbort)
  }
}

const all = /* @__PURE__ */ new WeakMap<AbortSignal, AbortHooks>()

/** `hook` is called once, when `signal` aborts, which it has not yet. The same function twice is called once. */
export function addAbortHook(signal: AbortSignal, hook: () => void): void {
  let hooks = all.get(signal)
  if (hooks === undefined) {
    hooks = new AbortHooks(signal)
    all.set(signal, hooks)
  }
  hooks.add(hook)
}

/** Does nothing for one that is not set, or was called. */
export function removeAbortHook(signal: AbortSignal, hook: () => void): void {
  all.get(signal)?.delete(hook)
}
