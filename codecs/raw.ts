import type { Codec } from '../src/core/codec.ts'
import { cannotEncode } from '../src/core/errors.ts'

/** Bytes as they are. What is received is a view of the chunk it came in: copy() what is kept for long. */
export function raw(): Codec<Uint8Array> {
  return RAW
}

const RAW: Codec<Uint8Array> = {
  format: 'binary',
  keeps: 'views',
  decode: (frame) => frame,
  encode(message, out) {
    if (!(message instanceof Uint8Array))
      throw cannotEncode(`raw() sends a Uint8Array, and this is of type ${typeof message}`)
    out.bytes(message)
  },
}
