import { Readable, Writable } from 'node:stream'
import { Socket } from 'node:net'
import { TLSSocket } from 'node:tls'
import type { Connection, Role } from '../../core/connection.ts'
import type { DatagramSocket, Net, StreamTarget } from '../../core/env.ts'
import { badOption } from '../../core/errors.ts'
import type { UpgradeSink, UpgradeSource, WebSocketEngine } from '../../core/web-socket.ts'
import type { AcceptSink, Acceptor, LinkOptions } from '../../core/transport.ts'
import { bindDatagram } from './datagram-socket.ts'
import { dialStream } from './dial.ts'
import { tlsPeerInfo } from './peer-certificate.ts'
import { takeUpgrades } from './http-upgrades.ts'
import { sha1 } from './sha1.ts'
import { type Ends, pathEnds, secureEnds, tcpEnds } from './socket-address.ts'
import { SocketConnection } from './socket-connection.ts'
import { listenStream } from './stream-acceptor.ts'
import { prepareTls, secureStream } from './tls-handshake.ts'
import { WsEngine } from './ws-engine.ts'

/** The name of both ends of a stream that somebody else opened, where it is no TCP socket. */
const NAMELESS: Ends = { local: 'stream://local:0', remote: 'stream://local:0' }
/** Those of a Unix socket that an HTTP server took: as its clients have no host, none is counted for one. */
const UNIX = /* @__PURE__ */ pathEnds('http')

/** Sockets of the operating system. */
export class NodeNet implements Net {
  readonly webSocket: WebSocketEngine = new WsEngine()

  dial(target: StreamTarget, options: LinkOptions): Promise<Connection> {
    return dialStream(target, options)
  }

  listen(target: StreamTarget, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    return listenStream(target, options, sink)
  }

  secure(connection: Connection, tls: unknown, options: LinkOptions): Promise<Connection> {
    return secureStream(connection, tls, options)
  }

  bindDatagram(target: Parameters<typeof bindDatagram>[0], options: LinkOptions): Promise<DatagramSocket> {
    return bindDatagram(target, options)
  }

  prepareTls(tls: unknown, role: Role): void {
    prepareTls(tls, role)
  }

  sha1(bytes: Uint8Array): Uint8Array {
    return sha1(bytes)
  }

  upgrades(http: object, path: string, options: LinkOptions, sink: UpgradeSink): UpgradeSource {
    return takeUpgrades(http, path, {
      onUpgrade: (socket, head, request) => {
        const isUnix = socket instanceof Socket && socket.localAddress === undefined
        const link = isUnix ? new SocketConnection(options.env, socket, socket, UNIX) : this.adopt(socket, options)
        sink.onUpgrade(link, head, request)
      },
    })
  }

  /**
   * Addresses are those of a TCP or TLS socket, else `stream://local:0`.
   * @throws ERR_BAD_OPTION unless it is a Duplex, or `{ readable, writable }`, of bytes
   */
  adopt(stream: unknown, { env }: LinkOptions): Connection {
    const { readable, writable } = pairOf(stream)
    if (readable.readableObjectMode || readable.readableEncoding !== null || writable.writableObjectMode)
      throw badOption('stream', 'must carry bytes: neither object mode nor an encoding')
    const ends = readable instanceof Socket ? tcpEnds(readable) : undefined
    if (!(readable instanceof TLSSocket)) return new SocketConnection(env, readable, writable, ends ?? NAMELESS)
    return new SocketConnection(env, readable, writable, secureEnds(ends ?? NAMELESS), tlsPeerInfo(readable))
  }
}

function pairOf(stream: unknown): { readonly readable: Readable; readonly writable: Writable } {
  // A Duplex is both: its own `readable` and `writable` are booleans. It is an instance of Writable by what it can do.
  if (stream instanceof Readable && (stream as unknown) instanceof Writable)
    return { readable: stream, writable: stream as unknown as Writable }
  const { readable, writable } = (stream ?? {}) as { readonly readable?: unknown; readonly writable?: unknown }
  if (readable instanceof Readable && writable instanceof Writable) return { readable, writable }
  throw badOption('stream', 'must be a Duplex or { readable, writable }')
}
