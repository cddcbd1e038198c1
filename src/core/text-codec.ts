import type { Codec } from './codec.ts'

/**
 * A codec that writes nothing but text, and can give it as such: a page then need not load what `encode` writes to. To be
 * made by a class, so that who spreads a codec to change its `encode` gets no `toText` along.
 */
export interface TextCodec<In, Out> extends Codec<In, Out> {
  /** What `encode` would write. Throws as it does. */
  toText(message: Out): string
}

/** Whether `codec` is one. */
export function isTextCodec<In, Out>(
  codec: Codec<In, Out> | ((...peer: never[]) => Codec<In, Out>),
): codec is TextCodec<In, Out> {
  return 'toText' in codec
}
