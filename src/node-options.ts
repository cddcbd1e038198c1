import type { Server as HttpServer } from 'node:http'
import type { Server as HttpsServer } from 'node:https'
import type { ClientOptions as CoreClientOptions } from './core/client-options.ts'
import type { Server as CoreServer } from './core/server.ts'
import type { ServerOptions as CoreServerOptions } from './core/server-options.ts'
import type { SessionSetup as CoreSessionSetup } from './core/session-options.ts'
import type { Mount as CoreMount } from './core/transport.ts'
import type { InprocOptions } from './transports/memory.ts'
import type { IpcOptions, TcpOptions, TlsOptions, UdpOptions, WsOptions } from './transports/options.ts'

/** The options of the built-in transports, each in the group of its name. */
export interface TransportGroups {
  /** For tls://, ws:// and wss:// too. */
  readonly tcp?: TcpOptions | undefined
  /** Certificates and whom to trust; needed to listen on tls:// and wss://. */
  readonly tls?: TlsOptions | undefined
  /** For ws:// and wss://. */
  readonly ws?: WsOptions | undefined
  /** For udp://. */
  readonly udp?: UdpOptions | undefined
  /** For ipc://. */
  readonly ipc?: IpcOptions | undefined
  /** For inproc://. */
  readonly inproc?: InprocOptions | undefined
}

/** What a session is made of; shared by listen, dial, connect, attach and the test kit. */
export interface SessionSetup<In, Out, Data> extends CoreSessionSetup<In, Out, Data>, TransportGroups {}

/** What `listen` takes. */
export interface ServerOptions<In, Out, Data> extends CoreServerOptions<In, Out, Data>, TransportGroups {}

/** What `connect` takes. */
export interface ClientOptions<In, Out, Data> extends CoreClientOptions<In, Out, Data>, TransportGroups {}

/** What `listen` gives: accepts peers, and owns their sessions. */
export interface Server<out In = unknown, in Out = never, out Data = unknown> extends CoreServer<In, Out, Data> {
  /**
   * Certificates for handshakes from now on; sessions stay. What `tls` leaves out keeps its value.
   * @throws ERR_BAD_OPTION where nothing listens with TLS, or a value is bad; ERR_TLS where certificate and key are none
   *   or do not belong together. The old ones are then kept.
   */
  reloadTls(tls: TlsOptions): void
}

/** WebSocket on a path of an HTTP(S) server that is already there; its other routes are left alone. */
export interface Mount extends CoreMount {
  /** Whether and where it listens is its owner's affair. */
  readonly http: HttpServer | HttpsServer
}
