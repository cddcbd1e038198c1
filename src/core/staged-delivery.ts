import type { Env } from './env.ts'
import { notTaken } from './errors.ts'
import type { SendingHalf } from './sending-half.ts'
import type { Wait } from './wait.ts'
import { WaitList } from './wait-list.ts'

/** What a delivery needs of its session. */
export interface Sender {
  readonly maySend: boolean
  onGone(run: () => void): void
  offGone(run: () => void): void
}

/** What a delivery needs of the pipeline. */
interface Tracer<Out> {
  trace(message: Out, end: (leaving: Out) => void): void
}

/**
 * `deliver` where stages stand between: a stage may hand the message on later, changed, several times or never. Resolves
 * when what it became first is taken; rejects with what encoding or a stage threw, or when the session is gone before.
 */
export function deliverStaged<Out>(
  env: Env,
  session: Sender,
  pipeline: Tracer<Out>,
  outbound: SendingHalf<Out>,
  message: Out,
  wait: Wait | undefined,
): Promise<void> {
  const waiting = new WaitList<void>(env)
  const delivered = waiting.add('deliver()', wait)
  const fail = (error: unknown): void => waiting.rejectAll(error)
  const put = (leaving: Out): void => {
    outbound.expectTaken()
    const { maySend } = session
    const took = maySend ? putTook(outbound, leaving) : outbound.drop()
    if (took) {
      outbound.delivered(undefined).then(() => waiting.resolveAll(), fail)
    } else {
      outbound.expectNothing()
      fail(notTaken(maySend))
    }
  }
  try {
    pipeline.trace(message, (leaving) => {
      try {
        put(leaving)
      } catch (error) {
        outbound.expectNothing()
        fail(error)
      }
    })
  } catch (error) {
    fail(error)
  }
  const onGone = (): void => fail(notTaken(false))
  const settled = (): void => session.offGone(onGone)
  session.onGone(onGone)
  delivered.then(settled, settled)
  return delivered
}

function putTook<Out>(outbound: SendingHalf<Out>, message: Out): boolean {
  outbound.put(message)
  return outbound.tookLast
}
