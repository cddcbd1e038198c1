import { cannotEncode } from '../core/errors.ts'
import type { RpcBody } from '../core/rpc-body.ts'

/**
 * Bytes as they are, for arguments and results that are Uint8Arrays; undefined is none. Received ones are views, which pin
 * their chunk: `copy()` what is kept for long.
 */
export const rawBody: RpcBody = {
  name: 'raw',
  encode(value, out) {
    if (value === undefined) return
    if (!(value instanceof Uint8Array)) throw cannotEncode('rawBody takes Uint8Arrays only')
    out.bytes(value)
  },
  decode: (bytes) => bytes,
}
