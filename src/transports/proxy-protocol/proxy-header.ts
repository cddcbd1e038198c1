import { preview } from '../../core/bytes.ts'
import { badHeader } from './bad-header.ts'
import { readVersion1, VERSION_1_PREFIX } from './version-1.ts'
import { readVersion2, VERSION_2_SIGNATURE } from './version-2.ts'

/** An IP address in its one spelling, and a port. */
export interface Endpoint {
  readonly host: string
  readonly port: number
}

/** What a proxy says of a connection that it passes on. */
export interface ProxiedPeer {
  /** Who dialed the proxy, and what; undefined where the proxy does not know, or it was no IP. */
  readonly ends: { readonly source: Endpoint; readonly destination: Endpoint } | undefined
  /** By type; of several of one type the first. Memory of their own. */
  readonly tlvs: ReadonlyMap<number, Uint8Array>
}

/** The header before the bytes of a connection. */
export interface ProxyHeader {
  /** What comes behind so many bytes is the peer's. */
  readonly length: number
  /** Undefined: the proxy speaks for itself, to see whether we live. */
  readonly peer: ProxiedPeer | undefined
}

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
