import type { Codec } from '../core/codec.ts'
import { badOption } from '../core/errors.ts'
import type { EventListener } from '../core/event-listener.ts'
import type { FramingFactory } from '../core/framing.ts'
import type { LiveSession } from '../core/live-session.ts'
import type { Session } from '../core/session.ts'
import { isThenable } from '../core/thenable.ts'
import { binary } from './binary.ts'
import type { Frame, RpcFrame } from './frame.ts'
import { LivePeer, type PeerSetup } from './live-peer.ts'
import { resolveRpcOptions, type RpcOpening, type RpcOptions } from './options.ts'
import type { RpcPeer } from './peer.ts'
import { PeerSet } from './peer-set.ts'
import { wireOf } from './wire.ts'

/** What makes a session speak RPC: to be spread into the options of `listen`, `dial`, `connect` or `attach`. */
export interface RpcSetup<Data> {
  readonly codec: Codec<RpcFrame>
  readonly framing: FramingFactory
  readonly data: (peer: RpcOpening) => RpcPeer<Data> | Promise<RpcPeer<Data>>
  readonly listener: EventListener<RpcFrame, RpcFrame, RpcPeer<Data>>
}

/**
 * RPC both ways over each session: `session.data` is the RpcPeer at its other end.
 *
 *     const server = await listen('tcp://*:7000', rpc({ onPeer: (peer) => peer.serve(Arith, handlers) }))
 *
 * @throws ERR_BAD_OPTION
 */
export function rpc<Data = undefined>(options: RpcOptions<Data> = {}): RpcSetup<Data> {
  const wire = wireOf(options.wire ?? binary())
  const setup: PeerSetup = {
    wire,
    options: resolveRpcOptions(options),
    interceptors: options.interceptors ?? [],
    onPeer: options.onPeer,
    peers: new PeerSet(),
  }
  return {
    codec: wire.codec as unknown as Codec<RpcFrame>, // what RpcFrame hides
    framing: wire.framing,
    data(opening) {
      if (!opening.reliable)
        throw badOption('transport', `${opening.transport} may lose messages: RPC needs a reliable one`)
      const data = options.data?.(opening)
      if (isThenable(data)) return Promise.resolve(data).then((value) => new LivePeer(value as Data, setup))
      return new LivePeer(data as Data, setup) // without the option, Data is undefined
    },
    listener: {
      onOpen: (session) => livePeerOf(session).open(liveSessionOf(session)),
      onMessage: (session, frame) => livePeerOf(session).receive(frame as unknown as Frame),
      onDrain: (session) => livePeerOf(session).drained(),
      onShutdown: (session, { signal }) => livePeerOf(session).drain(signal),
      onClose: (session, cause) => livePeerOf(session).lost(cause),
    },
  }
}

/** `data` above has made it. */
export function livePeerOf<Data>(session: Pick<Session<RpcFrame, never, RpcPeer<Data>>, 'data'>): LivePeer<Data> {
  return session.data as LivePeer<Data>
}

/** There is no other kind of session. */
function liveSessionOf(session: Session<RpcFrame, RpcFrame, unknown>): LiveSession<Frame, Frame, unknown> {
  return session as unknown as LiveSession<Frame, Frame, unknown>
}
