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
