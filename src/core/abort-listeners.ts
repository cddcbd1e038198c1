/** Who waits for one signal. */
interface Waiting {
  readonly runs: Set<() => void>
  readonly onAbort: () => void
}

const waiting = /* @__PURE__ */ new WeakMap<AbortSignal, Waiting>()

/**
 * Calls `run` once when `signal` aborts; it must not have. However many wait for one signal of the application, the signal
 * has one listener of ours, so that Node has no reason to warn of a leak; when nobody waits any more, it has none.
 * @returns what takes `run` back
 */
export function onceAborted(signal: AbortSignal, run: () => void): () => void {
  const { runs, onAbort } = waiting.get(signal) ?? listen(signal)
  runs.add(run)
  return () => {
    runs.delete(run)
    if (runs.size > 0) return
    signal.removeEventListener('abort', onAbort)
    waiting.delete(signal)
  }
}

function listen(signal: AbortSignal): Waiting {
  const runs = new Set<() => void>()
  const onAbort = (): void => {
    for (const run of runs) run()
  }
  const listening = { runs, onAbort }
  waiting.set(signal, listening)
  signal.addEventListener('abort', onAbort, { once: true })
  return listening
}
