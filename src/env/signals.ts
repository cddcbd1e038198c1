import { constants } from 'node:os'
import { badOption } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import { requireNumber } from '../core/session-options.ts'
import type { Wait } from '../core/wait.ts'

/** A Server, Client or Session; or anything else that closes like them. */
export interface Closable {
  close(options?: Wait): Promise<unknown>
  destroy(): void
  /** Where there is one: once all have settled by themselves, nothing is waited for any more. */
  readonly closed?: Promise<unknown>
}

/** Which signals, and how long closing may take. */
export interface CloseOnSignalsOptions {
  /** For all of them together, in milliseconds; then they are destroyed. @defaultValue 5 000 */
  readonly timeoutMs?: number | undefined
  /** Their names. @defaultValue ['SIGTERM', 'SIGINT'] */
  readonly signals?: readonly string[] | undefined
}

const DEFAULT_TIMEOUT_MS = 5_000
const DEFAULT_SIGNALS = ['SIGTERM', 'SIGINT']

/**
 * SIGTERM and SIGINT close it, or several of them one after the other; a second signal destroys what is left. Resolves when all is
 * closed, whoever closed it; the signals then do what they did before.
 * @throws ERR_BAD_OPTION
 */
export function closeOnSignals(
  closables: Closable | readonly Closable[],
  options: CloseOnSignalsOptions = {},
): Promise<void> {
  const what: readonly Closable[] = Array.isArray(closables) ? closables : [closables as Closable]
  for (const one of what) requireClosable(one)
  if (typeof options !== 'object' || options === null) throw badOption('options', 'must be an object')
  requireKnown('', options, ['timeoutMs', 'signals'])
  const { timeoutMs = DEFAULT_TIMEOUT_MS, signals = DEFAULT_SIGNALS } = options
  requireNumber('timeoutMs', timeoutMs, 1)
  if (!Array.isArray(signals)) throw badOption('signals', 'must be a list of names')
  if (signals.length === 0) throw badOption('signals', 'names none')
  for (const signal of signals) {
    if (!(signal in constants.signals)) throw badOption('signals', `has ${String(signal)}, which is no signal`)
  }
  return new Promise((resolve) => {
    let closing = false
    const finish = (): void => {
      for (const signal of signals) process.off(signal, onSignal)
      resolve()
    }
    const onSignal = (): void => {
      if (closing) return destroyAll(what)
      closing = true
      void closeInOrder(what, timeoutMs).then(finish)
    }
    for (const signal of signals) process.on(signal, onSignal)
    void allClosed(what).then(finish)
  })
}

function requireClosable(one: Partial<Closable> | null | undefined): void {
  if (typeof one?.close === 'function' && typeof one.destroy === 'function') return
  throw badOption('closables', 'must have close() and destroy(), as a Server, Client or Session has')
}

/** Never rejects: what cannot be closed is destroyed. */
async function closeInOrder(what: readonly Closable[], timeoutMs: number): Promise<void> {
  const dueAt = performance.now() + timeoutMs
  const timer = setTimeout(() => destroyAll(what), timeoutMs)
  for (const one of what) {
    try {
      await one.close({ timeoutMs: Math.max(1, Math.ceil(dueAt - performance.now())) })
    } catch {
      one.destroy() // a close that fails has nothing better to offer
    }
  }
  clearTimeout(timer)
}

function destroyAll(what: readonly Closable[]): void {
  for (const one of what) one.destroy()
}

/** Pending for ever where one of them does not say when it is closed. */
async function allClosed(what: readonly Closable[]): Promise<void> {
  const never = new Promise<never>(() => {})
  await Promise.allSettled(what.map(({ closed = never }) => closed))
}
