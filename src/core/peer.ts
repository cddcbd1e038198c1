import type { Address, Scheme } from './address.ts'
import type { Role } from './connection.ts'
import type { Wait } from './wait.ts'

/** All that is known of the other side before a message was read. */
export interface Peer {
  readonly role: Role
  readonly transport: Scheme | (string & {})
  readonly localAddress: Address
  readonly remoteAddress: Address
  /** The TLS certificate, verified unless `tls.insecure`. */
  readonly certificate?: PeerCertificate
  /** ALPN protocol, or the WebSocket subprotocol. */
  readonly protocol?: string | undefined
  /** The WebSocket upgrade request. */
  readonly request?: {
    readonly url: string
    readonly headers: Readonly<Record<string, string | string[] | undefined>>
  }
  /** The proxy that passed this peer on, with its TLVs; `remoteAddress` is then the peer's own. */
  readonly proxy?: { readonly address: Address; readonly tlvs: ReadonlyMap<number, Uint8Array> }
  /** Which slot of the Client this is, and how many sessions that slot had before (0: the first). */
  readonly dialed?: { readonly slot: number; readonly generation: number }
}

/** The certificate a peer showed, as far as its checking goes. */
export interface PeerCertificate {
  readonly subject: Readonly<Record<string, string>>
  readonly issuer: Readonly<Record<string, string>>
  readonly fingerprint256: string
  readonly serialNumber: string
  readonly validTo: Date
  /** DER. */
  readonly raw: Uint8Array
}

/** A peer whose session is being opened: what the option `data` gets. */
export interface Opening<out In = unknown, in Out = never> extends Peer {
  /** Aborts when the peer leaves or its time to open is up. */
  readonly signal: AbortSignal
  /** A handshake: the first messages, pulled. Whatever follows goes to the listener. */
  receive(options?: Wait): Promise<In>
  /** Flushed even when `data` throws. */
  send(message: Out): boolean
  idleTimeoutMs: number
}
