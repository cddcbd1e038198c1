import type { Session } from './session.ts'
import type { WriteBuffer } from './write-buffer.ts'

/** Frame ⇄ message. Stateless and shared, or made for each session by a function. */
export interface Codec<out In, in Out = In> {
  /** What WebSocket sends these frames as. @defaultValue 'binary' */
  readonly format?: 'binary' | 'text' | undefined
  /** 'values': no message points into its frame, so borrowed reads are safe. @defaultValue 'views' */
  readonly keeps?: 'views' | 'values' | undefined
  /**
   * A throw is ERR_BAD_MESSAGE, and on a reliable connection the session closes.
   * @param frame without what the framing strips; a message may keep views of it
   * @param text whether it came as WebSocket text
   */
  decode(frame: Uint8Array, text: boolean): In
  /** Writes the frame's body. A throw goes to the caller of `send` as ERR_ENCODE, and no byte is left behind. */
  encode(message: Out, out: WriteBuffer): void
}

/**
 * A codec that reads a frame where it lies, without a view of it: most of what a view costs is spent when the message
 * needs only a part. The sessions of `hawser/rpc` have one.
 */
export interface InPlaceCodec<out In> {
  /**
   * As `decode`, of `bytes` from `from` to `to`, which lie in `memory`. The message goes straight to the listener, which
   * keeps nothing of it but what it points to: it may be the same object each time.
   */
  decodeInPlace(memory: ArrayBufferLike, bytes: Uint8Array, from: number, to: number): In
}

/** The same codec, where it can do that. */
export function inPlace<In>(codec: Codec<In, never>): InPlaceCodec<In> | undefined {
  return 'decodeInPlace' in codec ? (codec as unknown as InPlaceCodec<In>) : undefined
}

/** What a codec, or a session, receives. */
export type MessageIn<C> = C extends Codec<infer In, never> ? In : C extends Session<infer In, never> ? In : never
/** What a codec sends. */
export type MessageOut<C> = C extends Codec<unknown, infer Out> ? Out : never
/** The session that a Server, Client or options object works with, to annotate class methods and helpers. */
export type SessionOf<T> = T extends { readonly sessions: ReadonlySet<infer S> }
  ? S
  : T extends Codec<infer In, infer Out>
    ? Session<In, Out>
    : never

/** The same wire, another type in the program. */
export function mapCodec<In, Out, NewIn, NewOut>(
  codec: Codec<In, Out>,
  map: { in(message: In): NewIn; out(message: NewOut): Out },
): Codec<NewIn, NewOut> {
  return {
    format: codec.format ?? 'binary',
    keeps: codec.keeps ?? 'views',
    decode: (frame, text) => map.in(codec.decode(frame, text)),
    encode: (message, out) => codec.encode(map.out(message), out),
  }
}
