import type { Codec } from '../core/codec.ts'
import { badOption } from '../core/errors.ts'
import type { FramingFactory } from '../core/framing.ts'
import type { RpcPart } from '../core/rpc-body.ts'
import type { Frame, FrameType, RpcFrame } from './frame.ts'

/** What RPC speaks on the wire: `binary()` or `jsonRpc()`. */
export interface RpcWire {
  /** For byte streams; on WebSocket one message is one frame. */
  readonly framing: FramingFactory
  readonly codec: Codec<RpcFrame>
}

/**
 * What a wire is to the rest of RPC. One object serves all sessions that are given it, so it keeps no state of any: what
 * belongs to a session (numbers of methods, calls in progress) is with the peer, who finds it by what the frame says.
 *
 *     call ─▶ Frame ─▶ codec.encode ─▶ framing ─▶ … ─▶ framing ─▶ codec.decode ─▶ Frame ─▶ decodeBody ─▶ handler
 *
 * **Encoding.** `codec.encode(frame, out)` writes the whole frame, its body included, and may throw: what it throws
 * becomes the failure of the call, nothing leaves, and the session goes on. It is given only frames for which `can` says
 * true. For INPUT and OUTPUT it calls `frame.sizes?.encoded(bytes of the body)` when the body is written. A frame with `encoded`
 * set has a Uint8Array as its body, which goes out as it is.
 *
 * **Decoding.** `codec.decode(bytes, text)` reads the envelope and nothing else: a body stays what it is at that point
 * (a view of the bytes; with JSON-RPC a value, as the envelope cannot be read without it), because only the peer knows the
 * method, whether anybody waits for it, and whether it goes to a gateway unread. What is wrong with an envelope:
 *
 *   - a throw (badMessage) closes the session: use it where nothing that follows can be trusted;
 *   - a MALFORMED frame is answered with the frame in its `body`, and the session goes on.
 *
 * Names, metadata and texts are checked against the limits in `limits.ts` before anything is made of them.
 *
 * **What a wire cannot say.** `can(type)` is asked once for each type and session: a stream call on a wire without
 * SERVER_STREAM fails with `unimplemented` before anything is sent; without CANCEL a call that nobody waits for any more
 * runs on at the peer; without REGISTER nothing is announced and `waitFor` rejects; without GO_AWAY a peer that leaves
 * only waits for the calls in progress. Deadlines and metadata are hints that a wire may leave out.
 */
export interface Wire {
  readonly framing: FramingFactory
  readonly codec: Codec<Frame>
  /** Whether it has a way to say this, to the other side. */
  can(type: FrameType): boolean
  /** A canceled call is answered all the same, by ERROR `canceled`: language servers want it. */
  readonly answersCanceled: boolean
  /** The peer may give calls in progress the same id, or none (null): each is answered under what it came with. Otherwise that closes the session. */
  readonly repeatsIds: boolean
  /** So many calls of one turn leave as one BATCH; 1: each leaves by itself. */
  readonly callsPerBatch: number
  /** What a method is called on the wire. Not empty, no longer than MAX_NAME_BYTES. */
  nameOf(service: string, method: string): string
  /**
   * The value in the `body` of a received call, RESULT, INPUT or OUTPUT.
   * @param name of the method, on the wire
   * @throws what is wrong with it: `invalid_argument` to the caller, `internal` from the peer
   */
  decodeBody(body: unknown, name: string, part: RpcPart): unknown
  /** That `body` as bytes, for a gateway: what a frame with `encoded` takes at the other side. */
  bodyBytes(body: unknown): Uint8Array
}

/** A wire as applications see it: only RPC looks into it. */
export function opaqueWire(wire: Wire): RpcWire {
  return wire as unknown as RpcWire
}

/** The wire behind it. @throws ERR_BAD_OPTION for what `binary()` or `jsonRpc()` did not make */
export function wireOf(option: RpcWire): Wire {
  const wire = option as unknown as Wire
  if (typeof wire.decodeBody !== 'function') throw badOption('wire', 'must be made by binary() or jsonRpc()')
  return wire
}
