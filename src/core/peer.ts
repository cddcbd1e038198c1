import type { Address, Scheme } from './address.ts'
import type { Role } from './connection.ts'
import type { Wait } from './wait.ts'

/** All that is known of the other side before a message was read. */
export interface Peer {
  /** Whether we accepted it, dialed it, or were given its stream. */
  readonly role: Role
  /** The scheme of its address. */
  readonly transport: Scheme | (string & {})
  /** False: what is sent may get lost, come twice or out of order (udp). */
  readonly reliable: boolean
  /** Our end. */
  readonly localAddress: Address
  /** Its end; behind a trusted proxy that of the peer itself. */
  readonly remoteAddress: Address
  /** The TLS certificate, verified unless `tls.insecure`. */
  readonly certificate?: PeerCertificate | undefined
  /** ALPN protocol, or the WebSocket subprotocol. */
  readonly protocol?: string | undefined
  /** The WebSocket upgrade request. */
  readonly request?:
    | {
        readonly url: string
        readonly headers: Readonly<Record<string, string | string[] | undefined>>
      }
    | undefined
  /** The proxy that passed this peer on, with its TLVs; `remoteAddress` is then the peer's own. */
  readonly proxy?: PeerProxy | undefined
  /** Which slot of the Client this is, and how many sessions that slot had before (0: the first). */
  readonly dialed?: { readonly slot: number; readonly generation: number } | undefined
}

/** Who passed a peer on, and what it says of it. */
export interface PeerProxy {
  /** The proxy's own. */
  readonly address: Address
  /** What the peer had dialed, where the proxy says so. */
  readonly destination?: Address | undefined
  /** By type, as they came; of several of one type the first. Empty with version 1. */
  readonly tlvs: ReadonlyMap<number, Uint8Array>
}

/** The certificate a peer showed, as far as its checking goes. */
export interface PeerCertificate {
  /** Its fields by their short names: `CN`, `O` … */
  readonly subject: Readonly<Record<string, string>>
  /** Who signed it; the same fields. */
  readonly issuer: Readonly<Record<string, string>>
  /** SHA-256 of `raw`, as hex pairs with colons. */
  readonly fingerprint256: string
  /** Hex. */
  readonly serialNumber: string
  /** From then on it is refused. */
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
  /** Of the session that it becomes, in milliseconds; 0 is off. */
  idleTimeoutMs: number
}
