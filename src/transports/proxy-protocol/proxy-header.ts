import { preview } from '../../core/bytes.ts'
import { badHeader } from './bad-header.ts'
import type { ProxyHeader } from './proxied-peer.ts'
import { readVersion1, VERSION_1_PREFIX } from './version-1.ts'
import { readVersion2, VERSION_2_SIGNATURE } from './version-2.ts'

/**
 * The PROXY protocol header, of version 1 or 2, that `bytes` begin with; undefined while it is not complete. What cannot
 * become one is known at its first wrong byte.
 *
 * Source: haproxy, doc/proxy-protocol.txt, section 2.
 * @throws ERR_PROXY
 */
export function readProxyHeader(bytes: Uint8Array): ProxyHeader | undefined {
  if (begins(bytes, VERSION_2_SIGNATURE)) return readVersion2(bytes)
  if (begins(bytes, VERSION_1_PREFIX)) return readVersion1(bytes)
  throw badHeader(`is missing: the connection began with ${preview(bytes)}`)
}

/** As far as there are bytes. */
function begins(bytes: Uint8Array, wanted: Uint8Array): boolean {
  return wanted.every((byte, at) => at >= bytes.length || bytes[at] === byte)
}
