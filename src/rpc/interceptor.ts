import type { RpcPeer } from './peer.ts'

/** A call as interceptors see it. */
export interface InterceptedCall {
  /** On the wire: `service.method`. */
  readonly method: string
  /** Whether we make it, or serve it. */
  readonly side: 'caller' | 'handler'
  /** The caller's: what is set here goes along. The handler's: what came. */
  readonly metadata: Map<string, string>
  /** Whom it goes to, or comes from. */
  readonly peer: RpcPeer
}

/**
 * Stands around calls: authentication, logs, traces. `next` goes on to the next one, and at last to the call itself; it
 * gives the answer, of a stream the iterable. What the interceptor gives or throws takes the answer's place. To be called
 * once, or not at all.
 */
export type Interceptor = (call: InterceptedCall, next: () => Promise<unknown>) => Promise<unknown>

/** Through all of them, the first outermost. */
export function intercept(
  interceptors: readonly Interceptor[],
  call: InterceptedCall,
  last: () => unknown,
  from = 0,
): Promise<unknown> {
  const interceptor = interceptors[from]
  // `async`: what is thrown at once becomes a rejection, too
  if (interceptor === undefined) return (async () => last())()
  return (async () => interceptor(call, () => intercept(interceptors, call, last, from + 1)))()
}
