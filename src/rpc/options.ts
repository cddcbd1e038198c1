import { badOption } from '../core/errors.ts'
import { requireKnown } from '../core/option-names.ts'
import type { Opening } from '../core/peer.ts'
import { requireFunction, requireNumber, withDefaults } from '../core/session-options.ts'
import type { Interceptor } from './interceptor.ts'
import { FIRST_CREDIT_BYTES } from './item-cost.ts'
import type { RpcPeer } from './peer.ts'
import type { RpcWire } from './wire.ts'

/** A peer whose session is being opened. The wire belongs to RPC: nothing can be sent or received by hand. */
export type RpcOpening = Omit<Opening, 'receive' | 'send'>

/** What `rpc()` takes. */
export interface RpcOptions<Data> {
  /** The same on both sides. @defaultValue binary() */
  readonly wire?: RpcWire | undefined
  /** As for any session; what it gives becomes `context.data` and `peer.data`. @defaultValue none: it is undefined */
  readonly data?: ((peer: RpcOpening) => Data | Promise<Data>) | undefined
  /**
   * For each peer, before its first call: serve what it may call. It may call the peer itself, and wait for the answer;
   * until its promise has settled the peer's calls wait. A throw closes the session.
   * @defaultValue none
   */
  readonly onPeer?: ((peer: RpcPeer<Data>) => unknown) | undefined
  /** Until a call of ours is given up, in milliseconds; 0 is never. Streams last as long as they are read, unless the call or its method names a time. @defaultValue 30 000 */
  readonly timeoutMs?: number | undefined
  /** Calls in progress with one peer, each way; what exceeds it is refused at once with `resource_exhausted`. @defaultValue 1 024 */
  readonly maxCalls?: number | undefined
  /** Bytes of items that may wait for their reader, for each stream that we read; at least 64 KiB, which each begins with. It is reached where the reader waits for more. @defaultValue 1 MiB */
  readonly streamWindowBytes?: number | undefined
  /** Around each call, both those that we make and those that we serve; the first is the outermost. @defaultValue [] */
  readonly interceptors?: readonly Interceptor[] | undefined
}

/** The options of a peer, with every default filled in. */
export interface ResolvedRpcOptions {
  readonly timeoutMs: number
  readonly maxCalls: number
  readonly streamWindowBytes: number
}

/** Each default, once. */
export const RPC_DEFAULTS: ResolvedRpcOptions = {
  timeoutMs: 30_000,
  maxCalls: 1024,
  streamWindowBytes: 1024 * 1024,
}

const NAMES = ['wire', 'data', 'onPeer', 'interceptors', ...Object.keys(RPC_DEFAULTS)]

/** @throws ERR_BAD_OPTION */
export function resolveRpcOptions<Data>(options: RpcOptions<Data>): ResolvedRpcOptions {
  requireKnown('rpc.', options, NAMES)
  const resolved = withDefaults(RPC_DEFAULTS, options)
  requireNumber('timeoutMs', resolved.timeoutMs, 0)
  requireNumber('maxCalls', resolved.maxCalls, 1)
  requireNumber('streamWindowBytes', resolved.streamWindowBytes, FIRST_CREDIT_BYTES)
  requireFunction('data', options.data)
  requireFunction('onPeer', options.onPeer)
  const interceptors: unknown = options.interceptors ?? []
  if (!Array.isArray(interceptors)) throw badOption('interceptors', 'must be a list of functions')
  for (const interceptor of interceptors) requireFunction('interceptors', interceptor)
  return resolved
}
