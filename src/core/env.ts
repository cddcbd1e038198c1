import type { Zlib } from './byte-transform.ts'
import type { HawserError } from './errors.ts'
import type { Connection, Role } from './connection.ts'
import type { Logger } from './logger.ts'
import type { AcceptSink, Acceptor, LinkOptions } from './transport.ts'
import type { UpgradeSink, UpgradeSource, WebSocketEngine } from './web-socket.ts'

/** A timer that is set. */
export interface TimerHandle {
  /** Idempotent; the timer does not run after it. */
  cancel(): void
}

/**
 * Everything that is not computation: time, timers, chance, sockets, files, logging. Each layer gets it handed in, so
 * that a test can hand in another. The real one is `systemEnv`; the virtual one comes from `hawser/testing`.
 */
export interface Env {
  /** Milliseconds since 1970 as they were at start, plus monotonic time since: comparable with Date.now(), never jumps. */
  now(): number
  /** For applications: what `run` throws is logged. Does not keep the process alive. */
  every(intervalMs: number, run: () => void): Disposable
  /** As `every`, once. */
  after(delayMs: number, run: () => void): Disposable
  /** Does not keep the process alive unless `keepAlive`. `delayMs` may exceed 2^31. */
  setTimer(delayMs: number, run: () => void, keepAlive?: boolean): TimerHandle
  /** Once the running callback and its promise jobs are done, before more I/O. Node: nextTick. */
  defer(run: () => void): void
  /** After other I/O had its turn. Node: setImmediate. */
  yield(run: () => void): void
  randomBytes(count: number): Uint8Array
  /** 0 ≤ x < 1, for jitter only. */
  random(): number
  readonly logger: Logger
  /** Absent in the browser. */
  readonly net?: Net
  readonly files?: Files
  /** Absent in the browser. */
  readonly zlib?: Zlib
}

/** Where a stream leads: a TCP endpoint, or the file of a Unix socket. */
export type StreamTarget = { readonly host: string; readonly port: number } | { readonly path: string }

/** The seam of the simulation. It speaks Connection, so that nobody has to imitate a socket. */
export interface Net {
  dial(target: StreamTarget, options: LinkOptions): Promise<Connection>
  listen(target: StreamTarget, options: LinkOptions, sink: AcceptSink): Promise<Acceptor>
  /**
   * TLS over any stream Connection that nobody is attached to: after a PROXY header, for STARTTLS, inside a mux stream.
   * It takes the connection over; when it rejects, the connection is destroyed.
   */
  secure(connection: Connection, tls: unknown, options: LinkOptions): Promise<Connection>
  /**
   * Reads the certificates and keys of `tls` now instead of at its first handshake.
   * @throws ERR_TLS when they cannot be used; ERR_BAD_OPTION for a `ca` that holds no certificate
   */
  prepareTls?(tls: unknown, role: Role): void
  /**
   * `connect`: a client's one peer, of whom alone it hears. Buffer sizes, multicast and broadcast come in
   * `options.groups.udp`, complete. `*` is every interface.
   */
  bindDatagram?(
    target: {
      readonly host: string
      readonly port: number
      readonly connect?: { readonly host: string; readonly port: number }
    },
    options: LinkOptions,
  ): Promise<DatagramSocket>
  /** A Duplex, or a pair of streams, that somebody else opened. */
  adopt(stream: unknown, options: LinkOptions): Connection
  /** SHA-1, which WebSocket's handshake needs (RFC 6455 section 4.2.2). */
  sha1?(bytes: Uint8Array): Uint8Array
  /** A second WebSocket engine, for compression and by option; absent in the simulation. */
  readonly webSocket?: WebSocketEngine
  /**
   * Takes the upgrades of one path of an HTTP(S) server that is already there. Of a path that nobody takes, and with
   * no other `upgrade` listener on that server, the peer hears 404.
   * @throws ERR_BAD_OPTION where `http` is no HTTP server, or the path is taken
   */
  upgrades?(http: object, path: string, options: LinkOptions, sink: UpgradeSink): UpgradeSource
}

/** Who hears what a datagram socket brings. Never called from inside of a call of the socket. */
export interface DatagramSink {
  /** `host` as people write it: IPv4 without `::ffff:`, also where it came through a socket for both. */
  onDatagram(bytes: Uint8Array, host: string, port: number): void
  /** What the system says of the socket; of one that is connected also what it says of its peer. The socket goes on. */
  onError(error: HawserError): void
}

/** Who wants to know what became of its datagrams. */
export interface DatagramSender {
  /** Looked at in `send`: whether a failure of it is to be told. Node makes that cost a seventh of the whole send. */
  readonly watchesSend: boolean
  /** The oldest of its datagrams that it has not heard of has left, or never will. In a later turn than `send`. */
  onSent(): void
  /** A send that was watched failed. In a later turn than `send`. */
  onSendError(error: HawserError): void
}

/** One bound datagram socket. */
export interface DatagramSocket {
  readonly host: string
  readonly port: number
  /** The one peer of a socket that is connected, its name looked up. */
  readonly remote?: { readonly host: string; readonly port: number } | undefined
  /** From now on; what came before is lost. */
  attach(sink: DatagramSink): void
  /**
   * In order. Nobody may change the bytes until the system has taken them. Where the socket is connected they go to its
   * peer, whatever `host` and `port` say.
   */
  send(bytes: Uint8Array, host: string, port: number, sender?: DatagramSender): void
  /** Datagrams wait in this process, as the system takes no more for now. */
  readonly isBehind: boolean
  /** Whether what comes from there was sent by this very socket: its own multicast, or a forgery that would make it talk to itself. */
  isOwn(host: string, port: number): boolean
  /** The port is free when this returns; nobody hears anything any more. */
  close(): void
}

/** Rejections carry the error of the operating system. */
export interface Files {
  read(path: string): Promise<Uint8Array>
  append(path: string, bytes: Uint8Array): Promise<void>
  sync(path: string): Promise<void>
  remove(path: string): Promise<void>
}
