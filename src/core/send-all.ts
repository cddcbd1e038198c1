import type { Env } from './env.ts'
import { HawserError, sessionClosed, timedOut } from './errors.ts'
import type { Wait } from './wait.ts'
import { waitFor } from './wait-list.ts'

/** What `sendAll` needs of a session. */
interface Sender<Out> {
  readonly phase: string
  readonly tookLast: boolean
  send(message: Out): boolean
  drained(wait: Wait): Promise<void>
}

/** Sends one after the other, waiting where the session says so. An iterator left early is told by `return`. */
export async function sendAll<Out>(
  env: Env,
  session: Sender<Out>,
  messages: Iterable<Out> | AsyncIterable<Out>,
  wait: Wait = {},
): Promise<number> {
  const { signal, timeoutMs = 0 } = wait
  const endAt = timeoutMs > 0 ? env.now() + timeoutMs : Infinity
  const left = (): Wait => {
    if (endAt === Infinity) return { signal }
    const leftMs = endAt - env.now()
    if (leftMs <= 0) throw timedOut('sendAll()', timeoutMs)
    return { signal, timeoutMs: leftMs }
  }
  const iterator = Symbol.asyncIterator in messages ? messages[Symbol.asyncIterator]() : messages[Symbol.iterator]()
  let count = 0
  let finished = false
  try {
    for (;;) {
      signal?.throwIfAborted()
      const result = iterator.next()
      // A plain iterable costs no promise a message.
      const step = 'then' in result ? await waitFor(env, 'sendAll()', result, left()) : result
      if (step.done) {
        finished = true
        return count
      }
      if (!session.send(step.value)) {
        if (!session.tookLast) throw notTaken(session.phase)
        await session.drained(left())
      }
      count++
    }
  } finally {
    if (!finished) void Promise.resolve(iterator.return?.()).catch(() => undefined) // the error that ended this one counts
  }
}

/** Why `send` did not take a message. */
export function notTaken(phase: string): HawserError {
  if (phase === 'open' || phase === 'opening')
    return new HawserError('ERR_OVERFLOW', 'the message was dropped: maxBufferedBytes wait already', {
      retryable: true,
    })
  return sessionClosed('the session is closed')
}
