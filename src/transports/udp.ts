import { type Address, dialable } from '../core/address.ts'
import type { Connection } from '../core/connection.ts'
import type { DatagramSocket, Net } from '../core/env.ts'
import { badOption } from '../core/errors.ts'
import type { AcceptSink, Acceptor, LinkOptions, Transport } from '../core/transport.ts'
import { type ResolvedUdpOptions, resolveUdp } from './options.ts'
import { requiredNet } from './required-net.ts'
import { UdpAcceptor } from './udp-acceptor.ts'
import { UdpClient } from './udp-client.ts'

/** `udp://host:port`, with the option group `udp`. */
export const udp: Transport = {
  schemes: ['udp'],
  boundary: 'message',

  /** No datagram leaves: whether anybody is there shows when something is sent. */
  async dial(address: Address, options: LinkOptions): Promise<Connection> {
    const resolved = resolveUdp(options.groups)
    const peer = dialable(address)
    const connect = { host: peer.host, port: peer.port }
    const socket = await bind({ host: '*', port: 0, connect }, options, resolved)
    return new UdpClient(options.env, socket, peer, resolved.maxDatagramBytes).connection
  },

  async listen(address: Address, options: LinkOptions, sink: AcceptSink): Promise<Acceptor> {
    const resolved = resolveUdp(options.groups)
    if (options.anteroom !== undefined)
      throw badOption('proxyProtocol', `reads no headers of datagrams: ${address.href} needs a server of its own`)
    const { host, port } = address
    const socket = await bind({ host, port }, options, resolved)
    return new UdpAcceptor(options.env, host, socket, resolved, sink)
  },
}

type Target = Parameters<NonNullable<Net['bindDatagram']>>[0]

function bind(target: Target, options: LinkOptions, udpOptions: ResolvedUdpOptions): Promise<DatagramSocket> {
  const net = requiredNet(options.env)
  if (net.bindDatagram === undefined) throw badOption('env', 'has no datagram sockets')
  return net.bindDatagram(target, { ...options, groups: { ...options.groups, udp: udpOptions } })
}
