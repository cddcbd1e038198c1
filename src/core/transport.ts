import type { Address } from './address.ts'
import type { Connection, Role } from './connection.ts'
import type { Env } from './env.ts'
import type { HawserError } from './errors.ts'

/** What Server, Client and `attach` tell the layers below about the connection they want. */
export interface LinkOptions {
  readonly env: Env
  /** A wish; the connection says what it does. */
  readonly chunks: 'kept' | 'borrowed'
  /** WebSocket needs it before the session exists. */
  readonly maxFrameBytes: number
  /** 'stream': where messages begin and end is for the session's framing; a message may come in pieces, of any size in all. */
  readonly boundary?: 'auto' | 'stream' | undefined
  /** The codec's `format` is 'text': default kind of outgoing message. */
  readonly text: boolean
  /** The option groups tcp, tls, ws, udp, ipc as the user gave them; `listen: { backlog }` too. */
  readonly groups: Readonly<Record<string, unknown>>
  readonly role: Role
  readonly signal?: AbortSignal | undefined
  /** Only where PROXY headers are to be read; transports that cannot read any leave it alone. */
  readonly anteroom?: Anteroom | undefined
  /** Dialed: dialing, TLS and HTTP handshake together. Accepted: `openTimeoutMs`, which PROXY header and handshakes count into. */
  readonly timeoutMs: number
}

/** Where peers wait that have not said yet who they are: each connection begins with a PROXY header. */
export interface Anteroom {
  /** One more, that counts as a pending handshake from now on; false: it is not trusted or there is no room, and the acceptor closes it. */
  enter(remoteAddress: Address): boolean
  /** Each one that entered leaves once: to `admit`, which is asked about its own address; with an error it is turned away. */
  leave(remoteAddress: Address, error?: HawserError): void
}

/** Who hears of the connections that an Acceptor accepts. */
export interface AcceptSink {
  /** Before TLS and HTTP, after a PROXY header; false: the acceptor closes the connection. */
  admit(remoteAddress: Address): boolean
  /**
   * Ready to be attached. Each one that `admit` let in comes here or ends in `onError`.
   * @param since Env time when it was accepted, where handshakes came between: all of opening has one time limit. Absent: now
   */
  onConnection(connection: Connection, since?: number): void
  /** Failed handshakes (`remoteAddress` is known) and accept errors; the acceptor goes on. */
  onError(error: HawserError, remoteAddress?: Address): void
}

/** One address that is listened on. */
export interface Acceptor {
  /** Where it really listens, as a URL, port filled in. */
  readonly address: string
  /** No more accepts until `resume`: at the limit of sessions. */
  pause(): void
  resume(): void
  /**
   * Gives up a peer that may not exist at all, whose address nobody has vouched for; its session is gone when this
   * returns true. Only udp has it: there a limit of sessions must not be used up by forged addresses.
   */
  makeRoom?(): boolean
  /** Certificates for handshakes from now on; only tls and wss have it. */
  reloadTls?(tls: unknown): void
  /** No new connections; those that were accepted stay. Resolves when the port is free again. */
  close(): Promise<void>
}

/** WebSocket on a path of an HTTP(S) server that is already there; its other routes are left alone. */
export interface Mount {
  /** A `http.Server` or `https.Server`; whether and where it listens is its owner's affair. */
  readonly http: object
  /** Of the requests that become sessions. @defaultValue '/' */
  readonly path?: string | undefined
}

/** A way to reach peers. Its own options (tls, ws, udp …) come from the option group of its name. */
export interface Transport {
  readonly schemes: readonly string[]
  /** 'message': every connection of it carries messages, as `Connection.boundary` will say. */
  readonly boundary?: 'message' | undefined
  /** Rejects with a HawserError. */
  dial(address: Address, options: LinkOptions): Promise<Connection>
  /** Resolves once bound; rejects with a HawserError. */
  listen(address: Address, options: LinkOptions, sink: AcceptSink): Promise<Acceptor>
  /** WebSocket only. Closing the acceptor leaves the HTTP server as it was before. */
  mount?(mount: Mount, options: LinkOptions, sink: AcceptSink): Promise<Acceptor>
}
