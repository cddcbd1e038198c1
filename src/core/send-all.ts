import type { Env } from './env.ts'
import { notTaken, timedOut } from './errors.ts'
import { requireWait, type Wait } from './wait.ts'
import { WaitList } from './wait-list.ts'

/** What `sendAll` needs of a session. */
interface Sender<Out> {
  readonly maySend: boolean
  readonly tookLast: boolean
  send(message: Out): boolean
  drained(wait: Wait): Promise<void>
  onGone(run: () => void): void
  offGone(run: () => void): void
}

/** Sends one after the other, waiting where the session says so. An iterator left early is told by `return`. */
export async function sendAll<Out>(
  env: Env,
  session: Sender<Out>,
  messages: Iterable<Out> | AsyncIterable<Out>,
  options: Wait = {},
): Promise<number> {
  requireWait(options)
  const { signal, timeoutMs = 0 } = options
  const endAt = timeoutMs > 0 ? env.now() + timeoutMs : Infinity
  const left = (): Wait => {
    if (endAt === Infinity) return { signal }
    const leftMs = endAt - env.now()
    if (leftMs <= 0) throw timedOut('sendAll()', timeoutMs)
    return { signal, timeoutMs: leftMs }
  }
  const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]()
  const steps = new WaitList<IteratorResult<Out>>(env)
  const onGone = (): void => steps.rejectAll(notTaken(false)) // a source that never ends must not hold a dead session
  session.onGone(onGone)
  let count = 0
  let finished = false
  try {
    for (;;) {
      signal?.throwIfAborted()
      const wait = left()
      const result = iterator.next()
      // A plain iterable costs no promise a message.
      const step = 'then' in result ? await stepOf(steps, result, wait) : result
      if (step.done) {
        finished = true
        return count
      }
      const { maySend } = session
      if (!session.send(step.value)) {
        if (!session.tookLast) throw notTaken(maySend)
        await session.drained(left())
      }
      count++
    }
  } finally {
    session.offGone(onGone)
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined) // the error that ended this one counts
  }
}

/** The iterator's next result, unless time is up, or `steps` rejects, before. */
function stepOf<T>(
  steps: WaitList<IteratorResult<T>>,
  result: Promise<IteratorResult<T>>,
  wait: Wait,
): Promise<IteratorResult<T>> {
  const step = steps.add('sendAll()', wait)
  result.then(
    (value) => steps.resolveNext(value),
    (error: unknown) => steps.rejectNext(error),
  )
  return step
}
