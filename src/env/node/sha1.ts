import { createHash } from 'node:crypto'

/** For the handshake of WebSocket (RFC 6455), and nothing that has to be safe. */
export function sha1(bytes: Uint8Array): Uint8Array {
  return createHash('sha1').update(bytes).digest()
}
